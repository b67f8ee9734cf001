"""Trino can read the views that the sandbox's Athena creates."""

from typing import Any

import pytest

from scripts.core.proposed_types import COUNTED_AT_ONCE, count_of_fitting
from tests.sandbox.lake import AthenaError, Lake
from tests.sandbox.rows import item_lines
from tests.trino.both import Both
from tests.trino.client import Client

DAY = "2026-11-19"

COLUMNS = {
    "change_id": "varchar",
    "n": "decimal(38,10)",
    "b": "bigint",
    "d": "double",
    "day": "date",
    "flag": "boolean",
    "words": "array(varchar)",
    "k": "map(varchar, varchar)",
    "r": "row(a bigint, b varchar)",
    "total": "decimal(38,2)",
    "at_local": "timestamp(3)",
}
SQL = """
SELECT
  change_id,
  try_cast(n AS decimal(38, 10)) AS n,
  try_cast(n AS bigint) AS b,
  try_cast(n AS double) AS "d",
  CAST(from_iso8601_timestamp(change_time) AS date) AS day,
  n IS NOT NULL AS flag,
  CAST(json_parse(words) AS array(varchar)) AS words,
  CAST(MAP(ARRAY['pk'], ARRAY[pk]) AS map(varchar, varchar)) AS k,
  CAST(ROW(1, pk) AS row(a bigint, b varchar)) AS r,
  sum(try_cast(n AS decimal(10, 2))) OVER () AS total,
  CAST(from_iso8601_timestamp(change_time) AS timestamp) AS at_local
FROM viewed
WHERE change_type IN ('INSERT', 'MODIFY', 'REMOVE')
"""


@pytest.fixture(scope="module")
def viewed(lake: Lake) -> Lake:
    """A table `viewed` and a view `typed` on it, created through the sandbox's Athena."""
    root = lake.declare("viewed", ["pk", "n", "words"], first_day=DAY)
    items: list[dict[str, Any]] = [
        {"pk": {"S": "one"}, "n": {"N": "1.25"}, "words": {"L": [{"S": "a"}, {"S": "b"}]}},
        {"pk": {"S": "text"}, "n": {"S": "not a number"}, "words": {"L": []}},
        {"pk": {"S": "none"}},
    ]
    lake.put([b"garbage", *item_lines(*items)], DAY, root=root)
    lake.query(f"CREATE OR REPLACE VIEW typed AS {SQL}")
    lake.query("CREATE OR REPLACE VIEW typed_numbers AS SELECT change_id, n FROM typed WHERE n IS NOT NULL")
    lake.share_views()
    return lake


def test_a_view_has_the_same_types_in_both_engines(trino: Client, viewed: Lake) -> None:
    """The column types that the sandbox stores for a view are Trino's. Otherwise the view would be stale."""
    columns = trino.execute("DESCRIBE typed", viewed.database)
    assert {row[0]: row[1] for row in columns.rows} == COLUMNS


def test_a_view_gives_the_same_rows_on_both_engines(both: Both, viewed: Lake) -> None:
    """Typed columns, NULL for a value that does not fit its type, and no row for a foreign line."""
    rows = both.ask("SELECT * FROM typed ORDER BY change_id")
    assert [row[1:4] for row in rows] == [
        ["1.2500000000", None, "1.25"],
        [None, None, None],
        [None, None, None],
    ]


@pytest.mark.parametrize("expression", ["from_iso8601_timestamp(change_time)", "json_parse(words)"])
def test_a_type_that_glue_does_not_have_is_rejected(viewed: Lake, expression: str) -> None:
    """Athena rejects such a column of a view ("Unsupported Hive type"), so Glue has no partly created view.

    Only Trino would accept it, because it stores a view's columns only in its own text.
    """
    with pytest.raises(AthenaError, match="Unsupported Hive type"):
        viewed.query(f"CREATE VIEW refused AS SELECT {expression} AS c FROM viewed")
    with pytest.raises(viewed.glue.exceptions.EntityNotFoundException):
        viewed.glue.get_table(DatabaseName=viewed.database, Name="refused")


def test_types_are_counted_equally_for_the_most_columns_of_one_statement(lake: Lake, both: Both) -> None:
    """254 columns of the declared table, the most that Trino accepts in one array."""
    database = lake.create_database("counted")
    columns = [f"c{number:03}" for number in range(COUNTED_AT_ONCE)]
    root = lake.declare("changes", columns, first_day=DAY, database=database)
    values = ("5", "1.5", "true", "2026-11-20T10:00:00+14:00", "2026-11-20T10:00:00+15:00", "n/a", "")
    items = [{"pk": {"S": value}, **{column: {"S": value} for column in columns}} for value in values]
    lake.put(item_lines(*items), DAY, root=root)
    rows = both.ask(count_of_fitting("orders", columns), database)
    assert [row[0] for row in rows] == [str(position) for position in range(1, COUNTED_AT_ONCE + 1)]
    assert {tuple(row[1:6]) for row in rows} == {("7", "1", "1", "2", "1")}


def test_a_view_on_a_view_gives_the_same_rows_on_both_engines(both: Both, viewed: Lake) -> None:
    """Views can be nested, and a predicate is pushed through them."""
    assert both.ask("SELECT n FROM typed_numbers WHERE n > 1") == [["1.2500000000"]]
