"""A sandbox that was killed leaves nothing behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import guard
from sandbox.processes import start_guard
from tests.sandbox.waiting import wait_until

linux = pytest.mark.skipif(sys.platform != "linux", reason="read from /proc")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A state folder."""
    (state := tmp_path / "state").mkdir()
    return state


def started(folder: Path, *command: str) -> subprocess.Popen[bytes]:
    """A process of the sandbox with this folder, in its own session."""
    environment = {"PATH": os.defpath, "SANDBOX_STATE": str(folder)}
    return subprocess.Popen(command, env=environment, start_new_session=True, stdout=subprocess.PIPE)


@contextlib.contextmanager
def killed_afterwards(*processes: subprocess.Popen[bytes]) -> Iterator[None]:
    """Leave no process, with any result of the test."""
    try:
        yield
    finally:
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            if process.stdout:
                process.stdout.close()


def test_folder_is_removed_while_a_process_still_writes_into_it(folder: Path) -> None:
    """Delivery writes its status until it learns of the end, which can be later."""
    child = start_guard(folder)
    ends = threading.Event()

    def write() -> None:
        number = 0
        while not ends.is_set():
            with contextlib.suppress(FileNotFoundError):
                os.close(os.open(folder / str(number := number + 1), os.O_CREAT))

    writer = threading.Thread(target=write)
    writer.start()
    threading.Timer(0.3, ends.set).start()
    assert child.process.stdin
    child.process.stdin.close()
    child.process.wait(timeout=60)
    writer.join()
    assert not folder.exists()


def ignores_interrupts(pid: int) -> bool:
    """Whether a process ignores Ctrl-C, from the kernel's mask of ignored signals."""
    lines = (Path("/proc") / str(pid) / "status").read_text().splitlines()
    mask = next(line.split()[1] for line in lines if line.startswith("SigIgn:"))
    return bool(int(mask, 16) >> signal.SIGINT - 1 & 1)


@linux
@pytest.mark.parametrize(
    "script",
    [
        "sleep 1000 & echo $!; wait",
        "(trap '' INT TERM HUP; while :; do sleep 0.1; done) & echo $!; wait",
        "env -i sleep 1000 & echo $!; wait",
    ],
    ids=["one that ends", "one that does not want to", "one without an environment"],
)
def test_processes_of_a_sandbox_end_with_it(folder: Path, script: str) -> None:
    """Found by their environment or their parent's, in any session; other processes continue."""
    child = start_guard(folder)
    own = started(folder, "/bin/bash", "-c", script)
    other = started(folder.with_name("state-of-another"), "/bin/sleep", "1000")
    with killed_afterwards(own, other):
        assert own.stdout
        behind = int(own.stdout.readline())
        assert {own.pid, behind} <= {process.pid for process in guard.processes_of(folder)}
        wait_until(lambda: ignores_interrupts(child.process.pid), "a guard on its post", 10)
        os.kill(child.process.pid, signal.SIGINT)
        assert child.process.stdin
        child.process.stdin.close()
        waiter = threading.Thread(target=own.wait)
        waiter.start()  # else it stays in the list, as one that waits to be read
        child.process.wait(timeout=30)
        waiter.join(timeout=10)
        assert own.returncode is not None
        assert behind not in {process.pid for process in guard.running()}
        assert not folder.exists()
        assert other.poll() is None


@linux
def test_process_that_keeps_starting_others_is_ended(folder: Path) -> None:
    """Processes that start while others are being ended are ended too."""
    script = "trap 'sleep 1000 & sleep 1000 & exit' INT TERM; echo; while :; do sleep 0.1; done"
    own = started(folder, "/bin/bash", "-c", script)
    with killed_afterwards(own):
        assert own.stdout
        own.stdout.readline()
        waiter = threading.Thread(target=own.wait)
        waiter.start()
        guard.end(lambda: guard.processes_of(folder))
        waiter.join(timeout=10)
        assert guard.processes_of(folder) == set()


def test_guard_ends_at_once_when_no_process_is_left(folder: Path) -> None:
    """A sandbox that ended normally does not wait for it."""
    child = start_guard(folder)
    assert child.process.stdin
    begun = time.monotonic()
    child.process.stdin.close()
    child.process.wait(timeout=30)
    assert time.monotonic() - begun < 5
    assert not folder.exists()
