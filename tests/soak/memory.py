"""The peak memory of this process."""

import resource
import sys
from pathlib import Path

_STATUS = Path("/proc/self/status")


def peak_megabytes() -> int:
    """The most memory that this process has had, in MB.

    On Linux, getrusage's ru_maxrss survives exec, so a child would start with the peak of the process that
    started it. VmHWM does not: it belongs to the new program (proc(5), getrusage(2)).
    """
    if _STATUS.exists():
        [peak] = [line for line in _STATUS.read_text().splitlines() if line.startswith("VmHWM:")]
        return round(int(peak.split()[1]) / 1024)
    peak_of_usage = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak_of_usage / (1024 * 1024 if sys.platform == "darwin" else 1024))
