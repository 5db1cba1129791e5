import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * Reads all partitions of a topic, assigned, from their starts to where they ended when it began: {@code Consume HOST:PORT TOPIC}. Prints
 * one JSON object: records, bytes of their values, seconds.
 */
final class Consume {
    private Consume() {}

    public static void main(String[] arguments) {
        Map<String, Object> settings = Map.of("bootstrap.servers", arguments[0], "auto.offset.reset", "earliest", "enable.auto.commit", false);
        try (var consumer = new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            List<TopicPartition> partitions =
                    consumer.partitionsFor(arguments[1]).stream().map(info -> new TopicPartition(info.topic(), info.partition())).toList();
            long expected = consumer.endOffsets(partitions).values().stream().mapToLong(Long::longValue).sum();
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            long began = System.nanoTime();
            long records = 0;
            long bytes = 0;
            while (records < expected) {
                var polled = consumer.poll(Duration.ofSeconds(30));
                if (polled.isEmpty()) throw new IllegalStateException("nothing arrived in 30 s, after " + records + " of " + expected);
                for (ConsumerRecord<byte[], byte[]> record : polled) bytes += record.value().length;
                records += polled.count();
            }
            double seconds = (System.nanoTime() - began) / 1e9;
            System.out.printf("{\"records\":%d,\"bytes\":%d,\"seconds\":%.6f}%n", records, bytes, seconds);
        }
    }
}
