import java.io.PrintStream;

/** Prints one line for each test, as interop/runner/results.ts reads them. */
final class Outcomes {
    interface Test {
        void run() throws Exception;
    }

    private static final int LONGEST_REASON = 1500;

    private final PrintStream console;
    private int passed;
    private int failed;

    Outcomes(PrintStream console) {
        this.console = console;
    }

    void test(String name, Test test) {
        try {
            test.run();
            passed++;
            console.println("ok " + name);
        } catch (Exception | AssertionError error) {
            failed++;
            String why = String.valueOf(error.getMessage() == null ? error : error.getMessage()).replace('\n', ' ');
            console.println("not ok " + name + ": " + why.substring(0, Math.min(why.length(), LONGEST_REASON)));
        }
    }

    /** Prints the totals and ends the process, whatever threads the tools have left behind. */
    void end() {
        console.println(passed + " passed, " + failed + " failed, 0 skipped");
        console.flush();
        Runtime.getRuntime().halt(failed > 0 ? 1 : 0);
    }
}
