"""Rows compared byte for byte: each folder of golden/ contains a change record and its line.

To write the lines anew: `make golden`.
"""

import json
from pathlib import Path

import pytest

from tests.unit.transform.golden_rows import CASES, row_of
from tests.unit.transform.records import SEQUENCE
from transform_lambda.names import METADATA_COLUMNS


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_record_becomes_its_golden_line(case: Path) -> None:
    """All types, change types and precisions, TTL, numbers, collisions: the bytes that the lake stores."""
    assert row_of(case) == (case / "row.jsonl").read_bytes()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_golden_lines_keep_the_contract_of_the_row(case: Path) -> None:
    """One line, one level, lower-case names, a padded sequence, digests of 16 hex digits."""
    line = (case / "row.jsonl").read_bytes()
    assert line.endswith(b"}\n")
    assert line.count(b"\n") == 1
    row = json.loads(line)
    assert {name for name in row if name.startswith("change_")} == set(METADATA_COLUMNS)
    assert all(set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789_") for name in row)
    assert row["change_sequence"] == SEQUENCE.zfill(129)
    assert list(row) == sorted(row)
    for digest in (row["change_before"], row["change_after"]):
        assert digest is None or (len(digest) == 16 and int(digest, 16) >= 0)
