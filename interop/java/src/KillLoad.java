import java.io.BufferedWriter;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.kafka.clients.admin.AdminClient;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Load for the kill test: an idempotent producer that writes numbered values and notes each acknowledgement as
 * `partition offset number` in a file. It creates the topics first and says "ready". At the end of its standard input it
 * flushes, says how much was acknowledged and ends; a value that fails for good ends it with an error.
 */
public final class KillLoad {
    private static final int PARTITIONS = 6;
    private static final int IN_FLIGHT = 500;

    private final Semaphore room = new Semaphore(IN_FLIGHT);
    private final AtomicBoolean stopping = new AtomicBoolean();
    private final BufferedWriter acknowledged;
    private long acknowledgedCount;
    private volatile Exception failure;

    private KillLoad(String path) throws IOException {
        acknowledged = Files.newBufferedWriter(Path.of(path));
    }

    public static void main(String[] args) throws Exception {
        String bootstrap = args[0];
        String topic = args[1];
        KillLoad load = new KillLoad(args[2]);
        createTopics(bootstrap, topic);
        System.out.println("ready");
        Thread waiting = new Thread(load::stopAtEndOfInput);
        waiting.setDaemon(true);
        waiting.start();
        load.run(bootstrap, topic);
        System.out.println(load.acknowledgedCount + " acknowledged");
        Runtime.getRuntime().exit(load.failure == null ? 0 : 1);
    }

    /** Besides the topic under load there are idle ones: every one of their partitions must open again, too. */
    private static void createTopics(String bootstrap, String topic) throws Exception {
        List<NewTopic> topics = new ArrayList<>();
        Map<String, String> smallSegments = Map.of("segment.bytes", "1048576");
        topics.add(new NewTopic(topic, PARTITIONS, (short) 1).configs(smallSegments));
        for (int i = 0; i < 10; i++) topics.add(new NewTopic(topic + "-idle-" + i, 3, (short) 1));
        try (AdminClient admin = AdminClient.create(Map.<String, Object>of("bootstrap.servers", bootstrap))) {
            admin.createTopics(topics).all().get();
        }
        try (KafkaProducer<String, String> producer = producer(bootstrap)) {
            for (int i = 0; i < 10; i++) {
                for (int partition = 0; partition < 3; partition++) {
                    producer.send(new ProducerRecord<>(topic + "-idle-" + i, partition, null, "idle"));
                }
            }
        }
    }

    private void run(String bootstrap, String topic) throws Exception {
        String padding = "x".repeat(300);
        try (KafkaProducer<String, String> producer = producer(bootstrap)) {
            for (long number = 0; !stopping.get() && failure == null; number++) {
                long sent = number;
                room.acquire();
                ProducerRecord<String, String> record = new ProducerRecord<>(topic, (int) (number % PARTITIONS), null, "java-" + number + " " + padding);
                producer.send(record, (metadata, error) -> answered(sent, metadata, error));
                // About two thousand values a second.
                if (number % 20 == 0) Thread.sleep(10);
            }
            producer.flush();
        }
        acknowledged.close();
        if (failure != null) System.out.println("failed: " + failure);
    }

    private void answered(long number, RecordMetadata metadata, Exception error) {
        room.release();
        if (error != null) {
            failure = error;
            return;
        }
        try {
            acknowledged.write(metadata.partition() + " " + metadata.offset() + " " + number + "\n");
            // The runner looks at the file to see that the load goes on.
            if (++acknowledgedCount % 50 == 0) acknowledged.flush();
        } catch (IOException impossible) {
            throw new UncheckedIOException(impossible);
        }
    }

    private void stopAtEndOfInput() {
        try {
            while (System.in.read() >= 0) continue;
        } catch (IOException closed) {
            // The same as its end.
        }
        stopping.set(true);
    }

    private static KafkaProducer<String, String> producer(String bootstrap) {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", bootstrap);
        settings.put("acks", "all");
        settings.put("enable.idempotence", "true");
        settings.put("linger.ms", "2");
        settings.put("compression.type", "lz4");
        settings.put("delivery.timeout.ms", "180000");
        settings.put("request.timeout.ms", "5000");
        settings.put("reconnect.backoff.max.ms", "100");
        settings.put("retry.backoff.max.ms", "100");
        return new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer());
    }
}
