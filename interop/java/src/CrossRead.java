import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import java.util.Set;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/** Reads what other clients wrote and compares it with the vectors. */
public final class CrossRead {
    public static void main(String[] args) throws Exception {
        Vectors vectors = Vectors.read(args[1]);
        Report report = new Report();
        Properties settings = new Properties();
        settings.put("bootstrap.servers", args[0]);
        settings.put("auto.offset.reset", "none");
        settings.put("enable.auto.commit", "false");
        settings.put("fetch.max.wait.ms", "20");
        try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            for (String line : Files.readAllLines(Path.of(args[2]))) {
                String[] field = line.split(" ");
                TopicPartition partition = new TopicPartition(field[0], Integer.parseInt(field[1]));
                Vectors expected = vectors.without(Set.of(field[3].split(",")));
                report.test("read " + field[2] + " of " + partition, () -> read(consumer, partition, expected));
            }
        }
        report.end();
    }

    private static void read(KafkaConsumer<byte[], byte[]> consumer, TopicPartition partition, Vectors expected) {
        consumer.assign(List.of(partition));
        consumer.seek(partition, 0);
        List<ConsumerRecord<byte[], byte[]>> records = new ArrayList<>();
        long deadlineMs = System.currentTimeMillis() + 10_000;
        while (records.size() < expected.size() && System.currentTimeMillis() < deadlineMs) {
            consumer.poll(Duration.ofMillis(200)).forEach(records::add);
        }
        Report.that(expected.size() + " records, not only " + records.size(), records.size() >= expected.size());
        for (int i = 0; i < expected.size(); i++) {
            Report.equal("offset", (long) i, records.get(i).offset());
            expected.all().get(i).compare(records.get(i));
        }
    }
}
