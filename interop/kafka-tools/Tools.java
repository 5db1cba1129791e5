import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;

/** Kafka's own command-line tools, as its users call them; those for groups are in GroupTools. */
public final class Tools extends Checks {
    private static final String TOOLS = "org.apache.kafka.tools.";

    private final Harness harness = new Harness();
    private final Outcomes outcomes = new Outcomes(harness.console);
    private final String bootstrap;
    private final String topic;
    private final String node;

    private Tools(String bootstrap, String prefix) throws Exception {
        this.bootstrap = bootstrap;
        this.topic = prefix + "-tools";
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
            this.node = admin.describeCluster().nodes().get().iterator().next().idString();
        }
    }

    public static void main(String[] args) throws Exception {
        Tools tools = new Tools(args[0], args[2]);
        tools.topics();
        tools.produceAndConsume();
        tools.offsets();
        tools.configs();
        tools.cluster();
        tools.load();
        tools.transactions();
        tools.deletion();
        tools.outcomes.end();
    }

    private void topics() {
        outcomes.test("TopicCommand --create", () -> {
            String[] create = {"--create", "--topic", topic, "--partitions", "3", "--config", "retention.ms=7200000"};
            prints(topicCommand(create), "Created topic " + topic);
            fails(topicCommand(create), "already exists");
            prints(topicCommand(with(create, "--if-not-exists")));
        });
        outcomes.test("TopicCommand --describe", () -> {
            Harness.Result described = topicCommand("--describe", "--topic", topic);
            prints(described, "PartitionCount: 3", "ReplicationFactor: 1", "retention.ms=7200000", "TopicId: ", "Isr: " + node);
            prints(topicCommand("--describe", "--topic", topic, "--under-replicated-partitions"));
            prints(topicCommand("--describe", "--topic", topic, "--unavailable-partitions"));
        });
        outcomes.test("TopicCommand --list", () -> prints(topicCommand("--list", "--exclude-internal"), topic));
        outcomes.test("TopicCommand --alter --partitions", () -> {
            prints(topicCommand("--alter", "--topic", topic, "--partitions", "5"));
            eventually(() -> prints(topicCommand("--describe", "--topic", topic), "PartitionCount: 5"));
            fails(topicCommand("--alter", "--topic", topic, "--partitions", "2"), "5 partition");
        });
        outcomes.test("TopicCommand with a replica assignment", () -> {
            String assigned = topic + "-assigned";
            prints(topicCommand("--create", "--topic", assigned, "--replica-assignment", node + "," + node));
            prints(topicCommand("--describe", "--topic", assigned), "PartitionCount: 2");
        });
        outcomes.test("TopicCommand with a bad config", () -> {
            fails(topicCommand("--create", "--topic", topic + "-bad", "--config", "retention.ms=banana"), "retention.ms");
            fails(topicCommand("--create", "--topic", topic + "-bad", "--replication-factor", "3"), "replication factor");
        });
        outcomes.test("TopicCommand for an unknown topic", () ->
            fails(topicCommand("--describe", "--topic", topic + "-nowhere"), "does not exist as expected"));
    }

    private void produceAndConsume() {
        for (String codec : List.of("none", "gzip", "snappy", "lz4", "zstd")) {
            outcomes.test("ConsoleProducer " + codec, () -> {
                StringBuilder lines = new StringBuilder();
                for (int i = 0; i < 20; i++) {
                    lines.append("codec:").append(codec).append("\tkey-").append(i).append("\tvalue ").append(i).append('\n');
                }
                String[] properties = {"--reader-property", "parse.key=true", "--reader-property", "parse.headers=true"};
                prints(run("ConsoleProducer", lines.toString(), with(properties,
                    "--bootstrap-server", bootstrap, "--topic", topic + "-" + codec, "--compression-codec", codec)));
            });
            outcomes.test("ConsoleConsumer " + codec, () -> {
                Harness.Result consumed = consume(codec, "--offset", "earliest", "--max-messages", "20",
                    "--formatter-property", "print.key=true", "--formatter-property", "print.headers=true",
                    "--formatter-property", "print.offset=true", "--formatter-property", "print.partition=true");
                for (int i = 0; i < 20; i++) {
                    prints(consumed, "Partition:0\tOffset:" + i + "\tcodec:" + codec + "\tkey-" + i + "\tvalue " + i + "\n");
                }
            });
        }
        outcomes.test("ConsoleConsumer from an offset", () ->
            equal("values", "value 17\nvalue 18\nvalue 19\n", consume("zstd", "--offset", "17", "--max-messages", "3").out()));
        outcomes.test("ConsoleConsumer from the end", () ->
            equal("values", "", consume("zstd", "--offset", "latest", "--timeout-ms", "300").out()));
    }

    private void offsets() {
        outcomes.test("GetOffsetShell, every special time", () -> {
            String counted = topic + "-gzip";
            for (String time : List.of("-1", "latest")) prints(offsets(counted, time), counted + ":0:20\n");
            for (String time : List.of("-2", "earliest", "-4", "earliest-local")) prints(offsets(counted, time), counted + ":0:0\n");
            prints(offsets(counted, "0"), counted + ":0:0\n");
            // The newest timestamp is on one of the last records; which, is up to the clock.
            matches(offsets(counted, "-3"), Pattern.quote(counted) + ":0:1?\\d\n");
            matches(offsets(counted, "max-timestamp"), Pattern.quote(counted) + ":0:1?\\d\n");
            for (String time : List.of("-5", "latest-tiered")) lacks(offsets(counted, time), counted + ":0:2");
            lacks(offsets(counted, String.valueOf(System.currentTimeMillis() + 3_600_000)), counted + ":0:2");
        });
        outcomes.test("GetOffsetShell, earliest-pending-upload without tiered storage", () ->
            lacks(offsets(topic + "-gzip", "-6"), topic + "-gzip:0:20"));
    }

    private void configs() {
        outcomes.test("ConfigCommand, topic", () -> {
            prints(config("topics", topic, "--alter", "--add-config", "segment.ms=60000,cleanup.policy=[compact,delete]"), "Completed updating config");
            eventually(() -> prints(config("topics", topic, "--describe"), "segment.ms=60000", "cleanup.policy=compact,delete", "retention.ms=7200000"));
            prints(config("topics", topic, "--alter", "--delete-config", "segment.ms"));
            eventually(() -> lacks(config("topics", topic, "--describe"), "segment.ms=60000"));
            prints(config("topics", topic, "--describe", "--all"), "segment.bytes=1073741824", "DEFAULT_CONFIG:log.segment.bytes");
            fails(config("topics", topic, "--alter", "--add-config", "segment.ms=banana"), "segment.ms");
        });
        outcomes.test("ConfigCommand, broker", () -> {
            prints(config("brokers", node, "--describe", "--all"), "log.retention.hours=168", "num.network.threads=");
            prints(config("brokers", node, "--alter", "--add-config", "message.max.bytes=2000000"), "Completed updating config");
            eventually(() -> prints(config("brokers", node, "--describe"), "message.max.bytes=2000000", "DYNAMIC_BROKER_CONFIG"));
            prints(config("brokers", node, "--alter", "--delete-config", "message.max.bytes"));
            eventually(() -> lacks(config("brokers", node, "--describe"), "message.max.bytes=2000000"));
            fails(config("brokers", node, "--alter", "--add-config", "log.dirs=/elsewhere"), "log.dirs");
        });
        outcomes.test("ConfigCommand, every broker's default", () -> {
            prints(configDefault("--alter", "--add-config", "log.retention.ms=500000000"), "Completed updating default config");
            eventually(() -> prints(configDefault("--describe"), "log.retention.ms=500000000", "DYNAMIC_DEFAULT_BROKER_CONFIG"));
            eventually(() -> prints(config("topics", topic + "-gzip", "--describe", "--all"), "retention.ms=500000000"));
            prints(configDefault("--alter", "--delete-config", "log.retention.ms"));
        });
        outcomes.test("ConfigCommand, broker loggers", () -> {
            prints(config("broker-loggers", node, "--describe"), "root=");
            prints(config("broker-loggers", node, "--alter", "--add-config", "root=WARN"), "Completed updating config");
            prints(config("broker-loggers", node, "--describe"), "root=WARN");
            prints(config("broker-loggers", node, "--alter", "--add-config", "root=INFO"));
            fails(config("broker-loggers", node, "--alter", "--add-config", "root=SHOUT"), "SHOUT");
        });
    }

    private void cluster() {
        outcomes.test("BrokerApiVersionsCommand", () -> {
            Harness.Result versions = run("BrokerApiVersionsCommand", "", "--bootstrap-server", bootstrap);
            prints(versions, "Produce(0): 0 to 13", "Fetch(1): 4 to 18", "ApiVersions(18): 0 to ", "(id: " + node + " ");
        });
        outcomes.test("ClusterTool", () -> {
            matches(run("ClusterTool", "", "cluster-id", "--bootstrap-server", bootstrap), "Cluster ID: [A-Za-z0-9_-]{22}\n");
            prints(run("ClusterTool", "", "list-endpoints", "--bootstrap-server", bootstrap), bootstrap.split(":")[1]);
        });
        outcomes.test("FeatureCommand", () ->
            prints(run("FeatureCommand", "", "--bootstrap-server", bootstrap, "describe"), "SupportedMinVersion"));
        outcomes.test("LogDirsCommand", () -> {
            Harness.Result dirs = run("LogDirsCommand", "", "--bootstrap-server", bootstrap, "--describe", "--topic-list", topic + "-gzip");
            matches(dirs, "\"partition\":\"" + Pattern.quote(topic) + "-gzip-0\",\"size\":[1-9]\\d*,\"offsetLag\":0,\"isFuture\":false");
        });
        outcomes.test("ReassignPartitionsCommand --list", () ->
            prints(run("reassign.ReassignPartitionsCommand", "", "--bootstrap-server", bootstrap, "--list"), "No partition reassignments found."));
    }

    private void load() {
        outcomes.test("ProducerPerformance", () -> {
            String load = topic + "-load";
            prints(topicCommand("--create", "--topic", load, "--partitions", "3", "--config", "segment.bytes=1048576"));
            Harness.Result produced = run("ProducerPerformance", "", "--bootstrap-server", bootstrap, "--topic", load,
                "--num-records", "20000", "--record-size", "200", "--throughput", "-1", "--command-property", "acks=all");
            prints(produced, "20000 records sent");
            Harness.Result offsets = offsets(load, "-1");
            int sum = offsets.out().lines().mapToInt(line -> Integer.parseInt(line.substring(line.lastIndexOf(':') + 1))).sum();
            equal("records", 20000, sum);
        });
        outcomes.test("TransactionsCommand describe-producers", () ->
            prints(run("TransactionsCommand", "", "--bootstrap-server", bootstrap, "describe-producers", "--topic", topic + "-load", "--partition", "0"),
                "ProducerId", "LastSequence"));
    }

    private void transactions() {
        String id = topic + "-open";
        // Not the topic itself, which is compacted by now.
        String written = topic + "-load";
        outcomes.test("TransactionsCommand", () -> {
            Map<String, Object> settings = Map.of("bootstrap.servers", bootstrap, "transactional.id", id);
            try (KafkaProducer<String, String> producer = new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer())) {
                producer.initTransactions();
                producer.beginTransaction();
                long start = producer.send(new ProducerRecord<>(written, 0, null, "open")).get().offset();
                prints(transactions("list"), id, "Ongoing");
                prints(transactions("list", "--transactional-id-pattern", ".*-open"), id);
                lacks(transactions("list", "--transactional-id-pattern", "open"), id);
                lacks(transactions("list", "--duration-filter", "600000"), id);
                prints(transactions("describe", "--transactional-id", id), "Ongoing", written + "-0");
                String[] partition = {"--topic", written, "--partition", "0"};
                String producers = transactions(with(new String[] {"describe-producers"}, partition)).out();
                if (!Pattern.compile("\\s" + start + "\\s").matcher(producers).find()) throw new AssertionError(producers);
                lacks(transactions("find-hanging", "--broker-id", node), written);
                prints(transactions(with(new String[] {"abort", "--start-offset", String.valueOf(start)}, partition)));
                prints(transactions(with(new String[] {"describe-producers"}, partition)), "None");
                producer.abortTransaction();
            }
            eventually(() -> prints(transactions("describe", "--transactional-id", id), "CompleteAbort"));
        });
    }

    private void deletion() {
        outcomes.test("DeleteRecordsCommand", () -> {
            Path file = Files.createTempFile("offsets", ".json");
            String partition = "{\"topic\":\"" + topic + "-lz4\",\"partition\":0,\"offset\":7}";
            Files.writeString(file, "{\"version\":1,\"partitions\":[" + partition + "]}");
            prints(run("DeleteRecordsCommand", "", "--bootstrap-server", bootstrap, "--offset-json-file", file.toString()), "low_watermark: 7");
            Files.delete(file);
            prints(offsets(topic + "-lz4", "-2"), topic + "-lz4:0:7\n");
        });
        outcomes.test("TopicCommand --delete", () -> {
            prints(topicCommand("--delete", "--topic", topic + "-load"));
            eventually(() -> lacks(topicCommand("--list"), topic + "-load\n"));
            fails(topicCommand("--delete", "--topic", topic + "-load"), "does not exist as expected");
        });
    }

    private Harness.Result topicCommand(String... arguments) throws Exception {
        return run("TopicCommand", "", with(arguments, "--bootstrap-server", bootstrap));
    }

    private Harness.Result transactions(String... arguments) throws Exception {
        return run("TransactionsCommand", "", with(new String[] {"--bootstrap-server", bootstrap}, arguments));
    }

    private Harness.Result offsets(String of, String time) throws Exception {
        return run("GetOffsetShell", "", "--bootstrap-server", bootstrap, "--topic", of, "--time", time);
    }

    private Harness.Result consume(String codec, String... arguments) throws Exception {
        return run("consumer.ConsoleConsumer", "",
            with(arguments, "--bootstrap-server", bootstrap, "--topic", topic + "-" + codec, "--partition", "0"));
    }

    private Harness.Result config(String type, String name, String... arguments) throws Exception {
        return configCommand(with(arguments, "--entity-type", type, "--entity-name", name));
    }

    private Harness.Result configDefault(String... arguments) throws Exception {
        return configCommand(with(arguments, "--entity-type", "brokers", "--entity-default"));
    }

    private Harness.Result configCommand(String[] arguments) throws Exception {
        return harness.run("kafka.admin.ConfigCommand", "", with(arguments, "--bootstrap-server", bootstrap));
    }

    private Harness.Result run(String tool, String input, String... arguments) throws Exception {
        return harness.run(TOOLS + tool, input, arguments);
    }
}
