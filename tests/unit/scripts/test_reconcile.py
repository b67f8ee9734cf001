"""reconcile: reads within a budget, keys that change meanwhile, exports, repairs, and the report."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from repair.objects import Part
from repair.partitions import Partitions
from repair.reconciliation import Circumstances, Day, Difference, Differences
from scripts import reconcile
from scripts.core.console import CommandError, Output
from scripts.core.lake_objects import LakeObjects
from scripts.core.reconciling import export_rows, lake_states
from scripts.core.reconciling.export_rows import Export
from scripts.core.reconciling.looks import ROUNDS, Looking
from scripts.core.reconciling.repairs import repair, source_id
from scripts.core.reconciling.report import Report
from scripts.core.reconciling.table_reads import Budget, TableReader
from tests.unit.scripts.conftest import Ran
from tests.unit.scripts.reconciling import START, TABLE, World, item, key_of
from transform_lambda.canonical import image_digest
from transform_lambda.flatten import DEFAULT_SETTINGS

OLD = "2026-11-19T00:00:00.000000Z"


def compared(world: World, folder: Path) -> tuple[dict[str, str], list[str]]:
    """The kinds of the keys that differ, and the keys that nothing could be said of."""
    looking = world.looking(folder)
    found = looking.differences()
    changing = looking.compare_scan(found.add, lambda _: None)
    kinds = {json.loads(each.key)["pk"]["S"]: str(each.kind) for each in found}
    return kinds, sorted(json.loads(key)["pk"]["S"] for key, _ in changing)


# ── The table ────────────────────────────────────────────────────────────────────────────────────────────


def test_a_scan_stays_within_its_budget(tmp_path: Path) -> None:
    """Ten items of 5 units at 10 units a second take five seconds."""
    world = World(unit_price=5.0, page_size=100)
    for number in range(10):
        world.write(f"k{number}", item(f"k{number}"))
    world.about = {"ItemCount": 10, "TableSizeBytes": 10 * 5 * 4096}
    reader = world.looking(tmp_path, capacity=10.0).table
    assert len(list(reader.scan(lambda _: None))) == 10
    assert [request["Limit"] for request in world.requests if "Limit" in request] == [2] * 5
    assert all(request["ConsistentRead"] for request in world.requests if "Limit" in request)
    assert sum(world.slept) == pytest.approx(4.0)  # the first page need not wait, the last is not waited for
    assert reader.budget.used == 50.0


def test_a_throttled_read_is_repeated(tmp_path: Path) -> None:
    """After pauses; a table that only throttles is an error with a next step."""
    world = World()
    world.write("a", item("a"))
    reader = world.looking(tmp_path).table
    world.throttled = 3
    assert [read.key for read in reader.scan(lambda _: None)] == [key_of("a")]
    assert world.slept == [1.0, 2.0, 4.0]
    world.throttled = 1000
    with pytest.raises(CommandError, match="throttles") as error:
        list(reader.scan(lambda _: None))
    assert "--read-capacity" in error.value.next_step


def test_a_read_has_a_time_of_the_server_that_is_not_later(tmp_path: Path) -> None:
    """The start of the second of the response before it, so it is never after the read."""
    world = World(page_size=1)
    for key in "abc":
        world.write(key, item(key))
    reader = world.looking(tmp_path, capacity=1.0).table
    assert [read.read_at for read in reader.scan(lambda _: None)] == [
        "2026-11-20T10:00:00.000000Z",
        "2026-11-20T10:00:00.000000Z",
        "2026-11-20T10:00:01.000000Z",
    ]
    assert world.moment == START + timedelta(seconds=2)


def test_a_server_without_a_date_is_refused(tmp_path: Path) -> None:
    """This machine's clock is no substitute."""
    with pytest.raises(CommandError, match="no Date header"):
        World(dates=False).looking(tmp_path)


def test_keys_are_read_in_batches_until_all_are_answered(tmp_path: Path) -> None:
    """Also those that DynamoDB did not process at once; an absent item is None."""
    world = World(unprocessed=2)
    names = [f"k{number:03d}" for number in range(150)]
    for name in names[:-1]:
        world.write(name, item(name))
    reads = list(world.looking(tmp_path).table.read(key_of(name) for name in names))
    assert [read.key for read in reads] == [key_of(name) for name in names]
    assert [read.item for read in reads] == [*(item(name) for name in names[:-1]), None]
    sizes = [len(r["RequestItems"][TABLE]["Keys"]) for r in world.requests if "RequestItems" in r]
    assert sizes == [100, 50, 25, 50]


def test_binary_keys_are_asked_for_as_bytes() -> None:
    """boto3's client encodes them again."""
    asked: list[Any] = []

    class Client(World):
        def batch_get_item(self, **request: Any) -> dict[str, Any]:
            asked.extend(request["RequestItems"][TABLE]["Keys"])
            return self._answered(
                request, {"Responses": {TABLE: [{"pk": {"B": b"\x00\xff"}}]}, "UnprocessedKeys": {}}, 1.0
            )

    reader = TableReader(Client(), TABLE, Budget(100.0))
    [read] = reader.read(iter(['{"pk":{"B":"AP8="}}']))
    assert asked == [{"pk": {"B": b"\x00\xff"}}]
    assert read.digest == image_digest({"pk": {"B": "AP8="}})


def test_a_table_that_is_gone_is_refused() -> None:
    """The stack may still name it."""
    with pytest.raises(CommandError, match="there is no table customers"):
        TableReader(World(), "customers", Budget(1.0))


# ── Both sides ───────────────────────────────────────────────────────────────────────────────────────────


def test_equal_sides_need_one_query_and_no_wait(tmp_path: Path) -> None:
    """A deleted item, one that was changed, and one that a backfill wrote."""
    world = World()
    world.write("a", item("a"))
    world.write("gone", item("gone"))
    world.copy("e1", OLD, "old", item("old"))
    world.items["old"] = item("old")
    world.copy("e1", OLD, "never", None)
    world.pass_time(1)
    world.write("a", item("a", 2))
    world.write("gone", None)
    world.pass_time(10)
    assert compared(world, tmp_path) == ({}, [])
    assert (len(world.statements), world.slept) == (1, [])


def test_lost_changes_are_found_after_the_delivery_interval(tmp_path: Path) -> None:
    """Each kind; a change that is only late is none."""
    world = World()
    for name in ("stale", "extra", "same", "back"):
        world.write(name, item(name))
    world.write("back", None)
    world.pass_time(100)
    world.write("missing", item("missing"), delay=None)
    world.write("back", item("back"), delay=None)
    world.write("stale", item("stale", 2), delay=None)
    world.write("extra", None, delay=None)
    world.write("late", item("late"), delay=59.0)
    world.write("same", item("same", 2), delay=59.0)
    expected = {"missing": "missing", "back": "missing", "stale": "stale", "extra": "extra"}
    world.pass_time(1)
    assert compared(world, tmp_path) == (expected, [])
    assert sum(world.slept) == pytest.approx(60.0, abs=0.5)


def test_a_key_that_changes_meanwhile_is_read_again(tmp_path: Path) -> None:
    """Inserted, changed and deleted while reconcile waits: no difference, and the others stay found."""
    world = World()
    for name in ("changed", "deleted", "lost"):
        world.write(name, item(name))
    world.pass_time(100)
    world.write("lost", item("lost", 2), delay=None)
    world.write("changed", item("changed", 2), delay=70.0)  # late, and changed again before it arrives
    world.pass_time(2)
    soon = world.moment + timedelta(seconds=5)
    world.plans = [
        (soon, "changed", item("changed", 3)),
        (soon, "deleted", None),
        (soon, "inserted", item("inserted")),
    ]
    assert compared(world, tmp_path) == ({"lost": "stale"}, [])


def test_a_key_that_always_changes_is_no_difference(tmp_path: Path) -> None:
    """It is named after some looks, and the command ends."""
    world = World()
    world.write("busy", item("busy"))
    world.pass_time(100)
    world.write("busy", item("busy", 1), delay=30.0)
    world.plans = [
        (world.moment + timedelta(seconds=5 + 10 * number), "busy", item("busy", number + 2))
        for number in range(100)
    ]
    assert compared(world, tmp_path) == ({}, ["busy"])
    assert sum(world.slept) == pytest.approx(60.0 * ROUNDS, abs=0.5)


def test_keys_are_looked_up_in_as_many_statements_as_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many keys are not named at all: one query has the newest change of every key."""
    world = World()
    names = [f"it's {number}" for number in range(30)]
    for name in names:
        world.write(name, item(name))
    world.pass_time(5)
    looking = world.looking(tmp_path)
    few, found, rest = (looking.partitions() for _ in range(3))
    for name in names[:20]:
        few.add(key_of(name), "x", OLD)
    room = 500
    monkeypatch.setattr(lake_states.LakeReader, "_room", property(lambda _: room))
    looking.lake.newest(few, found)
    assert {key for key, _ in found} == {key_of(name) for name in names[:20]}
    named = [sql for sql in world.statements if " IN ('{" in sql]
    assert len(named) == len(world.statements) == 2
    assert all(len(sql.partition("change_key IN")[2].partition(")")[0]) <= room for sql in named)
    for name in (*names[:20], *(f"more {number}" for number in range(60))):
        rest.add(key_of(name), "x", OLD)
    every = looking.partitions()
    looking.lake.newest(rest, every)
    assert {key for key, _ in every} == {key_of(name) for name in names}
    assert len(world.statements) == 3


def test_the_newest_change_is_that_of_the_view(tmp_path: Path) -> None:
    """Changes of one time are ordered by their chain, and a switch between two roads counts."""
    world = World()
    world.write("tie", item("tie"))
    world.write("tie", item("tie", 1))
    world.write("tie", item("tie", 2))
    world.pass_time(5)
    looking = world.looking(tmp_path)
    states = looking.partitions()
    looking.lake.items(states)
    assert dict(states) == {key_of("tie"): (image_digest(item("tie", 2)),)}
    before = world.looking(tmp_path, switched_at="2026-11-20T09:00:00.000000Z")
    none = looking.partitions()
    before.lake.items(none)
    assert dict(none) == {}


def test_an_empty_lake_is_refused(tmp_path: Path) -> None:
    """Rows of another table do not count."""
    world = World()
    world.lake.put(json.dumps({"change_table": "customers", "change_type": "INSERT", "change_key": "k"}))
    with pytest.raises(CommandError, match="the lake has no row of table orders") as error:
        world.looking(tmp_path).lake.summary(both="orders")
    assert "scripts.backfill" in error.value.next_step


def test_the_summary_counts_days_and_backfills(tmp_path: Path) -> None:
    """The rows of an export that is being compared do not count as an earlier backfill."""
    world = World()
    world.write("a", item("a"))
    world.pass_time(2)
    world.copy("0170-ab", OLD, "old", item("old"))
    lake = world.looking(tmp_path).lake
    summary = lake.summary(both="orders")
    assert summary.days == {"2026-11-20": Day(1, 1), "2026-11-19": Day(1, 0)}
    assert (summary.rows, summary.backfilled, summary.both_roads) == (2, True, False)
    assert not lake.summary(both="orders", without="0170-ab").backfilled


# ── Exports ──────────────────────────────────────────────────────────────────────────────────────────────

ID = "01700000000000-a1b2c3d4"
ARN = f"arn:aws:dynamodb:eu-west-1:111111111111:table/orders/export/{ID}"
EXPORT = Export(ARN, ID, START, 4)
BOTH = "orders --profile p --lake-profile l"
EXPORTED = "2026-11-20T10:00:00.000000Z"


def exported(world: World) -> None:
    """Four items at the time of the export, as a backfill writes them."""
    for name in ("same", "stale", "missing", "later"):
        world.copy(EXPORT.identifier, EXPORTED, name, item(name, 7))


def export_world() -> World:
    """A lake with lost changes before the export, and changes after it."""
    world = World()
    for name, number in (("same", 7), ("stale", 1), ("later", 1), ("extra", 1), ("new", 1)):
        world.moment = START + timedelta(seconds=30 if name == "new" else -30)
        world.write(name, item(name, number))
    world.moment = START + timedelta(seconds=30)
    world.write("later", item("later", 9))
    world.pass_time(5)
    exported(world)
    return world


@pytest.mark.parametrize(("older", "missing"), [(False, {"missing": "missing"}), (True, {})])
def test_an_export_is_compared_with_the_lake_before_it(
    tmp_path: Path, older: bool, missing: dict[str, str]
) -> None:
    """Without the export's own rows; they make good what is missing or stale."""
    world = export_world()
    lake = world.looking(tmp_path).lake
    time = export_rows.check_rows(lake, EXPORT, both=BOTH)
    assert time == EXPORTED
    found: list[Difference] = []
    export_rows.compare(lake, EXPORT, time, found.append, older=older)
    assert {json.loads(each.key)["pk"]["S"]: each.kind for each in found} == {
        "stale": "stale",
        "extra": "extra",
        **missing,
    }
    assert {each.kind for each in found if not each.covered} == {"extra"}
    assert not [each for each in found if each.kind == "missing" and each.lake_time]


def test_an_export_without_all_its_rows_is_refused(tmp_path: Path) -> None:
    """A backfill that was interrupted has written a part."""
    world = export_world()
    more = replace(EXPORT, items=5)
    with pytest.raises(CommandError, match="rows for 4 of the 5 items") as error:
        export_rows.check_rows(world.looking(tmp_path).lake, more, both=BOTH)
    assert f"python -m scripts.backfill {BOTH} --export {ARN}`" in error.value.next_step
    none = replace(more, identifier="01700000000000-ffffffff")
    with pytest.raises(CommandError, match="rows for 0 of the 5 items"):
        export_rows.check_rows(world.looking(tmp_path).lake, none, both=BOTH)


class Exports:
    """DynamoDB with one export."""

    def __init__(self, **description: Any) -> None:
        self.description = {
            "ExportStatus": "COMPLETED",
            "ExportType": "FULL_EXPORT",
            "ExportTime": START,
            "ItemCount": 4,
            **description,
        }

    def describe_export(self, ExportArn: str) -> dict[str, Any]:
        """Its description."""
        assert ExportArn == ARN
        return {"ExportDescription": self.description}


def described(exports: Exports, arn: str = ARN) -> Export:
    """The export of an ARN."""
    return export_rows.described(exports, arn, TABLE, both=BOTH, location=" --profile p")


def test_an_export_is_described() -> None:
    """Its id begins the ids of its rows."""
    assert described(Exports()) == EXPORT


@pytest.mark.parametrize(
    ("arn", "description", "message"),
    [
        ("arn:aws:s3:::bucket", {}, "is not the ARN of an export"),
        (ARN.replace("orders", "customers"), {}, "an export of table customers, not of orders"),
        (ARN, {"ExportStatus": "IN_PROGRESS"}, "is IN_PROGRESS"),
        (ARN, {"ExportStatus": "FAILED", "FailureMessage": "no bucket"}, "is FAILED: no bucket"),
        (ARN, {"ExportType": "INCREMENTAL_EXPORT"}, "incremental"),
    ],
)
def test_an_export_that_cannot_be_compared_is_refused(
    arn: str, description: dict[str, Any], message: str
) -> None:
    """Before anything is read."""
    with pytest.raises(CommandError, match=message):
        described(Exports(**description), arn)


# ── Repair ───────────────────────────────────────────────────────────────────────────────────────────────


class Bucket:
    """Takes the objects of a repair into the lake in memory."""

    def __init__(self, world: World) -> None:
        self.world, self.keys = world, []  # type: World, list[str]

    def put_all(self, parts: Any) -> int:
        """Write objects."""
        rows = 0
        for part in parts:
            assert isinstance(part, Part)
            self.keys.append(part.key)
            _, day, name = part.key.split("/")
            self.world.lake.put_bytes(part.body, day=day.removeprefix("dt="), name=name)
            rows += len(gzip.decompress(part.body).splitlines())
        return rows


def repaired(world: World, looking: Looking, names: list[str]) -> Bucket:
    """Repair these keys."""
    bucket = Bucket(world)
    source = source_id(looking.table.server_time)
    keys = [key_of(name) for name in names]
    rows = repair(looking.table, keys, source, DEFAULT_SETTINGS, cast("LakeObjects", bucket))
    assert rows == len(names)
    return bucket


def test_a_repair_writes_the_state_that_the_table_has_now(tmp_path: Path) -> None:
    """And the next comparison finds no difference."""
    world = World()
    world.write("extra", item("extra"))
    world.pass_time(100)
    world.write("extra", None, delay=None)
    world.write("missing", item("missing"), delay=None)
    looking = world.looking(tmp_path)
    bucket = repaired(world, looking, ["extra", "missing"])
    [key] = bucket.keys
    assert key.startswith("data/dt=2026-11-20/repair-reconcile-20261120T100140Z-")
    assert key.endswith("-end.gz")
    (tmp_path / "second").mkdir()
    assert compared(world, tmp_path / "second") == ({}, [])
    assert world.slept == []


def test_a_change_after_the_repairs_read_wins(tmp_path: Path) -> None:
    """Its row has a later time than the repair's, whichever is in the lake first."""
    world = World()
    world.write("a", item("a"), delay=None)
    world.pass_time(0.5)  # within the second of the read
    looking = world.looking(tmp_path)
    repaired(world, looking, ["a"])
    world.write("a", item("a", 2), delay=0.0)
    world.pass_time(0)
    states = looking.partitions()
    looking.lake.items(states)
    assert dict(states) == {key_of("a"): (image_digest(item("a", 2)),)}


def test_a_repair_over_midnight_has_an_object_for_each_day(tmp_path: Path) -> None:
    """A source's rows of one object have one day."""
    world = World()
    names = [f"k{number:03d}" for number in range(201)]
    for name in names:
        world.write(name, item(name), delay=None)
    world.moment = START.replace(hour=23, minute=59, second=58)
    bucket = repaired(world, world.looking(tmp_path, capacity=50.0), names)
    days = [key.split("/")[1] for key in bucket.keys]
    assert days == ["dt=2026-11-20", "dt=2026-11-21"]


def test_two_runs_of_one_second_have_different_sources() -> None:
    """Otherwise one would replace the other's rows."""
    one, other = source_id(EXPORTED), source_id(EXPORTED)
    assert one.startswith("20261120T100000Z-")
    assert one != other


# ── The verb ─────────────────────────────────────────────────────────────────────────────────────────────


def report(folder: Path, circumstances: Circumstances, *found: Difference) -> Report:
    """A report of these differences."""
    differences = Differences(Partitions(folder / "found"))
    for each in found:
        differences.add(each)
    return Report(differences, circumstances, BOTH, " --profile l")


STALE = Difference(key_of("s"), "stale", EXPORTED, "2026-11-18T12:00:00.000000Z", "MODIFY")
MISSING = Difference(key_of("m"), "missing", EXPORTED)


def test_causes_lead_to_the_next_verb(tmp_path: Path) -> None:
    """Each with its number of keys."""
    days = {"2026-11-18": Day(5, 5), "2026-11-20": Day(5, 5)}
    causes = report(tmp_path, Circumstances(days, has_older_items=True), STALE, MISSING).causes()
    assert [(each["cause"], each["keys"]) for each in causes] == [
        ("older than the lake", 1),
        ("a day without rows", 1),
    ]
    assert f"python -m scripts.backfill {BOTH}`" in causes[0]["next"]
    assert "no rows of 2026-11-19" in causes[1]["next"]
    assert "data/dt=2026-11-19/" in causes[1]["next"]
    assert "--heal --from 2026-11-19T00:00:00Z --to 2026-11-19T23:59:59Z" in causes[1]["next"]


def test_a_lost_change_leads_to_a_heal_of_both_sides(tmp_path: Path) -> None:
    """An export has states, and no changes: the message promises no more."""
    [cause] = report(tmp_path, Circumstances(), replace(STALE, lake_time=EXPORTED)).causes()
    assert cause["cause"] == "a lost change"
    assert f"python -m scripts.backfill {BOTH} --heal --from TIME --to TIME`" in cause["next"]
    assert "brings the changes back" not in cause["next"]


def test_text_is_limited_and_json_has_every_key(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One document, whatever the number of differences; no control character reaches a terminal."""
    found = [Difference(key_of(f"k{n}\x1b\u2028"), "missing", EXPORTED) for n in range(25)]
    listed = report(tmp_path, Circumstances(failures=2), *found)
    listed.show(Output(), 20)
    said = capsys.readouterr()
    assert said.out.count("missing") == 20
    assert "… and 5 keys more" in said.err
    assert "(2 objects below errors/)" in said.err
    assert "`python -m scripts.redrive --profile l`" in said.err
    Output("json").answer_list({"table": "orders"}, "differences", listed.entries())
    text = capsys.readouterr().out
    document = json.loads(text)
    assert {each["key"] for each in document["differences"]} == {each.key for each in found}
    assert text.isascii()
    Output("json").answer_list({"table": "orders"}, "differences", [])
    assert json.loads(capsys.readouterr().out) == {"table": "orders", "differences": []}


@pytest.mark.parametrize("wrong", [("--read-capacity", "0"), ("--read-capacity", "nan"), ("--limit", "-1")])
def test_wrong_options_are_refused(run_verb: Callable[..., Ran], wrong: tuple[str, str]) -> None:
    """Before any call."""
    done = run_verb(reconcile.main, "orders", *wrong)
    assert (done.code, wrong[0] in done.err) == (2, True)
