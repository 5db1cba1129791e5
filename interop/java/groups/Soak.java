import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Random;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.CommitFailedException;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.FencedInstanceIdException;
import org.apache.kafka.common.errors.ProducerFencedException;
import org.apache.kafka.common.errors.RebalanceInProgressException;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * A client of the soak: feeds, reads or transforms, writes its history, and may be killed or stopped at any time. Arguments: address, role, name of the process, transactional id,
 * group, protocol, file of the history. Ends when its standard input does; with an error when it cannot go on, and then is to be started anew.
 */
public final class Soak implements ConsumerRebalanceListener {
    private static final int IN_PARTITIONS = 4;
    private static final int OUT_PARTITIONS = 2;
    private static final int SESSION_MS = 6000;
    private static final int TRANSACTION_MS = 6000;

    private final AtomicBoolean stopping = new AtomicBoolean();
    private final Random random = new Random();
    private final String address;
    private final String process;
    private final String transactionalId;
    private final String group;
    private final String protocol;
    private final History history;
    private KafkaConsumer<String, String> consumer;
    private KafkaProducer<String, String> producer;
    private long values;

    private Soak(String[] args) {
        address = args[0];
        process = args[2];
        transactionalId = args[3];
        group = args[4];
        protocol = args[5];
        history = new History(args[6], process);
    }

    public static void main(String[] args) {
        Soak soak = new Soak(args);
        Thread waiting = new Thread(soak::stopAtEndOfInput);
        waiting.setDaemon(true);
        waiting.start();
        int code = 0;
        try {
            switch (args[1]) {
                case "feed" -> soak.feed();
                case "read" -> soak.read();
                case "transform" -> soak.transform();
                default -> throw new IllegalArgumentException(args[1]);
            }
        } catch (KafkaException error) {
            System.out.println("gives up: " + error);
            code = 3;
        }
        Runtime.getRuntime().halt(code);
    }

    private void stopAtEndOfInput() {
        try {
            while (System.in.read() >= 0) continue;
        } catch (java.io.IOException error) {
            System.out.println(error);
        }
        stopping.set(true);
    }

    private void feed() throws KafkaException {
        openProducer();
        while (!stopping.get()) {
            pause(40);
            int first = random.nextInt(IN_PARTITIONS);
            List<History.Send> sends = new ArrayList<>();
            for (int i = 0; i < 1 + random.nextInt(4); i++)
                sends.add(new History.Send("in-" + (first + i % 2) % IN_PARTITIONS, process + "/" + values++, -1, null));
            history.add("txn", "begin", History.sends(sends));
            inTransaction(sends, null, random.nextInt(10) > 0);
        }
    }

    private void read() throws KafkaException {
        openConsumer();
        while (!stopping.get()) {
            Map<TopicPartition, Long> positions = positionsOf(poll());
            if (positions.isEmpty()) continue;
            String commits = History.commits(group, generation(), positions);
            history.add("commit", "begin", commits);
            try {
                consumer.commitSync(committable(positions), Duration.ofSeconds(10));
                history.add("commit", "ok", "");
            } catch (CommitFailedException | RebalanceInProgressException | FencedInstanceIdException error) {
                // Another attempt may have been answered too late: only the broker knows.
                history.add("commit", "unknown", "");
                seekToCommitted();
            } catch (KafkaException error) {
                history.add("commit", "unknown", "");
                throw error;
            }
        }
        consumer.close();
    }

    private void transform() throws KafkaException {
        openProducer();
        openConsumer();
        while (!stopping.get()) {
            ConsumerRecords<String, String> records = poll();
            if (records.isEmpty()) continue;
            List<History.Send> sends = new ArrayList<>();
            for (ConsumerRecord<String, String> record : records) {
                String source = record.topic() + "-" + record.partition() + "@" + record.offset();
                sends.add(new History.Send("out-" + record.offset() % OUT_PARTITIONS, process + "/" + values++, -1, source));
            }
            Map<TopicPartition, Long> positions = positionsOf(records);
            history.add("txn", "begin", History.sends(sends) + "," + History.commits(group, generation(), positions));
            if (!inTransaction(sends, positions, random.nextInt(10) > 0)) seekToCommitted();
        }
        consumer.close();
    }

    /** False: it was aborted. What cannot be known, or ends the producer, is thrown. */
    private boolean inTransaction(List<History.Send> sends, Map<TopicPartition, Long> positions, boolean commits) {
        List<Future<RecordMetadata>> acknowledged = new ArrayList<>();
        boolean asked = false;
        try {
            producer.beginTransaction();
            for (History.Send send : sends) {
                int dash = send.partition().lastIndexOf('-');
                int partition = Integer.parseInt(send.partition().substring(dash + 1));
                String topic = send.partition().substring(0, dash);
                acknowledged.add(producer.send(new ProducerRecord<>(topic, partition, null, send.value())));
            }
            if (positions != null) producer.sendOffsetsToTransaction(committable(positions), consumer.groupMetadata());
            producer.flush();
            if (commits) {
                history.add("txn", "ending", "");
                asked = true;
                producer.commitTransaction();
            } else {
                producer.abortTransaction();
            }
        } catch (ProducerFencedException error) {
            history.add("txn", asked ? "unknown" : "fail", "");
            throw error;
        } catch (KafkaException error) {
            if (asked) {
                history.add("txn", "unknown", "");
                throw error;
            }
            history.add("txn", "fail", "");
            producer.abortTransaction();
            return false;
        }
        if (commits) history.add("txn", "ok", History.sends(placed(sends, acknowledged)));
        else history.add("txn", "fail", "");
        return commits;
    }

    private static List<History.Send> placed(List<History.Send> sends, List<Future<RecordMetadata>> acknowledged) {
        List<History.Send> placed = new ArrayList<>();
        for (int i = 0; i < sends.size(); i++) {
            long offset = -1;
            try {
                RecordMetadata metadata = acknowledged.get(i).get();
                if (metadata.hasOffset()) offset = metadata.offset();
            } catch (InterruptedException | java.util.concurrent.ExecutionException error) {
                throw new KafkaException(error);
            }
            placed.add(new History.Send(sends.get(i).partition(), sends.get(i).value(), offset, null));
        }
        return placed;
    }

    private ConsumerRecords<String, String> poll() {
        ConsumerRecords<String, String> records = consumer.poll(Duration.ofMillis(100));
        if (records.isEmpty()) return records;
        List<String> reads = new ArrayList<>();
        for (ConsumerRecord<String, String> record : records)
            reads.add("[\"%s-%d\",%d,\"%s\"]".formatted(record.topic(), record.partition(), record.offset(), record.value()));
        history.add("poll", "ok", "\"polls\":[[" + String.join(",", reads) + "]]");
        return records;
    }

    private static Map<TopicPartition, Long> positionsOf(ConsumerRecords<String, String> records) {
        Map<TopicPartition, Long> positions = new HashMap<>();
        for (ConsumerRecord<String, String> record : records)
            positions.put(new TopicPartition(record.topic(), record.partition()), record.offset() + 1);
        return positions;
    }

    private static Map<TopicPartition, OffsetAndMetadata> committable(Map<TopicPartition, Long> positions) {
        return positions.entrySet().stream()
                .collect(Collectors.toMap(Map.Entry::getKey, entry -> new OffsetAndMetadata(entry.getValue())));
    }

    /** Back to where the group is. */
    private void seekToCommitted() {
        Map<TopicPartition, OffsetAndMetadata> committed = consumer.committed(consumer.assignment());
        assigned();
        for (TopicPartition partition : consumer.assignment()) {
            OffsetAndMetadata offset = committed.get(partition);
            consumer.seek(partition, offset == null ? 0 : offset.offset());
        }
    }

    /** Only members of the classic protocol know for sure which generation an assignment is of. */
    private Integer generation() {
        return protocol.equals("classic") ? consumer.groupMetadata().generationId() : null;
    }

    private void assigned() {
        String partitions = consumer.assignment().stream().map(each -> "\"" + each + "\"").collect(Collectors.joining(","));
        Integer generation = generation();
        String fields = "\"group\":\"%s\",\"partitions\":[%s]".formatted(group, partitions);
        history.add("assign", null, generation == null ? fields : fields + ",\"generation\":" + generation);
    }

    @Override
    public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
        assigned();
    }

    @Override
    public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
        history.add("subscribe", null, "");
    }

    private void pause(int meanMs) {
        try {
            Thread.sleep(random.nextInt(2 * meanMs));
        } catch (InterruptedException error) {
            throw new KafkaException(error);
        }
    }

    private void openProducer() {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", address);
        settings.put("transactional.id", transactionalId);
        settings.put("transaction.timeout.ms", TRANSACTION_MS);
        settings.put("max.block.ms", "30000");
        settings.put("delivery.timeout.ms", "30000");
        settings.put("request.timeout.ms", "12000");
        settings.put("reconnect.backoff.max.ms", "200");
        producer = new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer());
        producer.initTransactions();
    }

    private void openConsumer() {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", address);
        settings.put("group.id", group);
        settings.put("group.protocol", protocol);
        settings.put("isolation.level", "read_committed");
        settings.put("auto.offset.reset", "earliest");
        settings.put("enable.auto.commit", "false");
        settings.put("max.poll.records", "50");
        settings.put("request.timeout.ms", "12000");
        settings.put("default.api.timeout.ms", "30000");
        settings.put("reconnect.backoff.max.ms", "200");
        if (protocol.equals("classic")) {
            settings.put("session.timeout.ms", SESSION_MS);
            settings.put("heartbeat.interval.ms", "1000");
            settings.put(
                    "partition.assignment.strategy", "org.apache.kafka.clients.consumer.RangeAssignor");
        }
        consumer = new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer());
        history.add("subscribe", null, "");
        consumer.subscribe(List.of("in"), this);
    }
}
