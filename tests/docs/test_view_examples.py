"""docs/limits.md, "What the views can and cannot show": the views return what each example says.

An example lists the changes of one item and, after them, what each view returns. The letters A, B and C stand
for the digests of the item's states, `K1` for a sequence number of Kinesis, `S1` for one of DynamoDB Streams.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from scripts.core.views import definitions
from tests.sql.lake import Lake

PAGE = Path(__file__).parents[2] / "docs" / "limits.md"
DAY = "2026-11-20"
DIGITS = {"K": 129, "S": 40}  # of a sequence number, by the stream it is from
COPIES = {"yes": 1, "twice": 2, "lost": 0}
SWITCHED_AT = re.compile(r"--switched-at (\S+)Z")


@dataclass(frozen=True)
class Example:
    """The changes of one table on the page and, from the table after it, the result of each view."""

    title: str
    changes: Sequence[dict[str, str]]
    switched_at: str | None
    results: dict[str, str]


def tables(lines: Sequence[str]) -> Iterator[list[list[str]]]:
    """Every Markdown table as its rows of cells, without backticks and without the line of dashes."""
    table: list[list[str]] = []
    for line in [*lines, ""]:
        if line.startswith("|"):
            table.append([cell.strip().replace("`", "") for cell in line.strip("|").split("|")])
        elif table:
            yield [table[0], *table[2:]]
            table = []


def examples() -> Iterator[Example]:
    """Every example of the section."""
    section = PAGE.read_text(encoding="utf-8").partition("\n## What the views can and cannot show\n")[2]
    for part in section.split("\n### ")[1:]:
        title, _, text = part.partition("\n")
        changes: list[dict[str, str]] = []
        for header, *rows in tables(text.splitlines()):
            if header[0] == "change":
                changes = [dict(zip(header, row, strict=True)) for row in rows]
            else:
                switch = SWITCHED_AT.search(header[1])
                yield Example(
                    title,
                    changes,
                    f"{switch[1]}.000000Z" if switch else None,
                    {row[0]: row[1] for row in rows},
                )


EXAMPLES = list(examples())


def line(change: dict[str, str]) -> str:
    """The row of a change, as the lake has it."""
    sequence, before, after = (change.get(name, "") for name in ("sequence", "before", "after"))
    seconds, _, fraction = change["time"].partition(".")
    row = {
        "change_id": change["change"],
        "change_type": change["type"],
        "change_time": f"{DAY}T{seconds}.{fraction:0<6}Z",
        "change_sequence": sequence[1:].zfill(DIGITS[sequence[0]]) if sequence else None,
        "change_key": '{"pk":{"S":"order-1"}}',
        "change_table": "orders",
        "change_before": before or None,
        "change_after": after or None,
    }
    return json.dumps(row)


def results(lake: Lake) -> dict[str, str]:
    """What the views return, in the words of the page."""
    current = lake.ask("SELECT change_after, change_id FROM current_orders")
    history = lake.ask("SELECT change_id FROM history_orders ORDER BY change_number")
    gaps = lake.ask("SELECT missing, broken_state, substr(change_time, 12, 8) FROM gaps_orders ORDER BY 3, 2")
    shown = {
        "current": [f"{state}, from change {change}" for state, change in current],
        "history": [f"changes {', '.join(str(change) for (change,) in history)}"],
        "gaps": [f"{missing} {state}, at {time}" for missing, state, time in gaps],
    }
    return {view: "; ".join(rows) or "no row" for view, rows in shown.items()}


@pytest.mark.parametrize("reverse", [False, True], ids=["in order", "in reverse"])
@pytest.mark.parametrize("example", EXAMPLES, ids=[example.title for example in EXAMPLES])
def test_views_return_what_the_example_says(example: Example, reverse: bool) -> None:
    """In this order of arrival and in reverse."""
    lake = Lake([])
    lines = [line(change) for change in example.changes for _ in range(COPIES[change["delivered"]])]
    lake.put(*(lines[::-1] if reverse else lines))
    for view in definitions("orders", "orders", [], {}, example.switched_at):
        lake.run(view.statement)
    assert results(lake) == example.results


def test_the_page_has_examples() -> None:
    """If a heading or a table changed its form, the test above would compare nothing."""
    assert len(EXAMPLES) >= 10
