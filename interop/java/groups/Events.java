import java.io.PrintStream;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import java.util.stream.Collectors;
import org.apache.kafka.common.TopicPartition;

/** What a program of a group was told and what it says, as interop/groups/events.ts reads it: the time in milliseconds, a word, its values. */
final class Events {
    private final PrintStream out = System.out;

    /** The arguments `name=value`. */
    static Map<String, String> arguments(String[] args) {
        Map<String, String> named = new HashMap<>();
        for (String arg : args) {
            int at = arg.indexOf('=');
            named.put(arg.substring(0, at), arg.substring(at + 1));
        }
        return named;
    }

    /** Whole lines only, and gone from this process before it does anything else: it may be killed at any time. */
    synchronized void say(String word, Object... values) {
        StringBuilder line = new StringBuilder().append(System.currentTimeMillis()).append(' ').append(word);
        for (Object value : values) line.append(' ').append(String.valueOf(value).replaceAll("\\s+", "_"));
        out.print(line.append('\n'));
        out.flush();
    }

    /** A line that does not end this process's hurry: the next `say` takes it along. */
    synchronized void read(TopicPartition partition, long offset, String value) {
        out.print(System.currentTimeMillis() + " read " + partition + " " + offset + " " + value + "\n");
    }

    static String names(Collection<TopicPartition> partitions) {
        if (partitions.isEmpty()) return "-";
        return partitions.stream().map(TopicPartition::toString).sorted().collect(Collectors.joining(","));
    }
}
