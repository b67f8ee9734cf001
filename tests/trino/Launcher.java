import java.io.IOException;

/** What Trino's own TrinoServer class does, and an end when the process that started this one is gone. */
public final class Launcher
{
    public static void main(String[] arguments)
    {
        Thread watch = new Thread(Launcher::haltAtEndOfInput, "exit-with-parent");
        watch.setDaemon(true);
        watch.start();
        new io.trino.server.Server().start(arguments[0]);
    }

    private static void haltAtEndOfInput()
    {
        try {
            while (System.in.read() >= 0) {
                // nothing is sent; only the end counts
            }
        }
        catch (IOException closed) {
            // as good as the end
        }
        Runtime.getRuntime().halt(0);
    }
}
