"""`python -m tests.unit.transform.golden_rows`: write golden/*/row.jsonl with the rows of today's code.

Review the differences before you commit them: the lake stores exactly these bytes.
"""

import contextlib
import io
import json
import sys
from pathlib import Path

from tests.unit.transform.records import line_of

CASES = sorted((Path(__file__).parent / "golden").iterdir())


def row_of(case: Path) -> bytes:
    """The line for a case's record."""
    return line_of(json.loads((case / "record.json").read_text()))


def main() -> int:
    """Write the line of every case."""
    with contextlib.redirect_stdout(io.StringIO()):  # the function logs one line per call
        for case in CASES:
            (case / "row.jsonl").write_bytes(row_of(case))
    return 0


if __name__ == "__main__":
    sys.exit(main())
