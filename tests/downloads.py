"""Downloads of the tools that prove things: a connection that breaks once leaves no proof out."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

PAUSES = (5.0, 20.0)  # seconds before the second and the third attempt


def in_ci() -> bool:
    """Whether a proof whose tool cannot be had is a failure instead of a line that says what is left out."""
    return os.environ.get("CI", "").lower() in {"1", "true", "yes"}


@contextmanager
def one_at_a_time(lock: Path) -> Iterator[None]:
    """Hold a lock file, made where needed: two processes never download the same at once."""
    import fcntl  # noqa: PLC0415 - not on Windows, where only the lock would be missed

    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def insist(
    command: Sequence[str], *, timeout: float, folder: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command that downloads, three times at most; how the last one ended, both outputs in `stdout`.

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
