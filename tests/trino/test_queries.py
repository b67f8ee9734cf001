"""Every query and view of athena/ on both engines, on a lake in which each returns rows."""

import datetime as dt
from pathlib import Path

import pytest

from scripts.core.views import View, definitions
from tests.sandbox.lake import Lake
from tests.sandbox.rows import Item, lines, record
from tests.trino.both import Both

QUERIES = sorted((Path(__file__).parents[2] / "athena" / "queries").glob("*.sql"))
PARAMETERS = {"item-history": ["""'{"pk":{"S":"order-1"}}'"""]}
DATABASE = "queried"

TODAY = dt.datetime.now(dt.UTC).date()
YESTERDAY = TODAY - dt.timedelta(days=1)
LONG_AGO = TODAY - dt.timedelta(days=40)


def micros(day: dt.date, second: float) -> int:
    """Microseconds since 1970 of a moment on a day (UTC)."""
    midnight = dt.datetime.combine(day, dt.time(), dt.UTC)
    return int(midnight.timestamp() * 1_000_000) + round(second * 1_000_000)


def order(number: int, **attributes: dict[str, object]) -> Item:
    """An item with a key and a few attributes."""
    return {"pk": {"S": f"order-{number}"}, "state": {"S": "new"}, "total": {"N": "12.50"}, **attributes}


@pytest.fixture(scope="module")
def queried(lake: Lake) -> Lake:
    """A separate database: two days of changes, an older one that most queries leave out, two failures."""
    lake.create_database(DATABASE)
    root = lake.declare(
        "changes", ["pk", "state", "total", "items"], first_day=str(LONG_AGO), database=DATABASE
    )
    errors = lake.declare_others(root, DATABASE, first_day=str(LONG_AGO))
    failure = (
        b'{"attemptsMade":1,"arrivalTimestamp":1793000000000,"errorCode":"Lambda.ProcessingFailedStatus"}'
    )
    lake.put([failure, b"not a failure"], str(TODAY), "ddb-lake-1.gz", f"{errors}/processing-failed")
    lake.put(
        [failure.replace(b"errorCode", b"ErrorCode")],
        str(TODAY),
        "ddb-lake-2",
        f"{errors}/format-conversion-failed",
    )
    paid = order(1, state={"S": "paid"})
    sent = order(1, state={"S": "sent"}, items={"L": [{"M": {"sku": {"S": "a"}}}]})
    clash = order(2, State={"S": "Other"}, STATE={"S": "OTHER"})
    first = [
        record(order(1), event_id="c1", micros=micros(YESTERDAY, 1)),
        record(paid, old=order(1), event_id="c2", micros=micros(YESTERDAY, 2.5)),
        record(clash, event_id="c3", micros=micros(YESTERDAY, 3)),
        record(order(3), event_id="c4", micros=micros(YESTERDAY, 3)),
        *(
            record(order(4), old=order(4, n={"N": str(n)}), event_id=f"m{n}", micros=micros(YESTERDAY, 4 + n))
            for n in range(5)
        ),
    ]
    second = [
        record(paid, old=order(1), event_id="c2", micros=micros(YESTERDAY, 2.5)),  # delivered again
        record(sent, old=paid, event_id="c5", micros=micros(TODAY, 0.000001)),
        record(order(3), removed=True, event_id="c6", micros=micros(TODAY, 1), ttl=True),
        record(sent, removed=True, event_id="c7", micros=micros(TODAY, 2)),
        record(order(5), old=order(5, lost={"BOOL": True}), event_id="c8", micros=micros(TODAY, 3)),
    ]
    lake.put(lines(first), str(YESTERDAY), root=root)
    lake.put([*lines(second), b"not a row", b"{}"], str(TODAY), root=root)
    lake.put([b""], str(TODAY), "foreign.txt", root=root)
    lake.put(lines([record(order(6), event_id="c0", micros=micros(LONG_AGO, 0))]), str(LONG_AGO), root=root)
    return lake


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.stem)
def test_a_named_query_gives_the_same_rows_on_both_engines(both: Both, queried: Lake, query: Path) -> None:
    """The same columns and rows in the same order, with at least one row to compare."""
    sql = query.read_text()
    parameters = PARAMETERS.get(query.stem, [])
    assert "?" not in sql.split("\nSELECT", 1)[-1] or parameters, "a query with parameters needs some here"
    assert both.ask(sql, DATABASE, parameters=parameters)


TYPES = {"total": "decimal(38, 2)", "state": "varchar", "items": "double"}
VIEWS = definitions("orders", "orders", ["pk", "state", "total", "items"], TYPES)


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
def test_a_shipped_view_gives_the_same_rows_on_both_engines(both: Both, queried: Lake, view: View) -> None:
    """`scripts.views` creates it through Athena. Both engines return the same columns, types and rows.

    In the lake, c8 starts from a state that no change produced, so each view has at least one row.
    """
    queried.query(view.statement, DATABASE)
    queried.share_views(DATABASE)
    rows = both.ask(f"SELECT * FROM {view.name}", DATABASE, ordered=False)
    assert rows
    assert sorted(rows) == sorted(both.ask(view.select, DATABASE, ordered=False))
