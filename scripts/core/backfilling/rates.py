"""How fast a backfill converts items, for the choice of the engine and for estimates."""

from __future__ import annotations

# An export above either bound is converted by the Glue job. At the measured rate (benchmarks/README.md) this
# process needs about six minutes for the items, and reads the compressed files twice.
LOCAL_ITEMS = 5_000_000
LOCAL_BYTES = 5 * 1024**3
LOCAL_RATE = 13_000  # items of 1 KB per second and core, verified and written
GLUE_RATE = 5_000  # items per second and DPU-core [unverified]: nothing was measured on Glue
_GLUE_CORES = 4  # of a DPU (AWS Glue pricing)
_LEAST_HOURS = 1 / 60  # a run is billed for at least a minute


def glue_dpu_hours(items: float) -> float:
    """The DPU-hours of the Glue job for this many items."""
    return max(items / (GLUE_RATE * _GLUE_CORES) / 3600, _LEAST_HOURS)
