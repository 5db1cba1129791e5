import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Pattern;

/** What the tools printed, held against what was expected. */
abstract class Checks {
    /** Longer than three heartbeats of a consumer group with the usual settings. */
    private static final long EVENTUALLY_MS = 20_000;

    static String[] with(String[] arguments, String... more) {
        List<String> all = new ArrayList<>(Arrays.asList(arguments));
        all.addAll(Arrays.asList(more));
        return all.toArray(String[]::new);
    }

    /** The tool must end well and print each of these texts. */
    static void prints(Harness.Result result, String... texts) {
        if (result.exitCode() != 0) throw new AssertionError("expected exit code 0, came " + shown(result));
        for (String text : texts) {
            if (!result.out().contains(text)) throw new AssertionError("expected \"" + text + "\", came " + shown(result));
        }
    }

    static void matches(Harness.Result result, String pattern) {
        if (!Pattern.compile(pattern).matcher(result.out()).find()) {
            throw new AssertionError("expected /" + pattern + "/, came " + shown(result));
        }
    }

    static void lacks(Harness.Result result, String text) {
        prints(result);
        if (result.out().contains(text)) throw new AssertionError("expected no \"" + text + "\", came " + shown(result));
    }

    /** The tool must end with an error that says this. */
    static void fails(Harness.Result result, String text) {
        String said = result.out() + result.err();
        if (result.exitCode() == 0 || !said.contains(text)) {
            throw new AssertionError("expected an error with \"" + text + "\", came " + shown(result));
        }
    }

    /** What one request changed, the next may see an instant later: the check is repeated for some seconds. */
    static void eventually(Outcomes.Test check) throws Exception {
        long deadlineMs = System.currentTimeMillis() + EVENTUALLY_MS;
        while (true) {
            try {
                check.run();
                return;
            } catch (AssertionError error) {
                if (System.currentTimeMillis() > deadlineMs) throw error;
                Thread.sleep(50);
            }
        }
    }

    static void equal(String what, Object expected, Object actual) {
        if (!expected.equals(actual)) throw new AssertionError(what + ": expected " + expected + ", came " + actual);
    }

    static String shown(Harness.Result result) {
        return "exit code " + result.exitCode() + ", " + result.out() + " " + result.err();
    }
}
