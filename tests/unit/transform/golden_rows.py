"""`python -m tests.unit.transform.golden_rows`: write golden/*/row.jsonl as the records become rows today.

Look at what changed before it is kept: these are the bytes that land in the lake.
"""

import contextlib
import io
import json
import sys
from pathlib import Path

from tests.unit.transform.records import line_of

CASES = sorted((Path(__file__).parent / "golden").iterdir())


def row_of(case: Path) -> bytes:
    """The line that a case's record becomes."""
    return line_of(json.loads((case / "record.json").read_text()))


def main() -> int:
    """Write every case's line."""
    with contextlib.redirect_stdout(io.StringIO()):  # the function logs a line each
        for case in CASES:
            (case / "row.jsonl").write_bytes(row_of(case))
    return 0


if __name__ == "__main__":
    sys.exit(main())
