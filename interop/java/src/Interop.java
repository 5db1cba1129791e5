import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.AdminClient;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.DescribeTopicsResult;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.clients.consumer.OffsetOutOfRangeException;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.ApiException;
import org.apache.kafka.common.errors.InvalidConfigurationException;
import org.apache.kafka.common.errors.InvalidPartitionsException;
import org.apache.kafka.common.errors.InvalidReplicationFactorException;
import org.apache.kafka.common.errors.InvalidTopicException;
import org.apache.kafka.common.errors.PolicyViolationException;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.utils.AppInfoParser;

/** The Java client, compiled against three of its releases; nothing here may need a newer method than 2.3 has. */
public final class Interop {
    private static final List<String> CODECS = List.of("none", "gzip", "snappy", "lz4", "zstd");

    private final Report report = new Report();
    private final String bootstrap;
    private final String prefix;
    private final Vectors vectors;
    private final AdminClient admin;

    private Interop(String bootstrap, String vectorsPath, String prefix) throws Exception {
        this.bootstrap = bootstrap;
        this.prefix = prefix;
        this.vectors = Vectors.read(vectorsPath);
        Properties settings = new Properties();
        settings.put("bootstrap.servers", bootstrap);
        settings.put("request.timeout.ms", "10000");
        this.admin = AdminClient.create(settings);
    }

    public static void main(String[] args) throws Exception {
        Interop interop = new Interop(args[0], args[1], args[2]);
        interop.writeAndRead();
        interop.smallerThings();
        interop.errors();
        interop.administration();
        interop.report.end();
    }

    private void writeAndRead() {
        String topic = prefix + "-vectors";
        report.test("create topic", () -> {
            create(topic, CODECS.size(), Map.of());
            TopicDescription described = describe(topic);
            Report.equal("partitions", CODECS.size(), described.partitions().size());
            Report.that("a leader", described.partitions().get(0).leader() != null);
            Report.fails("creating it again", TopicExistsException.class, () -> create(topic, 1, Map.of()));
        });
        for (int partition = 0; partition < CODECS.size(); partition++) {
            int at = partition;
            String codec = CODECS.get(partition);
            report.test("produce " + codec, () -> produceVectors(topic, at, codec));
            System.out.println("wrote " + topic + " " + at + " " + codec + " -");
            report.test("consume " + codec, () -> {
                try (KafkaConsumer<byte[], byte[]> consumer = consumer(Map.of())) {
                    TopicPartition assigned = new TopicPartition(topic, at);
                    consumer.assign(List.of(assigned));
                    consumer.seekToBeginning(List.of(assigned));
                    compare(poll(consumer, vectors.size()), 0);
                }
            });
        }
        report.test("consume all partitions together", () -> readTogether(topic));
        report.test("from the middle", () -> {
            try (KafkaConsumer<byte[], byte[]> consumer = at(topic, 4, 57)) {
                compare(poll(consumer, vectors.size() - 57), 57);
            }
        });
        report.test("from a timestamp", () -> fromTimestamp(topic));
        report.test("a batch larger than the fetch may be", () -> {
            Map<String, String> small = Map.of("max.partition.fetch.bytes", "100", "fetch.max.bytes", "100");
            try (KafkaConsumer<byte[], byte[]> consumer = consumer(small)) {
                consumer.assign(List.of(new TopicPartition(topic, 0)));
                consumer.seek(new TopicPartition(topic, 0), 0);
                compare(poll(consumer, vectors.size()), 0);
            }
        });
        report.test("from the end", () -> fromEnd(topic));
    }

    private void smallerThings() {
        report.test("many records, many batches", this::manyRecords);
        report.test("acks=0", () -> {
            String topic = prefix + "-acks0";
            create(topic, 1, Map.of());
            try (KafkaProducer<byte[], byte[]> producer = producer("none", Map.of("acks", "0", "enable.idempotence", "false"))) {
                for (int i = 0; i < 100; i++) producer.send(new ProducerRecord<>(topic, ("v" + i).getBytes()));
            }
            try (KafkaConsumer<byte[], byte[]> consumer = at(topic, 0, 0)) {
                Report.equal("last value", "v99", new String(poll(consumer, 100).get(99).value()));
            }
        });
        report.test("the topic's own compression", () -> {
            String topic = prefix + "-recompressed";
            create(topic, 1, Map.of("compression.type", "gzip"));
            produceVectors(topic, 0, "none");
            System.out.println("wrote " + topic + " 0 gzip -");
            try (KafkaConsumer<byte[], byte[]> consumer = at(topic, 0, 0)) {
                compare(poll(consumer, vectors.size()), 0);
            }
        });
        report.test("log append time", () -> {
            String topic = prefix + "-append-time";
            create(topic, 1, Map.of("message.timestamp.type", "LogAppendTime"));
            long beforeMs = System.currentTimeMillis();
            send("lz4", new ProducerRecord<>(topic, 0, 1000L, null, "x".getBytes()));
            try (KafkaConsumer<byte[], byte[]> consumer = at(topic, 0, 0)) {
                ConsumerRecord<byte[], byte[]> record = poll(consumer, 1).get(0);
                Report.equal("timestamp type", TimestampType.LOG_APPEND_TIME, record.timestampType());
                Report.that("the time of the append", record.timestamp() >= beforeMs - 1000);
            }
        });
        report.test("auto creation on produce", () -> {
            String topic = prefix + "-auto";
            send("none", new ProducerRecord<>(topic, "x".getBytes()));
            Report.equal("partitions", 1, describe(topic).partitions().size());
        });
    }

    private void errors() {
        report.test("too large", () -> {
            String topic = prefix + "-too-large";
            create(topic, 1, Map.of());
            byte[] value = new byte[2 * 1024 * 1024];
            Report.fails("2 MB", RecordTooLargeException.class, () -> send("none", new ProducerRecord<>(topic, value)));
            send("gzip", new ProducerRecord<>(topic, value));
            create(topic + "-1k", 1, Map.of("max.message.bytes", "1000"));
            Report.fails("1 KB over its topic's 1000 bytes", RecordTooLargeException.class,
                () -> send("none", new ProducerRecord<>(topic + "-1k", new byte[1024])));
        });
        report.test("unknown topic", () -> {
            String topic = prefix + "-nowhere";
            Report.fails("describe", UnknownTopicOrPartitionException.class, () -> describe(topic));
            Report.fails("delete", UnknownTopicOrPartitionException.class, () -> admin.deleteTopics(List.of(topic)).all().get());
            try (KafkaConsumer<byte[], byte[]> consumer = consumer(Map.of())) {
                List<PartitionInfo> partitions = consumer.partitionsFor(topic);
                Report.that("no partitions", partitions == null || partitions.isEmpty());
            }
            Report.that("that asking did not create it", !admin.listTopics().names().get().contains(topic));
        });
        report.test("bad config", () -> {
            String topic = prefix + "-bad";
            Report.fails("a word for a number", InvalidConfigurationException.class, () -> create(topic, 1, Map.of("retention.ms", "banana")));
            Report.fails("an unknown key", InvalidConfigurationException.class, () -> create(topic, 1, Map.of("retention.moons", "1")));
            Report.fails("below the minimum", InvalidConfigurationException.class, () -> create(topic, 1, Map.of("segment.bytes", "1")));
            Report.that("that nothing was created", !admin.listTopics().names().get().contains(topic));
        });
        report.test("bad topics", () -> {
            Report.fails("a slash", InvalidTopicException.class, () -> create("a/b", 1, Map.of()));
            Report.fails("no partitions", InvalidPartitionsException.class, () -> create(prefix + "-bad", 0, Map.of()));
            Report.fails("five replicas", InvalidReplicationFactorException.class,
                () -> admin.createTopics(List.of(new NewTopic(prefix + "-bad", 1, (short) 5))).all().get());
        });
        report.test("a null key on a compacted topic", () -> {
            String topic = prefix + "-compacted";
            create(topic, 1, Map.of("cleanup.policy", "compact"));
            Report.fails("null key", ApiException.class, () -> send("none", new ProducerRecord<>(topic, "x".getBytes())));
            send("none", new ProducerRecord<>(topic, "k".getBytes(), "x".getBytes()));
        });
    }

    private void administration() {
        String topic = prefix + "-admin";
        ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
        report.test("describe configs", () -> {
            create(topic, 2, Map.of("retention.ms", "3600000"));
            ConfigEntry entry = config(resource, "retention.ms");
            Report.equal("value", "3600000", entry.value());
            Report.equal("source", ConfigEntry.ConfigSource.DYNAMIC_TOPIC_CONFIG, entry.source());
            ConfigEntry untouched = config(resource, "segment.bytes");
            Report.equal("default", "1073741824", untouched.value());
            Report.equal("source of a default", ConfigEntry.ConfigSource.DEFAULT_CONFIG, untouched.source());
        });
        report.test("alter configs", () -> {
            alter(resource, "cleanup.policy", "compact", AlterConfigOp.OpType.APPEND);
            eventually("both policies after APPEND",
                () -> Set.of("delete", "compact").equals(Set.of(config(resource, "cleanup.policy").value().split(","))));
            alter(resource, "cleanup.policy", "delete", AlterConfigOp.OpType.SUBTRACT);
            eventually("only compact after SUBTRACT", () -> config(resource, "cleanup.policy").value().equals("compact"));
            alter(resource, "retention.ms", "", AlterConfigOp.OpType.DELETE);
            eventually("the default after DELETE", () -> config(resource, "retention.ms").value().equals("604800000"));
            Report.fails("a bad value", ApiException.class, () -> alter(resource, "retention.ms", "banana", AlterConfigOp.OpType.SET));
        });
        report.test("create partitions", () -> {
            admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(5))).all().get();
            eventually("five partitions", () -> describe(topic).partitions().size() == 5);
            awaitOpen(topic, 5);
            Report.fails("fewer", InvalidPartitionsException.class,
                () -> admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(3))).all().get());
        });
        report.test("delete records", () -> {
            TopicPartition partition = new TopicPartition(topic, 4);
            Report.fails("on a compacted topic", PolicyViolationException.class, () -> deleteBefore(partition, 0));
            alter(resource, "cleanup.policy", "delete", AlterConfigOp.OpType.SET);
            try (KafkaProducer<byte[], byte[]> producer = producer("snappy", Map.of())) {
                for (int i = 0; i < 10; i++) producer.send(new ProducerRecord<>(topic, 4, "k".getBytes(), ("v" + i).getBytes()));
            }
            Report.equal("low watermark", 7L, deleteBefore(partition, 7));
            Report.fails("beyond the end", org.apache.kafka.common.errors.OffsetOutOfRangeException.class, () -> deleteBefore(partition, 11));
            try (KafkaConsumer<byte[], byte[]> consumer = at(topic, 4, 3)) {
                Report.equal("beginning", 7L, consumer.beginningOffsets(List.of(partition)).get(partition));
                Report.fails("reading below it", OffsetOutOfRangeException.class, () -> poll(consumer, 1));
                consumer.seek(partition, 7);
                Report.equal("first value", "v7", new String(poll(consumer, 3).get(0).value()));
            }
        });
        report.test("describe cluster", () -> {
            Report.equal("brokers", 1, admin.describeCluster().nodes().get().size());
            Node controller = admin.describeCluster().controller().get();
            Report.that("a controller", controller != null && !controller.isEmpty());
            Report.equal("length of the cluster's id", 22, admin.describeCluster().clusterId().get().length());
        });
        report.test("delete topic", () -> {
            admin.deleteTopics(List.of(topic)).all().get();
            eventually("the topic to be gone", () -> !admin.listTopics().names().get().contains(topic));
        });
    }

    private void produceVectors(String topic, int partition, String codec) throws Exception {
        // Idempotence is off by default in 2.3 and on since 3.0: both are used, whatever the release.
        boolean idempotent = !codec.equals("gzip");
        Map<String, String> more = Map.of("enable.idempotence", String.valueOf(idempotent), "acks", idempotent ? "all" : "1");
        List<Future<RecordMetadata>> sent = new ArrayList<>();
        try (KafkaProducer<byte[], byte[]> producer = producer(codec, more)) {
            for (Vectors.Vector vector : vectors.all()) sent.add(producer.send(vector.toRecord(topic, partition)));
        }
        for (int i = 0; i < sent.size(); i++) {
            RecordMetadata metadata = sent.get(i).get();
            Report.equal("offset", (long) i, metadata.offset());
            Report.equal("timestamp", vectors.all().get(i).timestampMs(), metadata.timestamp());
        }
    }

    private void readTogether(String topic) {
        List<TopicPartition> partitions = new ArrayList<>();
        for (int i = 0; i < CODECS.size(); i++) partitions.add(new TopicPartition(topic, i));
        try (KafkaConsumer<byte[], byte[]> consumer = consumer(Map.of("fetch.min.bytes", "100000"))) {
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            Map<Integer, List<ConsumerRecord<byte[], byte[]>>> perPartition = new HashMap<>();
            for (ConsumerRecord<byte[], byte[]> record : poll(consumer, vectors.size() * CODECS.size())) {
                perPartition.computeIfAbsent(record.partition(), key -> new ArrayList<>()).add(record);
            }
            for (int i = 0; i < CODECS.size(); i++) {
                Report.equal("records of partition " + i, vectors.size(), perPartition.get(i).size());
                compare(perPartition.get(i), 0);
            }
        }
    }

    private void fromTimestamp(String topic) {
        long timestampMs = vectors.named("small-100").timestampMs() - 1;
        int expected = vectors.firstAtOrAfter(timestampMs);
        long newestMs = vectors.all().stream().mapToLong(Vectors.Vector::timestampMs).max().getAsLong();
        try (KafkaConsumer<byte[], byte[]> consumer = consumer(Map.of())) {
            for (int i = 0; i < CODECS.size(); i++) {
                TopicPartition partition = new TopicPartition(topic, i);
                OffsetAndTimestamp found = consumer.offsetsForTimes(Map.of(partition, timestampMs)).get(partition);
                Report.equal("offset in " + CODECS.get(i), (long) expected, found.offset());
                Report.equal("timestamp in " + CODECS.get(i), vectors.all().get(expected).timestampMs(), found.timestamp());
                Report.equal("first of all", 0L, consumer.offsetsForTimes(Map.of(partition, 0L)).get(partition).offset());
                Report.equal("after the newest", null, consumer.offsetsForTimes(Map.of(partition, newestMs + 1)).get(partition));
                consumer.assign(List.of(partition));
                consumer.seek(partition, found.offset());
                compare(poll(consumer, vectors.size() - expected), expected);
            }
        }
    }

    private void fromEnd(String topic) throws Exception {
        TopicPartition partition = new TopicPartition(topic, 0);
        try (KafkaConsumer<byte[], byte[]> consumer = consumer(Map.of())) {
            consumer.assign(List.of(partition));
            consumer.seekToEnd(List.of(partition));
            Report.equal("position", (long) vectors.size(), consumer.position(partition));
            Report.that("nothing yet", consumer.poll(Duration.ofMillis(50)).isEmpty());
            send("none", new ProducerRecord<>(topic, 0, null, "fresh".getBytes()));
            List<ConsumerRecord<byte[], byte[]>> records = poll(consumer, 1);
            Report.equal("offset", (long) vectors.size(), records.get(0).offset());
            Report.equal("value", "fresh", new String(records.get(0).value()));
        }
    }

    private void manyRecords() throws Exception {
        String topic = prefix + "-many";
        int count = 30_000;
        int[] perPartition = new int[3];
        create(topic, perPartition.length, Map.of("segment.bytes", "1048576"));
        List<Future<RecordMetadata>> sent = new ArrayList<>();
        try (KafkaProducer<byte[], byte[]> producer = producer("none", Map.of("batch.size", "4000", "linger.ms", "0"))) {
            for (int i = 0; i < count; i++) {
                byte[] value = String.format("%08d %s", i, "x".repeat(100)).getBytes();
                sent.add(producer.send(new ProducerRecord<>(topic, String.valueOf(i).getBytes(), value)));
            }
        }
        for (Future<RecordMetadata> one : sent) perPartition[one.get().partition()]++;
        List<TopicPartition> partitions = List.of(new TopicPartition(topic, 0), new TopicPartition(topic, 1), new TopicPartition(topic, 2));
        try (KafkaConsumer<byte[], byte[]> consumer = consumer(Map.of("max.partition.fetch.bytes", "65536"))) {
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            int[] next = new int[3];
            int[] last = {-1, -1, -1};
            for (ConsumerRecord<byte[], byte[]> record : poll(consumer, count)) {
                int at = record.partition();
                Report.equal("offset in partition " + at, (long) next[at]++, record.offset());
                int number = Integer.parseInt(new String(record.value(), 0, 8));
                Report.equal("key", String.valueOf(number), new String(record.key()));
                Report.that(number + " after " + last[at] + " in partition " + at, number > last[at]);
                last[at] = number;
            }
            Report.equal("records in each partition", Arrays.toString(perPartition), Arrays.toString(next));
        }
    }

    private void compare(List<ConsumerRecord<byte[], byte[]>> records, int from) {
        for (int i = 0; i < records.size(); i++) {
            Report.equal("offset", (long) from + i, records.get(i).offset());
            vectors.all().get(from + i).compare(records.get(i));
        }
    }

    private void send(String codec, ProducerRecord<byte[], byte[]> record) throws Exception {
        try (KafkaProducer<byte[], byte[]> producer = producer(codec, Map.of())) {
            producer.send(record).get(15, TimeUnit.SECONDS);
        }
    }

    private KafkaProducer<byte[], byte[]> producer(String codec, Map<String, String> more) {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", bootstrap);
        settings.put("compression.type", codec);
        settings.put("acks", "all");
        settings.put("linger.ms", "20");
        settings.put("batch.size", "1000000");
        settings.put("max.request.size", "10000000");
        settings.putAll(more);
        return new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer());
    }

    private KafkaConsumer<byte[], byte[]> consumer(Map<String, String> more) {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", bootstrap);
        settings.put("auto.offset.reset", "none");
        settings.put("allow.auto.create.topics", "false");
        settings.put("enable.auto.commit", "false");
        // Closing a consumer waits for the fetch that it has out.
        settings.put("fetch.max.wait.ms", "100");
        settings.putAll(more);
        return new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }

    private KafkaConsumer<byte[], byte[]> at(String topic, int partition, long offset) {
        KafkaConsumer<byte[], byte[]> consumer = consumer(Map.of());
        TopicPartition assigned = new TopicPartition(topic, partition);
        consumer.assign(List.of(assigned));
        consumer.seek(assigned, offset);
        return consumer;
    }

    /** Exactly so many records; more or fewer within 15 s is an error. */
    private static List<ConsumerRecord<byte[], byte[]>> poll(KafkaConsumer<byte[], byte[]> consumer, int count) {
        List<ConsumerRecord<byte[], byte[]>> records = new ArrayList<>();
        long deadlineMs = System.currentTimeMillis() + 15_000;
        while (records.size() < count && System.currentTimeMillis() < deadlineMs) {
            consumer.poll(Duration.ofMillis(200)).forEach(records::add);
        }
        Report.equal("records", count, records.size());
        return records;
    }

    /**
     * Creates a topic and waits until each partition answers: Kafka announces partitions an instant before it can serve
     * them, and an idempotent 3.9 producer that runs into that instant may retry out of order for ever.
     */
    private void create(String topic, int partitions, Map<String, String> configs) throws Exception {
        admin.createTopics(List.of(new NewTopic(topic, partitions, (short) 1).configs(configs))).all().get();
        awaitOpen(topic, partitions);
    }

    private void awaitOpen(String topic, int partitions) {
        List<TopicPartition> created = new ArrayList<>();
        for (int i = 0; i < partitions; i++) created.add(new TopicPartition(topic, i));
        try (KafkaConsumer<byte[], byte[]> consumer = consumer(Map.of())) {
            for (long offset : consumer.endOffsets(created).values()) Report.equal("end of a new partition", 0L, offset);
        }
    }

    /** DescribeTopicsResult.all() became allTopicNames(); no release has both under one name for ever. */
    @SuppressWarnings("unchecked")
    private TopicDescription describe(String topic) throws Exception {
        String method = AppInfoParser.getVersion().startsWith("2.") ? "all" : "allTopicNames";
        Object described = DescribeTopicsResult.class.getMethod(method).invoke(admin.describeTopics(List.of(topic)));
        return ((KafkaFuture<Map<String, TopicDescription>>) described).get().get(topic);
    }

    private ConfigEntry config(ConfigResource resource, String key) throws Exception {
        return admin.describeConfigs(List.of(resource)).all().get().get(resource).get(key);
    }

    private void alter(ConfigResource resource, String key, String value, AlterConfigOp.OpType operation) throws Exception {
        AlterConfigOp change = new AlterConfigOp(new ConfigEntry(key, value), operation);
        admin.incrementalAlterConfigs(Map.of(resource, Collections.singleton(change))).all().get();
    }

    private long deleteBefore(TopicPartition partition, long offset) throws Exception {
        return admin.deleteRecords(Map.of(partition, RecordsToDelete.beforeOffset(offset))).lowWatermarks().get(partition).get().lowWatermark();
    }

    private interface Condition {
        boolean holds() throws Exception;
    }

    private static void eventually(String what, Condition condition) throws Exception {
        long deadlineMs = System.currentTimeMillis() + 10_000;
        while (!condition.holds()) {
            Report.that(what, System.currentTimeMillis() < deadlineMs);
            Thread.sleep(20);
        }
    }
}
