import java.util.Arrays;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.LongStream;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Transactions, one after the other, of several producers: {@code Transactions HOST:PORT TOPIC PRODUCERS WARMUP SECONDS}. Each has a thread and a partition of its own,
 * and writes one record of 100 bytes in each transaction. Prints one JSON object: how many were committed in the seconds after the warm-up, how many in all,
 * those seconds, and p50Us and p99Us from begin to having been committed.
 */
final class Transactions {
    private static final int MOST = 1_000_000;

    private Transactions() {}

    /** One producer's transactions, from when it began on. */
    private static final class Worker extends Thread {
        private final KafkaProducer<byte[], byte[]> producer;
        private final String topic;
        private final int partition;
        private final long measureNs;
        private final long endNs;
        private final AtomicReference<Throwable> failure;
        private final long[] latencies = new long[MOST];
        private int measured;
        private int total;

        private Worker(KafkaProducer<byte[], byte[]> producer, String topic, int partition, long[] times, AtomicReference<Throwable> failure) {
            this.producer = producer;
            this.topic = topic;
            this.partition = partition;
            this.measureNs = times[0];
            this.endNs = times[1];
            this.failure = failure;
        }

        @Override
        public void run() {
            byte[] value = new byte[100];
            try {
                for (long began = System.nanoTime(); began < endNs && measured < MOST; began = System.nanoTime()) {
                    producer.beginTransaction();
                    producer.send(new ProducerRecord<>(topic, partition, null, value));
                    producer.commitTransaction();
                    total++;
                    if (began >= measureNs) latencies[measured++] = System.nanoTime() - began;
                }
            } catch (RuntimeException problem) {
                failure.set(problem);
            }
        }
    }

    public static void main(String[] arguments) throws InterruptedException {
        int count = Integer.parseInt(arguments[2]);
        double seconds = Double.parseDouble(arguments[4]);
        AtomicReference<Throwable> failure = new AtomicReference<>();
        @SuppressWarnings({"unchecked", "rawtypes"})
        KafkaProducer<byte[], byte[]>[] producers = new KafkaProducer[count];
        for (int i = 0; i < count; i++) {
            Map<String, Object> settings = Map.of("bootstrap.servers", arguments[0], "transactional.id", arguments[1] + "-" + UUID.randomUUID());
            producers[i] = new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer());
            producers[i].initTransactions();
        }
        long measureNs = System.nanoTime() + (long) (Double.parseDouble(arguments[3]) * 1e9);
        long[] times = {measureNs, measureNs + (long) (seconds * 1e9)};
        Worker[] workers = new Worker[count];
        for (int i = 0; i < count; i++) workers[i] = new Worker(producers[i], arguments[1], i, times, failure);
        for (Worker worker : workers) worker.start();
        for (Worker worker : workers) worker.join();
        for (KafkaProducer<byte[], byte[]> producer : producers) producer.close();
        if (failure.get() != null) throw new IllegalStateException("a transaction failed", failure.get());
        long[] latencies = Arrays.stream(workers).flatMapToLong(worker -> LongStream.of(worker.latencies).limit(worker.measured)).sorted().toArray();
        int total = Arrays.stream(workers).mapToInt(worker -> worker.total).sum();
        System.out.printf("{\"transactions\":%d,\"total\":%d,\"seconds\":%.3f,\"p50Us\":%.1f,\"p99Us\":%.1f}%n",
            latencies.length, total, seconds, quantile(latencies, 0.5), quantile(latencies, 0.99));
    }

    private static double quantile(long[] sorted, double q) {
        return sorted.length == 0 ? 0 : sorted[(int) (q * (sorted.length - 1))] / 1e3;
    }
}
