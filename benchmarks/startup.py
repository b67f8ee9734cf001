"""The cost of a cold start: the import time and the size of the zip."""

import json
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def import_milliseconds(statement: str, times: int = 7) -> float:
    """Milliseconds of an import in a new interpreter, the median of several."""
    program = f"import time; start = time.perf_counter(); {statement}; print(time.perf_counter() - start)"
    seconds = []
    for _ in range(times):
        command = [sys.executable, "-c", program]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        seconds.append(float(done.stdout))
    return statistics.median(seconds) * 1000


def zip_bytes(architecture: str) -> tuple[int, int] | None:
    """Bytes of the function's zip and of its unpacked content; None if it cannot be built here."""
    command = [sys.executable, "-m", "scripts.build.package", "--arch", architecture, "--output", "json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        return None
    for package in json.loads(done.stdout)["packages"]:
        if "transform" in package["path"]:
            return package["bytes"], package["unpacked"]
    return None
