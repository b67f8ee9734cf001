"""The views of the golden cases have the same rows if some objects of the lake, or all, are settled."""

import gzip
import json
import zlib
from collections.abc import Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
import yaml

from glue.tables import METADATA_COLUMNS
from scripts.core.views import Settled, definitions
from settled import names
from settled.unsettled import Opening, statement
from tests.settled.histories import Row
from tests.settled.items import settled_item
from tests.settled.lake import put_settled
from tests.sql import cases
from tests.sql.answers import answer, lake_of

TYPES = ("INSERT", "MODIFY", "REMOVE", "SNAPSHOT")
Line = Mapping[str, Any]


def readable(folder: Path) -> bool:
    """Whether every object of a case with answers has only rows. Others are the settle job's to read."""
    if not (folder / "answers.yaml").exists():
        return False
    try:
        case = cases.load(folder)
        return all(rows_of(case, key) for key, *_ in case.objects)
    except (ValueError, OSError, EOFError, zlib.error, KeyError):
        return False


def rows_of(case: cases.Case, key: str) -> list[dict[str, str]]:
    """The rows of an object as a settled table has them: text, with their day."""
    [body] = [body for name, body, _ in case.objects if name == key]
    text = gzip.decompress(body).decode() if body else ""
    rows = [json.loads(line) for line in text.splitlines()]
    day = key.split("dt=")[1].split("/", maxsplit=1)[0]
    for row in rows:
        if not isinstance(row, dict) or row.get("change_type") not in TYPES:
            raise ValueError(f"{key} has other lines than rows")
        if not all(isinstance(row.get(name), str | None) for name in METADATA_COLUMNS):
            raise ValueError(f"{key} has a row whose metadata is not text")
    return [{**row, "dt": day} for row in rows]


def items(lines: list[dict[str, str]], switched_at: str | None) -> list[str]:
    """The lines of `settled_items` for these rows."""
    stored = []
    known = [line for line in lines if line.get("change_key")]

    def item_of(line: Line) -> tuple[str, str]:
        return str(line.get("change_table")), str(line["change_key"])

    for _, group in groupby(sorted(known, key=item_of), key=item_of):
        rows = {row_of(line): line for line in group}
        item = settled_item(rows, switched_at)
        if item:
            stored.append(
                json.dumps({**rows[item.row], "settled_ties": item.ties, "settled_leans": item.leans})
            )
    return stored


def row_of(line: Line) -> Row:
    """A line as the stated rule reads it."""
    return Row(
        str(line["change_key"]),
        str(line["change_time"]),
        str(line["change_type"]),
        str(line.get("change_before") or ""),
        str(line.get("change_after") or ""),
        str(line.get("change_id")),
        line.get("change_sequence"),
    )


SPLITS = ["all", "first object", "all, and not left out"]
FOLDERS = [folder for folder in cases.folders() if readable(folder)]


@pytest.mark.parametrize(
    ("folder", "split"),
    # One split is enough for a case that takes long, for its many columns.
    [(folder, split) for folder in FOLDERS for split in SPLITS[: 1 if "thousand" in folder.name else None]],
    ids=lambda value: f"{value.parent.name}/{value.name}" if isinstance(value, Path) else value,
)
def test_a_case_has_its_expected_rows_from_settled_tables(folder: Path, split: str) -> None:
    """The result objects of the three views are those of the raw rows."""
    case = cases.load(folder)
    given = yaml.safe_load((folder / "case.yaml").read_text(encoding="utf-8"))
    lake = lake_of(case)
    objects = [key for key, *_ in case.objects if key.startswith("data/")]
    settled = objects[:1] if split == "first object" else objects
    lines = [line for key in settled for line in rows_of(case, key)]
    put_settled(
        lake, [json.dumps(line) for line in lines], items(lines, given.get("switched_at")), case.columns
    )
    left_out = () if "not left out" in split else tuple(f"s3://lake/{key}" for key in settled)
    lake.run(statement(Opening("2026-01-01", (), left_out), (*METADATA_COLUMNS, *case.columns)))
    columns = frozenset((*METADATA_COLUMNS, "dt", *map(names.stored_column, case.columns)))
    tables = Settled(columns, columns, given.get("switched_at"))
    types, cut = given.get("types", {}), given.get("switched_at")
    for view in definitions(cases.SOURCE, cases.SOURCE, case.columns, types, cut, settled=tables):
        lake.run(view.statement)
    views = [one for one in case.statements if one.name in ("current", "history", "gaps")]
    assert {one.name: cases.shortened(answer(lake, one)) for one in views} == {
        one.name: one.expected for one in views
    }


def test_the_ordering_cases_are_among_them() -> None:
    """Ties, both roads and the counterexample."""
    assert {"streams", "settled", "drift"} <= {folder.parent.name for folder in FOLDERS}
