"""backfill: the plan, the export that is found or started, the refusals, the rows, and a second run."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from repair.backfill import objects_of_file
from repair.objects import source_digest
from scripts import backfill
from scripts.core.backfilling import handover, running
from scripts.core.backfilling.progress import Progress
from scripts.core.backfilling.rates import LOCAL_BYTES, LOCAL_ITEMS
from scripts.core.console import Output
from scripts.core.source_stream import Clock
from tests.unit.repair.exports import EXPORT_ID, FILES, PREFIX, SUMMARY, TABLE_ARN, item, md5
from tests.unit.scripts.backfill.scene import EXPORT_ARN, LAKE, LANDING, NOW, Scene, made
from tests.unit.scripts.conftest import Ran
from tests.unit.scripts.edge import Terminal
from tests.unit.scripts.settling.recording import Recording

Verb = Callable[..., Ran]
ITEMS = [item(number) for number in range(50)]
OBJECTS = f"data/dt=2026-11-20/repair-backfill-{EXPORT_ID}-"


@pytest.fixture
def scene() -> Scene:
    """A table of fifty items and an empty lake."""
    return made([*ITEMS])


@pytest.fixture
def verb(monkeypatch: pytest.MonkeyPatch, run_verb: Callable[..., Ran], scene: Scene) -> Verb:
    """Run `backfill orders` in the scene, without waiting."""
    slept: list[float] = []

    class Workgroup:
        def __init__(self, *_: Any) -> None: ...

        def execute(self, sql: str, database: str, parameters: list[str]) -> Any:
            assert (sql, database, parameters[1]) == (handover.FIRST_CHANGE, "ddb_lake", "'orders'")
            return type("Result", (), {"rows": [[scene.first_changes.get(parameters[0].strip("'"))]]})

    def session(_: Any, role: str) -> str:
        scene.roles.append(role)
        return role

    monkeypatch.setattr(backfill, "both_sides", lambda _: scene.sides())
    monkeypatch.setattr(running, "session_of_role", session)
    monkeypatch.setattr(running, "open_client", lambda *_: scene.dynamodb)
    monkeypatch.setattr(running, "Clock", lambda: Clock(sleep=slept.append))
    monkeypatch.setattr(handover, "Workgroup", Workgroup)

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


@pytest.mark.parametrize("engine", ["local", "glue"])
def test_day_of_the_export_is_reopened_before_the_first_row(
    verb: Verb, scene: Scene, monkeypatch: pytest.MonkeyPatch, engine: str
) -> None:
    """In a lake with settled tables. A permission that is missing is found before the export begins."""
    settling = Recording()
    settling.install(monkeypatch)
    counted = answer(verb("--dry-run", "--output", "json"))
    assert (counted["reopened_days"], settling.events) == (["2026-11-20"], [])
    assert verb("--yes", "--engine", engine, "--output", "json").code == (0 if engine == "local" else 1)
    assert settling.events[:2] == ["check", "begin 2026-11-20"]
    assert settling.names[0].startswith("backfill orders ")
    assert scene.dynamodb.exports


def test_scan_reopens_no_day(verb: Verb, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its rows get the time at which they are read, and today is open."""
    settling = Recording()
    settling.install(monkeypatch)
    done = answer(verb("--scan", "--yes", "--output", "json"))
    assert (done["reopened_days"], done["settle_run"]) == ([], "jr_1")
    assert settling.events == ["check", "begin ", "end"]


def test_new_export_becomes_rows(verb: Verb, scene: Scene) -> None:
    """The export role exports into the option stack's bucket, and every item is a row of that second."""
    found = answer(verb("--yes", "--output", "json"))
    [request] = scene.dynamodb.requests
    assert (request["S3Bucket"], request["S3Prefix"], request["S3BucketOwner"]) == (
        LANDING,
        "exports",
        "222222222222",
    )
    assert (request["S3SseAlgorithm"], request["ExportFormat"]) == ("KMS", "DYNAMODB_JSON")
    assert request["ExportTime"].microsecond == 0
    assert scene.roles == ["arn:aws:iam::111111111111:role/ddb-lake-export"]
    assert (found["status"], found["rows"], found["objects"], found["files"]) == ("done", 50, 2, 3)
    rows = scene.lines()
    assert sorted(row["pk"] for row in rows) == [one["pk"]["S"] for one in ITEMS]
    assert {row["change_time"] for row in rows} == {found["time"]}
    assert found["time"] == f"{request['ExportTime']:%Y-%m-%dT%H:%M:%S}.000000Z"
    assert all(key.startswith(OBJECTS) for key in scene.bucket.buckets[LAKE])


def test_export_is_of_a_second_after_the_stream_was_seen_on(verb: Verb, scene: Scene) -> None:
    """No change can lie between the export and the stream."""
    verb("--yes")
    assert scene.dynamodb.requests[0]["ExportTime"] > NOW + timedelta(seconds=1)


def test_second_run_finds_the_rows(verb: Verb, scene: Scene) -> None:
    """Nothing is exported or written again, and the answer says so."""
    verb("--yes")
    before = dict(scene.bucket.buckets[LAKE])
    found = answer(verb("--yes", "--output", "json"))
    assert found["status"] == "already done"
    assert len(scene.dynamodb.requests) == 1
    assert scene.bucket.buckets[LAKE] == before


@pytest.mark.parametrize("kills", [0, 1])
def test_killed_run_continues_with_the_same_export(verb: Verb, scene: Scene, kills: int) -> None:
    """A finished file is not read again; the objects are those of a run that was not killed."""
    scene.bucket.killed_after = kills
    ran = verb("--yes")
    assert ran.code == 130
    assert "continues" in ran.err or "writes the rest" in ran.err
    scene.bucket.killed_after = None
    found = answer(verb("--yes", "--output", "json"))
    assert (found["files_finished_before"], found["objects"]) == (kills, 2 - kills)
    assert len(scene.dynamodb.requests) == 1
    assert sorted(row["pk"] for row in scene.lines()) == [one["pk"]["S"] for one in ITEMS]


def test_running_export_is_found(verb: Verb, scene: Scene) -> None:
    """A command that was interrupted while DynamoDB wrote waits for the same export."""
    scene.dynamodb.write_export(LANDING)
    scene.dynamodb.add_export(EXPORT_ARN, ExportStatus="IN_PROGRESS")
    found = answer(verb("--yes", "--output", "json"))
    assert (found["export"], found["rows"]) == (EXPORT_ARN, 50)
    assert scene.dynamodb.requests == []


@pytest.mark.parametrize(
    "members",
    [
        {"S3Bucket": "elsewhere"},
        {"S3Prefix": "other"},
        {"ExportStatus": "FAILED"},
        {"ExportType": "INCREMENTAL_EXPORT"},
    ],
)
def test_export_of_another_place_or_kind_is_not_continued(
    verb: Verb, scene: Scene, members: dict[str, str]
) -> None:
    """Other people export the same table for other purposes."""
    scene.dynamodb.add_export(f"{TABLE_ARN}/export/01700000000000-00000000", **members)
    answer(verb("--yes", "--output", "json"))
    assert len(scene.dynamodb.requests) == 1


def test_export_whose_files_were_deleted_is_replaced(verb: Verb, scene: Scene) -> None:
    """The bucket deletes exports after some days."""
    scene.dynamodb.add_export(f"{TABLE_ARN}/export/01700000000000-00000000")
    answer(verb("--yes", "--output", "json"))
    assert len(scene.dynamodb.requests) == 1


def test_failed_export_is_an_error_with_its_reason(verb: Verb, scene: Scene) -> None:
    """DescribeExport's code and message."""
    scene.dynamodb.fails = {"ExportStatus": "FAILED", "FailureCode": "S3AccessDenied", "FailureMessage": "no"}
    ran = verb("--yes")
    assert ran.code == 1
    assert "FAILED: S3AccessDenied no" in ran.err
    assert scene.bucket.buckets[LAKE] == {}


def test_dry_run_exports_and_writes_nothing(verb: Verb, scene: Scene) -> None:
    """The plan names table, size, place, engine and cost."""
    ran = verb("--dry-run", "--output", "json")
    found = answer(ran)
    assert found["status"] == "dry run"
    assert (found["items_about"], found["engine"]) == (50, "local")
    assert "about 50 items" in ran.err
    assert "DynamoDB export" in ran.err
    assert scene.dynamodb.requests == []
    assert scene.bucket.buckets == {LANDING: {}, LAKE: {}}


@pytest.mark.parametrize("typed", [None, "yes\n", "\n"])
def test_without_the_word_nothing_happens(verb: Verb, scene: Scene, typed: str | None) -> None:
    """The user types `backfill`, or gives --yes."""
    ran = verb(typed=typed)
    assert ran.code == 1
    assert "not confirmed" in ran.err
    assert scene.dynamodb.requests == []


def test_typed_word_confirms(verb: Verb, scene: Scene) -> None:
    """The word alone is enough."""
    assert verb(typed="backfill\n").code == 0
    assert len(scene.lines()) == 50


COMMANDS = {
    "backfill": "`python -m scripts.deploy backfill --profile consumer --outputs-of ddb-lake-consumer`",
    "export": "`python -m scripts.deploy export --profile producer --outputs-of ddb-lake-backfill "
    "--outputs-profile consumer`",
}
ACCOUNTS = {"backfill": "222222222222", "export": "111111111111"}


@pytest.mark.parametrize("missing", [("backfill",), ("export",), ("backfill", "export")])
def test_missing_option_stacks_are_named_with_their_commands(
    verb: Verb, scene: Scene, missing: tuple[str, ...]
) -> None:
    """Only the missing ones, in the order in which they are deployed, and the way without them."""
    for kind in missing:
        scene.stacks[ACCOUNTS[kind]].clear()
    ran = verb("--yes")
    assert ran.code == 1
    names = " and ".join(f"ddb-lake-{kind} in account {ACCOUNTS[kind]}" for kind in missing)
    assert f"there is no complete {names}\n" in ran.err
    assert f"Deploy {', then '.join(COMMANDS[kind] for kind in missing)}. A small table" in ran.err
    assert "--scan" in ran.err


def test_recovery_that_is_off_names_the_command(verb: Verb, scene: Scene) -> None:
    """An export needs point-in-time recovery."""
    scene.dynamodb.recovery = "DISABLED"
    ran = verb("--yes")
    assert ran.code == 1
    assert "aws dynamodb update-continuous-backups --table-name orders --profile producer" in ran.err


@pytest.mark.parametrize(
    ("days", "earliest"),
    [(40, timedelta(days=50)), (11, timedelta(days=10)), (36, timedelta(days=35, hours=20))],
)
def test_time_before_the_recovery_window_is_refused(
    verb: Verb, scene: Scene, days: int, earliest: timedelta
) -> None:
    """At most 35 days, and no earlier than point-in-time recovery was turned on."""
    scene.dynamodb.earliest = NOW - earliest
    ran = verb("--yes", "--export-time", f"{NOW - timedelta(days=days):%Y-%m-%dT%H:%M:%SZ}")
    assert ran.code == 1
    assert "reaches back to" in ran.err
    assert scene.dynamodb.requests == []


@pytest.mark.parametrize("time", ["2026-11-20", "2026-11-20T09:15:00", "2026-11-20T09:15:00.5Z", "x", ""])
def test_export_time_is_a_second_with_its_zone(verb: Verb, time: str) -> None:
    """Anything else is wrong usage."""
    ran = verb("--export-time", time)
    assert ran.code == 2
    assert "2026-11-20T09:15:00Z" in ran.err


def test_time_in_the_future_is_wrong_usage(verb: Verb) -> None:
    """By DynamoDB's clock."""
    assert verb("--yes", "--export-time", "2026-11-21T00:00:00Z").code == 2


def test_named_time_is_exported_once(verb: Verb, scene: Scene) -> None:
    """The same command finds the export of the first."""
    for _ in range(2):
        assert answer(verb("--yes", "--export-time", "2026-11-20T10:30:00+01:00", "--output", "json"))[
            "time"
        ] == ("2026-11-20T09:30:00.000000Z")
    assert len(scene.dynamodb.requests) == 1


def test_same_request_has_the_same_token(verb: Verb, scene: Scene) -> None:
    """A request that is repeated because its answer was lost starts one export."""
    for _ in range(2):
        verb("--yes", "--export-time", "2026-11-20T09:30:00Z")
        scene.dynamodb.exports.clear()
        scene.dynamodb.polls = 2
    verb("--yes", "--export-time", "2026-11-20T09:31:00Z")
    tokens = [request["ClientToken"] for request in scene.dynamodb.requests]
    assert tokens[0] == tokens[1] != tokens[2]


@pytest.mark.parametrize("status", ["DISABLED", "ENABLING", ""])
def test_table_that_does_not_stream_is_refused(verb: Verb, scene: Scene, status: str) -> None:
    """What changes after the export would be missing."""
    scene.dynamodb.stream = status
    ran = verb("--yes", "--scan")
    assert ran.code == 1
    assert "would be missing" in ran.err
    assert "enable-kinesis-streaming-destination --profile producer" in ran.err


def test_profile_that_may_not_see_the_stream_is_told(verb: Verb, scene: Scene) -> None:
    """The check is left out, and said so."""
    scene.dynamodb.stream = "DENIED"
    ran = verb("--yes")
    assert ran.code == 0
    assert "not checked" in ran.err


def test_day_that_the_table_does_not_show_is_refused(verb: Verb, scene: Scene) -> None:
    """With the parameter to change."""
    scene.glue.first_day = "2026-11-21"
    ran = verb("--yes")
    assert ran.code == 1
    assert "--parameter FirstDay=2026-11-20" in ran.err
    assert scene.dynamodb.requests == []


def test_export_before_the_first_change_is_told(verb: Verb, scene: Scene) -> None:
    """The command says what is missing and what to do, and goes on."""
    scene.dynamodb.write_export(LANDING)
    scene.dynamodb.add_export(EXPORT_ARN)
    scene.bucket.buckets[LAKE]["data/dt=2026-11-19/x.gz"] = b""
    scene.bucket.buckets[LAKE]["data/dt=2026-11-20/x.gz"] = b""
    scene.first_changes["2026-11-20"] = "2026-11-20T09:20:00.000000Z"
    ran = verb("--export", EXPORT_ARN, "--dry-run", "--output", "json")
    assert "in neither" in answer(ran)["warning"]
    assert "2026-11-20T09:20:00" in ran.err
    scene.first_changes["2026-11-19"] = "2026-11-19T09:20:00.000000Z"
    assert "warning" not in answer(verb("--export", EXPORT_ARN, "--dry-run", "--output", "json"))


def test_named_export_needs_no_option_stacks(verb: Verb, scene: Scene) -> None:
    """An export in a bucket of one's own is read with one's own permissions."""
    scene.stacks["111111111111"].clear()
    scene.bucket.buckets["own"] = {}
    scene.dynamodb.write_export("own")
    scene.dynamodb.add_export(EXPORT_ARN, S3Bucket="own")
    assert answer(verb("--export", EXPORT_ARN, "--yes", "--output", "json"))["rows"] == 50
    assert scene.roles == []
    assert "111111111111" in scene.bucket.owners


@pytest.mark.parametrize(
    ("arn", "text"),
    [
        (TABLE_ARN.replace("orders", "others") + "/export/x", "is not an export of table orders"),
        (f"{TABLE_ARN}/export/unknown", "there is no export"),
    ],
)
def test_unknown_export_is_refused(verb: Verb, arn: str, text: str) -> None:
    """Also one of another table."""
    ran = verb("--export", arn, "--yes")
    assert ran.code == 1
    assert text in ran.err


def test_incremental_export_is_refused(verb: Verb, scene: Scene) -> None:
    """It does not have every item."""
    scene.dynamodb.add_export(EXPORT_ARN, ExportType="INCREMENTAL_EXPORT", ExportTime=None)
    ran = verb("--export", EXPORT_ARN, "--yes")
    assert ran.code == 1
    assert "incremental" in ran.err


def _damaged(scene: Scene, change: str) -> None:
    scene.dynamodb.write_export(LANDING)
    scene.dynamodb.add_export(EXPORT_ARN)
    objects = scene.bucket.buckets[LANDING]
    last = f"{PREFIX}data/file2.json.gz"
    if change == "truncated":
        objects[last] = objects[last][:-4]
    elif change == "missing":
        del objects[last]
    elif change == "surplus":
        objects[f"{PREFIX}data/other.json.gz"] = b""
    elif change == "checksum":
        objects[FILES] += b"\n"
    elif change == "other table":
        summary = objects[SUMMARY].replace(b"0aaaaaaa-", b"0bbbbbbb-")
        objects[SUMMARY] = summary
        objects[SUMMARY.replace(".json", ".md5")] = md5(summary).encode()
    else:
        scene.dynamodb.described = {"AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "N"}]}


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ("truncated", "TruncatedFile"),
        ("missing", "MissingFile"),
        ("surplus", "SurplusFile"),
        ("checksum", "Checksum"),
        ("other table", "OtherTable"),
        ("key schema", "KeySchema"),
    ],
)
def test_nothing_is_written_of_a_refused_export(verb: Verb, scene: Scene, change: str, name: str) -> None:
    """Also where only the last file is damaged: everything is read before anything is written."""
    _damaged(scene, change)
    ran = verb("--export", EXPORT_ARN, "--yes", "--output", "json")
    assert ran.code == 1
    error = json.loads(ran.out)["error"]
    assert error["reason"] == name
    assert error["next"]
    assert scene.bucket.buckets[LAKE] == {}


def test_item_that_cannot_be_a_row_stops_the_run_before_it_writes(verb: Verb, scene: Scene) -> None:
    """A value of no type of DynamoDB, in the last item."""
    scene.dynamodb.items.append({**item(99), "x": {"X": "1"}})
    ran = verb("--yes")
    assert ran.code == 1
    assert "cannot become a row" in ran.err
    assert scene.bucket.buckets[LAKE] == {}


def test_object_that_changes_between_the_passes_is_refused(
    verb: Verb, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second pass reads the objects that were verified."""
    scene.dynamodb.write_export(LANDING)
    scene.dynamodb.add_export(EXPORT_ARN)
    key = f"{PREFIX}data/file2.json.gz"

    def changing(*arguments: Any) -> Any:
        scene.bucket.buckets[LANDING][key] += b"x"
        return objects_of_file(*arguments)

    monkeypatch.setattr("scripts.core.backfilling.local.objects_of_file", changing)
    ran = verb("--export", EXPORT_ARN, "--yes")
    assert ran.code == 1
    assert "has changed since it was listed" in ran.err
    assert not any(source_digest(key) in name for name in scene.bucket.buckets[LAKE])


def test_large_export_is_for_the_job(verb: Verb, scene: Scene) -> None:
    """By its items or its bytes; the plan says why."""
    for described in ({"ItemCount": LOCAL_ITEMS + 1}, {"TableSizeBytes": LOCAL_BYTES + 1}):
        scene.dynamodb.described = described
        ran = verb("--dry-run", "--output", "json")
        assert answer(ran)["engine"] == "glue"
        assert "Glue backfill job" in ran.err
    assert answer(verb("--dry-run", "--engine", "local", "--output", "json"))["engine"] == "local"


def _job_writes(scene: Scene, verb: Verb) -> None:
    """Have the job write what the local engine writes."""
    scene.glue.work = lambda: scene.bucket.buckets[LAKE].update(
        {f"{OBJECTS}{source_digest(f'{PREFIX}data/file{n}.json.gz')}-00000-end.gz": b"" for n in (0, 2)}
    )


def test_job_gets_the_export_the_key_and_the_settings(verb: Verb, scene: Scene) -> None:
    """The arguments of a run, and the wait for its end."""
    _job_writes(scene, verb)
    found = answer(verb("--yes", "--engine", "glue", "--output", "json"))
    assert (found["run"], found["rows"], found["engine"]) == ("jr_1", 50, "glue")
    [started] = scene.glue.started
    settings = json.loads(started.pop("--settings"))
    assert settings == {"max_depth": 32, "keep_whole": [], "exclude": [], "keep_images": False}
    assert started == {
        "JobName": "backfill-job",
        "--manifest": SUMMARY,
        "--source-id": EXPORT_ID,
        "--source-table": "orders",
        "--key-schema": '[["pk", "S"]]',
        "--time": found["time"],
        "--lake-bucket": LAKE,
    }


def test_run_that_has_begun_is_found(verb: Verb, scene: Scene) -> None:
    """A command that was interrupted waits for the same run."""
    _job_writes(scene, verb)
    scene.glue.runs = [{"Id": "jr_0", "JobRunState": "RUNNING", "Arguments": {"--source-id": EXPORT_ID}}]
    assert answer(verb("--yes", "--engine", "glue", "--output", "json"))["run"] == "jr_0"
    assert scene.glue.started == []


@pytest.mark.parametrize("state", ["FAILED", "TIMEOUT", "STOPPED", "ERROR"])
def test_run_that_fails_is_an_error_with_its_reason(verb: Verb, scene: Scene, state: str) -> None:
    """With Glue's message."""
    scene.glue.ends = {"JobRunState": state, "ErrorMessage": "out of memory"}
    ran = verb("--yes", "--engine", "glue")
    assert ran.code == 1
    assert f"is {state}: out of memory" in ran.err


def test_run_that_leaves_a_file_out_is_an_error(verb: Verb) -> None:
    """The lake is looked at, not the job's word."""
    ran = verb("--yes", "--engine", "glue")
    assert ran.code == 1
    assert "the rows of 2 of " in ran.err


def test_job_reads_the_stacks_bucket_only(verb: Verb, scene: Scene) -> None:
    """An export elsewhere is for the local engine."""
    scene.bucket.buckets["own"] = {}
    scene.dynamodb.write_export("own")
    scene.dynamodb.add_export(EXPORT_ARN, S3Bucket="own")
    ran = verb("--export", EXPORT_ARN, "--yes", "--engine", "glue")
    assert ran.code == 1
    assert "--engine local" in ran.err


def test_scan_needs_no_option_stacks(verb: Verb, scene: Scene) -> None:
    """Every item is a row, and binary is the text that DynamoDB sends."""
    scene.stacks["111111111111"].clear()
    scene.dynamodb.items.append({**item(99), "b": {"B": b"hello"}})
    found = answer(verb("--scan", "--yes", "--output", "json"))
    assert (found["rows"], found["objects"], found["status"]) == (51, 1, "done")
    rows = scene.lines()
    assert len({row["change_key"] for row in rows}) == 51
    assert rows[-1]["b"] == "aGVsbG8="
    [key] = scene.bucket.buckets[LAKE]
    assert key == f"data/dt=2026-11-20/repair-backfill-{found['scan']}-s00000-00000-end.gz"


def test_scan_stays_within_its_budget_and_before_its_reads(verb: Verb, scene: Scene) -> None:
    """Pages are small enough; a row's time is the answer before its own."""
    found = answer(verb("--scan", "--yes", "--read-capacity", "1", "--output", "json"))
    assert found["read_units"] == 2.0 * 5
    times = sorted({row["change_time"] for row in scene.lines()})
    assert len(times) == 5
    assert times[0] == f"{NOW + timedelta(seconds=1):%Y-%m-%dT%H:%M:%S}.000000Z"


def test_page_that_took_long_is_read_again(verb: Verb, scene: Scene) -> None:
    """No row has a time far before its read."""
    scene.dynamodb.answer_seconds = lambda page: 40 if page in {1, 3} else 1
    found = answer(verb("--scan", "--yes", "--read-capacity", "1", "--output", "json"))
    assert scene.dynamodb.scans == 7
    assert found["rows"] == 50
    assert (
        min(row["change_time"] for row in scene.lines()) > f"{NOW + timedelta(seconds=40):%Y-%m-%dT%H:%M:%S}"
    )


def test_table_that_never_answers_in_time_is_an_error(verb: Verb, scene: Scene) -> None:
    """The command does not read one page for ever."""
    scene.dynamodb.answer_seconds = lambda _: 40
    ran = verb("--scan", "--yes")
    assert ran.code == 1
    assert "Lower --read-capacity" in ran.err


def test_large_table_is_scanned_in_segments(verb: Verb, scene: Scene) -> None:
    """Each has objects of its own, and no item is read twice."""
    scene.dynamodb.described = {"TableSizeBytes": 600 * 1024 * 1024}
    found = answer(verb("--scan", "--yes", "--output", "json"))
    assert (found["rows"], found["objects"]) == (50, 3)
    assert len({row["change_key"] for row in scene.lines()}) == 50


def test_scan_that_passes_midnight_writes_both_days(verb: Verb, scene: Scene) -> None:
    """A row lies under the day of its time."""
    scene.dynamodb.now = NOW.replace(hour=23, minute=59, second=57)
    found = answer(verb("--scan", "--yes", "--read-capacity", "1", "--output", "json"))
    assert (found["rows"], found["objects"]) == (50, 2)
    assert {key[:18] for key in scene.bucket.buckets[LAKE]} == {"data/dt=2026-11-20", "data/dt=2026-11-21"}


@pytest.mark.parametrize("option", ["0", "-1", "nan", "inf"])
def test_read_capacity_is_a_positive_number(verb: Verb, option: str) -> None:
    """Anything else is wrong usage."""
    assert verb("--scan", "--read-capacity", option).code == 2


@pytest.mark.parametrize(
    "options", [("--scan", "--engine", "glue"), ("--scan", "--export", "x"), ("--scan", "--export-time", "x")]
)
def test_options_that_contradict_are_wrong_usage(verb: Verb, options: tuple[str, ...]) -> None:
    """A scan has no export."""
    assert verb(*options).code == 2


def test_table_of_another_stack_is_wrong_usage(run_verb: Callable[..., Ran], verb: Verb) -> None:
    """Its rows need the settings of its own stack."""
    del verb
    assert run_verb(backfill.main, "others", "--yes").code == 2


def test_progress_states_rate_and_time_left(capsys: pytest.CaptureFixture[str]) -> None:
    """At least once a minute."""
    now = [NOW]
    progress = Progress(Clock(now=lambda: now[0]), Output(), "written", 4_000, 3)
    for number, _ in enumerate(progress.count(range(3_000)), 1):
        if number == 1_999:
            now[0] += timedelta(seconds=20)
    progress.file_done()
    assert progress.line() == "written: 3,000 of 4,000 items, 1 of 3 files, 150 items/s, 6 s left"
    assert "written: 2,000 of 4,000 items" in capsys.readouterr().err
