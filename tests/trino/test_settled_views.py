"""The views over settled tables give the same rows as over raw rows, on Trino and in the sandbox's Athena.

The settled tables are plain tables here, because the server has no Iceberg connector.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from glue.tables import METADATA_COLUMNS
from scripts.core.views import definitions
from settled import names
from settled.unsettled import Opening, statement
from tests.sandbox.lake import Lake
from tests.settled.histories import (
    DAY,
    TABLE,
    History,
    counterexample,
    rows_of,
    search,
    sequence,
    step,
)
from tests.settled.lake import COLUMNS, ORDERS, items, plain_tables, tables
from tests.trino.both import Both
from tests.trino.client import Client, TrinoError

NEXT_DAY = "2026-11-21"


def settled_database(lake: Lake, name: str, histories: Iterable[History]) -> str:
    """A database with the raw and the settled rows, and the views `raw` and `orders` of either form."""
    database, rows = lake.create_database(name), rows_of(histories)
    root = lake.declare("changes", COLUMNS, DAY, NEXT_DAY, database)
    lake.put((row.line().encode() for row in rows if row.raw), DAY, "ddb-lake-open.gz", root)
    lake.put((row.line().encode() for row in rows if not row.raw), DAY, "ddb-lake-settled.gz", root)
    left_out = f"s3://{lake.bucket}/{root}/dt={DAY}/ddb-lake-settled.gz"
    lake.query(statement(Opening(DAY, (), (left_out,)), (*METADATA_COLUMNS, *COLUMNS)), database)
    settled = [row for row in rows if row.run]
    place = f"tables/{database}/settled"
    definition: Any
    for definition, lines in zip(
        plain_tables(root=f"s3://{lake.bucket}/{place}").values(),
        ([row.line(dt=DAY) for row in settled], items(settled, None)),
        strict=True,
    ):
        del definition["DatabaseName"]
        lake.glue.create_table(DatabaseName=database, TableInput=definition)
        body = "".join(f"{line}\n" for line in lines).encode()
        lake.put_bytes(f"{place}/{definition['Name']}/1.json", body)
    for ending, source in (("raw", None), ("orders", tables())):
        for view in definitions(ending, TABLE, COLUMNS, {"n": "bigint"}, settled=source):
            lake.query(view.statement, database)
    lake.share_views(database)
    return database


@pytest.fixture(scope="module")
def searched(lake: Lake) -> str:
    """Some thousand small histories."""
    return settled_database(lake, "settled_search", search(1_000, 7, 2_003))


@pytest.mark.parametrize("kind", ORDERS)
def test_a_view_over_settled_tables_has_the_rows_of_the_raw_view(
    both: Both, searched: str, kind: str
) -> None:
    """Four answers are equal: raw and settled, on both engines."""
    sql = f"SELECT * FROM {kind}_{{}} ORDER BY {ORDERS[kind]}"
    rows = both.ask(sql.format("raw"), searched)
    assert len(rows) > 100
    assert both.ask(sql.format("orders"), searched) == rows


# Without one of these, Trino 435 begins to read before it knows that there is no hard item.
PLANS = ("awsdatacatalog.dynamic_filtering_wait_timeout=60s", "join_distribution_type=BROADCAST")


def unreadable(lake: Lake, name: str, histories: Iterable[History]) -> str:
    """A database whose `settled_changes` cannot be read."""
    database = settled_database(lake, name, histories)
    lake.put_bytes(f"tables/{database}/settled/{names.CHANGES}orders/1.gz", b"no gzip")
    return database


@pytest.fixture(scope="module")
def easy(lake: Lake) -> str:
    """Two items, of which one has changed since it was settled. Neither is hard."""
    settled = replace(step("fresh", 0, ("", "a"), 1, sequence(1)), run=1, raw=False)
    fresh = (settled, step("fresh", 1, ("a", "b"), 2, sequence(2)))
    return unreadable(lake, "settled_easy", [counterexample("easy")[:1], fresh])


@pytest.mark.parametrize("plan", PLANS)
def test_settled_changes_are_not_read_without_hard_items(trino: Client, easy: str, plan: str) -> None:
    """Trino does not open the table if it waits for the keys of the hard items, and there are none."""
    sql = "SELECT change_key, n FROM current_orders ORDER BY 1"
    assert [row[0] for row in trino.execute(sql, easy, properties=plan).rows] == ["easy", "fresh"]
    assert trino.execute("SELECT count(*) FROM current_orders", easy, properties=plan).rows == [[2]]
    with pytest.raises(TrinoError):
        trino.execute("SELECT count(*) FROM history_orders", easy, properties=plan)


@pytest.mark.parametrize("plan", PLANS)
def test_settled_changes_are_read_for_a_hard_item(trino: Client, lake: Lake, plan: str) -> None:
    """The counterexample needs all its rows."""
    database = unreadable(lake, f"settled_hard_{PLANS.index(plan)}", [counterexample()])
    with pytest.raises(TrinoError):
        trino.execute("SELECT count(*) FROM current_orders", database, properties=plan)
