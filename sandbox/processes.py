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
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from sandbox import guard
from sandbox.errors import BrokenSandboxError, SandboxError

REPOSITORY = Path(__file__).resolve().parent.parent
_STOP_SECONDS = 1.0  # no child has work that needs more
_GUARD_SECONDS = 10.0  # for all of the guard's steps
_COMMAND_SECONDS = 5.0  # for a command to end after a signal
_LOOK_SECONDS = 0.2  # between two checks of the children
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h


def exit_with_parent() -> None:
    """End this process when its standard input closes, which means that its parent has ended.

    A pipe rather than PR_SET_PDEATHSIG, because it works on macOS too.
    """

    def watch() -> None:
        while os.read(0, 4096):
            pass
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(_STOP_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, name="exit-with-parent", daemon=True).start()


def adopt_orphans() -> None:
    """On Linux, become the parent of processes that a command leaves, so that they can be ended."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)


def end_descendants() -> None:
    """End every process that this process, or one of its descendants, has started."""
    guard.end(lambda: guard.descendants(os.getpid()))


def find_command(name: str) -> str:
    """The path of the command `name`. Raises SandboxError when there is none."""
    found = shutil.which(name)
    if found is None:
        raise SandboxError(f"the command {name!r} was not found: check its spelling and PATH")
    return found


def start_command(
    command: Sequence[str],
    environment: Mapping[str, str],
    *,
    orphaned: signal.Signals = signal.SIGTERM,
    cwd: Path | None = None,
    stdout: IO[bytes] | None = None,
    stderr: IO[bytes] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a command; on Linux it gets the signal `orphaned` when the sandbox is killed."""
    find_command(command[0])
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None

    def end_with_parent() -> None:
        if libc:
            libc.prctl(_PR_SET_PDEATHSIG, orphaned)

    return subprocess.Popen(
        list(command),
        env=dict(environment),
        cwd=cwd,
        stdout=stdout,
        stderr=stderr,
        preexec_fn=end_with_parent,  # noqa: PLW1509  a single call into libc, which is loaded before the fork
    )


def wait_among(process: subprocess.Popen[bytes], children: "Iterable[Child]") -> int:
    """The exit code of a command; Ctrl-C from the terminal reaches the command too.

    Raises BrokenSandboxError as soon as a child of the sandbox ends: the error is printed, then the
    command is ended.
    """
    children = list(children)
    while True:
        with contextlib.suppress(KeyboardInterrupt):
            try:
                code = process.wait(_LOOK_SECONDS)
            except subprocess.TimeoutExpired:
                code = None
            try:
                for child in children:
                    child.require()
            except BrokenSandboxError as error:
                error.tell()
                end_command(process)
                raise
            if code is not None:
                return code


def end_command(process: subprocess.Popen[bytes], first: signal.Signals = signal.SIGTERM) -> None:
    """Send a command the signal `first`, and kill it when it does not end."""
    process.send_signal(first)
    try:
        process.wait(_COMMAND_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _is_ending(pid: int) -> bool:
    """Whether a process was killed while some of its threads still end: it cannot be waited for yet.

    It is then a zombie, which is visible on Linux only (proc manual page, /proc/pid/stat).
    """
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in {"Z", "X"}
    except OSError:
        return False


def _cause(code: int) -> str:
    """How a process ended, from its exit code as subprocess reports it."""
    if code >= 0:
        return f"ended with exit code {code}"
    return f"was ended by signal {-code} ({signal.Signals(-code).name})"


@dataclass
class Child:
    """A running child process and its log file."""

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
        """Run `python -m module` in its own session: Ctrl-C reaches the sandbox, not its children."""
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
        if self.process.poll() is None and _is_ending(self.process.pid):
            self.process.wait()
        return self.process.poll() is None

    def require(self) -> None:
        """Raise BrokenSandboxError when the process has ended, with the cause and the end of its log."""
        if not self.alive():
            raise BrokenSandboxError(
                f"the sandbox's {self.name} process {_cause(self.process.returncode)}; "
                f"the end of its log, {self.log}:\n{self.tail() or '(it is empty)'}"
            )

    def tail(self, lines: int = 30) -> str:
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


def start_guard(folder: Path) -> Child:
    """Start the process that ends the sandbox's other processes after this process has ended."""
    log = folder / "guard.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", guard.__file__, str(folder)],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={},
            start_new_session=True,
        )
    return Child("guard", process, log)


def let_guard_end(child: Child) -> None:
    """Make the guard do its work now, and wait for it."""
    if child.process.stdin:
        child.process.stdin.close()
    try:
        child.process.wait(_GUARD_SECONDS)
    except subprocess.TimeoutExpired:
        child.process.kill()
        child.process.wait()
