"""backfill --heal: the windows, their exports, the refusals, the rows, and a second run."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from scripts import backfill
from scripts.core.healing import running
from scripts.core.healing.running import Heal
from scripts.core.source_stream import Clock
from tests.unit.repair.exports import EXPORT_ID, TABLE_ARN
from tests.unit.scripts.backfill.incremental import Athena, ExportingDynamo, Write, exporting
from tests.unit.scripts.backfill.scene import LAKE, LANDING, NOW, Scene
from tests.unit.scripts.conftest import Ran
from tests.unit.scripts.edge import Terminal
from tests.unit.scripts.settling.recording import Recording

Verb = Callable[..., Ran]
START, END = NOW - timedelta(hours=3), NOW - timedelta(hours=1)
HOLE = START + timedelta(hours=1)
WRITES = [
    *(Write(START - timedelta(hours=1), f"item-{number}", None, 1) for number in range(6)),
    Write(HOLE, "item-0", 1, 2, lost=True),
    Write(HOLE, "item-1", 1, None, lost=True),
    Write(HOLE, "item-new", None, 5, lost=True),
    Write(HOLE, "item-2", 1, 2, lost=True),
    Write(HOLE + timedelta(seconds=1), "item-2", 2, 1, lost=True),  # as it was
    Write(HOLE - timedelta(minutes=5), "item-brief", None, 1),
    Write(HOLE, "item-brief", 1, None, lost=True),
    Write(END + timedelta(minutes=1), "item-0", 2, 3),
]
EXPECTED = {"item-1": None, "item-new": 5, "item-brief": None, "item-0": 2}


def time(moment: datetime) -> str:
    """As the options take it."""
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


PERIOD = ("--heal", "--from", time(START), "--to", time(END))


@pytest.fixture
def scene() -> Scene:
    """A table whose stream lost some changes."""
    return exporting([*WRITES])


@pytest.fixture
def dynamodb(scene: Scene) -> ExportingDynamo:
    """Its DynamoDB."""
    assert isinstance(scene.dynamodb, ExportingDynamo)
    return scene.dynamodb


@pytest.fixture
def verb(monkeypatch: pytest.MonkeyPatch, run_verb: Callable[..., Ran], scene: Scene) -> Verb:
    """Run `backfill orders` in the scene, without waiting."""
    monkeypatch.setattr(backfill, "both_sides", lambda _: scene.sides())
    monkeypatch.setattr(running, "session_of_role", lambda _, role: scene.roles.append(role))
    monkeypatch.setattr(running, "open_client", lambda *_: scene.dynamodb)
    monkeypatch.setattr(running, "clock_of", lambda _: Clock(sleep=lambda _: None))
    monkeypatch.setattr(running, "Workgroup", lambda *_: Athena(scene.bucket))
    monkeypatch.setattr(running, "kept_switch", lambda *_: None)

    def command(*arguments: str, typed: str | None = None) -> Ran:
        if typed is not None:
            monkeypatch.setattr("sys.stdin", Terminal(typed))
        return run_verb(backfill.main, "orders", *arguments)

    return command


def answer(ran: Ran) -> dict[str, Any]:
    """The JSON answer of a run that succeeded."""
    assert ran.code == 0, ran.err
    found: dict[str, Any] = json.loads(ran.out)
    return found


def written(scene: Scene) -> dict[str, bytes]:
    """The objects that the heal wrote."""
    return {key: body for key, body in scene.bucket.buckets[LAKE].items() if "repair-heal-" in key}


def rows(scene: Scene) -> dict[str, int | None]:
    """What its rows state, by item."""
    found = [row for row in scene.lines() if row["change_type"] == "SNAPSHOT"]
    return {row["pk"]: row.get("n") if row["change_after"] else None for row in found}


def test_days_of_the_windows_are_reopened_before_the_first_row(
    verb: Verb, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a lake with settled tables: each row has the time at which its window ends."""
    settling = Recording()
    settling.install(monkeypatch)
    start, end = NOW - timedelta(hours=50), NOW - timedelta(minutes=50)
    period = ("--heal", "--from", time(start), "--to", time(end), "--output", "json")
    days = sorted({f"{end:%Y-%m-%d}", f"{start + timedelta(hours=24):%Y-%m-%d}", f"{NOW:%Y-%m-%d}"})
    assert answer(verb(*period, "--dry-run"))["reopened_days"] == days
    assert answer(verb(*period, "--yes"))["settle_run"] == "jr_1"
    assert settling.events == ["check", f"begin {','.join(days)}", "end"]
    assert {key.split("/")[1].removeprefix("dt=") for key in written(scene)} <= {*days}


def test_period_without_a_loss_starts_no_run(
    verb: Verb, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is nothing to settle."""
    settling = Recording()
    settling.install(monkeypatch)
    kept = [replace(write, lost=False) for write in WRITES]
    scene.bucket.buckets[LAKE] = exporting(kept).bucket.buckets[LAKE]
    assert verb(*PERIOD, "--yes").code == 0
    assert settling.events == ["check", "no row"]


def test_rows_are_written_where_the_lake_differs(verb: Verb, scene: Scene, dynamodb: ExportingDynamo) -> None:
    """An update, a deletion, an insert, and an item whose insert alone was delivered."""
    found = answer(verb(*PERIOD, "--yes", "--output", "json"))
    [request] = dynamodb.requests
    assert request["ExportType"] == "INCREMENTAL_EXPORT"
    assert request["IncrementalExportSpecification"] == {
        "ExportFromTime": START,
        "ExportToTime": END,
        "ExportViewType": "NEW_AND_OLD_IMAGES",
    }
    assert (request["S3Bucket"], request["S3Prefix"], request["S3BucketOwner"]) == (
        LANDING,
        "exports",
        "222222222222",
    )
    assert (request["S3SseAlgorithm"], request["ExportFormat"]) == ("KMS", "DYNAMODB_JSON")
    assert scene.roles == ["arn:aws:iam::111111111111:role/ddb-lake-export"]
    assert rows(scene) == EXPECTED
    snapshots = [row for row in scene.lines() if row["change_type"] == "SNAPSHOT"]
    assert {row["change_time"] for row in snapshots} == {f"{END:%Y-%m-%dT%H:%M:%S}.000000Z"}
    [window] = found["windows"]
    export_id = window["export"].rpartition("/")[2]
    assert [*written(scene)] == [f"data/dt=2026-11-20/repair-heal-{export_id}-00000-end.gz"]
    assert (found["status"], found["rows"], window["items"], window["later"]) == ("done", 4, 4, 0)
    assert (found["gap_rows"], found["gap_keys"], found["gap_keys_explained"]) == (2, 1, 1)


def test_period_without_a_loss_writes_nothing(verb: Verb, scene: Scene, dynamodb: ExportingDynamo) -> None:
    """Every item of the export is in the lake."""
    kept = [replace(write, lost=False) for write in WRITES]
    scene.bucket.buckets[LAKE] = exporting(kept).bucket.buckets[LAKE]
    found = answer(verb(*PERIOD, "--yes", "--output", "json"))
    assert (len(dynamodb.requests), found["rows"], written(scene)) == (1, 0, {})


def test_long_period_is_cut(verb: Verb, scene: Scene, dynamodb: ExportingDynamo) -> None:
    """All exports start before the first is waited for; each has its rows, in order."""
    start, end = NOW - timedelta(hours=50), NOW - timedelta(minutes=50)
    found = answer(verb("--heal", "--from", time(start), "--to", time(end), "--yes", "--output", "json"))
    spans = [request["IncrementalExportSpecification"] for request in dynamodb.requests]
    assert [(one["ExportFromTime"], one["ExportToTime"]) for one in spans] == [
        (start, start + timedelta(hours=24)),
        (start + timedelta(hours=24), start + timedelta(hours=48)),
        (start + timedelta(hours=48), end),
    ]
    assert dynamodb.events == ["start"] * 3 + ["end"] * 3
    assert len({window["export"] for window in found["windows"]}) == 3
    assert {"item-1", "item-new"} <= rows(scene).keys()


def test_short_period_begins_earlier(verb: Verb, dynamodb: ExportingDynamo) -> None:
    """An export has at least 15 minutes; the end, and so the time of the rows, stays."""
    ran = verb(
        "--heal",
        "--from",
        time(END - timedelta(seconds=1)),
        "--to",
        time(END),
        "--dry-run",
        "--output",
        "json",
    )
    found = answer(ran)
    assert (found["from"], found["to"]) == (time(END - timedelta(minutes=15)), time(END))
    assert "at least 15 minutes" in ran.err
    assert dynamodb.requests == []


def test_short_period_at_the_start_of_recovery_ends_later(verb: Verb, dynamodb: ExportingDynamo) -> None:
    """There is no room before it."""
    dynamodb.earliest = START - timedelta(minutes=1, microseconds=1)
    short = ("--heal", "--from", time(START), "--to", time(START + timedelta(minutes=3)), "--dry-run")
    found = answer(verb(*short, "--output", "json"))
    assert (found["from"], found["to"]) == (
        time(START - timedelta(minutes=1)),
        time(START + timedelta(minutes=14)),
    )


def test_dry_run_exports_and_writes_nothing(verb: Verb, scene: Scene, dynamodb: ExportingDynamo) -> None:
    """The plan names the window and the least cost."""
    before = {name: dict(objects) for name, objects in scene.bucket.buckets.items()}
    ran = verb(*PERIOD, "--dry-run", "--output", "json")
    found = answer(ran)
    assert (found["status"], len(found["windows"])) == ("dry run", 1)
    assert found["windows"][0]["export"] is None
    assert 0 < found["usd_at_least"] < 0.01
    assert "a new export" in ran.err
    assert (dynamodb.requests, scene.bucket.buckets) == ([], before)


@pytest.mark.parametrize("typed", [None, "yes\n"])
def test_without_the_word_nothing_happens(verb: Verb, dynamodb: ExportingDynamo, typed: str | None) -> None:
    """The user types `backfill`, or gives --yes."""
    ran = verb(*PERIOD, typed=typed)
    assert (ran.code, dynamodb.requests) == (1, [])
    assert "not confirmed" in ran.err


def test_second_run_finds_the_rows(verb: Verb, scene: Scene, dynamodb: ExportingDynamo) -> None:
    """Nothing is exported or written again."""
    verb(*PERIOD, "--yes")
    before = written(scene)
    found = answer(verb(*PERIOD, "--yes", "--output", "json"))
    assert found["status"] == "already done"
    assert (len(dynamodb.requests), written(scene)) == (1, before)


def test_interrupted_wait_continues_with_the_same_exports(
    verb: Verb, scene: Scene, dynamodb: ExportingDynamo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ListExports has them, on any page, among exports of other periods, kinds and places."""
    long = ("--heal", "--from", time(NOW - timedelta(hours=50)), "--to", time(END), "--yes")
    with monkeypatch.context() as patch:

        def interrupted(*_: Any) -> None:
            raise KeyboardInterrupt

        patch.setattr("scripts.core.backfilling.exports.Exports.finished", interrupted)
        ran = verb(*long)
    assert ran.code == 130
    assert "continues" in ran.err
    exports = {**dynamodb.exports}
    assert len(exports) == 3
    dynamodb.writes.append(Write(END - timedelta(minutes=1), "item-later", None, 1))
    for number, members in enumerate(({"S3Prefix": "other"}, {"ExportStatus": "FAILED"}, {})):
        period = next(iter(exports.values()))["IncrementalExportSpecification"]
        if not members:
            period = {**period, "ExportFromTime": period["ExportFromTime"] + timedelta(seconds=1)}
        arn = f"{TABLE_ARN}/export/{EXPORT_ID.replace('0179', '0189')[:-1]}{number}"
        dynamodb.add_export(
            arn,
            ExportType="INCREMENTAL_EXPORT",
            ExportTime=None,
            IncrementalExportSpecification=period,
            **members,
        )
    found = answer(verb(*long, "--output", "json"))
    assert len(dynamodb.requests) == 3
    assert sorted(window["export"] for window in found["windows"]) == sorted(exports)


def test_listing_ends_where_older_exports_begin(
    verb: Verb, dynamodb: ExportingDynamo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An export that started before the period ended cannot be of it: it is not described."""
    for number in range(9):
        dynamodb.add_export(
            f"{TABLE_ARN}/export/01700000000000-0000000{number}", ExportType="INCREMENTAL_EXPORT"
        )
    pages: list[str] = []
    listing = dynamodb.list_exports

    def counted(**request: Any) -> Any:
        pages.append(request.get("NextToken", ""))
        return listing(**request)

    monkeypatch.setattr(dynamodb, "list_exports", counted)
    answer(verb(*PERIOD, "--dry-run", "--output", "json"))
    assert len(pages) == 1


@pytest.mark.parametrize("kills", [0, 1, 2])
def test_killed_run_writes_the_rest(
    verb: Verb, scene: Scene, monkeypatch: pytest.MonkeyPatch, kills: int
) -> None:
    """The objects are those of a run that was not killed."""
    monkeypatch.setattr("repair.objects.parts.__kwdefaults__", {"prefix": "", "part_bytes": 400})
    scene.bucket.killed_after = kills
    ran = verb(*PERIOD, "--yes")
    assert ran.code == 130
    assert "writes the rest" in ran.err
    assert len(written(scene)) == kills
    scene.bucket.killed_after = None
    answer(verb(*PERIOD, "--yes", "--output", "json"))
    assert rows(scene) == EXPECTED
    assert len(written(scene)) > 2


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("--heal",), "belong together"),
        (("--heal", "--from", time(START)), "belong together"),
        (("--from", time(START), "--to", time(END)), "belong together"),
        (("--heal", "--from", time(END), "--to", time(START)), "--from is not before --to"),
        (("--heal", "--from", time(END), "--to", time(END)), "--from is not before --to"),
        (("--heal", "--from", "2026-11-20T09:15:00", "--to", time(END)), "--from 2026"),
        (("--heal", "--from", time(START), "--to", "2026-11-20T09:15:00.5Z"), "--to 2026"),
        (("--heal", "--from", time(START), "--to", time(NOW + timedelta(hours=1))), "in the future"),
        ((*PERIOD, "--scan"), "not allowed with"),
        ((*PERIOD, "--export", "x"), "not allowed with"),
        ((*PERIOD, "--engine", "glue"), "does not heal"),
    ],
)
def test_wrong_usage(verb: Verb, dynamodb: ExportingDynamo, arguments: tuple[str, ...], text: str) -> None:
    """Exit code 2, and nothing is exported."""
    ran = verb(*arguments, "--yes")
    assert (ran.code, dynamodb.requests) == (2, [])
    assert text in ran.err


def test_recovery_that_is_off_is_an_error(verb: Verb, dynamodb: ExportingDynamo) -> None:
    """No export has past changes: reconcile is the way."""
    dynamodb.recovery = "DISABLED"
    ran = verb(*PERIOD, "--yes")
    assert (ran.code, dynamodb.requests) == (1, [])
    assert "scripts.reconcile orders --profile producer --lake-profile consumer --repair`" in ran.err


def test_heal_without_the_option_stacks_does_not_offer_a_scan(verb: Verb, scene: Scene) -> None:
    """A scan has no past states."""
    scene.stacks["111111111111"].clear()
    ran = verb(*PERIOD, "--yes")
    assert ran.code == 1
    assert "scripts.deploy export --profile producer" in ran.err
    assert "--scan" not in ran.err


@pytest.mark.parametrize("earliest", [timedelta(days=10), timedelta(days=50)])
def test_period_before_the_recovery_window_is_refused(
    verb: Verb, dynamodb: ExportingDynamo, earliest: timedelta
) -> None:
    """At most 35 days, and no earlier than point-in-time recovery was turned on."""
    dynamodb.earliest = NOW - earliest
    start = NOW - min(earliest, timedelta(days=35)) - timedelta(minutes=1)
    ran = verb("--heal", "--from", time(start), "--to", time(END), "--yes")
    assert (ran.code, dynamodb.requests) == (1, [])
    assert "reaches back to" in ran.err
    assert "scripts.reconcile orders --profile producer --lake-profile consumer --repair`" in ran.err
    assert (
        answer(
            verb(
                "--heal",
                "--from",
                time(start + timedelta(minutes=2)),
                "--to",
                time(END),
                "--dry-run",
                "--output",
                "json",
            )
        )["status"]
        == "dry run"
    )


def test_recovery_that_is_younger_than_an_export_is_refused(verb: Verb, dynamodb: ExportingDynamo) -> None:
    """Neither end has room for 15 minutes."""
    dynamodb.earliest = NOW - timedelta(minutes=10)
    ran = verb("--heal", "--from", time(NOW - timedelta(minutes=5)), "--to", time(NOW), "--yes")
    assert (ran.code, dynamodb.requests) == (1, [])
    assert "cannot be exported" in ran.err


def test_day_that_the_table_does_not_show_is_refused(verb: Verb, scene: Scene) -> None:
    """With the parameter to change."""
    scene.glue.first_day = "2026-11-21"
    ran = verb(*PERIOD, "--yes")
    assert ran.code == 1
    assert "--parameter FirstDay=2026-11-20" in ran.err


def test_failed_export_is_an_error_with_its_reason(
    verb: Verb, scene: Scene, dynamodb: ExportingDynamo
) -> None:
    """DescribeExport's code and message."""
    dynamodb.fails = {"ExportStatus": "FAILED", "FailureCode": "S3AccessDenied", "FailureMessage": "no"}
    ran = verb(*PERIOD, "--yes")
    assert (ran.code, written(scene)) == (1, {})
    assert "FAILED: S3AccessDenied no" in ran.err


DAMAGES: dict[str, dict[str, Any]] = {
    "OtherTable": {"tableId": "0bbbbbbb-0000-4000-8000-000000000001"},
    "Manifest": {"exportToTime": "2026-11-20T08:59:00.000Z"},
    "Version": {"exportType": "FULL_EXPORT"},
    "OutputFormat": {"outputFormat": "CSV"},
}


@pytest.mark.parametrize(
    "name", [*DAMAGES, "KeySchema", "TruncatedFile", "MissingFile", "Checksum", "Count", "Record"]
)
def test_nothing_is_written_of_a_refused_export(
    verb: Verb, scene: Scene, dynamodb: ExportingDynamo, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Also where only the last file of the last window is damaged: every export is read first."""
    write, numbers = dynamodb.write, iter(range(9))

    def damaging(export_id: str, start: datetime, end: datetime) -> None:
        last = next(numbers) == 2
        if last and name == "Count":
            dynamodb.extra = [
                {"Metadata": {"WriteTimestampMicros": {"N": "1"}}, "Keys": {"pk": {"S": "item-0"}}}
            ] * 2
        if last and name == "Record":
            dynamodb.extra = [
                {
                    "Metadata": {"WriteTimestampMicros": {"N": "1"}},
                    "Keys": {"pk": {"S": "x"}},
                    "NewImage": {"pk": {"S": "x"}, "y": {"X": "1"}},
                }
            ]
        if last and name == "KeySchema":
            dynamodb.extra = [
                {"Metadata": {"WriteTimestampMicros": {"N": "1"}}, "Keys": {"other": {"S": "x"}}}
            ]
        write(export_id, start, end, **(DAMAGES.get(name, {}) if last else {}))
        objects = scene.bucket.buckets[LANDING]
        file = f"exports/AWSDynamoDB/data/{export_id}-2.json.gz"
        if last and name == "TruncatedFile":
            objects[file] = objects[file][:-4]
        if last and name == "Checksum":
            objects[file] = objects[file][:-8] + b"\0" * 8
        if last and name == "MissingFile":
            del objects[file]

    monkeypatch.setattr(dynamodb, "write", damaging)
    start = time(NOW - timedelta(hours=50))
    ran = verb("--heal", "--from", start, "--to", time(END), "--yes", "--output", "json")
    assert ran.code == 1
    error = json.loads(ran.out)["error"]
    assert error["reason"] == name
    assert error["next"]
    assert len(dynamodb.requests) == 3
    assert written(scene) == {}


def test_export_whose_files_were_deleted_is_replaced(
    verb: Verb, scene: Scene, dynamodb: ExportingDynamo
) -> None:
    """The bucket deletes exports after some days. The rows that were written stay: no others are needed."""
    verb(*PERIOD, "--yes")
    scene.bucket.buckets[LANDING].clear()
    dynamodb.now += timedelta(minutes=1)
    found = answer(verb(*PERIOD, "--yes", "--output", "json"))
    assert (len(dynamodb.requests), found["rows"]) == (2, 0)
    assert rows(scene) == EXPECTED


def test_windows_of_a_finished_run_are_not_written_again(
    verb: Verb, scene: Scene, dynamodb: ExportingDynamo
) -> None:
    """A run that was killed between two windows writes the second only."""
    dynamodb.writes.append(Write(NOW - timedelta(hours=30), "item-early", None, 1, lost=True))
    period = ("--heal", "--from", time(NOW - timedelta(hours=48)), "--to", time(END), "--yes")
    scene.bucket.killed_after = 1
    assert verb(*period).code == 130
    [first] = written(scene)
    scene.bucket.killed_after = None
    found = answer(verb(*period, "--output", "json"))
    assert [window.get("finished_before") for window in found["windows"]] == [True, None]
    assert next(iter(written(scene))) == first
    assert rows(scene) == {**EXPECTED, "item-early": 1}


def test_heal_reads_the_settings_first(
    verb: Verb, dynamodb: ExportingDynamo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stack of an earlier release does not state how rows are written: nothing is exported."""
    plan = Heal.plan

    def without(heal: Heal) -> Any:
        heal.source.outputs.pop("KeepImages")  # type: ignore[attr-defined]
        return plan(heal)

    monkeypatch.setattr(Heal, "plan", without)
    ran = verb(*PERIOD, "--yes")
    assert (ran.code, dynamodb.requests) == (1, [])
    assert "does not state how it flattens items" in ran.err
