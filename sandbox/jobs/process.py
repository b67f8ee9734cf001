"""The process of a job run, `python process.py ERROR_FILE SCRIPT ARGUMENT …`, in the Spark environment.

It uses only the standard library. When the script raises an exception, its type and message are written into
ERROR_FILE. The exit code is 0 or 1. If stdin closes, its parent has ended, and it ends with its Java.
"""

import os
import runpy
import signal
import sys
import threading
import traceback
from pathlib import Path

_LONGEST = 2_000  # characters of a message; Java's exceptions contain a whole trace


def _end_with_parent() -> None:
    while os.read(0, 4096):
        pass
    os.killpg(0, signal.SIGKILL)


def failure(script: str) -> str | None:
    """Run the script; the reason of its failure, or None. `sys.exit(0)` is a success [unverified]."""
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit as end:
        return None if end.code in (None, 0) else f"SystemExit: {end.code}"
    except BaseException as error:  # noqa: BLE001  whatever it is, the run has failed
        traceback.print_exc()
        return f"{type(error).__name__}: {error}"[:_LONGEST]
    return None


def main(error_file: str, script: str, arguments: list[str]) -> int:
    """Run the script as Python runs a program."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    sys.argv = [script, *arguments]
    sys.path[0] = str(Path(script).parent)  # not the folder of this file, whose modules are no job's
    message = failure(script)
    if message is not None:
        Path(error_file).write_text(message, encoding="utf-8", errors="replace")
    return int(message is not None)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
