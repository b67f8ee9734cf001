"""Child processes that cannot outlive the sandbox, however it ends."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sandbox.errors import SandboxError

REPOSITORY = Path(__file__).resolve().parent.parent
_STOP_SECONDS = 5.0


def exit_with_parent() -> None:
    """End this process when its standard input closes, that is, when the process that started it is gone.

    A pipe rather than PR_SET_PDEATHSIG, because it also works on macOS and also survives SIGKILL.
    """

    def watch() -> None:
        while os.read(0, 4096):
            pass
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(_STOP_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, name="exit-with-parent", daemon=True).start()


@dataclass
class Child:
    """One running child and the file its output goes to."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    @classmethod
    def start(
        cls,
        name: str,
        module: str,
        *arguments: str,
        environment: Mapping[str, str],
        folder: Path,
        pass_fds: Sequence[int] = (),
    ) -> "Child":
        """Run `python -m module` in its own session: Ctrl-C then reaches the sandbox, not its children."""
        log = folder / f"{name}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=REPOSITORY,
                env=dict(environment),
                pass_fds=tuple(pass_fds),
                start_new_session=True,
            )
        return cls(name, process, log)

    def alive(self) -> bool:
        """Whether the process still runs."""
        return self.process.poll() is None

    def require(self) -> None:
        """Raise with the end of the log when the process is gone."""
        if not self.alive():
            raise SandboxError(
                f"the sandbox's {self.name} process ended with code {self.process.returncode}:\n{self.tail()}"
            )

    def tail(self, lines: int = 15) -> str:
        """The last lines of the log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def stop(self) -> None:
        """End the process and everything it started."""
        if self.process.stdin:
            self.process.stdin.close()
        if self.alive():
            self.process.terminate()
            try:
                self.process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        try:
            os.killpg(self.process.pid, signal.SIGKILL)  # its own session: Lambda workers of the emulator
        except ProcessLookupError:
            pass
        except PermissionError:
            pass  # macOS: the group holds only zombies
