import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.nio.charset.StandardCharsets;
import org.apache.kafka.common.utils.Exit;

/**
 * Runs the main methods of Kafka's tools inside this JVM, because starting one for each call takes a second.
 *
 * Standard output and error are replaced once and for all by streams that pass on to whatever is current: some tools
 * keep the stream that they find when their class is loaded. The tools end through Kafka's own Exit, which is made to
 * throw.
 */
final class Harness {
    record Result(int exitCode, String out, String err) {}

    private static final class Ended extends RuntimeException {
        Ended() {
            super("the tool has ended", null, false, false);
        }
    }

    /** A stream whose target changes. */
    static final class Switch extends OutputStream {
        volatile OutputStream target;

        Switch(OutputStream target) {
            this.target = target;
        }

        @Override
        public void write(int value) throws IOException {
            target.write(value);
        }

        @Override
        public void write(byte[] bytes, int offset, int length) throws IOException {
            target.write(bytes, offset, length);
        }

        @Override
        public void flush() throws IOException {
            target.flush();
        }
    }

    final PrintStream console = System.out;
    private final Switch out = new Switch(System.out);
    private final Switch err = new Switch(System.err);
    /** The code of the first exit: some tools catch what it throws, report that and exit once more. */
    private Integer exitCode;

    Harness() {
        System.setOut(new PrintStream(out, true, StandardCharsets.UTF_8));
        System.setErr(new PrintStream(err, true, StandardCharsets.UTF_8));
        Exit.setExitProcedure((code, message) -> exit(code));
        Exit.setHaltProcedure((code, message) -> exit(code));
    }

    private void exit(int code) {
        System.out.flush();
        System.err.flush();
        if (exitCode == null) exitCode = code;
        out.target = OutputStream.nullOutputStream();
        err.target = OutputStream.nullOutputStream();
        throw new Ended();
    }

    Result run(String mainClass, String input, String... arguments) throws Exception {
        ByteArrayOutputStream outBytes = new ByteArrayOutputStream();
        ByteArrayOutputStream errBytes = new ByteArrayOutputStream();
        int code = run(mainClass, input, outBytes, errBytes, arguments);
        return new Result(code, outBytes.toString(StandardCharsets.UTF_8), errBytes.toString(StandardCharsets.UTF_8));
    }

    int run(String mainClass, String input, OutputStream outTo, OutputStream errTo, String... arguments) throws Exception {
        InputStream before = System.in;
        System.setIn(new ByteArrayInputStream(input.getBytes(StandardCharsets.UTF_8)));
        out.target = outTo;
        err.target = errTo;
        exitCode = null;
        try {
            Class.forName(mainClass).getMethod("main", String[].class).invoke(null, (Object) arguments);
            return exitCode == null ? 0 : exitCode;
        } catch (InvocationTargetException error) {
            if (error.getCause() instanceof Ended) return exitCode;
            throw new Exception(mainClass + " threw " + error.getCause(), error.getCause());
        } finally {
            System.out.flush();
            System.err.flush();
            out.target = console;
            err.target = OutputStream.nullOutputStream();
            System.setIn(before);
        }
    }
}
