"""A heal of some thousand items, in a process of its own, with every row checked (tests.soak.healing)."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from tests.soak.backfill import WrongError
from tests.soak.healing import DIFFERENT, UNNAMED, check, heal_folder, run, write_export


def test_rows_are_exactly_the_differences(tmp_path: Path) -> None:
    """The run that `python -m tests.soak.healing` does with a million items."""
    items = 20_000
    assert run(items, tmp_path)["checked"] == items // DIFFERENT + items // UNNAMED


@pytest.mark.parametrize("damage", ["changed", "missing", "twice"])
def test_check_finds_a_wrong_row(tmp_path: Path, damage: str) -> None:
    """The check has power: a changed digest, a missing row, a row twice."""
    write_export(tmp_path, 200)
    heal_folder(tmp_path)
    assert check(tmp_path, 200) == 22
    [path] = (tmp_path / "lake").glob("data/*/*.gz")
    first, *others = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
    lines = {
        "changed": [first.replace(b'"change_after":"', b'"change_after":"0'), *others],
        "missing": others,
        "twice": [first, first, *others],
    }[damage]
    path.write_bytes(gzip.compress(b"".join(lines)))
    with pytest.raises(WrongError):
        check(tmp_path, 200)
