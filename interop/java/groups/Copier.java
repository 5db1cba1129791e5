import java.io.IOException;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.AuthorizationException;
import org.apache.kafka.common.errors.OutOfOrderSequenceException;
import org.apache.kafka.common.errors.ProducerFencedException;
import org.apache.kafka.common.errors.UnsupportedVersionException;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Consumes in a group, changes what it read, produces it to the same partition of another topic and commits the offsets, all in one transaction. It may be killed
 * at any time; the group as a whole must write everything exactly once.
 */
public final class Copier implements ConsumerRebalanceListener {
    /** So slow that a kill falls into a transaction more often than not. */
    private static final int PAUSE_MS = 20;

    private final Events events = new Events();
    private final AtomicBoolean stopping = new AtomicBoolean();
    private final KafkaConsumer<String, String> consumer;
    private final KafkaProducer<String, String> producer;
    private final String output;

    private Copier(Map<String, String> args) {
        output = args.get("output");
        consumer = new KafkaConsumer<>(GroupMember.settings(args), new StringDeserializer(), new StringDeserializer());
        consumer.subscribe(List.of(args.get("topic")), this);
        Properties settings = new Properties();
        settings.put("bootstrap.servers", args.get("bootstrap"));
        settings.put("transactional.id", args.get("transactionalId"));
        settings.put("transaction.timeout.ms", args.get("transactionMs"));
        // The broker may be away for a moment.
        settings.put("max.block.ms", "60000");
        settings.put("reconnect.backoff.max.ms", "200");
        producer = new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer());
    }

    public static void main(String[] args) {
        Copier copier = new Copier(Events.arguments(args));
        Thread waiting = new Thread(copier::stopAtEndOfInput);
        waiting.setDaemon(true);
        waiting.start();
        copier.run();
    }

    private void stopAtEndOfInput() {
        try {
            while (System.in.read() >= 0) continue;
        } catch (IOException error) {
            events.say("error", error);
        }
        stopping.set(true);
    }

    private void run() {
        try {
            producer.initTransactions();
            events.say("ready");
            while (!stopping.get()) {
                ConsumerRecords<String, String> records = consumer.poll(Duration.ofMillis(100));
                if (!records.isEmpty()) copy(records);
            }
            consumer.close();
            producer.close();
            events.say("bye");
        } catch (ProducerFencedException | OutOfOrderSequenceException | AuthorizationException | UnsupportedVersionException error) {
            // Nothing but a new producer helps; the runner starts one, as a supervisor would.
            events.say("fatal", error);
            Runtime.getRuntime().halt(3);
        } catch (RuntimeException | InterruptedException error) {
            events.say("error", error);
            Runtime.getRuntime().halt(1);
        }
    }

    private void copy(ConsumerRecords<String, String> records) throws InterruptedException {
        producer.beginTransaction();
        try {
            Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
            for (ConsumerRecord<String, String> record : records) {
                producer.send(new ProducerRecord<>(output, record.partition(), null, record.value() + "-copied"));
                offsets.put(new TopicPartition(record.topic(), record.partition()), new OffsetAndMetadata(record.offset() + 1));
            }
            producer.flush();
            Thread.sleep(PAUSE_MS);
            producer.sendOffsetsToTransaction(offsets, consumer.groupMetadata());
            producer.commitTransaction();
            events.say("copied", records.count());
        } catch (ProducerFencedException | OutOfOrderSequenceException | AuthorizationException | UnsupportedVersionException error) {
            throw error;
        } catch (KafkaException error) {
            events.say("refused", error);
            abort();
            rewind();
        }
    }

    private void abort() {
        try {
            producer.abortTransaction();
        } catch (KafkaException error) {
            // A transaction that took too long was aborted by the broker, and its producer may not go on.
            throw new ProducerFencedException(error.toString());
        }
    }

    /** Back to what has been committed: the transaction took nothing along. */
    private void rewind() {
        Map<TopicPartition, OffsetAndMetadata> committed = consumer.committed(new HashSet<>(consumer.assignment()));
        committed.forEach((partition, offset) -> {
            if (offset == null) consumer.seekToBeginning(List.of(partition));
            else consumer.seek(partition, offset.offset());
        });
    }

    @Override
    public void onPartitionsAssigned(Collection<TopicPartition> added) {
        events.say("owns", consumer.groupMetadata().generationId(), consumer.groupMetadata().memberId(), Events.names(consumer.assignment()));
    }

    @Override
    public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
        events.say("gives", Events.names(partitions));
    }

    @Override
    public void onPartitionsLost(Collection<TopicPartition> partitions) {
        events.say("loses", Events.names(partitions));
    }
}
