import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.TopicPartitionReplica;
import org.apache.kafka.common.errors.KafkaStorageException;
import org.apache.kafka.common.errors.LogDirNotFoundException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * Moves partitions between the log directories of a broker with Kafka's own tool, and reads along: see interop/kill. It takes its commands from standard input, one a line, and says when one is
 * done.
 *
 * <pre>
 * watch                         begins to read the topic, and goes on until `seen`
 * refuses UNKNOWN OFFLINE       moves that have to be refused
 * move DIR...                   partition N to the Nth directory, and around again; waits until all are there
 * begin BYTES_PER_SECOND DIR... the same, so slowly that it is not over when it comes back
 * complete DIR...               lets that go as fast as it can, and waits for its end
 * seen                          everything that is in the topic has been read, in order and once
 * </pre>
 */
public final class MoveLogs extends Checks {
    private static final String TOOL = "org.apache.kafka.tools.reassign.ReassignPartitionsCommand";
    private static final long PATIENCE_MS = 120_000;

    private final Harness harness = new Harness();
    private final Outcomes outcomes = new Outcomes(harness.console);
    private final String bootstrap;
    private final String topic;
    private final int partitionCount;
    private final Admin admin;
    private final int node;
    private final Path plan;
    private final Thread reader = new Thread(this::read, "reader");
    private volatile boolean reading = true;
    /** The offset that comes next in each partition; whoever touches it holds its lock. */
    private final Map<Integer, Long> next = new HashMap<>();
    private volatile String readProblem;

    private MoveLogs(String bootstrap, String topic, int partitionCount) throws Exception {
        this.bootstrap = bootstrap;
        this.topic = topic;
        this.partitionCount = partitionCount;
        this.admin = Admin.create(Map.of("bootstrap.servers", bootstrap, "default.api.timeout.ms", "120000"));
        this.node = admin.describeCluster().nodes().get().iterator().next().id();
        this.plan = Files.createTempFile("plan", ".json");
        reader.setDaemon(true);
    }

    public static void main(String[] args) throws Exception {
        MoveLogs moves = new MoveLogs(args[0], args[1], Integer.parseInt(args[2]));
        BufferedReader commands = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = commands.readLine(); line != null; line = commands.readLine()) {
            List<String> words = List.of(line.split(" "));
            moves.obey(words.get(0), words.subList(1, words.size()));
            moves.harness.console.println("done " + line);
        }
        Files.delete(moves.plan);
        moves.outcomes.end();
    }

    private void obey(String name, List<String> arguments) {
        switch (name) {
            case "watch" -> reader.start();
            case "refuses" -> refuses(arguments.get(0), arguments.get(1));
            case "move" -> outcomes.test("a move, and its verification", () -> {
                execute(arguments);
                complete(arguments);
            });
            case "begin" -> outcomes.test("a move with a throttle goes on while it is verified", () -> {
                execute(arguments.subList(1, arguments.size()), "--replica-alter-log-dirs-throttle", arguments.get(0));
                matches(verify(), "Reassignment of replica " + topic + "-\\d+-" + node + " is still in progress");
            });
            case "complete" -> outcomes.test("a move that was interrupted is completed, with another throttle", () -> {
                execute(arguments, "--replica-alter-log-dirs-throttle", "1000000000");
                complete(arguments);
            });
            case "seen" -> outcomes.test("a consumer has read everything meanwhile, without a gap, a double or an error", this::seen);
            default -> throw new IllegalArgumentException(name);
        }
    }

    private void execute(List<String> directories, String... more) throws Exception {
        writePlan(directories);
        Harness.Result executed = tool(with(more, "--execute"));
        prints(executed, "Successfully started moving log directory to " + directoryOf(0, directories) + " for replica " + topic + "-0 with broker " + node);
    }

    /** As an operator would: asks again until it is so. */
    private void complete(List<String> directories) throws Exception {
        writePlan(directories);
        long deadlineMs = System.currentTimeMillis() + PATIENCE_MS;
        while (true) {
            Harness.Result verified = verify();
            long done = verified.out().lines().filter(line -> line.contains("Reassignment of replica " + topic) && line.contains("completed successfully")).count();
            if (done == partitionCount) break;
            if (System.currentTimeMillis() > deadlineMs) throw new AssertionError(shown(verified));
            Thread.sleep(50);
        }
        Map<String, Integer> found = new TreeMap<>();
        admin.describeLogDirs(List.of(node)).allDescriptions().get().get(node).forEach((path, directory) ->
            directory.replicaInfos().forEach((partition, replica) -> {
                if (partition.topic().equals(topic)) found.merge(partition.partition() + " in " + path + (replica.isFuture() ? ", a copy" : ""), 1, Integer::sum);
            }));
        Map<String, Integer> expected = new TreeMap<>();
        for (int partition = 0; partition < partitionCount; partition++) expected.put(partition + " in " + directoryOf(partition, directories), 1);
        equal("where the partitions are", expected, found);
    }

    private Harness.Result verify() throws Exception {
        Harness.Result verified = tool("--verify");
        prints(verified, "Status of partition reassignment:");
        return verified;
    }

    private void refuses(String unknown, String offline) {
        outcomes.test("a move to a directory that is none of the broker's", () -> {
            refused(unknown, 0, LogDirNotFoundException.class);
            writePlan(List.of(unknown));
            fails(tool("--execute", "--timeout", "2000"), "Failed to alter dir for " + topic);
        });
        outcomes.test("a move to a relative path", () -> refused(Path.of("").toAbsolutePath().relativize(Path.of(unknown)).toString(), 0, LogDirNotFoundException.class));
        outcomes.test("a move to a directory that is offline", () -> {
            refused(offline, 0, KafkaStorageException.class);
            writePlan(List.of(offline));
            fails(tool("--execute", "--timeout", "2000"), "Failed to alter dir for " + topic);
        });
        outcomes.test("a move of a partition that is not there", () -> refused(firstDirectory(), 1000, UnknownTopicOrPartitionException.class));
        outcomes.test("a move to where the partition is", () -> {
            String here = admin.describeReplicaLogDirs(List.of(replica(0))).all().get().get(replica(0)).getCurrentReplicaLogDir();
            admin.alterReplicaLogDirs(Map.of(replica(0), here)).all().get();
        });
    }

    private String firstDirectory() throws Exception {
        return admin.describeReplicaLogDirs(List.of(replica(0))).all().get().get(replica(0)).getCurrentReplicaLogDir();
    }

    private void refused(String directory, int partition, Class<? extends Exception> expected) throws Exception {
        try {
            admin.alterReplicaLogDirs(Map.of(replica(partition), directory)).all().get();
        } catch (ExecutionException error) {
            equal("error", expected, error.getCause().getClass());
            return;
        }
        throw new AssertionError("expected " + expected + ", came none");
    }

    private TopicPartitionReplica replica(int partition) {
        return new TopicPartitionReplica(topic, partition, node);
    }

    private static String directoryOf(int partition, List<String> directories) {
        return directories.get(partition % directories.size());
    }

    private void writePlan(List<String> directories) throws Exception {
        List<String> partitions = new ArrayList<>();
        for (int partition = 0; partition < partitionCount; partition++) {
            partitions.add("{\"topic\":\"" + topic + "\",\"partition\":" + partition + ",\"replicas\":[" + node + "],\"log_dirs\":[\"" + directoryOf(partition, directories) + "\"]}");
        }
        Files.writeString(plan, "{\"version\":1,\"partitions\":[" + String.join(",", partitions) + "]}");
    }

    private Harness.Result tool(String... arguments) throws Exception {
        return harness.run(TOOL, "", with(arguments, "--bootstrap-server", bootstrap, "--reassignment-json-file", plan.toString()));
    }

    private void read() {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", bootstrap);
        settings.put("auto.offset.reset", "none");
        settings.put("enable.auto.commit", "false");
        settings.put("reconnect.backoff.max.ms", "100");
        try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            List<TopicPartition> partitions = new ArrayList<>();
            for (int partition = 0; partition < partitionCount; partition++) partitions.add(new TopicPartition(topic, partition));
            consumer.assign(partitions);
            for (TopicPartition partition : partitions) consumer.seek(partition, 0);
            while (reading) {
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(100))) took(record);
            }
        } catch (Exception error) {
            readProblem = error.toString();
        }
    }

    private void took(ConsumerRecord<byte[], byte[]> record) {
        synchronized (next) {
            long expected = next.getOrDefault(record.partition(), 0L);
            if (record.offset() != expected && readProblem == null) readProblem = "partition " + record.partition() + ": " + record.offset() + " came where " + expected + " was next";
            next.put(record.partition(), record.offset() + 1);
        }
    }

    private void seen() throws Exception {
        long deadlineMs = System.currentTimeMillis() + PATIENCE_MS;
        for (int partition = 0; partition < partitionCount; partition++) {
            TopicPartition each = new TopicPartition(topic, partition);
            long end = admin.listOffsets(Map.of(each, OffsetSpec.latest())).partitionResult(each).get().offset();
            while (readProblem == null) {
                synchronized (next) {
                    if (next.getOrDefault(partition, 0L) >= end) break;
                }
                if (System.currentTimeMillis() > deadlineMs) throw new AssertionError(each + " has not been read up to " + end + ": " + next);
                Thread.sleep(20);
            }
        }
        reading = false;
        reader.join();
        if (readProblem != null) throw new AssertionError(readProblem);
    }
}
