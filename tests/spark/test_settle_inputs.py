"""What a lake can have, and what people can do to it: the job names what it cannot settle."""

import datetime as dt
import json
import os
from itertools import count
from typing import Any

import pytest

from catalog_lambda.forgotten import PARAMETER, Act, Forgotten
from catalog_lambda.forgotten import TABLE as FORGOTTEN
from scripts.core.views import definitions
from settled.names import CHANGES, ITEMS, MERGED, OBJECTS, SWITCHED, ending
from tests.settled.histories import SWITCHED_AT, Row, search
from tests.settled.items import settled_item
from tests.spark.settling import TABLE_INPUT, SettledLake, view_input

COLUMNS = int(os.environ.get("SETTLE_COLUMNS", "300"))  # Spark plans for minutes with thousands
_numbers = count(1)


def line(table: str, number: int, key: str = "a", **more: Any) -> str:
    """One change of an item."""
    time = f"2026-11-20T11:{number // 60:02}:{number % 60:02}.000000Z"
    row = Row(key, time, "MODIFY", "a", "b", f"{table}-{key}-{number}")
    return row.line(change_table=table, **more)


def put(lake: SettledLake, table: str, back: int = 0, **more: Any) -> str:
    """Write an object with the next change."""
    number = next(_numbers)
    return lake.put([line(table, number, **more)], f"{table}-{number}.gz", lake.day(back))


def failure(lake: SettledLake) -> str:
    """The error of a run that must fail."""
    answer = lake.job.run(may_fail=True)
    assert "SettleError" in answer.get("error", ""), answer
    assert "Next: " in answer["error"]
    return str(answer["error"])


def operations(lake: SettledLake, table: str) -> list[str]:
    """The operations of a table's snapshots."""
    rows = lake.job.ask(f"SELECT operation FROM {lake.table(table)}.snapshots ORDER BY committed_at")
    return [row[0] for row in rows]


def test_late_objects_a_week_without_a_run_and_copies_of_objects(own_lake: SettledLake) -> None:
    """Objects of many days, an older change that arrives later, and the same rows under another name."""
    table = "late"
    put(own_lake, table, 7)
    own_lake.job.run()
    for back in range(7):
        put(own_lake, table, back, key=f"k{back % 3}")
    own_lake.job.run()
    own_lake.compare(table)
    own_lake.put([line(table, 0)], "late-older.gz", own_lake.day(20))
    own_lake.put([line(table, 1, "copied")], "late-first.gz")
    own_lake.put([line(table, 1, "copied")], "late-second.gz")
    own_lake.job.run()
    own_lake.compare(table)


def test_an_object_that_is_rewritten_is_settled_as_it_is_now(own_lake: SettledLake) -> None:
    """Other rows, rows of another table only, and then the first content again."""
    table, other = "rewritten", "rewritten-too"
    first = [line(table, 1), line(table, 2, "b"), line(other, 1)]
    own_lake.put(first, "rewritten.gz")
    put(own_lake, table)
    own_lake.job.run()
    for lines in ([line(table, 3)], [line(other, 4)], first):
        own_lake.put(lines, "rewritten.gz")
        own_lake.job.run()
        own_lake.compare(table, other)


def test_columns_that_appear_later_and_many_columns(own_lake: SettledLake) -> None:
    """Known items have NULL there until they change; the catalog function is told the names."""
    table = "wide"
    put(own_lake, table)
    own_lake.job.run()
    wide: dict[str, Any] = {f"c{number:04}": str(number) for number in range(COLUMNS)}
    put(own_lake, table, key="b", extra="later", **wide)
    log = own_lake.job.run()["log"]
    assert '"columns": 0' not in log
    put(own_lake, table, extra="again")
    own_lake.job.run()
    own_lake.compare(table)


def test_forgotten_columns_stay_away(own_lake: SettledLake) -> None:
    """A forgotten name, and a beginning with a star, are not added."""
    table, glue = "forgetful", own_lake.lake.glue
    acts = Forgotten((Act(("secret", "private_*"), "2026-11-20T10:00:00Z", "a person"),)).text()
    forgotten: Any = {"Name": FORGOTTEN, "Parameters": {PARAMETER: acts}}
    glue.create_table(DatabaseName=own_lake.lake.database, TableInput=forgotten)
    try:
        put(own_lake, table, secret="1", private_note="2", kept="3")
        own_lake.job.run()
    finally:
        glue.delete_table(DatabaseName=own_lake.lake.database, Name=FORGOTTEN)
    for name in (CHANGES, ITEMS):
        columns = {*own_lake.settled(name + table)[0]}
        assert "kept" in columns
        assert not {"secret", "private_note"} & columns


def test_names_of_tables_that_are_alike_or_strange(own_lake: SettledLake) -> None:
    """Two source tables share a pair; a name that DynamoDB does not have gets none, and hurts nothing."""
    alike = ("Order.Lines", "order-lines", "ORDER_LINES")
    assert {ending(table) for table in alike} == {"order_lines"}
    lines = [line(table, number, key) for table in alike for number, key in enumerate("ab")]
    strange = ("x'; DROP TABLE y", "../../data", "a`b", "ä" * 10, "", "q" * 254, "..")
    own_lake.put([*lines, *(line(table, 1) for table in strange)], "names.gz")
    own_lake.job.run()
    own_lake.compare(*alike)
    names = {table[0] for table in own_lake.job.ask(f"SHOW TABLES IN lake.`{own_lake.lake.database}`")}
    assert not any(mark in name for name in names for mark in "';`/ä")


def test_an_object_that_cannot_be_read_does_not_stop_the_others(own_lake: SettledLake) -> None:
    """The run fails and names it, and its day stays in the view until it is gone."""
    table = "broken"
    path = own_lake.put_bytes(b"this is not gzip", "broken.gz", own_lake.day(20))
    try:
        put(own_lake, table)
        error = failure(own_lake)
        assert "broken.gz is not a complete gzip file" in error
        assert own_lake.day(20) in own_lake.unsettled()
    finally:
        own_lake.remove(path)
    assert [row["change_table"] for row in own_lake.settled(ITEMS + table)] == [table]
    own_lake.job.run()
    assert own_lake.day(20) not in own_lake.unsettled()
    own_lake.compare(table)


def test_a_table_that_is_not_ours_is_named(own_lake: SettledLake) -> None:
    """An Iceberg table of another owner, and a table that is not Iceberg; other tables are settled."""
    path = own_lake.table(f"{CHANGES}theirs")
    own_lake.job.request(
        sql=f"CREATE TABLE {path} (x int) USING iceberg LOCATION 's3://{own_lake.lake.bucket}/settled/theirs'"
    )
    glue, database = own_lake.lake.glue, own_lake.lake.database
    glue.create_table(
        DatabaseName=database, TableInput={"Name": f"{ITEMS}old", "TableType": "EXTERNAL_TABLE"}
    )
    put(own_lake, "theirs", 15)
    put(own_lake, "old", 15)
    put(own_lake, "ours")
    try:
        error = failure(own_lake)
        assert f"{CHANGES}theirs is not a table of this lake. Next: rename or remove it" in error
        assert f"{ITEMS}old is not an Iceberg table of this job" in error
        assert own_lake.day(15) in own_lake.unsettled()
        assert own_lake.settled(f"{ITEMS}ours")
    finally:
        glue.delete_table(DatabaseName=database, Name=f"{CHANGES}theirs")
        glue.delete_table(DatabaseName=database, Name=f"{ITEMS}old")
    own_lake.job.run()
    own_lake.compare("theirs", "old", "ours")


@pytest.mark.parametrize(
    ("change", "undo"),
    [
        ("{items} DROP COLUMN settled_leans", "{items} ADD COLUMN settled_leans boolean"),
        ("{changes} RENAME COLUMN settled_tag TO tag", "{changes} RENAME COLUMN tag TO settled_tag"),
        ("{changes} ADD COLUMN total bigint", "{changes} DROP COLUMN total"),
        (
            "{items} REPLACE PARTITION FIELD bucket(16, change_key) WITH change_type",
            "{items} REPLACE PARTITION FIELD change_type WITH bucket(16, change_key)",
        ),
    ],
    ids=["dropped", "renamed", "of-another-type", "partitioning"],
)
def test_a_schema_that_somebody_changed_is_named(own_lake: SettledLake, change: str, undo: str) -> None:
    """Nothing is written; after the change is undone, the next run settles what was left."""
    table = f"changed_{next(_numbers)}"
    names = {"items": own_lake.table(ITEMS + table), "changes": own_lake.table(CHANGES + table)}
    put(own_lake, table)
    own_lake.job.run()
    answer = own_lake.job.request(sql=f"ALTER TABLE {change.format(**names)}")
    assert "error" not in answer, answer
    put(own_lake, table)
    assert table in failure(own_lake)
    answer = own_lake.job.request(sql=f"ALTER TABLE {undo.format(**names)}")
    assert "error" not in answer, answer
    own_lake.job.run()
    own_lake.compare(table)


def test_rows_that_cannot_be_merged_stay_in_the_view(own_lake: SettledLake) -> None:
    """The changes have them, the items do not: they do not count as settled, however often a run fails."""
    table = "unmerged"
    put(own_lake, table)
    own_lake.job.run()
    items = own_lake.table(ITEMS + table)
    own_lake.job.request(sql=f"ALTER TABLE {items} ADD COLUMN total bigint")
    put(own_lake, table)
    for _ in range(2):
        assert f"{ITEMS}{table} lacks total" in failure(own_lake)
        own_lake.compare(table, ended=False)
    own_lake.job.request(sql=f"ALTER TABLE {items} DROP COLUMN total")
    own_lake.job.run()
    own_lake.compare(table)


def test_a_removed_table_is_created_again(own_lake: SettledLake) -> None:
    """That of the items from the changes, that of the changes (and both) from the raw objects."""
    table, glue = "removed", own_lake.lake.glue
    put(own_lake, table)
    own_lake.job.run()
    for names in ((ITEMS,), (CHANGES,), (ITEMS, CHANGES)):
        for name in names:
            glue.delete_table(DatabaseName=own_lake.lake.database, Name=name + table)
        put(own_lake, table)
        own_lake.job.run()
        own_lake.compare(table)


def test_only_some_source_tables_and_later_more(own_lake: SettledLake) -> None:
    """An object with rows of both tables is taken in again when the second table is added."""
    own_lake.put([line("some", 1), line("more", 1)], "some.gz")
    own_lake.job.run(source_tables="some")
    own_lake.compare("some")
    assert own_lake.settled(f"{ITEMS}more") == []
    own_lake.job.run()
    own_lake.compare("some", "more")


def test_a_long_key(own_lake: SettledLake) -> None:
    """DynamoDB's longest: 2,048 bytes of a partition key and 1,024 of a sort key, beyond any statistics."""
    table, key = "long", "k" * 2_000
    for number in range(3):
        long = {"pk": {"S": f"{key}{number % 2}"}, "sk": {"S": "s" * 1_024}}
        own_lake.put([line(table, number, json.dumps(long))], f"long-{number}.gz")
        own_lake.job.run()
        own_lake.compare(table)


def test_expiry_and_compaction_between_two_merges(own_lake: SettledLake) -> None:
    """The merge goes on after a compaction. If the merged snapshot is gone, everything is merged."""
    table = "upkeep"
    first = ""
    for _ in range(6):
        put(own_lake, table)
        own_lake.job.run()
        first = first or own_lake.properties(ITEMS + table)[MERGED]
    put(own_lake, table)
    log = own_lake.job.run(maintain_hours="0", keep_snapshot_hours="0")["log"]
    assert f"{table}: " in log
    assert "replace" in operations(own_lake, CHANGES + table)
    own_lake.compare(table)
    put(own_lake, table)
    assert f"{ITEMS}{table}: 1 changes merged" in own_lake.job.run()["log"]
    own_lake.compare(table)
    items = own_lake.table(ITEMS + table)
    own_lake.job.request(sql=f"ALTER TABLE {items} SET TBLPROPERTIES ('{MERGED}' = '{first}')")
    put(own_lake, table)
    assert f"{ITEMS}{table}: all changes merged" in own_lake.job.run()["log"]
    own_lake.compare(table)


def test_another_number_of_buckets(own_lake: SettledLake) -> None:
    """The next run merges everything into the new buckets, and the one after that only what is fresh."""
    table = "buckets"
    own_lake.put([line(table, 1, f"k{number}") for number in range(40)], "buckets.gz")
    own_lake.job.run()
    for buckets in ("5", "16"):
        put(own_lake, table, key="k1")
        assert f"{ITEMS}{table}: all changes merged" in own_lake.job.run(item_buckets=buckets)["log"]
        own_lake.compare(table)
        put(own_lake, table, key="k2")
        assert f"{ITEMS}{table}: 1 changes merged" in own_lake.job.run(item_buckets=buckets)["log"]
        own_lake.compare(table)


def test_a_cut_between_roads(own_lake: SettledLake) -> None:
    """When the view gets a cut, the items are merged anew; then increments observe it."""
    table = "roads"
    rows = [row for history in search(150, 5, 40_001) for row in history]
    parts = [rows[::3], rows[1::3], rows[2::3]]
    select = (
        f"SELECT *, 1 AS \"#age\" FROM changes WHERE change_table = '{table}' "
        f"AND change_time >= '{SWITCHED_AT}'"
    )
    done: list[Row] = []
    for number, part in enumerate(parts):
        own_lake.put([row.line(change_table=table) for row in part], f"roads-{number}.gz")
        done += part
        if number == 1:
            own_lake.lake.glue.create_table(
                DatabaseName=own_lake.lake.database, TableInput=view_input(f"current_{table}", select)
            )
        own_lake.job.run()
        cut = SWITCHED_AT if number else None
        assert own_lake.properties(ITEMS + table)[SWITCHED] == (cut or "none")
        stored = {
            row["change_key"]: (row["change_id"], row["change_sequence"])
            for row in own_lake.settled(ITEMS + table)
        }
        by_key: dict[str, list[Row]] = {}
        for row in done:
            by_key.setdefault(row.key, []).append(row)
        stated = {key: item for key, of_key in by_key.items() if (item := settled_item(of_key, cut))}
        assert stored == {key: (item.row.id, item.row.sequence) for key, item in stated.items()}


def test_a_new_pair_has_the_columns_that_its_views_show(own_lake: SettledLake) -> None:
    """No row has a value of them yet. A column that only the raw table has comes with its first row."""
    table = "shown"
    glue, database = own_lake.lake.glue, own_lake.lake.database
    changes: Any = glue.get_table(DatabaseName=database, Name="changes")["Table"]
    definition: Any = {name: changes[name] for name in TABLE_INPUT}
    for name in ("colour", "size", "elsewhere"):
        definition["StorageDescriptor"]["Columns"].append({"Name": name, "Type": "string"})
    glue.update_table(DatabaseName=database, TableInput=definition)
    for ending_, column in ((table, "colour"), ("mine", "size")):
        [view] = [
            view for view in definitions(ending_, table, [column], {}) if view.name.startswith("current_")
        ]
        shown: Any = {"StorageDescriptor": {"Columns": [{"Name": column, "Type": "string"}]}}
        glue.create_table(DatabaseName=database, TableInput=view_input(view.name, view.select) | shown)
    put(own_lake, table)
    own_lake.job.run()
    for kind in (CHANGES, ITEMS):
        [row] = own_lake.settled(kind + table)
        assert {"colour", "size", "elsewhere"} & {*row} == {"colour", "size"}
        assert (row["colour"], row["size"]) == (None, None)


def test_reopened_days(own_lake: SettledLake) -> None:
    """A marker keeps its day in the view until the verb has written everything and a run has settled it."""
    table, day = "reopened", own_lake.day(60)
    put(own_lake, table)
    own_lake.job.run()
    _mark(own_lake, day, done=False)
    own_lake.job.run()
    assert day in own_lake.unsettled()
    put(own_lake, table, 60)
    own_lake.compare(table, ended=False)
    own_lake.job.run()
    own_lake.compare(table)
    assert day in own_lake.unsettled()
    put(own_lake, table, 60, key="c")
    _mark(own_lake, day, done=True)
    own_lake.job.run()
    own_lake.compare(table)
    assert day not in own_lake.unsettled()
    assert _markers(own_lake) == []


def test_a_day_that_is_reopened_while_the_view_is_created(own_lake: SettledLake) -> None:
    """The run has listed no marker, and must not take the day out of the view that the verb created."""
    table, day = "reopening", own_lake.day(61)
    put(own_lake, table)
    key, text = f"settled/reopened/{table}.json", json.dumps({"days": [day], "done": False})
    fault = {"at": "settle.lake_catalog:LakeCatalog.create_view", "when": "before", "then": "put"}
    own_lake.job.run(fault=fault | {"bucket": own_lake.lake.bucket, "key": key, "text": text})
    try:
        assert day in own_lake.unsettled()
    finally:
        own_lake.s3.delete_object(Bucket=own_lake.lake.bucket, Key=key)
    own_lake.job.run()
    assert day not in own_lake.unsettled()


def test_a_marker_that_is_none_is_named(own_lake: SettledLake) -> None:
    """The run fails before it settles anything, so that the day cannot be missed."""
    own_lake.lake.put_bytes("settled/reopened/broken.json", b"[]")
    try:
        assert "broken.json is not a marker of reopened days" in failure(own_lake)
    finally:
        own_lake.s3.delete_object(Bucket=own_lake.lake.bucket, Key="settled/reopened/broken.json")
    own_lake.job.run()


def test_the_margin_keeps_objects_in_the_view(own_lake: SettledLake) -> None:
    """A query that began before the merge reads them raw; without the margin they are left out at once."""
    table = "margin"
    path = put(own_lake, table)
    own_lake.job.run(margin_minutes="10")
    assert path not in own_lake.unsettled()
    own_lake.job.run(margin_minutes="0")
    assert path in own_lake.unsettled()


def _mark(lake: SettledLake, day: str, *, done: bool) -> None:
    text = json.dumps({"days": [day], "done": done}).encode()
    lake.lake.put_bytes("settled/reopened/verb.json", text)


def _markers(lake: SettledLake) -> list[str]:
    found = lake.s3.list_objects_v2(Bucket=lake.lake.bucket, Prefix="settled/reopened/").get("Contents", [])
    return [entry["Key"] for entry in found]


def test_the_index_names_each_object_with_its_time(own_lake: SettledLake) -> None:
    """A run that finds nothing new adds nothing."""
    put(own_lake, "indexed")
    own_lake.job.run()
    before = own_lake.settled(OBJECTS)
    assert '"objects": 0' in own_lake.job.run()["log"]
    assert own_lake.settled(OBJECTS) == before
    times = [dt.datetime.fromisoformat(row["settled_at"]) for row in before]
    assert all(time <= dt.datetime.now(dt.UTC) for time in times)
