"""The sandbox's guard, `python sandbox/guard.py FOLDER`: when the sandbox ends, nothing of it stays.

It waits until its standard input closes, that is, until the process that started it is gone, however it
ended. Then it ends every process of the sandbox and removes the state folder. It runs alone, with nothing but
the standard library, in a session of its own: neither Ctrl-C nor the end of a terminal reaches it.

A process belongs to the sandbox when its environment names the state folder, as the one of everything that a
command inside starts does, or when it descends from such a process. That is read from /proc; where there is
none (macOS) the children watch their parent themselves (`processes.exit_with_parent`).
"""

import contextlib
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

# What a process is told, and for how many seconds it may take its time: Ctrl-C first, so that it tidies up.
_STEPS = ((signal.SIGINT, 0.5), (signal.SIGTERM, 1.0), (signal.SIGKILL, 5.0))
_PAUSE = 0.02
_REMOVE_SECONDS = 1.0


def _parents(root: Path) -> dict[int, int]:
    """Every process that runs, with its parent; those that only wait to be read are left out."""
    found = {}
    for entry in root.iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
                if state not in "ZX":
                    found[int(entry.name)] = int(parent)
    return found


def _with_descendants(roots: set[int], parents: Mapping[int, int]) -> set[int]:
    found, more = set(roots), True
    while more:
        added = {pid for pid, parent in parents.items() if parent in found} - found
        found |= added
        more = bool(added)
    return found


def processes_of(folder: Path, root: Path = Path("/proc")) -> set[int]:
    """The processes of the sandbox with this state folder, without the one that asks."""
    if not root.is_dir():
        return set()
    parents, mark, named = _parents(root), f"SANDBOX_STATE={folder}".encode(), set()
    for pid in parents:
        with contextlib.suppress(OSError):
            if mark in (root / str(pid) / "environ").read_bytes().split(b"\0"):
                named.add(pid)
    return _with_descendants(named, parents) - {os.getpid()}


def descendants(pid: int, root: Path = Path("/proc")) -> set[int]:
    """What a process has started, and what that has; on Linux only."""
    return _with_descendants({pid}, _parents(root)) - {pid} if root.is_dir() else set()


def end(left: Callable[[], set[int]]) -> None:
    """End all processes that `left` names, also those that one of them starts meanwhile."""
    for number, seconds in _STEPS:
        told: set[int] = set()
        deadline = time.monotonic() + seconds
        while (found := left()) and time.monotonic() < deadline:
            for pid in found - told:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, number)
            told |= found
            time.sleep(_PAUSE)
        if not found:
            return


def remove_folder(folder: Path, seconds: float = _REMOVE_SECONDS) -> None:
    """Remove a folder although a process that is about to end may still write into it."""
    deadline = time.monotonic() + seconds
    shutil.rmtree(folder, ignore_errors=True)
    while folder.exists() and time.monotonic() < deadline:
        time.sleep(_PAUSE)
        shutil.rmtree(folder, ignore_errors=True)


def main(folder: Path) -> None:
    """Wait for the end of the sandbox, then end what is left of it."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    while os.read(0, 4096):
        pass
    end(lambda: processes_of(folder))
    remove_folder(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
