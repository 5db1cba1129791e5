import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.regex.Pattern;

/**
 * Lets DumpLogSegments read every file of every partition of a data folder. It ends with 0 on corruption too, so what it
 * prints decides: any line on standard error, or one that speaks of a mismatch; or of offsets that are missing, unless the partition's name matches the second argument; or of a timestamp in the time
 * index that is that of a batch without records, as Kafka's own cleaner leaves it, unless the name matches the third.
 */
public final class DumpLogs {
    private static final Pattern BAD = Pattern.compile("Mismatches|mismatch|invalid|isvalid: false|isValid: false|Could not|Error|Unknown record type|Failed to decode");
    private static final Pattern DECODED = Pattern.compile("key: \\{\"type\":");
    private static final int LOOKED_AT = 1000;
    private static final Pattern NONE = Pattern.compile("(?!)");
    private static final Pattern MISMATCHES_IN = Pattern.compile("Found timestamp mismatch in :.*");
    private static final Pattern WITHOUT_RECORDS = Pattern.compile("\\s*Index timestamp: \\d+, log timestamp: -1");
    private static final Pattern ANY = Pattern.compile("\\S");
    private static final Pattern GAP = Pattern.compile("\\s*\\d+ is followed by \\d+\\s*");
    /** The tool takes the first record of every segment but the first for one that follows offset -1. */
    private static final Pattern FIRST = Pattern.compile("\\s*-1 is followed by \\d+\\s*");

    private final Harness harness = new Harness();
    private final Outcomes outcomes = new Outcomes(harness.console);
    private final List<Path> partitions = new ArrayList<>();
    /** Records whose key a decoder has understood. */
    private long decoded;
    /** Names of partitions that may lack offsets. */
    private final Pattern compacted;

    /** Names of partitions that Kafka's cleaner may have been at. */
    private final Pattern emptied;

    private DumpLogs(Pattern compacted, Pattern emptied) {
        this.compacted = compacted;
        this.emptied = emptied;
    }

    public static void main(String[] args) throws Exception {
        Pattern compacted = Pattern.compile(args.length > 1 ? args[1] : "__(consumer_offsets|transaction_state)-\\d+");
        DumpLogs dump = new DumpLogs(compacted, args.length > 2 ? Pattern.compile(args[2]) : NONE);
        try (DirectoryStream<Path> folders = Files.newDirectoryStream(Path.of(args[0]))) {
            for (Path folder : folders) {
                String name = folder.getFileName().toString();
                if (Files.isDirectory(folder) && name.matches(".+-\\d+") && !name.startsWith("__cluster_metadata")) dump.partitions.add(folder);
            }
        }
        Collections.sort(dump.partitions);
        dump.all();
        dump.outcomes.end();
    }

    private void all() {
        check("partition folders", "", List.of());
        check("records of the segments", ".log", List.of("--deep-iteration", "--print-data-log"));
        check("sanity of offset indexes", ".index", List.of("--index-sanity-check"));
        check("offset indexes against the segments", ".index", List.of("--verify-index-only"));
        check("offset indexes", ".index", List.of());
        check("sanity of time indexes", ".timeindex", List.of("--index-sanity-check"));
        check("time indexes against the segments", ".timeindex", List.of("--verify-index-only"));
        check("transaction indexes", ".txnindex", List.of());
        check("producer snapshots", ".snapshot", List.of());
        decode("records of groups", "__consumer_offsets-", "--offsets-decoder");
        decode("records of transactions", "__transaction_state-", "--transaction-log-decoder");
    }

    /** Records of an internal topic, where the run has made it. */
    private void decode(String what, String prefix, String decoder) {
        outcomes.test(what, () -> {
            List<String> problems = new ArrayList<>();
            long written = 0;
            decoded = 0;
            for (Path partition : partitions) {
                if (!partition.getFileName().toString().startsWith(prefix)) continue;
                List<String> files = files(partition, ".log");
                for (String file : files) written += Files.size(Path.of(file));
                if (!files.isEmpty()) problems.addAll(dump(files, List.of(decoder)));
            }
            if (written > 0 && decoded == 0) problems.add("no record was decoded of " + written + " bytes");
            if (!problems.isEmpty()) throw new AssertionError(problems.size() + " problems, the first: " + problems.get(0));
        });
    }

    private void check(String what, String suffix, List<String> options) {
        outcomes.test(what, () -> {
            if (partitions.isEmpty()) throw new AssertionError("there is no partition folder at all");
            if (suffix.isEmpty()) return;
            List<String> problems = new ArrayList<>();
            int dumped = 0;
            for (Path partition : partitions) {
                List<String> files = files(partition, suffix);
                if (!files.isEmpty()) problems.addAll(dump(files, options));
                dumped += files.size();
            }
            if (dumped == 0 && !suffix.equals(".txnindex")) problems.add("no partition has a " + suffix + " file");
            if (!problems.isEmpty()) {
                List<String> first = problems.subList(0, Math.min(problems.size(), 5));
                throw new AssertionError(problems.size() + " problems, the first: " + String.join(" | ", first));
            }
        });
    }

    private List<String> dump(List<String> files, List<String> options) throws Exception {
        List<String> arguments = new ArrayList<>(List.of("--files", String.join(",", files)));
        arguments.addAll(options);
        BadLines out = new BadLines(BAD);
        BadLines err = new BadLines(ANY);
        List<String> problems = new ArrayList<>();
        int code = harness.run("org.apache.kafka.tools.DumpLogSegments", "", out, err, arguments.toArray(String[]::new));
        if (code != 0) problems.add("exit code " + code + " for " + files);
        for (String line : out.found) problems.add(files.get(0) + ": " + line);
        String partition = Path.of(files.get(0)).getParent().getFileName().toString();
        if (emptied.matcher(partition).matches()) {
            err.found.removeIf(line -> WITHOUT_RECORDS.matcher(line).matches());
            if (err.found.stream().allMatch(line -> MISMATCHES_IN.matcher(line).matches())) err.found.clear();
        }
        for (String line : err.found) problems.add(files.get(0) + ": " + line);
        if (!compacted.matcher(partition).matches()) for (String line : out.gaps) problems.add(files.get(0) + ": " + line);
        return problems;
    }

    private static List<String> files(Path partition, String suffix) throws IOException {
        List<String> files = new ArrayList<>();
        try (DirectoryStream<Path> all = Files.newDirectoryStream(partition, "*" + suffix)) {
            for (Path file : all) files.add(file.toString());
        }
        Collections.sort(files);
        return files;
    }

    /** Keeps only the lines that speak of trouble: values are printed in full, hundreds of megabytes in all. */
    private final class BadLines extends OutputStream {
        final List<String> found = new ArrayList<>();
        final List<String> gaps = new ArrayList<>();
        private final byte[] line = new byte[LOOKED_AT];
        private int length;
        private final Pattern bad;
        private String gapsIn = "";

        BadLines(Pattern bad) {
            this.bad = bad;
        }

        @Override
        public void write(int value) {
            if (value == '\n') endLine();
            else if (length < LOOKED_AT) line[length++] = (byte) value;
        }

        @Override
        public void write(byte[] bytes, int offset, int count) {
            for (int at = offset; at < offset + count; at++) write(bytes[at]);
        }

        private void endLine() {
            String text = new String(line, 0, length, StandardCharsets.UTF_8);
            length = 0;
            if (DECODED.matcher(text).find()) decoded++;
            if (text.startsWith("Non-consecutive offsets in ")) gapsIn = text;
            else if (GAP.matcher(text).matches()) gaps.add(gapsIn + text);
            else if (!FIRST.matcher(text).matches() && bad.matcher(text).find()) found.add(text);
        }
    }
}
