import java.io.IOException;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.kafka.clients.consumer.CommitFailedException;
import org.apache.kafka.clients.consumer.ConsumerGroupMetadata;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.consumer.SubscriptionPattern;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.RebalanceInProgressException;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.serialization.StringDeserializer;

/** A member of a group: reads, says what it read, then commits. It ends in good order when its standard input ends. */
public final class GroupMember implements ConsumerRebalanceListener {
    private static final Map<String, String> ASSIGNORS = Map.of(
        "range", "RangeAssignor", "roundrobin", "RoundRobinAssignor",
        "sticky", "StickyAssignor", "cooperative-sticky", "CooperativeStickyAssignor");

    private final Events events = new Events();
    private final AtomicBoolean stopping = new AtomicBoolean();
    private final KafkaConsumer<String, String> consumer;
    private final Map<TopicPartition, OffsetAndMetadata> uncommitted = new HashMap<>();

    private GroupMember(Map<String, String> args) {
        consumer = new KafkaConsumer<>(settings(args), new StringDeserializer(), new StringDeserializer());
        if (args.containsKey("pattern")) consumer.subscribe(new SubscriptionPattern(args.get("pattern")), this);
        else consumer.subscribe(List.of(args.get("topic").split(",")), this);
    }

    /** What a consumer in a group is started with, by the program's arguments. */
    static Properties settings(Map<String, String> args) {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", args.get("bootstrap"));
        settings.put("client.id", args.get("name"));
        settings.put("group.id", args.get("group"));
        settings.put("group.protocol", args.get("protocol"));
        settings.put("auto.offset.reset", "earliest");
        settings.put("enable.auto.commit", "false");
        settings.put("isolation.level", args.getOrDefault("isolation", "read_uncommitted"));
        settings.put("retry.backoff.ms", "50");
        settings.put("reconnect.backoff.max.ms", "200");
        if (args.containsKey("instance")) settings.put("group.instance.id", args.get("instance"));
        if (args.get("protocol").equals("classic")) {
            settings.put("session.timeout.ms", args.get("sessionMs"));
            settings.put("heartbeat.interval.ms", args.get("heartbeatMs"));
            settings.put("partition.assignment.strategy", "org.apache.kafka.clients.consumer." + ASSIGNORS.get(args.get("assignor")));
        } else if (args.containsKey("assignor")) {
            settings.put("group.remote.assignor", args.get("assignor"));
        }
        return settings;
    }

    public static void main(String[] args) {
        GroupMember member = new GroupMember(Events.arguments(args));
        Thread waiting = new Thread(member::stopAtEndOfInput);
        waiting.setDaemon(true);
        waiting.start();
        member.run();
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
        events.say("ready");
        try {
            while (!stopping.get()) {
                ConsumerRecords<String, String> records = consumer.poll(Duration.ofMillis(100));
                for (ConsumerRecord<String, String> record : records) {
                    TopicPartition partition = new TopicPartition(record.topic(), record.partition());
                    events.read(partition, record.offset(), record.value());
                    uncommitted.put(partition, new OffsetAndMetadata(record.offset() + 1));
                }
                commit();
            }
            consumer.close();
            events.say("bye");
        } catch (RuntimeException error) {
            events.say("error", error);
        }
    }

    private void commit() {
        if (uncommitted.isEmpty()) return;
        Map<TopicPartition, OffsetAndMetadata> offsets = Map.copyOf(uncommitted);
        events.say("commits");
        try {
            consumer.commitSync(offsets);
            offsets.forEach((partition, offset) -> events.say("committed", partition, offset.offset()));
            uncommitted.clear();
        } catch (RebalanceInProgressException | CommitFailedException | RetriableException error) {
            // The member joins again first; what it still owns then is committed with what comes next.
            events.say("refused", error.getClass().getSimpleName());
        }
    }

    @Override
    public void onPartitionsAssigned(Collection<TopicPartition> added) {
        ConsumerGroupMetadata group = consumer.groupMetadata();
        events.say("owns", group.generationId(), group.memberId(), Events.names(consumer.assignment()));
    }

    @Override
    public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
        if (partitions.isEmpty()) return;
        commit();
        uncommitted.keySet().removeAll(partitions);
        events.say("gives", Events.names(partitions));
    }

    @Override
    public void onPartitionsLost(Collection<TopicPartition> partitions) {
        uncommitted.keySet().removeAll(partitions);
        events.say("loses", Events.names(partitions));
    }
}
