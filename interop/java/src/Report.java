import java.util.Objects;

/** Prints one line for each test, as interop/runner/results.ts reads them. */
final class Report {
    interface Test {
        void run() throws Exception;
    }

    private int passed;
    private int failed;
    private int skipped;

    boolean test(String name, Test test) {
        try {
            test.run();
            passed++;
            System.out.println("ok " + name);
            return true;
        } catch (Exception | AssertionError error) {
            failed++;
            System.out.println("not ok " + name + ": " + oneLine(error));
            return false;
        }
    }

    void skip(String name, String why) {
        skipped++;
        System.out.println("skip " + name + ": " + why);
    }

    /** Prints the totals and ends the process. */
    void end() {
        System.out.println(passed + " passed, " + failed + " failed, " + skipped + " skipped");
        System.out.flush();
        Runtime.getRuntime().halt(failed > 0 ? 1 : 0);
    }

    static void equal(String what, Object expected, Object actual) {
        if (!Objects.equals(expected, actual)) {
            throw new AssertionError(what + ": expected " + expected + ", came " + actual);
        }
    }

    static void that(String what, boolean holds) {
        if (!holds) throw new AssertionError("expected " + what);
    }

    /** The test must throw `expected`, bare or as the cause. */
    static Throwable fails(String what, Class<? extends Throwable> expected, Test test) {
        try {
            test.run();
        } catch (Exception error) {
            for (Throwable cause = error; cause != null; cause = cause.getCause()) {
                if (expected.isInstance(cause)) return cause;
            }
            throw new AssertionError(what + ": expected " + expected.getSimpleName() + ", came " + oneLine(error));
        }
        throw new AssertionError(what + ": expected " + expected.getSimpleName() + ", came no error");
    }

    static String oneLine(Throwable error) {
        StringBuilder text = new StringBuilder(String.valueOf(error));
        if (error.getCause() != null) text.append(" caused by ").append(error.getCause());
        for (StackTraceElement frame : error.getStackTrace()) {
            if ("Interop.java".equals(frame.getFileName())) {
                text.append(" (line ").append(frame.getLineNumber()).append(')');
                break;
            }
        }
        return text.toString().replace('\n', ' ');
    }
}
