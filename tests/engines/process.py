"""An engine's process. It always ends with the tests, and its output is in a log."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

_STOP_SECONDS = 20.0


class EngineProcess:
    """A child process that ends when its stdin is closed, so also when this process ends."""

    def __init__(
        self,
        command: Sequence[str],
        folder: Path,
        log: Path,
        environment: Mapping[str, str],
        *,
        answers: bool = False,
    ) -> None:
        """Start it in `folder`. With `answers`, its stdout is a pipe for `ask`; else it goes to the log."""
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
        """The exit code; None while it runs."""
        return self.child.poll()

    def tail(self, lines: int) -> str:
        """The last lines of the log."""
        return "\n".join(self.log().splitlines()[-lines:])

    def log(self) -> str:
        """The whole log."""
        return self._log.read_text(errors="replace")

    def ask(self, line: str) -> str:
        """Write a line to its stdin and read one line of its stdout; empty if the process has ended."""
        assert self.child.stdin
        assert self.child.stdout
        self.child.stdin.write(line + "\n")
        self.child.stdin.flush()
        return self.child.stdout.readline()

    def kill(self) -> None:
        """Kill it, as if the machine were switched off."""
        self.child.kill()
        self.child.wait()

    def stop(self) -> None:
        """Close its stdin and wait for its end. Kill it if it takes too long."""
        assert self.child.stdin
        self.child.stdin.close()
        try:
            self.child.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
