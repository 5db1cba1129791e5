import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.springframework.context.annotation.AnnotationConfigApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.kafka.annotation.EnableKafka;
import org.springframework.kafka.annotation.KafkaListener;
import org.springframework.kafka.config.ConcurrentKafkaListenerContainerFactory;
import org.springframework.kafka.core.DefaultKafkaConsumerFactory;
import org.springframework.kafka.core.DefaultKafkaProducerFactory;
import org.springframework.kafka.core.KafkaAdmin;
import org.springframework.kafka.core.KafkaTemplate;
import org.springframework.kafka.listener.AcknowledgingMessageListener;
import org.springframework.kafka.listener.BatchMessageListener;
import org.springframework.kafka.listener.ConcurrentMessageListenerContainer;
import org.springframework.kafka.listener.ContainerProperties;
import org.springframework.kafka.listener.ContainerProperties.AckMode;
import org.springframework.kafka.listener.DeadLetterPublishingRecoverer;
import org.springframework.kafka.listener.DefaultErrorHandler;
import org.springframework.kafka.listener.MessageListener;
import org.springframework.kafka.transaction.KafkaTransactionManager;
import org.springframework.util.backoff.FixedBackOff;

/** Spring for Apache Kafka as its users have it: listener containers with every kind of acknowledgement, templates with transactions, annotated listeners. */
public final class SpringKafka {
    private static final int PARTITIONS = 3;
    private static final int RECORDS = 60;

    private final Report report = new Report();
    private final String bootstrap;
    private final String prefix;
    private final KafkaTemplate<String, String> template;

    private SpringKafka(String bootstrap, String prefix) {
        this.bootstrap = bootstrap;
        this.prefix = prefix;
        this.template = new KafkaTemplate<>(producers(null));
    }

    public static void main(String[] args) {
        SpringKafka spring = new SpringKafka(args[0], args[2]);
        spring.admin();
        for (String protocol : List.of("classic", "consumer")) spring.manualAcknowledgement(protocol);
        spring.batches();
        spring.deadLetters();
        spring.transactions();
        spring.exactlyOnceListener();
        spring.annotations();
        spring.report.end();
    }

    private void admin() {
        report.test("KafkaAdmin creates the topics that a context declares", () -> {
            KafkaAdmin admin = new KafkaAdmin(Map.of("bootstrap.servers", bootstrap));
            NewTopic[] topics = List.of("manual-classic", "manual-consumer", "batch", "dead", "dead-dlt", "transactions", "in", "out", "annotated-a", "annotated-b").stream()
                .map(name -> new NewTopic(topic(name), PARTITIONS, (short) 1)).toArray(NewTopic[]::new);
            admin.createOrModifyTopics(topics);
            Report.equal("partitions", PARTITIONS, admin.describeTopics(topic("manual-classic")).get(topic("manual-classic")).partitions().size());
        });
    }

    private void manualAcknowledgement(String protocol) {
        report.test("manual acknowledgement in a " + protocol + " group, over a restart of the container", () -> {
            String in = topic("manual-" + protocol);
            fill(in, 0, RECORDS);
            List<String> seen = new CopyOnWriteArrayList<>();
            Set<String> refused = ConcurrentHashMap.newKeySet();
            AcknowledgingMessageListener<String, String> listener = (record, acknowledgment) -> {
                // Each tenth record is sent back once, and must come again.
                if (record.value().endsWith("0") && refused.add(record.value())) {
                    acknowledgment.nack(Duration.ofMillis(10));
                    return;
                }
                seen.add(record.value());
                acknowledgment.acknowledge();
            };
            Map<String, Object> settings = Map.of("group.protocol", protocol);
            ConcurrentMessageListenerContainer<String, String> first = container(in, settings, properties -> {
                properties.setAckMode(AckMode.MANUAL_IMMEDIATE);
                properties.setMessageListener(listener);
            });
            first.start();
            eventually("all records", () -> seen.size() == RECORDS);
            first.stop();
            fill(in, RECORDS, 2 * RECORDS);
            ConcurrentMessageListenerContainer<String, String> second = container(in, settings, properties -> {
                properties.setAckMode(AckMode.MANUAL);
                properties.setMessageListener(listener);
            });
            second.start();
            eventually("all records", () -> seen.size() >= 2 * RECORDS);
            second.stop();
            Report.equal("records", numbers(0, 2 * RECORDS), sorted(seen));
            Report.equal("committed", (long) 2 * RECORDS, committed(in));
        });
    }

    private void batches() {
        report.test("a batch listener whose batch fails gets it again", () -> {
            String in = topic("batch");
            fill(in, 0, RECORDS);
            AtomicInteger failures = new AtomicInteger();
            List<String> seen = new CopyOnWriteArrayList<>();
            ConcurrentMessageListenerContainer<String, String> container = container(in, Map.of("max.poll.records", "7"), properties -> {
                properties.setAckMode(AckMode.BATCH);
                properties.setMessageListener((BatchMessageListener<String, String>) records -> {
                    if (failures.incrementAndGet() <= 2) throw new IllegalStateException("not this time");
                    for (ConsumerRecord<String, String> record : records) seen.add(record.value());
                });
            });
            container.setCommonErrorHandler(new DefaultErrorHandler(new FixedBackOff(20, 5)));
            container.start();
            eventually("all records", () -> seen.size() >= RECORDS);
            container.stop();
            Report.equal("records", numbers(0, RECORDS), sorted(seen));
            Report.equal("committed", (long) RECORDS, committed(in));
        });
    }

    private void deadLetters() {
        report.test("a record that always fails goes to the dead letters, the others on", () -> {
            String in = topic("dead");
            fill(in, 0, RECORDS);
            List<String> seen = new CopyOnWriteArrayList<>();
            ConcurrentMessageListenerContainer<String, String> container = container(in, Map.of(), properties -> {
                properties.setAckMode(AckMode.RECORD);
                properties.setMessageListener((MessageListener<String, String>) record -> {
                    if (record.value().equals("7")) throw new IllegalStateException("never");
                    seen.add(record.value());
                });
            });
            DeadLetterPublishingRecoverer recoverer = new DeadLetterPublishingRecoverer(template);
            container.setCommonErrorHandler(new DefaultErrorHandler(recoverer, new FixedBackOff(10, 2)));
            container.start();
            eventually("the other records", () -> seen.size() == RECORDS - 1);
            eventually("all offsets committed", () -> committed(in) == RECORDS);
            container.stop();
            Report.equal("dead letters", List.of("7"), readCommitted(topic("dead-dlt")));
        });
    }

    private void transactions() {
        report.test("executeInTransaction commits, and rolls back when the callback throws", () -> {
            String out = topic("transactions");
            KafkaTemplate<String, String> transactional = new KafkaTemplate<>(producers(prefix + "-template-"));
            for (int i = 0; i < 10; i++) {
                String value = String.valueOf(i);
                boolean fails = i % 2 == 1;
                try {
                    transactional.executeInTransaction(operations -> {
                        for (int partition = 0; partition < PARTITIONS; partition++) operations.send(out, partition, null, value);
                        operations.flush();
                        if (fails) throw new IllegalStateException("rolled back");
                        return true;
                    });
                    Report.that("a failure of " + value, !fails);
                } catch (IllegalStateException error) {
                    Report.that("no failure of " + value, fails);
                }
            }
            transactional.destroy();
            List<String> expected = new ArrayList<>();
            for (int i = 0; i < 10; i += 2) expected.addAll(Collections.nCopies(PARTITIONS, String.valueOf(i)));
            Report.equal("committed", sorted(expected), readCommitted(out));
        });
    }

    private void exactlyOnceListener() {
        report.test("a listener in a transaction of its container: what it sends goes with its offsets, or not at all", () -> {
            String in = topic("in");
            String out = topic("out");
            fill(in, 0, RECORDS);
            DefaultKafkaProducerFactory<String, String> producers = producers(prefix + "-listener-");
            KafkaTemplate<String, String> sends = new KafkaTemplate<>(producers);
            Set<String> failed = ConcurrentHashMap.newKeySet();
            AtomicInteger handled = new AtomicInteger();
            ConcurrentMessageListenerContainer<String, String> container = container(in, Map.of("isolation.level", "read_committed"), properties -> {
                properties.setKafkaAwareTransactionManager(new KafkaTransactionManager<>(producers));
                properties.setMessageListener((MessageListener<String, String>) record -> {
                    sends.send(out, record.partition(), null, record.value());
                    // What was sent before it threw must not be seen.
                    if (record.value().endsWith("3") && failed.add(record.value())) throw new IllegalStateException("once");
                    handled.incrementAndGet();
                });
            });
            container.start();
            eventually("all records", () -> handled.get() >= RECORDS);
            eventually("all offsets committed", () -> ends(out) > 0 && readCommitted(out).size() >= RECORDS);
            container.stop();
            sends.destroy();
            Report.equal("output", numbers(0, RECORDS), readCommitted(out));
            Report.equal("transactions that failed", 6, failed.size());
        });
    }

    /** What an application writes: annotated methods, one of them for every topic that matches. */
    private void annotations() {
        report.test("annotated listeners, one with a pattern", () -> {
            System.setProperty("interop.bootstrap", bootstrap);
            System.setProperty("interop.prefix", prefix);
            fill(topic("annotated-a"), 0, RECORDS);
            fill(topic("annotated-b"), RECORDS, 2 * RECORDS);
            try (AnnotationConfigApplicationContext context = new AnnotationConfigApplicationContext(Application.class)) {
                Listeners listeners = context.getBean(Listeners.class);
                eventually("all records", () -> listeners.byName.size() == RECORDS && listeners.byPattern.size() == 2 * RECORDS);
                Report.equal("by name", numbers(0, RECORDS), sorted(listeners.byName));
                Report.equal("by pattern", numbers(0, 2 * RECORDS), sorted(listeners.byPattern));
            }
        });
    }

    @Configuration
    @EnableKafka
    static class Application {
        @Bean
        ConcurrentKafkaListenerContainerFactory<String, String> kafkaListenerContainerFactory() {
            ConcurrentKafkaListenerContainerFactory<String, String> factory = new ConcurrentKafkaListenerContainerFactory<>();
            Map<String, Object> settings = consumerSettings(System.getProperty("interop.bootstrap"));
            factory.setConsumerFactory(new DefaultKafkaConsumerFactory<>(settings, new StringDeserializer(), new StringDeserializer()));
            factory.setConcurrency(2);
            return factory;
        }

        @Bean
        Listeners listeners() {
            return new Listeners();
        }
    }

    static class Listeners {
        final List<String> byName = new CopyOnWriteArrayList<>();
        final List<String> byPattern = new CopyOnWriteArrayList<>();

        @KafkaListener(topics = "${interop.prefix}-spring-annotated-a", groupId = "${interop.prefix}-by-name")
        void named(String value) {
            byName.add(value);
        }

        @KafkaListener(topicPattern = "${interop.prefix}-spring-annotated-.", groupId = "${interop.prefix}-by-pattern")
        void matching(String value) {
            byPattern.add(value);
        }
    }

    private interface Setup {
        void on(ContainerProperties properties);
    }

    /** A container with three consumers, in the group that belongs to the topic. */
    private ConcurrentMessageListenerContainer<String, String> container(String in, Map<String, Object> more, Setup setup) {
        Map<String, Object> settings = consumerSettings(bootstrap);
        settings.putAll(more);
        ContainerProperties properties = new ContainerProperties(in);
        properties.setGroupId(in + "-group");
        setup.on(properties);
        DefaultKafkaConsumerFactory<String, String> consumers = new DefaultKafkaConsumerFactory<>(settings, new StringDeserializer(), new StringDeserializer());
        ConcurrentMessageListenerContainer<String, String> container = new ConcurrentMessageListenerContainer<>(consumers, properties);
        container.setConcurrency(PARTITIONS);
        return container;
    }

    private static Map<String, Object> consumerSettings(String bootstrap) {
        return new HashMap<>(Map.of("bootstrap.servers", bootstrap, "auto.offset.reset", "earliest", "fetch.max.wait.ms", "100"));
    }

    private DefaultKafkaProducerFactory<String, String> producers(String transactionIdPrefix) {
        DefaultKafkaProducerFactory<String, String> producers =
            new DefaultKafkaProducerFactory<>(Map.of("bootstrap.servers", bootstrap), new StringSerializer(), new StringSerializer());
        if (transactionIdPrefix != null) producers.setTransactionIdPrefix(transactionIdPrefix);
        return producers;
    }

    private String topic(String name) {
        return prefix + "-spring-" + name;
    }

    private void fill(String topic, int from, int to) {
        for (int i = from; i < to; i++) template.send(topic, i % PARTITIONS, null, String.valueOf(i));
        template.flush();
    }

    private static List<TopicPartition> partitions(String topic) {
        List<TopicPartition> partitions = new ArrayList<>();
        for (int partition = 0; partition < PARTITIONS; partition++) partitions.add(new TopicPartition(topic, partition));
        return partitions;
    }

    private KafkaConsumer<String, String> reader(String group) {
        Map<String, Object> settings = Map.of("bootstrap.servers", bootstrap, "isolation.level", "read_committed", "auto.offset.reset", "earliest",
            "enable.auto.commit", "false", "group.id", group);
        return new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer());
    }

    /** The sum of what the topic's group has committed. */
    private long committed(String topic) {
        try (KafkaConsumer<String, String> consumer = reader(topic + "-group")) {
            return consumer.committed(Set.copyOf(partitions(topic))).values().stream().mapToLong(offset -> offset == null ? 0 : offset.offset()).sum();
        }
    }

    private long ends(String topic) {
        try (KafkaConsumer<String, String> consumer = reader("none")) {
            return consumer.endOffsets(partitions(topic)).values().stream().mapToLong(Long::longValue).sum();
        }
    }

    private List<String> readCommitted(String topic) {
        List<String> values = new ArrayList<>();
        try (KafkaConsumer<String, String> consumer = reader("none")) {
            consumer.assign(partitions(topic));
            Map<TopicPartition, Long> ends = consumer.endOffsets(partitions(topic));
            while (!ends.entrySet().stream().allMatch(end -> consumer.position(end.getKey()) >= end.getValue())) {
                consumer.poll(Duration.ofMillis(100)).forEach(record -> values.add(record.value()));
            }
        }
        return sorted(values);
    }

    private static List<String> numbers(int from, int to) {
        List<String> numbers = new ArrayList<>();
        for (int i = from; i < to; i++) numbers.add(String.valueOf(i));
        return sorted(numbers);
    }

    private static List<String> sorted(List<String> values) {
        return values.stream().sorted().toList();
    }

    private interface Condition {
        boolean holds() throws Exception;
    }

    private static void eventually(String what, Condition condition) throws Exception {
        long deadlineMs = System.currentTimeMillis() + 30_000;
        while (!condition.holds()) {
            if (System.currentTimeMillis() > deadlineMs) throw new AssertionError("expected " + what + " within 30 s");
            Thread.sleep(20);
        }
    }
}
