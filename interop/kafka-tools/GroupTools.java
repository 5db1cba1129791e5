import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.LocalDateTime;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.common.utils.Utils;

/** Kafka's own command-line tools for groups and their offsets, and the tools that its system tests put load on groups and transactions with. */
public final class GroupTools extends Checks {
    private static final String TOOLS = "org.apache.kafka.tools.";
    private static final int PARTITIONS = 3;
    /** In each partition: as many with a timestamp of an hour ago, then as many of now. */
    private static final int HALF = 10;
    private static final int ALL = 2 * HALF;

    private final Harness harness = new Harness();
    private final Outcomes outcomes = new Outcomes(harness.console);
    private final String bootstrap;
    private final String prefix;
    private final String topic;
    private final long nowMs = System.currentTimeMillis();

    private GroupTools(String bootstrap, String prefix) {
        this.bootstrap = bootstrap;
        this.prefix = prefix;
        this.topic = prefix + "-group-tools";
    }

    public static void main(String[] args) throws Exception {
        GroupTools tools = new GroupTools(args[0], args[2]);
        tools.fill();
        for (String protocol : List.of("classic", "consumer")) tools.liveGroup(protocol);
        tools.resets();
        tools.deletions();
        tools.settings();
        tools.consoleConsumer();
        tools.verifiable();
        tools.copier();
        tools.outcomes.end();
    }

    private void fill() throws Exception {
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
            List<NewTopic> topics = List.of(
                new NewTopic(topic, PARTITIONS, (short) 1), new NewTopic(topic + "-copy", PARTITIONS, (short) 1), new NewTopic(topic + "-load", 1, (short) 1));
            admin.createTopics(topics).all().get();
        }
        Map<String, Object> settings = Map.of("bootstrap.servers", bootstrap);
        try (KafkaProducer<String, String> producer = new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer())) {
            for (int i = 0; i < ALL; i++) {
                long timestampMs = i < HALF ? nowMs - 3_600_000 : nowMs;
                for (int partition = 0; partition < PARTITIONS; partition++) {
                    producer.send(new ProducerRecord<>(topic, partition, timestampMs, null, "value " + i));
                }
            }
        }
    }

    /** Two members that poll while the tools look at their group. */
    private void liveGroup(String protocol) throws Exception {
        String group = prefix + "-live-" + protocol;
        String type = protocol.equals("classic") ? "Classic" : "Consumer";
        String assignor = protocol.equals("classic") ? "range" : "uniform";
        try (Member one = new Member(group, protocol, "one"); Member two = new Member(group, protocol, "two")) {
            outcomes.test("describe the members of a " + protocol + " group", () -> {
                eventually(() -> {
                    Harness.Result members = groups("--describe", "--group", group, "--members", "--verbose");
                    matches(members, group + " +\\S+ +\\S+ +one +[12] +");
                    matches(members, group + " +\\S+ +\\S+ +two +[12] +");
                    for (int partition = 0; partition < PARTITIONS; partition++) matches(members, topic + ":\\S*" + partition);
                });
                prints(groups("--describe", "--group", group, "--members"), "CONSUMER-ID", "HOST", "CLIENT-ID", "#PARTITIONS");
            });
            outcomes.test("describe the state of a " + protocol + " group", () -> {
                eventually(() -> matches(groups("--describe", "--group", group, "--state"), group + " +\\S+:\\d+ +\\(\\d+\\) +" + assignor + " +Stable +2"));
                prints(groups("--describe", "--group", group, "--state", "--verbose"), "Stable");
            });
            outcomes.test("describe the offsets of a " + protocol + " group", () -> {
                // Both have committed when there is no lag.
                eventually(() -> {
                    for (int partition = 0; partition < PARTITIONS; partition++) {
                        matches(groups("--describe", "--group", group), group + " +" + topic + " +" + partition + " +" + ALL + " +" + ALL + " +0 +\\S+ +/127.0.0.1 +(one|two)");
                    }
                });
                prints(groups("--describe", "--group", group, "--offsets", "--verbose"), "LEADER-EPOCH");
            });
            outcomes.test("list a " + protocol + " group by its state and its type", () -> {
                prints(groups("--list"), group + "\n");
                matches(groups("--list", "--state"), group + " +Stable");
                matches(groups("--list", "--type"), group + " +" + type);
                matches(groups("--list", "--state", "stable", "--type", protocol), group + " +" + type + " +Stable");
                lacks(groups("--list", "--state", "empty"), group);
                lacks(groups("--list", "--type", protocol.equals("classic") ? "consumer" : "classic"), group);
                matches(run("GroupsCommand", "--bootstrap-server", bootstrap, "--list", "--consumer"), group + " +" + type + " +consumer");
            });
            outcomes.test("a " + protocol + " group with members is neither reset nor deleted", () -> {
                says(groups("--reset-offsets", "--group", group, "--topic", topic, "--to-earliest", "--execute"), "inactive, but the current state is Stable");
                says(groups("--delete", "--group", group), "is not empty");
                says(groups("--delete-offsets", "--group", group, "--topic", topic), "GROUP_SUBSCRIBED_TO_TOPIC", "subscribed to");
                prints(groups("--list"), group + "\n");
            });
        }
        outcomes.test("a " + protocol + " group without members is empty", () -> {
            eventually(() -> matches(groups("--list", "--state", "Empty"), group + " +Empty"));
            says(groups("--describe", "--group", group), "has no active members");
            matches(groups("--describe", "--group", group), topic + " +0 +" + ALL + " +" + ALL + " +0 +- +- +-");
        });
    }

    /** Every form of reset, on the group that the classic members left behind with all of it read. */
    private void resets() {
        String group = prefix + "-live-classic";
        outcomes.test("reset-offsets --to-earliest, first as a dry run", () -> {
            equal("planned", "0 0 0", planned(group, "--topic", topic, "--to-earliest"));
            equal("planned", "0 0 0", planned(group, "--topic", topic, "--to-earliest", "--dry-run"));
            equal("nothing has changed", ends(), committed(group));
            equal("executed", "0 0 0", planned(group, "--topic", topic, "--to-earliest", "--execute"));
            equal("committed", "0 0 0", committed(group));
        });
        outcomes.test("reset-offsets --to-latest", () -> reset(group, ends(), "--all-topics", "--to-latest"));
        outcomes.test("reset-offsets --to-datetime", () -> {
            reset(group, "10 10 10", "--topic", topic, "--to-datetime", dateTime(nowMs - 1_800_000));
            reset(group, "0 0 0", "--topic", topic, "--to-datetime", dateTime(nowMs - 7_200_000));
            reset(group, ends(), "--topic", topic, "--to-datetime", dateTime(nowMs + 7_200_000));
        });
        outcomes.test("reset-offsets --by-duration", () -> {
            reset(group, "10 10 10", "--topic", topic, "--by-duration", "PT30M");
            reset(group, "0 0 0", "--topic", topic, "--by-duration", "P1D");
        });
        outcomes.test("reset-offsets --to-offset, within what there is", () -> {
            reset(group, "7 7 7", "--topic", topic, "--to-offset", "7");
            reset(group, ends(), "--topic", topic, "--to-offset", "1000");
        });
        outcomes.test("reset-offsets --shift-by, forwards and backwards", () -> {
            reset(group, "15 15 15", "--topic", topic, "--shift-by", "-5");
            reset(group, "18 18 18", "--topic", topic, "--shift-by", "3");
            reset(group, "0 0 0", "--topic", topic, "--shift-by", "-100");
        });
        outcomes.test("reset-offsets of some partitions", () -> {
            equal("executed", "0 2 2", planned(group, "--topic", topic + ":1,2", "--to-offset", "2", "--execute").replaceFirst("^- ", "0 "));
            equal("committed", "0 2 2", committed(group));
        });
        outcomes.test("reset-offsets --to-current", () -> reset(group, "0 2 2", "--topic", topic, "--to-current"));
        outcomes.test("reset-offsets --export and --from-file", () -> {
            Harness.Result exported = groups("--reset-offsets", "--group", group, "--topic", topic, "--to-current", "--export", "--dry-run");
            // A long name is in quotation marks.
            for (String row : List.of("0,0", "1,2", "2,2")) matches(exported, topic + "\"?," + row + "\n");
            reset(group, ends(), "--topic", topic, "--to-latest");
            Path file = Files.createTempFile("offsets", ".csv");
            Files.writeString(file, String.join("\n", exported.out().lines().filter(line -> line.contains(topic)).toList()) + "\n");
            reset(group, "0 2 2", "--from-file", file.toString());
            Files.delete(file);
        });
        outcomes.test("reset-offsets makes a group that there was not", () -> {
            String made = prefix + "-made";
            equal("executed", "4 4 4", planned(made, "--topic", topic, "--to-offset", "4", "--execute"));
            equal("committed", "4 4 4", committed(made));
            matches(groups("--describe", "--group", made, "--state"), made + ".* Empty +0");
        });
        outcomes.test("reset-offsets of an unknown topic", () ->
            says(groups("--reset-offsets", "--group", group, "--topic", topic + "-nowhere", "--to-earliest", "--execute"), "UNKNOWN_TOPIC", "does not", "not exist", "not host"));
        outcomes.test("reset-offsets of a group of the consumer protocol", () -> {
            String consumer = prefix + "-live-consumer";
            prints(groups("--reset-offsets", "--group", consumer, "--topic", topic, "--to-earliest", "--execute"), consumer);
            equal("committed", "0 0 0", committed(consumer));
        });
    }

    private void deletions() {
        String group = prefix + "-live-classic";
        outcomes.test("delete-offsets", () -> {
            matches(groups("--delete-offsets", "--group", group, "--topic", topic + ":1"), "(?i)successful");
            equal("committed", "0 - 2", committed(group));
            matches(groups("--delete-offsets", "--group", group, "--topic", topic), "(?i)successful");
            equal("committed", "- - -", committed(group));
        });
        outcomes.test("delete of groups, one of them unknown", () -> {
            String made = prefix + "-made";
            prints(groups("--delete", "--group", made), "was successful");
            eventually(() -> lacks(groups("--list"), made));
            says(groups("--delete", "--group", made), "does not exist", "not found", "GroupIdNotFound");
            says(groups("--describe", "--group", made), "does not exist", "GroupIdNotFound");
        });
        outcomes.test("delete of a consumer group", () -> {
            String consumer = prefix + "-live-consumer";
            prints(groups("--delete", "--group", consumer), "was successful");
            eventually(() -> lacks(groups("--list"), consumer));
        });
    }

    private void settings() {
        String group = prefix + "-settings";
        outcomes.test("ConfigCommand, group", () -> {
            String[] entity = {"--entity-type", "groups", "--entity-name", group, "--bootstrap-server", bootstrap};
            prints(config(with(entity, "--alter", "--add-config", "consumer.session.timeout.ms=50000")), "Completed updating config");
            eventually(() -> prints(config(with(entity, "--describe")), "consumer.session.timeout.ms=50000"));
            fails(config(with(entity, "--alter", "--add-config", "consumer.session.timeout.ms=1")), "consumer.session.timeout.ms");
            prints(config(with(entity, "--alter", "--delete-config", "consumer.session.timeout.ms")), "Completed updating config");
            eventually(() -> lacks(config(with(entity, "--describe")), "consumer.session.timeout.ms=50000"));
        });
        outcomes.test("ConsumerGroupCommand --validate-regex", () -> prints(run("consumer.group.ConsumerGroupCommand", "--validate-regex", "a.*"), "valid"));
    }

    private void consoleConsumer() {
        for (String protocol : List.of("classic", "consumer")) {
            outcomes.test("ConsoleConsumer in a " + protocol + " group goes on where it was", () -> {
                String group = prefix + "-console-" + protocol;
                String[] options = {"--topic", topic, "--group", group, "--consumer-property", "group.protocol=" + protocol, "--timeout-ms", "15000"};
                equal("values", 25, values(console(with(options, "--from-beginning", "--max-messages", "25"))).size());
                equal("values", 35, values(console(with(options, "--max-messages", "35"))).size());
                equal("committed", ends(), committed(group));
            });
        }
        outcomes.test("ConsoleConsumer formats __consumer_offsets", () -> {
            String formatted = formatted("OffsetsMessageFormatter");
            if (!formatted.contains("\"topic\":\"" + topic + "\"") || !formatted.contains("\"offset\":" + ALL)) throw new AssertionError(formatted);
            String metadata = formatted("GroupMetadataMessageFormatter");
            if (!metadata.contains("\"group\":\"" + prefix + "-live-classic\"") || !metadata.contains("\"protocol\":\"range\"")) throw new AssertionError(metadata);
        });
    }

    private void verifiable() {
        outcomes.test("VerifiableProducer", () -> {
            Harness.Result produced = spawn("VerifiableProducer", "--bootstrap-server", bootstrap, "--topic", topic + "-load", "--max-messages", "200", "--throughput", "-1", "--value-prefix", "7");
            prints(produced, "\"name\":\"startup_complete\"", "\"name\":\"producer_send_success\"", "\"offset\":199", "\"sent\":200,\"acked\":200");
            lacks(produced, "producer_send_error");
        });
        for (String protocol : List.of("CLASSIC", "CONSUMER")) {
            outcomes.test("VerifiableConsumer, " + protocol.toLowerCase(), () -> {
                String group = prefix + "-verifiable-" + protocol;
                Harness.Result consumed = run("VerifiableConsumer", "--bootstrap-server", bootstrap, "--topic", topic + "-load", "--group-id", group,
                    "--group-protocol", protocol, "--max-messages", "200", "--verbose");
                prints(consumed, "\"name\":\"partitions_assigned\"", "\"name\":\"records_consumed\"", "\"value\":\"7.199\"", "\"name\":\"offsets_committed\"", "\"success\":true", "\"name\":\"partitions_revoked\"");
                lacks(consumed, "\"success\":false");
                matches(groups("--describe", "--group", group), topic + "-load +0 +200 +200 +0");
            });
        }
    }

    private void copier() {
        outcomes.test("TransactionalMessageCopier, with a fixed partition and aborts at random", () -> {
            Harness.Result copied = copy(prefix + "-copier-1", "--transaction-size", "7", "--enable-random-aborts");
            prints(copied, "\"consumed\":");
            equal("values", ALL, committedValues().size());
        });
        outcomes.test("TransactionalMessageCopier, as a member of a group", () -> {
            prints(copy(prefix + "-copier-2", "--transaction-size", "11", "--group-mode", "--use-group-metadata"), "\"consumed\":");
            equal("values", ALL + PARTITIONS * ALL, committedValues().size());
        });
        outcomes.test("TransactionsCommand after the copier", () -> {
            Harness.Result listed = run("TransactionsCommand", "--bootstrap-server", bootstrap, "list");
            matches(listed, prefix + "-copier-1\\s+\\d+\\s+\\d+\\s+Complete(Commit|Abort)");
            matches(run("TransactionsCommand", "--bootstrap-server", bootstrap, "describe", "--transactional-id", prefix + "-copier-2"), "CompleteCommit");
            lacks(run("TransactionsCommand", "--bootstrap-server", bootstrap, "find-hanging", "--topic", topic + "-copy"), topic + "-copy");
        });
    }

    private Harness.Result copy(String id, String... more) throws Exception {
        return run("TransactionalMessageCopier", with(more, "--broker-list", bootstrap, "--input-topic", topic, "--input-partition", "0",
            "--output-topic", topic + "-copy", "--transactional-id", id, "--consumer-group", id + "-group"));
    }

    /** All of the copy that is committed. */
    private List<String> committedValues() {
        Map<String, Object> settings = Map.of("bootstrap.servers", bootstrap, "isolation.level", "read_committed", "auto.offset.reset", "earliest");
        List<TopicPartition> partitions = new ArrayList<>();
        for (int partition = 0; partition < PARTITIONS; partition++) partitions.add(new TopicPartition(topic + "-copy", partition));
        List<String> values = new ArrayList<>();
        try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer())) {
            consumer.assign(partitions);
            Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
            while (!ends.entrySet().stream().allMatch(end -> consumer.position(end.getKey()) >= end.getValue())) {
                consumer.poll(Duration.ofMillis(100)).forEach(record -> values.add(record.value()));
            }
        }
        return values;
    }

    private static List<String> values(Harness.Result consumed) {
        return consumed.out().lines().filter(line -> line.startsWith("value ")).toList();
    }

    /** The partition of __consumer_offsets in which the classic group of the first tests is. */
    private String formatted(String formatter) throws Exception {
        int partitions;
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
            partitions = admin.describeTopics(List.of("__consumer_offsets")).allTopicNames().get().get("__consumer_offsets").partitions().size();
        }
        int partition = Utils.abs((prefix + "-live-classic").hashCode()) % partitions;
        return console("--topic", "__consumer_offsets", "--partition", String.valueOf(partition), "--offset", "earliest", "--timeout-ms", "3000",
            "--formatter", TOOLS + "consumer." + formatter).out();
    }

    private Harness.Result console(String... arguments) throws Exception {
        return run("consumer.ConsoleConsumer", with(arguments, "--bootstrap-server", bootstrap));
    }

    private Harness.Result config(String... arguments) throws Exception {
        return harness.run("kafka.admin.ConfigCommand", "", arguments);
    }

    private Harness.Result groups(String... arguments) throws Exception {
        return run("consumer.group.ConsumerGroupCommand", with(arguments, "--bootstrap-server", bootstrap));
    }

    private Harness.Result run(String tool, String... arguments) throws Exception {
        return harness.run(TOOLS + tool, "", arguments);
    }

    /** In a JVM of its own: a tool that has not said everything before its shutdown hooks run. */
    private static Harness.Result spawn(String tool, String... arguments) throws Exception {
        List<String> command = new ArrayList<>(List.of("java", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=off",
            "-cp", System.getProperty("java.class.path"), TOOLS + tool));
        command.addAll(List.of(arguments));
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        return new Harness.Result(process.waitFor(), said, "");
    }

    /** What a reset says that it does, and what it has done then. */
    private void reset(String group, String wanted, String... how) throws Exception {
        equal("planned by " + String.join(" ", how), wanted, planned(group, how));
        equal("executed by " + String.join(" ", how), wanted, planned(group, with(how, "--execute")));
        equal("committed by " + String.join(" ", how), wanted, committed(group));
    }

    /** The new offsets that a reset prints, `-` for a partition that it leaves alone. */
    private String planned(String group, String... how) throws Exception {
        Harness.Result result = groups(with(how, "--reset-offsets", "--group", group));
        prints(result, "NEW-OFFSET");
        return column(result.out(), Pattern.compile("\\S+ +" + topic + " +(\\d+) +(\\d+)"));
    }

    private String committed(String group) throws Exception {
        return column(groups("--describe", "--group", group, "--offsets").out(), Pattern.compile("\\S+ +" + topic + " +(\\d+) +(\\d+|-)"));
    }

    private static String column(String printed, Pattern row) {
        Map<Integer, String> found = new TreeMap<>();
        Matcher rows = row.matcher(printed);
        while (rows.find()) found.put(Integer.parseInt(rows.group(1)), rows.group(2));
        List<String> all = new ArrayList<>();
        for (int partition = 0; partition < PARTITIONS; partition++) all.add(found.getOrDefault(partition, "-"));
        return String.join(" ", all);
    }

    private static String ends() {
        return ALL + " " + ALL + " " + ALL;
    }

    private static String dateTime(long ms) {
        return DateTimeFormatter.ofPattern("yyyy-MM-dd'T'HH:mm:ss.SSS").format(LocalDateTime.ofInstant(java.time.Instant.ofEpochMilli(ms), ZoneId.systemDefault()));
    }

    /** One of these texts is on standard output or error, whatever the exit code: these tools differ in it. */
    private static void says(Harness.Result result, String... texts) {
        String said = result.out() + result.err();
        for (String text : texts) if (said.contains(text)) return;
        throw new AssertionError("expected one of " + String.join(", ", texts) + ", came " + shown(result));
    }

    /** A consumer that polls and commits in a thread of its own. */
    private final class Member implements AutoCloseable {
        private final Thread thread;
        private volatile boolean stopping;

        Member(String group, String protocol, String name) {
            Map<String, Object> settings = Map.of("bootstrap.servers", bootstrap, "group.id", group, "group.protocol", protocol, "client.id", name,
                "auto.offset.reset", "earliest", "auto.commit.interval.ms", "100");
            thread = new Thread(() -> {
                try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer())) {
                    consumer.subscribe(List.of(topic));
                    while (!stopping) consumer.poll(Duration.ofMillis(100));
                }
            });
            thread.start();
        }

        @Override
        public void close() throws InterruptedException {
            stopping = true;
            thread.join();
        }
    }
}
