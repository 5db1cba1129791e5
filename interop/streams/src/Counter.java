import java.io.IOException;
import java.time.Duration;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Named;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.state.KeyValueStore;

/**
 * An instance of a Kafka Streams application that counts, exactly once: records go by their new key through a repartition topic, the counts into a store with a changelog, and each new
 * count to the output, all in one transaction with the offsets. It may be killed at any time; another one takes its tasks over and restores their stores.
 */
public final class Counter {
    private static final int WORDS = 40;

    private Counter() {}

    public static void main(String[] args) throws IOException {
        Map<String, String> arguments = Events.arguments(args);
        Events events = new Events();
        StreamsBuilder builder = new StreamsBuilder();
        builder.<String, String>stream(arguments.get("topic"))
                .selectKey((key, value) -> wordOf(value), Named.as("by-word"))
                .groupByKey(Grouped.as("words"))
                .count(Materialized.<String, Long, KeyValueStore<Bytes, byte[]>>as("counts"))
                .toStream()
                .map((word, count) -> new org.apache.kafka.streams.KeyValue<>(word, word + "=" + count))
                .to(arguments.get("output"), Produced.with(Serdes.String(), Serdes.String()));
        KafkaStreams streams = new KafkaStreams(builder.build(), settings(arguments));
        AtomicBoolean isReady = new AtomicBoolean();
        streams.setUncaughtExceptionHandler(error -> {
            // What a broker that is away, or another instance, makes of a transaction is the thread's end, and the next one's beginning.
            events.say("refused", error);
            return StreamThreadExceptionResponse.REPLACE_THREAD;
        });
        streams.setStateListener((state, before) -> {
            if (state == KafkaStreams.State.RUNNING && isReady.compareAndSet(false, true)) events.say("ready");
            if (state == KafkaStreams.State.ERROR) events.say("error", "the application is in state ERROR");
        });
        streams.start();
        while (System.in.read() >= 0) {}
        boolean isClosed = streams.close(Duration.ofSeconds(30));
        if (isClosed) events.say("bye");
        else events.say("error", "it does not close");
        Runtime.getRuntime().halt(0);
    }

    /** Of a record's number, `v123`. */
    private static String wordOf(String value) {
        return "w" + Integer.parseInt(value.substring(1)) % WORDS;
    }

    private static Properties settings(Map<String, String> arguments) {
        Properties settings = new Properties();
        settings.put("application.id", arguments.get("application"));
        settings.put("bootstrap.servers", arguments.get("bootstrap"));
        settings.put("state.dir", arguments.get("state"));
        settings.put("processing.guarantee", "exactly_once_v2");
        settings.put("num.stream.threads", "2");
        settings.put("num.standby.replicas", "1");
        settings.put("replication.factor", "1");
        settings.put("commit.interval.ms", "100");
        // Each count comes out, not the last of some.
        settings.put("statestore.cache.max.bytes", "0");
        settings.put("default.key.serde", Serdes.StringSerde.class.getName());
        settings.put("default.value.serde", Serdes.StringSerde.class.getName());
        settings.put("session.timeout.ms", arguments.get("sessionMs"));
        settings.put("heartbeat.interval.ms", "500");
        settings.put("transaction.timeout.ms", "10000");
        settings.put("reconnect.backoff.max.ms", "200");
        return settings;
    }
}
