import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.admin.AdminClient;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.common.utils.AppInfoParser;

/** Transactional producers and consumers of committed records; nothing here may need a newer method than 2.3 has. */
public final class Transactions {
    private final Report report = new Report();
    private final String bootstrap;
    private final String topic;
    private final String id;

    private Transactions(String bootstrap, String prefix) {
        this.bootstrap = bootstrap;
        this.topic = prefix + "-transactions";
        this.id = prefix + "-transfer-" + AppInfoParser.getVersion();
    }

    public static void main(String[] args) throws Exception {
        Transactions transactions = new Transactions(args[0], args[2]);
        transactions.createTopic();
        transactions.run();
        transactions.report.end();
    }

    private void createTopic() throws Exception {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", bootstrap);
        try (AdminClient admin = AdminClient.create(settings)) {
            admin.createTopics(Collections.singletonList(new NewTopic(topic, 3, (short) 1))).all().get();
        }
    }

    private void run() {
        report.test("a commit over three partitions is read, and an abort is not", () -> {
            try (KafkaProducer<String, String> producer = producer(id)) {
                producer.initTransactions();
                Map<Integer, List<String>> expected = new HashMap<>();
                for (int round = 0; round < 10; round++) {
                    boolean commits = round % 3 != 1;
                    producer.beginTransaction();
                    for (int partition = 0; partition < 3; partition++) {
                        String value = round + "/" + partition;
                        producer.send(new ProducerRecord<>(topic, partition, null, value));
                        if (commits) expected.computeIfAbsent(partition, p -> new ArrayList<>()).add(value);
                    }
                    // An abort throws away what has not been sent.
                    producer.flush();
                    if (commits) producer.commitTransaction();
                    else producer.abortTransaction();
                }
                for (int partition = 0; partition < 3; partition++) {
                    Report.equal("partition " + partition, expected.get(partition), read(partition, "read_committed", 7));
                    Report.equal("uncommitted", 10, read(partition, "read_uncommitted", 10).size());
                }
            }
        });
        report.test("an open transaction holds back readers of committed records, and nobody else", () -> {
            try (KafkaProducer<String, String> producer = producer(id)) {
                producer.initTransactions();
                producer.beginTransaction();
                long before = end(0, "read_committed");
                producer.send(new ProducerRecord<>(topic, 0, null, "open")).get();
                Report.equal("last stable offset", before, end(0, "read_committed"));
                Report.that("a higher end for others", end(0, "read_uncommitted") > before);
                producer.abortTransaction();
            }
            eventually(() -> Report.equal("ends", end(0, "read_uncommitted"), end(0, "read_committed")));
        });
        report.test("a second producer of the same transactional id fences the first", () -> {
            try (KafkaProducer<String, String> first = producer(id); KafkaProducer<String, String> second = producer(id)) {
                first.initTransactions();
                first.beginTransaction();
                first.send(new ProducerRecord<>(topic, 1, null, "fenced")).get();
                second.initTransactions();
                Report.fails("the commit of the first", KafkaException.class, first::commitTransaction);
                second.beginTransaction();
                second.send(new ProducerRecord<>(topic, 1, null, "second"));
                second.commitTransaction();
                eventually(() -> {
                    List<String> values = read(1, "read_committed", 8);
                    Report.equal("the last value", "second", values.get(values.size() - 1));
                    Report.that("nothing of the first", !values.contains("fenced"));
                });
            }
        });
        report.test("a producer goes on after an abort with records in flight", () -> {
            try (KafkaProducer<String, String> producer = producer(id + "-busy")) {
                producer.initTransactions();
                for (int round = 0; round < 20; round++) {
                    producer.beginTransaction();
                    for (int i = 0; i < 50; i++) producer.send(new ProducerRecord<>(topic, 2, null, "busy " + round));
                    if (round % 2 == 0) producer.abortTransaction();
                    else producer.commitTransaction();
                }
                Report.equal("records", 7 + 10 * 50, read(2, "read_committed", 7 + 10 * 50).size());
            }
        });
    }

    private KafkaProducer<String, String> producer(String transactionalId) {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", bootstrap);
        settings.put("transactional.id", transactionalId);
        settings.put("max.block.ms", "30000");
        return new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer());
    }

    /** From the start until `count` values have come, and whatever comes with the last of them. */
    private List<String> read(int partition, String isolation, int count) {
        List<String> values = new ArrayList<>();
        TopicPartition wanted = new TopicPartition(topic, partition);
        try (KafkaConsumer<String, String> consumer = consumer(isolation)) {
            consumer.assign(Collections.singletonList(wanted));
            consumer.seekToBeginning(Collections.singletonList(wanted));
            long deadline = System.currentTimeMillis() + 20_000;
            while (values.size() < count && System.currentTimeMillis() < deadline) {
                for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(200))) values.add(record.value());
            }
        }
        return values;
    }

    private long end(int partition, String isolation) {
        TopicPartition wanted = new TopicPartition(topic, partition);
        try (KafkaConsumer<String, String> consumer = consumer(isolation)) {
            return consumer.endOffsets(Collections.singletonList(wanted)).get(wanted);
        }
    }

    private KafkaConsumer<String, String> consumer(String isolation) {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", bootstrap);
        settings.put("isolation.level", isolation);
        settings.put("auto.offset.reset", "none");
        settings.put("enable.auto.commit", "false");
        return new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer());
    }

    private static void eventually(Report.Test test) throws Exception {
        for (int tries = 0; ; tries++) {
            try {
                test.run();
                return;
            } catch (AssertionError error) {
                if (tries == 50) throw error;
                Thread.sleep(100);
            }
        }
    }
}
