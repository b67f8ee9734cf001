"""An engine's process: it ends with the tests, however they end, and its output is in a log."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

_STOP_SECONDS = 20.0


class EngineProcess:
    """A child process that ends by itself when its stdin does, which is also when this process is gone."""

    def __init__(
        self,
        command: Sequence[str],
        folder: Path,
        log: Path,
        environment: Mapping[str, str],
        *,
        answers: bool = False,
    ) -> None:
        """Start it in `folder`. With `answers` its stdout is a pipe for `ask`, else it goes to the log."""
        self._log = log
        with log.open("wb") as output:
            self.child = subprocess.Popen(
                list(command),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE if answers else output,
                stderr=output,
                text=True,
                cwd=folder,
                env=dict(environment),
                start_new_session=True,
            )

    def exit_code(self) -> int | None:
        """None while it runs."""
        return self.child.poll()

    def tail(self, lines: int) -> str:
        """The last lines of the log."""
        return "\n".join(self.log().splitlines()[-lines:])

    def log(self) -> str:
        """The whole log."""
        return self._log.read_text(errors="replace")

    def ask(self, line: str) -> str:
        """Write a line to its stdin and read the next one of its stdout; empty when the process is gone."""
        assert self.child.stdin
        assert self.child.stdout
        self.child.stdin.write(line + "\n")
        self.child.stdin.flush()
        return self.child.stdout.readline()

    def kill(self) -> None:
        """End it at once, as a machine that is switched off."""
        self.child.kill()
        self.child.wait()

    def stop(self) -> None:
        """Close its stdin and wait for its end; kill it when it takes too long."""
        assert self.child.stdin
        self.child.stdin.close()
        try:
            self.child.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
