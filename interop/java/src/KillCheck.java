import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;

/** After the kill test: what was acknowledged is there, in order, once, at its offset; every partition opens. */
public final class KillCheck {
    /** Per partition: offset to the number of the value there, for one writer. */
    private final Map<String, Map<Integer, TreeMap<Long, Long>>> found = new HashMap<>();
    private final Report report = new Report();
    private final KafkaConsumer<String, String> consumer;
    private final String topic;

    private KillCheck(String bootstrap, String topic) {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", bootstrap);
        settings.put("auto.offset.reset", "none");
        settings.put("enable.auto.commit", "false");
        settings.put("check.crcs", "true");
        this.consumer = new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer());
        this.topic = topic;
    }

    public static void main(String[] args) throws Exception {
        KillCheck check = new KillCheck(args[0], args[1]);
        check.report.test("every partition opens", check::openAll);
        check.report.test("every record is readable", check::readLoad);
        for (String writer : List.of("java", "librdkafka")) {
            Path path = Path.of(args[2], writer + ".acknowledged");
            check.report.test("what " + writer + " wrote is in order and once", () -> check.inOrderAndOnce(writer));
            check.report.test("what was acknowledged to " + writer + " is there", () -> check.nothingLost(writer, path));
        }
        check.report.end();
    }

    private void openAll() {
        List<TopicPartition> all = new ArrayList<>();
        for (List<PartitionInfo> partitions : consumer.listTopics().values()) {
            for (PartitionInfo one : partitions) {
                Report.that("a leader for " + one, one.leader() != null);
                if (one.topic().startsWith(topic)) all.add(new TopicPartition(one.topic(), one.partition()));
            }
        }
        Report.equal("partitions", 6 + 10 * 3, all.size());
        Map<TopicPartition, Long> ends = consumer.endOffsets(all);
        for (TopicPartition partition : all) {
            if (!partition.topic().contains("-idle-")) continue;
            Report.equal("end of " + partition, 1L, ends.get(partition));
        }
        all.removeIf(partition -> !partition.topic().contains("-idle-"));
        consumer.assign(all);
        consumer.seekToBeginning(all);
        Report.equal("records of the idle partitions", all.size(), poll(all.size()).size());
    }

    private void readLoad() {
        List<TopicPartition> partitions = new ArrayList<>();
        for (PartitionInfo one : consumer.partitionsFor(topic)) partitions.add(new TopicPartition(topic, one.partition()));
        consumer.assign(partitions);
        consumer.seekToBeginning(partitions);
        long count = consumer.endOffsets(partitions).values().stream().mapToLong(Long::longValue).sum();
        Map<Integer, Long> next = new HashMap<>();
        for (ConsumerRecord<String, String> record : poll(count)) {
            Report.equal("offset in partition " + record.partition(), next.getOrDefault(record.partition(), 0L), record.offset());
            next.put(record.partition(), record.offset() + 1);
            String[] parts = record.value().substring(0, record.value().indexOf(' ')).split("-");
            found.computeIfAbsent(parts[0], key -> new HashMap<>())
                .computeIfAbsent(record.partition(), key -> new TreeMap<>())
                .put(record.offset(), Long.parseLong(parts[1]));
        }
        System.err.println(count + " records in " + topic);
    }

    private List<ConsumerRecord<String, String>> poll(long count) {
        List<ConsumerRecord<String, String>> records = new ArrayList<>();
        long quietSinceMs = System.currentTimeMillis();
        while (records.size() < count && System.currentTimeMillis() < quietSinceMs + 60_000) {
            int before = records.size();
            consumer.poll(Duration.ofMillis(200)).forEach(records::add);
            if (records.size() > before) quietSinceMs = System.currentTimeMillis();
        }
        Report.equal("records", count, (long) records.size());
        return records;
    }

    private void inOrderAndOnce(String writer) {
        Report.that("records of " + writer, found.containsKey(writer));
        found.getOrDefault(writer, Map.of()).forEach((partition, records) -> {
            long last = -1;
            for (Map.Entry<Long, Long> entry : records.entrySet()) {
                String where = "partition " + partition + ", offset " + entry.getKey() + ": value " + entry.getValue();
                Report.that(where + " to come after value " + last, entry.getValue() > last);
                last = entry.getValue();
            }
        });
    }

    private void nothingLost(String writer, Path path) throws Exception {
        List<String> problems = new ArrayList<>();
        int count = 0;
        for (String line : Files.readAllLines(path)) {
            String[] field = line.split(" ");
            count++;
            Map<Long, Long> partition = found.getOrDefault(writer, Map.of()).getOrDefault(Integer.parseInt(field[0]), new TreeMap<>());
            Long there = partition.get(Long.parseLong(field[1]));
            if (there == null || there != Long.parseLong(field[2])) problems.add(line + " but there is " + there);
        }
        Report.that("acknowledged values at all", count > 0);
        Report.that("nothing lost of " + count + ", but " + problems.size() + " are (partition offset number): "
            + problems.subList(0, Math.min(5, problems.size())), problems.isEmpty());
    }
}
