"""The views' SQL, and the files their types come from."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scripts.core.console import CommandError
from scripts.core.lake_table import propose_types
from scripts.core.views import cast, definitions, read_types, view_name


def test_a_view_has_the_tables_columns_in_their_order_and_types() -> None:
    """Fixed columns first, then the items', quoted; one named like a fixed column gets an ending."""
    columns = ["total", "order", "valid_from"]
    current, gaps, history = definitions("shop", "it's", columns, {"total": "decimal(38, 2)"})
    assert (current.name, gaps.name, history.name) == ("current_shop", "gaps_shop", "history_shop")
    for view in (current, history):
        lines = [line.strip(" ,") for line in view.select.splitlines()]
        shown = [line for line in lines if ' AS "' in line and '"#' not in line]
        assert shown == [
            'try_cast("total" AS decimal(38, 2)) AS "total"',
            '"order" AS "order"',
            '"valid_from" AS "valid_from_of_item"',
        ]
    for view in (current, gaps, history):
        assert "change_table = 'it''s'" in view.select
        assert view.statement == f"CREATE OR REPLACE VIEW {view.name} AS\n{view.select}"
        assert "$" not in view.statement


def test_a_views_name_needs_no_quotes() -> None:
    """What Athena reads only in quotes becomes `_`."""
    assert view_name("Orders.Prod-2") == "orders_prod_2"


@pytest.mark.parametrize(
    "kind", ["money", "decimal(39, 2)", "decimal(2, 3)", "timestamp with time zone", "BIGINT"]
)
def test_a_type_that_no_view_can_have_is_refused_with_those_there_are(kind: str) -> None:
    """Athena would refuse the view, or Trino the cast, after half of the work."""
    with pytest.raises(CommandError, match="no type for a view") as refused:
        cast(kind, "x", "here")
    assert "decimal(38, 2)" in refused.value.next_step


def test_a_type_file_is_held_to_the_table(tmp_path: Path) -> None:
    """`column: type` a line, every name as it stands; an unknown column names those near it."""
    path = tmp_path / "orders.yaml"
    path.write_text("total: decimal(38, 2)\npaid: boolean\n")
    assert read_types(path, ["paid", "total"]) == {"total": "decimal(38, 2)", "paid": "boolean"}
    path.write_text("")
    assert read_types(path, ["paid"]) == {}
    path.write_text("no: boolean\n2024: bigint\n")
    assert read_types(path, ["no", "2024"]) == {"no": "boolean", "2024": "bigint"}
    path.write_text("totl: bigint")
    with pytest.raises(CommandError, match="no column totl") as refused:
        read_types(path, ["paid", "total"])
    assert "total" in refused.value.next_step


@pytest.mark.parametrize(("text", "why"), [("- a", "no list of columns"), ("a: [", "is not YAML")])
def test_what_is_no_type_file_is_refused(tmp_path: Path, text: str, why: str) -> None:
    """It says what one looks like."""
    path = tmp_path / "orders.yaml"
    path.write_text(text)
    with pytest.raises(CommandError, match=why) as refused:
        read_types(path, ["a"])
    assert "column: type" in refused.value.next_step


def test_types_of_the_widest_table_are_proposed_in_statements_that_athena_takes() -> None:
    """262,144 bytes at most; every column is counted once, whichever statement counts it."""
    columns = [f"c{number:0254}" for number in range(1_000)]
    asked: list[str] = []

    def execute(sql: str, _database: str) -> SimpleNamespace:
        asked.append(sql)
        counted = [column for column in columns if f'count("{column}")' in sql]
        # two values each; every second column's are whole numbers
        row = [n for column in counted for n in ("2", "0", "2" if int(column[1:]) % 2 else "0", "0", "0")]
        return SimpleNamespace(rows=[row])

    workgroup: Any = SimpleNamespace(execute=execute)
    proposed = propose_types(workgroup, "ddb_lake", "t" * 255, columns)
    assert max(len(sql.encode()) for sql in asked) <= 262_144
    assert proposed == dict.fromkeys(columns[1::2], "bigint")
