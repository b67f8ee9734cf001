"""A backfill of some thousand items, converted in a process of its own and compared (tests.soak.backfill)."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from tests.soak import backfill


def test_every_item_has_its_row_and_memory_is_bounded(tmp_path: Path) -> None:
    """The run that `python -m tests.soak.backfill` does with a million items."""
    figures = backfill.run(5_000, tmp_path)
    assert (figures["rows"], figures["compared"]) == (5_000, 5_000)


@pytest.mark.parametrize("damage", ["changed", "missing", "twice"])
def test_comparison_finds_a_wrong_row(tmp_path: Path, damage: str) -> None:
    """The comparison has power: a changed digest, a missing row, a row twice."""
    backfill.write_export(tmp_path, 50)
    backfill.convert_folder(tmp_path)
    [path] = (tmp_path / "lake").glob("data/*/*.gz")
    first, *others = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
    lines = {
        "changed": [first.replace(b'"change_after":"', b'"change_after":"0'), *others],
        "missing": others,
        "twice": [first, first, *others],
    }[damage]
    path.write_bytes(gzip.compress(b"".join(lines)))
    with pytest.raises(backfill.WrongError):
        backfill.compare(tmp_path, 50)
