import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.TransactionListing;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.TopicPartitionInfo;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Writes and reads what is moved between brokers of two kinds as files: see interop/kafka-files. What it writes depends on its arguments only, down to the timestamps, so that
 * two brokers can be given the same.
 *
 * It lives as long as the whole suite, over restarts of the broker, and takes its commands from standard input, one a line; when one is done it says so.
 *
 * <pre>
 * create  PREFIX               makes the topics
 * fill    PREFIX ROUND BASE    every codec, transactions of both outcomes, keys to be compacted, offsets of groups; after round 2 a transaction is left open
 * append  PREFIX TAG BASE      goes on with the same transactional ids, producers and groups
 * compact ROUND BASE           fills the topics in which two cleaners are compared
 * read    FILE PREFIX...       writes what readers of both kinds see, what groups have committed, and which transactions there are
 * </pre>
 */
public final class KafkaFiles {
    private static final String[] CODECS = {"none", "gzip", "snappy", "lz4", "zstd"};
    private static final long HOUR = 3_600_000;
    /** Behind the beginning, which is fifteen days ago: some hours ago. */
    private static final long YOUNG = 15 * 24 * HOUR - 6 * HOUR;
    /**
     * Markers have the time of their writing. Where there are any, records lie ahead of it, so that a new hour of them begins a new segment and a marker never does: what is in which segment
     * does not depend on when a marker came.
     */
    private static final long AHEAD = 16 * 24 * HOUR;
    private static final Map<String, String> ROLLED =
        Map.of("segment.ms", "1800000", "retention.ms", "-1", "message.timestamp.after.max.ms", String.valueOf(Long.MAX_VALUE));
    private static final Map<String, String> COMPACTED = Map.of(
        "segment.ms", "1800000", "cleanup.policy", "compact", "min.cleanable.dirty.ratio", "0.0", "message.timestamp.after.max.ms", String.valueOf(Long.MAX_VALUE));
    private static final long PATIENCE_NANOS = 60_000_000_000L;

    private final String bootstrap;
    private final Admin admin;
    private final PrintStream console = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    private final Outcomes outcomes = new Outcomes(console);

    private KafkaFiles(String bootstrap) {
        this.bootstrap = bootstrap;
        this.admin = Admin.create(settings());
    }

    public static void main(String[] args) throws Exception {
        KafkaFiles files = new KafkaFiles(args[0]);
        BufferedReader commands = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = commands.readLine(); line != null; line = commands.readLine()) {
            files.obey(List.of(line.split(" ")));
            files.console.println("done " + line);
        }
        // Without closing anything: a transaction that is to stay open must not be aborted on the way out.
        files.outcomes.end();
    }

    private void obey(List<String> command) {
        String name = command.get(0);
        outcomes.test(name.equals("read") ? "read " + String.join(" ", command.subList(2, command.size())) : name + " " + command.get(1), () -> {
            switch (name) {
                case "create" -> create(command.get(1));
                case "fill" -> fill(command.get(1), Integer.parseInt(command.get(2)), Long.parseLong(command.get(3)));
                case "append" -> append(command.get(1), command.get(2), Long.parseLong(command.get(3)));
                case "compact" -> compact(Integer.parseInt(command.get(1)), Long.parseLong(command.get(2)));
                case "read" -> read(Path.of(command.get(1)), command.subList(2, command.size()));
                default -> throw new IllegalArgumentException(name);
            }
        });
    }

    private void create(String prefix) throws Exception {
        List<NewTopic> topics = new ArrayList<>();
        if (prefix.equals("c")) {
            topics.add(compacted("c-basic", 1, Map.of()));
            topics.add(compacted("c-codecs", 1, Map.of()));
            topics.add(compacted("c-tombstones", 1, Map.of("delete.retention.ms", "0")));
            topics.add(compacted("c-transactions", 1, Map.of("delete.retention.ms", "0")));
            topics.add(compacted("c-kept-markers", 1, Map.of("delete.retention.ms", "86400000")));
            topics.add(compacted("c-open", 1, Map.of()));
            topics.add(compacted("c-young", 1, Map.of("min.compaction.lag.ms", String.valueOf(10 * 24 * HOUR))));
            topics.add(compacted("c-append-time", 1, Map.of("message.timestamp.type", "LogAppendTime", "segment.ms", "1")));
            topics.add(compacted("c-delete", 1, Map.of("cleanup.policy", "compact,delete", "retention.ms", String.valueOf(50 * 24 * HOUR), "file.delete.delay.ms", "100")));
        } else {
            topics.add(new NewTopic(prefix + "-codecs", 5, (short) 1).configs(ROLLED));
            topics.add(new NewTopic(prefix + "-transactions", 1, (short) 1).configs(ROLLED));
            topics.add(compacted(prefix + "-compacted", 1, Map.of()));
            topics.add(new NewTopic(prefix + "-epochs", 1, (short) 1).configs(ROLLED));
        }
        admin.createTopics(topics).all().get();
    }

    private static NewTopic compacted(String name, int partitions, Map<String, String> more) {
        Map<String, String> configs = new HashMap<>(COMPACTED);
        if (name.startsWith("c-")) {
            configs.put("min.cleanable.dirty.ratio", "1.0");
            // Ottla compacts only what is synced, so that it would go about it in several rounds.
            configs.put("flush.messages", "1");
        }
        configs.putAll(more);
        return new NewTopic(name, partitions, (short) 1).configs(configs);
    }

    private void fill(String prefix, int round, long baseMs) throws Exception {
        long startMs = baseMs + AHEAD + round * 24 * HOUR;
        for (int partition = 0; partition < CODECS.length; partition++) {
            try (Writer writer = new Writer(prefix + "-codecs", partition, CODECS[partition], null)) {
                for (int batch = 0; batch < 4; batch++) {
                    for (int record = 0; record < 30; record++) writer.send(startMs + batch * HOUR + record, "key " + record, "round " + round + " batch " + batch + " " + "text ".repeat(record));
                    writer.flush();
                }
            }
        }
        transactions(prefix + "-transactions", prefix + "-tx", round, startMs);
        keys(prefix + "-compacted", prefix + "-tx", round, startMs);
        commitGroups(prefix, round);
        // Only where the log of transactions goes along: of any other nobody would know how to end it.
        if (round == 2 && prefix.equals("o")) leaveOpen(prefix + "-transactions", prefix + "-open", startMs + 20 * HOUR);
    }

    private void transactions(String topic, String id, int round, long startMs) throws Exception {
        try (Writer transactional = new Writer(topic, 0, "lz4", id); Writer plain = new Writer(topic, 0, "none", null)) {
            for (int number = 0; number < 6; number++) {
                long timeMs = startMs + number * HOUR;
                transactional.begin();
                for (int record = 0; record < 4; record++) transactional.send(timeMs + record, "tx " + record, "round " + round + " transaction " + number);
                transactional.flush();
                plain.send(timeMs + 10, "plain", "round " + round + " between " + number);
                plain.flush();
                transactional.end(number % 3 != 1);
            }
        }
    }

    /** Keys written over and over, deleted, committed and aborted, over several segments. */
    private void keys(String topic, String id, int round, long startMs) throws Exception {
        try (Writer plain = new Writer(topic, 0, "gzip", null); Writer transactional = new Writer(topic, 0, "none", id + "-keys")) {
            for (int batch = 0; batch < 5; batch++) {
                long timeMs = startMs + batch * HOUR;
                for (int record = 0; record < 20; record++) {
                    plain.send(timeMs + record, "key " + record, record % 7 == 3 && batch == 3 ? null : "round " + round + " batch " + batch);
                }
                plain.flush();
                transactional.begin();
                transactional.send(timeMs + 30, "key " + batch, "round " + round + " transaction " + batch);
                transactional.send(timeMs + 31, "once " + round + " " + batch, "x");
                transactional.flush();
                transactional.end(batch % 2 == 0);
            }
        }
    }

    private void commitGroups(String prefix, int round) throws Exception {
        Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
        for (int partition = 0; partition < CODECS.length; partition++) {
            offsets.put(new TopicPartition(prefix + "-codecs", partition), new OffsetAndMetadata(10L * round + partition, "round " + round));
        }
        try (KafkaConsumer<byte[], byte[]> consumer = consumer("read_committed", prefix + "-group")) {
            consumer.assign(offsets.keySet());
            consumer.commitSync(offsets);
        }
        try (Writer writer = new Writer(prefix + "-transactions", 0, "none", prefix + "-tx")) {
            for (boolean commits : new boolean[] {true, false}) {
                writer.begin();
                writer.offsets(prefix + "-tx-group", Map.of(new TopicPartition(prefix + "-transactions", 0), new OffsetAndMetadata(commits ? 3L + round : 999L)));
                writer.end(commits);
            }
        }
    }

    /** Nobody ends it, and the process ends without a word. */
    private void leaveOpen(String topic, String id, long timeMs) throws Exception {
        Writer writer = new Writer(topic, 0, "none", id);
        writer.begin();
        writer.send(timeMs, "open", "1");
        writer.send(timeMs + 1, "open", "2");
        writer.flush();
    }

    private void append(String prefix, String tag, long timeMs) throws Exception {
        for (int partition = 0; partition < CODECS.length; partition++) {
            try (Writer writer = new Writer(prefix + "-codecs", partition, CODECS[partition], null)) {
                for (int record = 0; record < 10; record++) writer.send(timeMs + record, "key " + record, tag);
                writer.flush();
            }
        }
        // Whoever takes over a transactional id ends what it has left open.
        for (String id : List.of("-open", "-tx")) {
            try (Writer writer = new Writer(prefix + "-transactions", 0, "zstd", prefix + id)) {
                for (boolean commits : new boolean[] {true, false, true}) {
                    writer.begin();
                    writer.send(timeMs, tag, commits ? "committed" : "aborted");
                    writer.flush();
                    writer.end(commits);
                }
            }
        }
        try (Writer writer = new Writer(prefix + "-compacted", 0, "none", null)) {
            writer.send(timeMs, "key 1", tag);
            writer.flush();
        }
        try (KafkaConsumer<byte[], byte[]> consumer = consumer("read_committed", prefix + "-group")) {
            TopicPartition first = new TopicPartition(prefix + "-codecs", 0);
            consumer.assign(List.of(first));
            OffsetAndMetadata before = consumer.committed(Collections.singleton(first)).get(first);
            consumer.commitSync(Map.of(first, new OffsetAndMetadata(before == null ? 0 : before.offset() + 1, tag)));
        }
    }

    private static final List<String> COMPARED = List.of("c-basic", "c-codecs", "c-tombstones", "c-delete", "c-transactions", "c-kept-markers", "c-open", "c-young", "c-append-time");

    /** Those with transactions. */
    private static final List<String> MARKED = List.of("c-transactions", "c-kept-markers", "c-open");

    /** Nothing is compacted while it is written: both cleaners are to begin with the same. */
    private void compact(int round, long baseMs) throws Exception {
        setDirtyRatio("1.0");
        long startMs = baseMs + round * 10 * HOUR;
        basic("c-basic", "none", round, startMs);
        for (String codec : CODECS) basic("c-codecs", codec, round, startMs + 2 * HOUR * List.of(CODECS).indexOf(codec) / 2);
        basic("c-tombstones", "none", round, startMs);
        basic("c-delete", "none", round, round == 1 ? startMs - 100 * 24 * HOUR : startMs);
        basic("c-young", "none", round, round == 1 ? startMs : baseMs + YOUNG);
        basic("c-append-time", "zstd", round, startMs);
        for (String topic : List.of("c-transactions", "c-kept-markers")) mixed(topic, round, startMs + AHEAD);
        open(round, startMs + AHEAD);
        // The active segment is never compacted: these begin it.
        for (String topic : COMPARED.subList(0, 7)) last(topic, startMs + 9 * HOUR + (MARKED.contains(topic) ? AHEAD : 0));
        last("c-young", round == 1 ? startMs + 9 * HOUR : baseMs + YOUNG + 5 * HOUR);
        Thread.sleep(20);
        last("c-append-time", startMs);
        setDirtyRatio("0.0");
    }

    private void setDirtyRatio(String ratio) throws Exception {
        AlterConfigOp operation = new AlterConfigOp(new ConfigEntry("min.cleanable.dirty.ratio", ratio), AlterConfigOp.OpType.SET);
        Map<ConfigResource, Collection<AlterConfigOp>> changes = new HashMap<>();
        for (String topic : COMPARED) changes.put(new ConfigResource(ConfigResource.Type.TOPIC, topic), List.of(operation));
        admin.incrementalAlterConfigs(changes).all().get();
    }

    private void last(String topic, long timeMs) throws Exception {
        try (Writer writer = new Writer(topic, 0, "none", null)) {
            writer.send(timeMs, "active", "segment");
            writer.flush();
        }
    }

    private void basic(String topic, String codec, int round, long startMs) throws Exception {
        try (Writer one = new Writer(topic, 0, codec, null); Writer other = new Writer(topic, 0, codec, null)) {
            for (int batch = 0; batch < 5; batch++) {
                long timeMs = startMs + batch * HOUR;
                for (int record = 0; record < 12; record++) {
                    String value = (record + batch + round) % 5 == 0 ? null : record == 11 ? "" : "round " + round + " batch " + batch + " " + "y".repeat(record);
                    Header[] headers = record % 3 == 0 ? new Header[] {new RecordHeader("h", new byte[] {1, 2}), new RecordHeader("h", null), new RecordHeader("", new byte[0])} : new Header[0];
                    Writer writer = batch % 2 == 0 ? one : other;
                    // The same key twice within a batch, keys of one batch only, and an empty key.
                    writer.send(timeMs + record, record == 10 ? "" : "key " + (record % 8) + (record > 7 ? " " + batch : ""), value, headers);
                    if (record == 4) writer.send(timeMs + record, "key 4", "again");
                }
                one.flush();
                other.flush();
                Thread.sleep(topic.equals("c-append-time") ? 5 : 0);
            }
        }
    }

    /** Producers of several transactions at a time, that commit and abort, within segments and across them. */
    private void mixed(String topic, int round, long startMs) throws Exception {
        List<Writer> writers = new ArrayList<>();
        try (Writer plain = new Writer(topic, 0, "none", null)) {
            for (int producer = 0; producer < 3; producer++) writers.add(new Writer(topic, 0, producer == 1 ? "snappy" : "none", topic + "-" + producer));
            for (int batch = 0; batch < 6; batch++) {
                long timeMs = startMs + batch * HOUR;
                for (int producer = 0; producer < 3; producer++) {
                    Writer writer = writers.get(producer);
                    // Producer 2 has transactions that last for two segments.
                    if (producer != 2 || batch % 2 == 0) writer.begin();
                    for (int record = 0; record < 3; record++) writer.send(timeMs + record, "key " + (record + producer), record == 2 && batch == 3 ? null : "round " + round + " batch " + batch + " producer " + producer);
                    writer.flush();
                }
                plain.send(timeMs + 10, "key 1", "round " + round + " plain " + batch);
                plain.send(timeMs + 10, "plain " + batch, "round " + round);
                plain.flush();
                for (int producer = 0; producer < 3; producer++) {
                    if (producer == 2 && batch % 2 == 0) continue;
                    long end = end(topic);
                    writers.get(producer).end((batch + producer) % 3 != 0);
                    awaitEnd(topic, end + 1);
                }
            }
        } finally {
            for (Writer writer : writers) writer.close();
        }
    }

    /** In round 1 a transaction is begun in the middle and left open; in round 2 its producer comes again, which aborts it. */
    private void open(int round, long startMs) throws Exception {
        String topic = "c-open";
        basic(topic, "none", round, startMs - 5 * HOUR);
        if (round == 1) leaveOpen(topic, "c-open", startMs + HOUR);
        else {
            try (Writer writer = new Writer(topic, 0, "none", "c-open")) {
                writer.begin();
                writer.send(startMs + HOUR, "open", "3");
                writer.flush();
                long end = end(topic);
                writer.end(true);
                awaitEnd(topic, end + 1);
            }
        }
        basic(topic, "none", round, startMs + 2 * HOUR);
    }

    private long end(String topic) throws Exception {
        TopicPartition partition = new TopicPartition(topic, 0);
        return admin.listOffsets(Map.of(partition, OffsetSpec.latest())).partitionResult(partition).get().offset();
    }

    /** The end of a transaction is answered before its marker is written; what comes behind it has to be the same everywhere. */
    private void awaitEnd(String topic, long wanted) throws Exception {
        long deadline = System.nanoTime() + PATIENCE_NANOS;
        while (end(topic) < wanted) {
            if (System.nanoTime() > deadline) throw new AssertionError(topic + " has no marker at " + (wanted - 1));
            Thread.sleep(2);
        }
    }

    private void read(Path file, List<String> prefixes) throws Exception {
        List<String> lines = new ArrayList<>();
        List<String> topics = admin.listTopics().names().get().stream().filter(topic -> prefixes.stream().anyMatch(prefix -> topic.startsWith(prefix + "-"))).toList();
        TreeMap<String, TopicPartition> partitions = new TreeMap<>();
        admin.describeTopics(topics).allTopicNames().get().forEach((topic, description) -> {
            for (TopicPartitionInfo info : description.partitions()) partitions.put(topic + "-" + info.partition(), new TopicPartition(topic, info.partition()));
        });
        for (String isolation : List.of("read_uncommitted", "read_committed")) readPartitions(List.copyOf(partitions.values()), isolation, lines::add);
        for (String prefix : prefixes) {
            for (String group : List.of(prefix + "-group", prefix + "-tx-group")) groupOffsets(admin, group, lines::add);
        }
        Collection<TransactionListing> transactions = admin.listTransactions().all().get();
        transactions.stream()
            .filter(each -> prefixes.stream().anyMatch(prefix -> each.transactionalId().startsWith(prefix + "-")))
            .map(each -> "transaction " + each.transactionalId() + " " + each.producerId() + " " + each.state())
            .sorted()
            .forEach(lines::add);
        Files.write(file, lines);
    }

    private static void groupOffsets(Admin admin, String group, Consumer<String> line) throws Exception {
        Map<TopicPartition, OffsetAndMetadata> offsets = admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get();
        TreeMap<String, OffsetAndMetadata> sorted = new TreeMap<>();
        offsets.forEach((partition, offset) -> sorted.put(partition.toString(), offset));
        sorted.forEach((partition, offset) -> line.accept("group " + group + " " + partition + " " + offset.offset() + " " + offset.metadata()));
    }

    private void readPartitions(List<TopicPartition> partitions, String isolation, Consumer<String> line) {
        try (KafkaConsumer<byte[], byte[]> consumer = consumer(isolation, null)) {
            consumer.assign(partitions);
            Map<TopicPartition, Long> starts = consumer.beginningOffsets(partitions);
            Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
            Map<TopicPartition, List<String>> records = new HashMap<>();
            for (TopicPartition partition : partitions) {
                consumer.seek(partition, starts.get(partition));
                records.put(partition, new ArrayList<>());
            }
            long deadline = System.nanoTime() + PATIENCE_NANOS;
            while (partitions.stream().anyMatch(partition -> consumer.position(partition) < ends.get(partition))) {
                if (System.nanoTime() > deadline) throw new AssertionError(isolation + " has not got to " + ends);
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(100))) records.get(new TopicPartition(record.topic(), record.partition())).add(text(record));
            }
            for (TopicPartition partition : partitions) {
                line.accept("partition " + partition + " " + isolation + " " + starts.get(partition) + " " + ends.get(partition));
                for (String record : records.get(partition)) line.accept(partition + " " + isolation + " " + record);
            }
        }
    }

    private static String text(ConsumerRecord<byte[], byte[]> record) {
        List<String> headers = new ArrayList<>();
        for (Header header : record.headers()) headers.add(header.key() + "=" + hex(header.value()));
        // When it was appended differs, and what kind of time it is does not.
        String time = record.timestampType().name.equals("LogAppendTime") ? "" : String.valueOf(record.timestamp());
        return record.offset() + " " + record.timestampType() + " " + time + " " + hex(record.key()) + " " + hex(record.value()) + " " + headers.stream().collect(Collectors.joining(","));
    }

    private static String hex(byte[] bytes) {
        return bytes == null ? "null" : "'" + HexFormat.of().formatHex(bytes) + "'";
    }

    private Properties settings() {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", bootstrap);
        // A broker that is being started again on a busy machine takes its time.
        settings.put("default.api.timeout.ms", "180000");
        settings.put("max.block.ms", "180000");
        return settings;
    }

    private KafkaConsumer<byte[], byte[]> consumer(String isolation, String group) {
        Properties settings = settings();
        settings.put("isolation.level", isolation);
        settings.put("enable.auto.commit", "false");
        settings.put("auto.offset.reset", "none");
        settings.put("fetch.max.wait.ms", "50");
        if (group != null) settings.put("group.id", group);
        return new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }

    /** Writes to one partition, a batch for each flush. */
    private final class Writer implements AutoCloseable {
        private final KafkaProducer<byte[], byte[]> producer;
        private final String topic;
        private final int partition;

        Writer(String topic, int partition, String codec, String transactionalId) {
            this.topic = topic;
            this.partition = partition;
            Properties settings = settings();
            settings.put("compression.type", codec);
            settings.put("linger.ms", "60000");
            settings.put("delivery.timeout.ms", "120000");
            settings.put("batch.size", "1000000");
            if (transactionalId != null) {
                settings.put("transactional.id", transactionalId);
                settings.put("transaction.timeout.ms", "900000");
            }
            producer = new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer());
            if (transactionalId != null) producer.initTransactions();
        }

        void send(long timeMs, String key, String value, Header... headers) {
            byte[] valueBytes = value == null ? null : value.getBytes(StandardCharsets.UTF_8);
            producer.send(new ProducerRecord<>(topic, partition, timeMs, key.getBytes(StandardCharsets.UTF_8), valueBytes, List.of(headers)), (metadata, error) -> {
                if (error != null) outcomes.test("sending to " + topic + "-" + partition, () -> { throw error; });
            });
        }

        void flush() {
            producer.flush();
        }

        void begin() {
            producer.beginTransaction();
        }

        void end(boolean commits) {
            if (commits) producer.commitTransaction();
            else producer.abortTransaction();
        }

        /** Without a member: what came with the group's generation is of no use to somebody who is in no group. */
        @SuppressWarnings("removal")
        void offsets(String group, Map<TopicPartition, OffsetAndMetadata> offsets) {
            producer.sendOffsetsToTransaction(offsets, new org.apache.kafka.clients.consumer.ConsumerGroupMetadata(group));
        }

        @Override
        public void close() {
            producer.close();
        }
    }
}
