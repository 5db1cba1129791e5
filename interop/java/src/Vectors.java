import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;

/** The shared records; interop/runner/vectors.ts says what the file looks like. */
record Vectors(List<Vector> all) {
    record Vector(String name, Set<String> needs, long timestampMs, byte[] key, byte[] value, List<Header> headers) {
        ProducerRecord<byte[], byte[]> toRecord(String topic, int partition) {
            return new ProducerRecord<>(topic, partition, timestampMs, key, value, headers);
        }

        /** Throws with the first difference. */
        void compare(ConsumerRecord<byte[], byte[]> record) {
            Report.equal(name + " timestamp", timestampMs, record.timestamp());
            bytes(name + " key", key, record.key());
            bytes(name + " value", value, record.value());
            Header[] got = record.headers().toArray();
            Report.equal(name + " number of headers", headers.size(), got.length);
            for (int i = 0; i < got.length; i++) {
                Report.equal(name + " header name", headers.get(i).key(), got[i].key());
                bytes(name + " header " + got[i].key(), headers.get(i).value(), got[i].value());
            }
        }
    }

    static Vectors read(String path) throws IOException {
        List<Vector> vectors = new ArrayList<>();
        for (String line : Files.readAllLines(Path.of(path), StandardCharsets.UTF_8)) {
            String[] field = line.split("\t", -1);
            Set<String> needs = field[1].equals("-") ? Set.of() : Set.of(field[1].split(","));
            vectors.add(new Vector(field[0], needs, Long.parseLong(field[2]), hex(field[3]), hex(field[4]), headers(field[5])));
        }
        return new Vectors(vectors);
    }

    Vectors without(Set<String> lacks) {
        return new Vectors(all.stream().filter(vector -> vector.needs().stream().noneMatch(lacks::contains)).toList());
    }

    int size() {
        return all.size();
    }

    /** The first offset whose timestamp is at least this one, which is what a lookup by timestamp must find. */
    int firstAtOrAfter(long timestampMs) {
        for (int i = 0; i < all.size(); i++) {
            if (all.get(i).timestampMs() >= timestampMs) return i;
        }
        throw new AssertionError("no vector at or after " + timestampMs);
    }

    Vector named(String name) {
        return all.stream().filter(vector -> vector.name().equals(name)).findFirst().orElseThrow();
    }

    private static List<Header> headers(String text) {
        List<Header> headers = new ArrayList<>();
        if (text.equals("-")) return headers;
        for (String header : text.split(";")) {
            int equals = header.indexOf('=');
            headers.add(new RecordHeader(header.substring(0, equals), hex(header.substring(equals + 1))));
        }
        return headers;
    }

    private static byte[] hex(String text) {
        return text.equals("-") ? null : HexFormat.of().parseHex(text);
    }

    private static void bytes(String what, byte[] expected, byte[] actual) {
        if (!Arrays.equals(expected, actual)) {
            throw new AssertionError(what + ": expected " + brief(expected) + ", came " + brief(actual));
        }
    }

    private static String brief(byte[] bytes) {
        if (bytes == null) return "null";
        String start = HexFormat.of().formatHex(bytes, 0, Math.min(bytes.length, 32));
        return bytes.length + " bytes " + start + (bytes.length > 32 ? "…" : "");
    }
}
