import java.io.IOException;

/** Starts Trino like its own TrinoServer class, and ends when the process that started this one ends. */
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
                // wait for the end of the input; no data is sent
            }
        }
        catch (IOException closed) {
            // as good as the end
        }
        Runtime.getRuntime().halt(0);
    }
}
