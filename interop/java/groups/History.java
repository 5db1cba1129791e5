import java.io.BufferedWriter;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.apache.kafka.common.TopicPartition;

/** Writes what a client does and is told as docs/histories.md says: one JSON object a line, each in the system's hands before the client goes on. */
final class History {
    /** A record that is to be written, and the one it was made from; offset −1 where none is known. */
    record Send(String partition, String value, long offset, String source) {}

    private final BufferedWriter writer;
    private final String process;
    private final double startMs = System.currentTimeMillis();
    private final long startNanos = System.nanoTime();

    History(String path, String process) {
        this.process = process;
        try {
            writer = Files.newBufferedWriter(Path.of(path));
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    /** `fields` is what comes between the braces, behind the first four. */
    synchronized void add(String f, String type, String fields) {
        double at = startMs + (System.nanoTime() - startNanos) / 1e6;
        try {
            writer.write("{\"at\":%.3f,\"process\":\"%s\",\"f\":\"%s\"".formatted(at, process, f));
            if (type != null) writer.write(",\"type\":\"" + type + "\"");
            if (!fields.isEmpty()) writer.write("," + fields);
            writer.write("}\n");
            writer.flush();
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    static String sends(List<Send> sends) {
        return sends.stream()
                .map(send -> "[\"%s\",\"%s\",%s%s]".formatted(
                        send.partition,
                        send.value,
                        send.offset < 0 ? "null" : Long.toString(send.offset),
                        send.source == null ? "" : ",\"" + send.source + "\""))
                .collect(Collectors.joining(",", "\"sends\":[", "]"));
    }

    static String commits(String group, Integer generation, Map<TopicPartition, Long> offsets) {
        String positions = offsets.entrySet().stream()
                .map(entry -> "\"%s\":%d".formatted(entry.getKey(), entry.getValue()))
                .collect(Collectors.joining(","));
        String member = generation == null ? "" : ",\"generation\":" + generation;
        return "\"commits\":[{\"group\":\"%s\"%s,\"offsets\":{%s}}]".formatted(group, member, positions);
    }
}
