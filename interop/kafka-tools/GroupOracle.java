import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStreamWriter;
import java.lang.reflect.Method;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.coordinator.common.runtime.CoordinatorMetadataDelta;
import org.apache.kafka.coordinator.common.runtime.CoordinatorMetadataImage;
import org.apache.kafka.coordinator.group.api.assignor.ConsumerGroupPartitionAssignor;
import org.apache.kafka.coordinator.group.api.assignor.GroupAssignment;
import org.apache.kafka.coordinator.group.api.assignor.SubscriptionType;
import org.apache.kafka.coordinator.group.assignor.RangeAssignor;
import org.apache.kafka.coordinator.group.assignor.UniformAssignor;
import org.apache.kafka.coordinator.group.modern.Assignment;
import org.apache.kafka.coordinator.group.modern.GroupSpecImpl;
import org.apache.kafka.coordinator.group.modern.MemberSubscriptionAndAssignmentImpl;
import org.apache.kafka.coordinator.group.modern.SubscribedTopicDescriberImpl;
import org.apache.kafka.coordinator.group.modern.TopicIds;

/**
 * Kafka's own code for what a group coordinator computes: the assignors, and the hashes of a group's topics. One JSON case a line in, one JSON answer a line out.
 *
 * A case is {"kind":"assign","assignor","homogeneous","topics":[{"id","name","racks":[[...] per partition]}],"members":[{"id","instanceId","topics":[names],
 * "assignment":[{"topicId","partitions"}]}]}, answered by [{"id","assignment"}] in the order of the ids, or {"kind":"hash","topics"}, answered by
 * {"topics":{name: hash},"group": hash}.
 */
public final class GroupOracle {
    private static final ObjectMapper JSON = new ObjectMapper();

    private GroupOracle() {
    }

    public static void main(String[] args) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        BufferedWriter out = new BufferedWriter(new OutputStreamWriter(System.out, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            JsonNode given = JSON.readTree(line);
            Topics topics = new Topics(given.get("topics"));
            JsonNode answer = given.get("kind").asText().equals("hash") ? hashes(topics) : assign(given, topics);
            out.write(JSON.writeValueAsString(answer));
            out.newLine();
        }
        out.flush();
    }

    private static JsonNode assign(JsonNode given, Topics topics) {
        TopicIds.TopicResolver resolver = new TopicIds.CachedTopicResolver(topics);
        Map<String, MemberSubscriptionAndAssignmentImpl> members = new HashMap<>();
        Map<Uuid, Map<Integer, String>> owners = new HashMap<>();
        for (JsonNode member : given.get("members")) {
            String id = member.get("id").asText();
            Map<Uuid, Set<Integer>> partitions = new HashMap<>();
            for (JsonNode topic : member.get("assignment")) {
                Uuid topicId = Uuid.fromString(topic.get("topicId").asText());
                partitions.put(topicId, new HashSet<>(ints(topic.get("partitions"))));
                for (int partition : partitions.get(topicId)) owners.computeIfAbsent(topicId, any -> new HashMap<>()).put(partition, id);
            }
            JsonNode instance = member.get("instanceId");
            members.put(id, new MemberSubscriptionAndAssignmentImpl(
                Optional.empty(),
                instance.isNull() ? Optional.empty() : Optional.of(instance.asText()),
                new TopicIds(new HashSet<>(strings(member.get("topics"))), resolver),
                new Assignment(partitions)));
        }
        ConsumerGroupPartitionAssignor assignor = given.get("assignor").asText().equals("range") ? new RangeAssignor() : new UniformAssignor();
        SubscriptionType type = given.get("homogeneous").asBoolean() ? SubscriptionType.HOMOGENEOUS : SubscriptionType.HETEROGENEOUS;
        GroupAssignment assigned = assignor.assign(
            new GroupSpecImpl(Collections.unmodifiableMap(members), type, owners, Optional.empty()), new SubscribedTopicDescriberImpl(topics));
        ArrayNode answer = JSON.createArrayNode();
        new TreeMap<>(assigned.members()).forEach((id, assignment) -> {
            ObjectNode member = answer.addObject().put("id", id);
            ArrayNode list = member.putArray("assignment");
            Map<String, Set<Integer>> sorted = new TreeMap<>();
            assignment.partitions().forEach((topicId, partitions) -> sorted.put(topicId.toString(), new TreeSet<>(partitions)));
            sorted.forEach((topicId, partitions) -> {
                ArrayNode numbers = list.addObject().put("topicId", topicId).putArray("partitions");
                partitions.forEach(numbers::add);
            });
        });
        return answer;
    }

    private static JsonNode hashes(Topics topics) throws IOException {
        Map<String, Long> byName = new TreeMap<>();
        for (String name : topics.topicNames()) byName.put(name, (Long) utility("computeTopicHash", new Class<?>[] {String.class, CoordinatorMetadataImage.class}, name, topics));
        ObjectNode answer = JSON.createObjectNode();
        ObjectNode list = answer.putObject("topics");
        byName.forEach((name, hash) -> list.put(name, hash.toString()));
        return answer.put("group", utility("computeGroupHash", new Class<?>[] {Map.class}, byName).toString());
    }

    /** Kafka's own helpers are not open to other packages. */
    private static Object utility(String name, Class<?>[] types, Object... arguments) {
        try {
            Method method = Class.forName("org.apache.kafka.coordinator.group.Utils").getDeclaredMethod(name, types);
            method.setAccessible(true);
            return method.invoke(null, arguments);
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(e);
        }
    }

    private static List<Integer> ints(JsonNode list) {
        List<Integer> result = new ArrayList<>();
        list.forEach(each -> result.add(each.asInt()));
        return result;
    }

    private static List<String> strings(JsonNode list) {
        List<String> result = new ArrayList<>();
        list.forEach(each -> result.add(each.asText()));
        return result;
    }

    /** A cluster of nothing but topics. */
    private static final class Topics implements CoordinatorMetadataImage {
        private final Map<String, TopicMetadata> byName = new HashMap<>();
        private final Map<Uuid, TopicMetadata> byId = new HashMap<>();

        Topics(JsonNode topics) {
            for (JsonNode node : topics) {
                Topic topic = new Topic(node);
                byName.put(topic.name(), topic);
                byId.put(topic.id(), topic);
            }
        }

        @Override
        public Set<Uuid> topicIds() {
            return byId.keySet();
        }

        @Override
        public Set<String> topicNames() {
            return byName.keySet();
        }

        @Override
        public Optional<TopicMetadata> topicMetadata(String name) {
            return Optional.ofNullable(byName.get(name));
        }

        @Override
        public Optional<TopicMetadata> topicMetadata(Uuid id) {
            return Optional.ofNullable(byId.get(id));
        }

        @Override
        public CoordinatorMetadataDelta emptyDelta() {
            return CoordinatorMetadataDelta.EMPTY;
        }

        @Override
        public long version() {
            return 0;
        }

        @Override
        public boolean isEmpty() {
            return byName.isEmpty();
        }
    }

    private static final class Topic implements CoordinatorMetadataImage.TopicMetadata {
        private final String name;
        private final Uuid id;
        private final List<List<String>> racks = new ArrayList<>();

        Topic(JsonNode node) {
            name = node.get("name").asText();
            id = Uuid.fromString(node.get("id").asText());
            node.get("racks").forEach(each -> racks.add(strings(each)));
        }

        @Override
        public String name() {
            return name;
        }

        @Override
        public Uuid id() {
            return id;
        }

        @Override
        public int partitionCount() {
            return racks.size();
        }

        @Override
        public List<String> partitionRacks(int partition) {
            return racks.get(partition);
        }
    }
}
