"""What a sandbox that was killed leaves behind: nothing."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from pathlib import Path

from sandbox.processes import REPOSITORY

LEAVES = """
import sys, time
from pathlib import Path
from sandbox.processes import exit_with_parent
exit_with_parent(leaving=Path(sys.argv[1]))
print("watching", flush=True)
time.sleep(60)
"""


def test_a_folder_goes_although_somebody_still_writes_into_it(tmp_path: Path) -> None:
    """Delivery writes its status until it hears of the end itself, which may be a moment later."""
    (folder := tmp_path / "state").mkdir()
    command = [sys.executable, "-c", LEAVES, str(folder)]
    child = subprocess.Popen(command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdin
    assert child.stdout
    assert child.stdout.readline() == b"watching\n"
    ends = threading.Event()

    def write() -> None:
        number = 0
        while not ends.is_set():
            with contextlib.suppress(FileNotFoundError):
                os.close(os.open(folder / str(number := number + 1), os.O_CREAT))

    writer = threading.Thread(target=write)
    writer.start()
    threading.Timer(0.3, ends.set).start()
    child.stdin.close()
    child.wait(timeout=60)
    child.stdout.close()
    writer.join()
    assert not folder.exists()
