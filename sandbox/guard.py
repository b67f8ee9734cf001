"""The sandbox's guard, `python sandbox/guard.py FOLDER`: it ends the processes that a sandbox leaves.

It waits until its standard input closes: the process that started it has then ended, for any reason.
Then it ends every process of the sandbox and removes the state folder. It uses only the standard library and
runs in its own session, so that neither Ctrl-C nor the end of a terminal reaches it.

A process belongs to the sandbox when its environment names the state folder (processes that a command starts
inherit it) or when it descends from such a process. Both are read from /proc. Without /proc (macOS) the
children watch their parent themselves (`processes.exit_with_parent`).
"""

import contextlib
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

# Signals in order, each with the seconds to wait: Ctrl-C first, so that a process can clean up.
_STEPS = ((signal.SIGINT, 0.5), (signal.SIGTERM, 1.0), (signal.SIGKILL, 5.0))
_PAUSE = 0.02
PROC = Path("/proc")
_REMOVE_SECONDS = 1.0


class Process(NamedTuple):
    """A process: its number, and the clock tick of its start, because numbers are reused."""

    pid: int
    began: str


def running(root: Path = PROC) -> dict[Process, int]:
    """Every running process, with its parent's number; zombies are left out."""
    found = {}
    for entry in root.iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()  # from the third on
                if fields[0] not in "ZX":
                    found[Process(int(entry.name), fields[19])] = int(fields[1])
    return found


def _with_descendants(roots: set[int], parents: Mapping[Process, int]) -> set[Process]:
    found, more = set(roots), True
    while more:
        added = {process.pid for process, parent in parents.items() if parent in found} - found
        found |= added
        more = bool(added)
    return {process for process in parents if process.pid in found}


def processes_of(folder: Path) -> set[Process]:
    """The processes of the sandbox with this state folder, without the calling one."""
    if not PROC.is_dir():
        return set()
    parents, mark, named = running(), f"SANDBOX_STATE={folder}".encode(), set()
    for pid, _ in parents:
        with contextlib.suppress(OSError):
            if mark in (PROC / str(pid) / "environ").read_bytes().split(b"\0"):
                named.add(pid)
    return {process for process in _with_descendants(named, parents) if process.pid != os.getpid()}


def descendants(pid: int) -> set[Process]:
    """The processes that a process has started, and their descendants; on Linux only."""
    if not PROC.is_dir():
        return set()
    return {process for process in _with_descendants({pid}, running()) if process.pid != pid}


def end(left: Callable[[], set[Process]]) -> None:
    """End all processes that `left` returns, now or later: a process that loses its parent is remembered."""
    known = left()
    for number, seconds in _STEPS:
        told: set[Process] = set()
        deadline = time.monotonic() + seconds
        while known and time.monotonic() < deadline:
            for process in known - told:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(process.pid, number)
            told |= known
            time.sleep(_PAUSE)
            known = (known | left()) & running().keys()
        if not known:
            return


def remove_folder(folder: Path, seconds: float = _REMOVE_SECONDS) -> None:
    """Remove a folder, even while a process that is about to end still writes into it."""
    deadline = time.monotonic() + seconds
    shutil.rmtree(folder, ignore_errors=True)
    while folder.exists() and time.monotonic() < deadline:
        time.sleep(_PAUSE)
        shutil.rmtree(folder, ignore_errors=True)


def main(folder: Path) -> None:
    """Wait until the sandbox ends, then end its processes and remove its folder."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    while os.read(0, 4096):
        pass
    end(lambda: processes_of(folder))
    remove_folder(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
