import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * From send to having been polled, in one process with one clock: {@code EndToEnd HOST:PORT TOPIC RATE BYTES WARMUP SECONDS [committed]} sends RATE records of BYTES a second to
 * partition 0 with acks=all and no lingering, each when it is due, while another thread consumes them, assigned. Prints one JSON object: p50Us, p99Us, maxUs of
 * the records that were due after the warm-up. With {@code committed} each record is a transaction, and the consumer reads what is committed.
 */
final class EndToEnd {
    private EndToEnd() {}

    public static void main(String[] arguments) throws InterruptedException {
        int rate = Integer.parseInt(arguments[2]);
        int bytes = Integer.parseInt(arguments[3]);
        int warmUp = (int) (Double.parseDouble(arguments[4]) * rate);
        int total = warmUp + (int) (Double.parseDouble(arguments[5]) * rate);
        long[] latencies = new long[total];
        AtomicReference<Throwable> failure = new AtomicReference<>();
        boolean inTransactions = arguments.length > 6 && arguments[6].equals("committed");
        String isolation = inTransactions ? "read_committed" : "read_uncommitted";
        Map<String, Object> reading =
            Map.of("bootstrap.servers", arguments[0], "auto.offset.reset", "earliest", "enable.auto.commit", false, "isolation.level", isolation);
        var consumer = new KafkaConsumer<>(reading, new ByteArrayDeserializer(), new ByteArrayDeserializer());
        var partition = new TopicPartition(arguments[1], 0);
        consumer.assign(List.of(partition));
        consumer.seekToBeginning(List.of(partition));
        consumer.poll(Duration.ofMillis(100));
        Thread reader = new Thread(() -> {
            try (consumer) {
                read(consumer, latencies);
            } catch (RuntimeException problem) {
                failure.set(problem);
            }
        });
        reader.start();
        Map<String, Object> writing = new HashMap<>(Map.of("bootstrap.servers", arguments[0], "acks", "all", "linger.ms", 0));
        if (inTransactions) writing.put("transactional.id", arguments[1] + "-" + UUID.randomUUID());
        try (var producer = new KafkaProducer<>(writing, new ByteArraySerializer(), new ByteArraySerializer())) {
            if (inTransactions) producer.initTransactions();
            long began = System.nanoTime() + 100_000_000L;
            for (int i = 0; i < total; i++) {
                long due = began + i * 1_000_000_000L / rate;
                for (long left = due - System.nanoTime(); left > 0; left = due - System.nanoTime()) LockSupport.parkNanos(left);
                if (inTransactions) producer.beginTransaction();
                byte[] value = new byte[Math.max(bytes, 8)];
                ByteBuffer.wrap(value).putLong(due);
                producer.send(new ProducerRecord<>(arguments[1], 0, null, value), (sent, problem) -> {
                    if (problem != null) failure.set(problem);
                });
                if (inTransactions) producer.commitTransaction();
            }
        }
        reader.join(60_000);
        if (reader.isAlive() || failure.get() != null) throw new IllegalStateException("not everything arrived", failure.get());
        long[] measured = Arrays.copyOfRange(latencies, warmUp, total);
        Arrays.sort(measured);
        System.out.printf("{\"p50Us\":%.1f,\"p99Us\":%.1f,\"maxUs\":%.1f}%n", quantile(measured, 0.5), quantile(measured, 0.99), quantile(measured, 1));
    }

    private static void read(KafkaConsumer<byte[], byte[]> consumer, long[] latencies) {
        for (int arrived = 0; arrived < latencies.length; ) {
            var polled = consumer.poll(Duration.ofSeconds(30));
            if (polled.isEmpty()) throw new IllegalStateException("nothing arrived in 30 s");
            long now = System.nanoTime();
            for (ConsumerRecord<byte[], byte[]> record : polled) latencies[arrived++] = now - ByteBuffer.wrap(record.value()).getLong();
        }
    }

    private static double quantile(long[] sorted, double q) {
        return sorted[(int) (q * (sorted.length - 1))] / 1e3;
    }
}
