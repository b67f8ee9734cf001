"""Child processes that cannot outlive the sandbox, however it ends."""

import contextlib
import ctypes
import os
import shutil
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
_STOP_SECONDS = 1.0  # nothing in a child is worth waiting for longer
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def exit_with_parent(leaving: Path | None = None) -> None:
    """End this process when its standard input closes, that is, when the process that started it is gone.

    A pipe rather than PR_SET_PDEATHSIG, because it works on macOS too. The folder `leaving` goes as well: a
    parent that was killed could not remove it.
    """

    def watch() -> None:
        while os.read(0, 4096):
            pass
        if leaving:
            remove_folder(leaving)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(_STOP_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, name="exit-with-parent", daemon=True).start()


def remove_folder(folder: Path, seconds: float = _STOP_SECONDS) -> None:
    """Remove a folder although a process that is about to end may still write into it."""
    deadline = time.monotonic() + seconds
    shutil.rmtree(folder, ignore_errors=True)
    while folder.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
        shutil.rmtree(folder, ignore_errors=True)


def find_command(name: str) -> str:
    """The file that `name` runs. Raises SandboxError when there is none."""
    found = shutil.which(name)
    if found is None:
        raise SandboxError(f"there is no command {name!r}: check its spelling and your PATH")
    return found


def start_command(command: Sequence[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start the user's command; on Linux it ends with the sandbox even when that is killed."""
    find_command(command[0])
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None

    def end_with_parent() -> None:
        if libc:
            libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)

    return subprocess.Popen(
        list(command),
        env=dict(environment),
        preexec_fn=end_with_parent,  # noqa: PLW1509  one call into libc, made ready before the fork
    )


def wait_through_interrupts(process: subprocess.Popen[bytes]) -> int:
    """The exit code of a command that the terminal sends Ctrl-C to as well."""
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            continue


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
        with contextlib.suppress(ProcessLookupError, PermissionError):  # the latter on macOS, for zombies
            os.killpg(self.process.pid, signal.SIGKILL)  # its session: the emulator's Lambda workers
