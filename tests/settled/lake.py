"""A lake whose settled tables are plain tables with the rows that they must have, without a job."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import groupby

from glue.tables import METADATA_COLUMNS, declared
from scripts.core.views import Settled, View, definitions
from settled import names
from settled.unsettled import Opening, statement
from tests.settled.histories import DAY, TABLE, History, Row, rows_of
from tests.settled.items import settled_item
from tests.sql.lake import Lake, table_of
from tests.sql.memory import TABLE as Definition

COLUMNS = ("n", "pk")  # of the items
STORED = (*METADATA_COLUMNS, "dt", *COLUMNS)
ORDERS = {
    "current": "change_key",
    "history": "change_key, change_number",
    "gaps": "change_key, change_time, missing, broken_state",
}
Rows = list[list[str | None]]


def tables(columns: Collection[str] = STORED, switched_at: str | None = None) -> Settled:
    """The settled tables of the lake, as the views' statements take them."""
    return Settled(columns, columns, switched_at)


def settled_lake(histories: Iterable[History], switched_at: str | None = None) -> Lake:
    """A lake with the rows of these histories, settled as they say; `settled_items` is the stated one."""
    lake, rows = Lake(COLUMNS), rows_of(histories)
    lake.put(*(row.line() for row in rows if row.raw), day=DAY, name="ddb-lake-open.gz")
    left_out = lake.put(*(row.line() for row in rows if not row.raw), day=DAY, name="ddb-lake-settled.gz")
    settled = [row for row in rows if row.run]
    put_settled(lake, [row.line(dt=DAY) for row in settled], list(items(settled, switched_at)))
    lake.run(statement(Opening(DAY, (), (left_out,)), (*METADATA_COLUMNS, *COLUMNS)))
    return lake


def items(settled: Sequence[Row], switched_at: str | None) -> Iterator[str]:
    """The lines of `settled_items` for settled rows."""
    for _, rows in groupby(sorted(settled, key=lambda row: row.key), key=lambda row: row.key):
        item = settled_item(rows, switched_at)
        if item:
            yield item.line()


def put_settled(
    lake: Lake,
    changes: Iterable[str],
    stored: Iterable[str],
    columns: Sequence[str] = COLUMNS,
    source: str = TABLE,
) -> None:
    """Create both settled tables of a source table as plain tables with these lines."""
    for (name, table), lines in zip(plain_tables(columns, source).items(), (changes, stored), strict=True):
        lake.catalog.definitions["ddb_lake"][name] = table
        lake.store.add(f"settled/{name}/1.json", "".join(f"{line}\n" for line in lines).encode())


def plain_tables(
    columns: Sequence[str] = COLUMNS, source: str = TABLE, root: str = "s3://lake/settled"
) -> dict[str, Definition]:
    """Plain tables in place of `settled_changes` and `settled_items` of a source table."""
    kinds = dict.fromkeys((*METADATA_COLUMNS, "dt", *columns), "string")
    changes = declared("changes")
    formats = {"InputFormat": changes["input_format"], "OutputFormat": changes["output_format"]}
    ending, made = names.ending(source), {}
    for name, more in (
        (names.CHANGES + ending, {}),
        (names.ITEMS + ending, {names.TIES: "bigint", names.LEANS: "boolean"}),
    ):
        made[name] = table_of({**kinds, **more}, Name=name)
        made[name]["StorageDescriptor"] |= {"Location": f"{root}/{name}/", **formats}
    return made


def views(settled: Settled | None, switched_at: str | None = None) -> dict[str, View]:
    """The three views by their kind."""
    made = definitions("orders", TABLE, COLUMNS, {}, switched_at, settled=settled)
    return {view.name.removesuffix("_orders"): view for view in made}


def answer(lake: Lake, view: View) -> Rows:
    """The rows of a view, in order."""
    kind = view.name.removesuffix("_orders")
    return lake.ask(f"SELECT * FROM ({view.select}) ORDER BY {ORDERS[kind]}")


def by_key(lake: Lake, view: View) -> dict[str, Rows]:
    """The rows of a view by the item's key, in order."""
    order = ORDERS[view.name.removesuffix("_orders")]
    result = lake.run(f"SELECT * FROM ({view.select}) ORDER BY {order}")
    place = [column.name for column in result.columns].index("change_key")
    rows: dict[str, Rows] = {}
    for row in result.rows or []:
        rows.setdefault(str(row[place]), []).append(row)
    return rows


def differences(one: dict[str, Rows], other: dict[str, Rows]) -> dict[str, tuple[Rows, Rows]]:
    """The keys whose rows differ, with both."""
    keys = sorted({*one, *other})
    return {key: (one.get(key, []), other.get(key, [])) for key in keys if one.get(key) != other.get(key)}
