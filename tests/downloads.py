"""Downloads of the tools that prove things: a connection that breaks once leaves no proof out."""

import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

PAUSES = (5.0, 20.0)  # seconds before the second and the third attempt


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
