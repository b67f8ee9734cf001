"""Downloads of engines and tools: they are retried, so that one broken connection does not end one."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

PAUSES = (5.0, 20.0)  # seconds before the second and the third attempt


@contextmanager
def one_at_a_time(lock: Path) -> Iterator[None]:
    """Lock a file, which is created if needed, so that two processes never download the same files."""
    import fcntl  # noqa: PLC0415 - missing on Windows, which only lacks the lock

    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def insist(
    command: Sequence[str], *, timeout: float, folder: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a download command, up to three times. Returns the last result, with both outputs in `stdout`.

    `timeout` is in seconds, for each attempt. Raises subprocess.TimeoutExpired.
    """
    for pause in (*PAUSES, None):
        done = subprocess.run(
            list(command),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=folder,
            timeout=timeout,
            check=False,
        )
        if not done.returncode or pause is None:
            break
        time.sleep(pause)
    return done
