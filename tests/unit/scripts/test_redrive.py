"""redrive: which error objects it takes, what it asks and reports, and when it fails."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from repair.error_objects import EMPTY, error_object
from scripts import redrive
from scripts.core import connection
from scripts.core.console import CommandError
from scripts.core.redriving import kinesis, run
from scripts.core.redriving.kinesis import StreamRecords
from scripts.core.redriving.selection import TYPES
from scripts.core.sides import LakeSide
from scripts.core.source_stream import Clock, buffer_seconds
from tests.unit.scripts.conftest import Ran
from tests.unit.scripts.edge import Pages, Terminal, refused
from tests.unit.scripts.settling.recording import Recording
from tests.unit.transform.records import change_record
from transform_lambda.change import transform
from transform_lambda.flatten import RowSettings

PRODUCER, CONSUMER = "111111111111", "222222222222"
LAKE = {"AdmittedAccountId": PRODUCER, "ConsumerAccountId": CONSUMER, "LakeBucketName": "lake"}
SOURCE = {
    "SourceTableName": "orders",
    "SourceStreamName": "changes",
    "FlattenMaxDepth": "1",
    "KeepImages": "true",
}
SETTINGS = RowSettings(max_depth=1, keep_images=True)
SECRET = "canary-of-the-payload"
KEY = "errors/processing-failed/dt=2026-11-19/ddb-lake-1-a"


class Bucket:
    """The lake's bucket, as RepairRole sees it."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.archived: set[str] = set()
        self.puts: list[str] = []

    def get_paginator(self, _: str) -> Pages:
        """Pages of two keys."""
        return Pages(lambda Prefix, **_: list(self._pages(Prefix)))

    def _pages(self, prefix: str) -> Iterator[dict[str, Any]]:
        keys = sorted(key for key in self.objects if key.startswith(prefix))
        for start in range(0, len(keys), 2):
            yield {
                "Contents": [
                    {"Key": key, "ETag": f'"{self._etag(key)}"', "Size": len(self.objects[key])}
                    for key in keys[start : start + 2]
                ]
            }

    def _etag(self, key: str) -> str:
        return hashlib.sha256(self.objects[key]).hexdigest()

    def get_object(self, Bucket: str, Key: str, IfMatch: str, ExpectedBucketOwner: str) -> dict[str, Any]:
        """Only errors that are not archived and have not changed."""
        assert (Bucket, ExpectedBucketOwner) == ("lake", CONSUMER)
        assert Key.startswith("errors/")
        assert not Key.startswith("errors/unrecoverable/")
        if Key in self.archived:
            raise refused("InvalidObjectState", operation="GetObject")
        if IfMatch != f'"{self._etag(Key)}"':
            raise refused("PreconditionFailed", operation="GetObject")
        return {"Body": io.BytesIO(self.objects[Key])}

    def put_object(self, Bucket: str, Key: str, Body: bytes, ExpectedBucketOwner: str) -> None:
        """Only names of repairs."""
        assert (Bucket, ExpectedBucketOwner) == ("lake", CONSUMER)
        assert Key.rpartition("/")[2].startswith("repair-redrive-")
        self.puts.append(Key)
        self.objects[Key] = Body

    def rows(self) -> list[bytes]:
        """The rows of the lake, sorted."""
        found = [gzip.decompress(body) for key, body in self.objects.items() if key.startswith("data/")]
        return sorted(line for body in found for line in body.splitlines(keepends=True))

    def unrecoverable(self) -> list[dict[str, Any]]:
        """The lines below errors/unrecoverable/."""
        return [
            json.loads(line)
            for key, body in sorted(self.objects.items())
            if key.startswith("errors/unrecoverable/")
            for line in gzip.decompress(body).splitlines()
        ]


class Stream:
    """The table's stream; the first answers refuse some records."""

    def __init__(self, *refusals: int) -> None:
        self.refusals = list(refusals)
        self.records: list[bytes] = []
        self.requests: list[int] = []

    def put_records(self, StreamName: str, Records: list[dict[str, Any]]) -> dict[str, Any]:
        """Take all records but the first ones."""
        assert StreamName == "changes"
        assert len(Records) <= kinesis.REQUEST_RECORDS
        self.requests.append(len(Records))
        refuse = self.refusals.pop(0) if self.refusals else 0
        self.records += [entry["Data"] for entry in Records[refuse:]]
        failed = [{"ErrorCode": "ProvisionedThroughputExceededException"}] * min(refuse, len(Records))
        return {"Records": failed + [{"SequenceNumber": "1"}] * (len(Records) - refuse)}


class Account:
    """CloudFormation and STS of one account."""

    def __init__(self, account: str, stacks: dict[str, dict[str, str]]) -> None:
        self.account, self.stacks = account, stacks
        self.parameters: dict[str, str] = {}

    def get_caller_identity(self) -> dict[str, str]:
        return {"Account": self.account, "Arn": f"arn:aws:iam::{self.account}:user/anna"}

    def describe_stacks(self, StackName: str) -> dict[str, Any]:
        if StackName not in self.stacks:
            raise refused("ValidationError", f"Stack with id {StackName} does not exist", "DescribeStacks")
        outputs = [{"OutputKey": k, "OutputValue": v} for k, v in self.stacks[StackName].items()]
        parameters = [{"ParameterKey": k, "ParameterValue": v} for k, v in self.parameters.items()]
        described = {"StackStatus": "CREATE_COMPLETE", "Outputs": outputs, "Parameters": parameters}
        return {"Stacks": [described]}


class World:
    """Accounts by profile, one bucket and one stream."""

    def __init__(self) -> None:
        self.bucket, self.stream = Bucket(), Stream()
        self.profiles = {
            "consumer": Account(CONSUMER, {"ddb-lake-consumer": LAKE}),
            "producer": Account(PRODUCER, {"ddb-lake-producer": SOURCE}),
        }
        self.known = ["consumer", "producer"]

    def session(self, profile: str, _region: str | None) -> Any:
        attributes = {"region_name": "eu-west-1", "profile_name": profile, "available_profiles": self.known}
        return type("Session", (), attributes)()

    def client(self, session: Any, service: str, _endpoint: str | None) -> Any:
        if service == "kinesis":
            assert session.profile_name == "producer"
            return self.stream
        return self.profiles[session.profile_name]


@pytest.fixture
def world() -> World:
    """A lake and its source in two accounts."""
    return World()


@pytest.fixture
def command(
    monkeypatch: pytest.MonkeyPatch, run_verb: Callable[..., Ran], world: World
) -> Callable[..., Ran]:
    """Run `redrive` with the consumer's profile."""
    monkeypatch.setattr(connection, "open_session", world.session)
    monkeypatch.setattr(connection, "open_client", world.client)
    monkeypatch.setattr(LakeSide, "repair_client", lambda *_: world.bucket)

    def verb(*arguments: str, typed: str | None = None) -> Ran:
        if typed is not None:
            monkeypatch.setattr("sys.stdin", Terminal(typed))
        return run_verb(redrive.main, "--profile", "consumer", *arguments)

    return verb


def record(number: int, table: str = "orders", *, time: int = 1_649_930_048_474_123) -> bytes:
    """A change of a table, at a time in microseconds."""
    made = change_record(
        change={"ApproximateCreationDateTime": time},
        new={"pk": {"S": str(number)}, "m": {"M": {"n": {"N": "1"}}}},
        keys={"pk": {"S": str(number)}},
        eventID=f"id-{number}",
        tableName=table,
    )
    return json.dumps(made).encode()


def lines(*records: bytes) -> bytes:
    """An error object with these records."""
    return b"".join(
        json.dumps({"errorCode": "Lambda.FunctionError", "rawData": base64.b64encode(one).decode()}).encode()
        + b"\n"
        for one in records
    )


def answer(ran: Ran) -> dict[str, Any]:
    """The JSON of a run."""
    document: dict[str, Any] = json.loads(ran.out)
    assert document["found"] == document["redelivered"] + document["unrecoverable"]
    return document


def receipt(key: str = KEY) -> str:
    """The key of an error object's receipt."""
    source = error_object(key)
    assert source is not None
    return source.receipt_key


def test_every_kind_that_the_table_shows_is_redriven(command: Callable[..., Ran], world: World) -> None:
    """With the producer's settings, GZIP or not; what a redrive wrote itself is never read."""
    assert "unrecoverable" not in TYPES
    for number, kind in enumerate(TYPES):
        content = lines(record(number))
        key = f"errors/{kind}/dt=2026-11-{10 + number}/x"
        world.bucket.objects[key] = gzip.compress(content) if number % 2 else content
    world.bucket.objects["errors/unrecoverable/dt=2026-11-10/repair-x.gz"] = gzip.compress(lines(b"x"))
    ran = command("--yes", "--output", "json")
    assert ran.code == 0, ran.err
    document = answer(ran)
    assert (document["found"], document["objects"]["redriven"]) == (len(TYPES), len(TYPES))
    assert world.bucket.rows() == sorted(transform(record(n), None, SETTINGS)[0] for n in range(len(TYPES)))
    assert "rows get the settings of stack ddb-lake-producer (table orders)" in ran.err


def test_days_of_the_rows_are_reopened_before_the_first(
    command: Callable[..., Ran], world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a lake with settled tables. The days are those of the changes, and not those of the failures."""
    settling = Recording()
    settling.install(monkeypatch)
    world.bucket.objects[KEY] = lines(record(1), record(2, time=1_700_000_000_000_000))
    counted = answer(command("--dry-run", "--output", "json"))
    assert (counted["settle_job"], settling.events) == ("settle-job", [])
    assert counted["reopened_days"] == ["2022-04-14", "2023-11-14"]
    done = answer(command("--yes", "--output", "json"))
    assert settling.events == ["check", "begin 2022-04-14,2023-11-14", "end"]
    assert (done["settle_run"], done["reopened_days"]) == ("jr_1", ["2022-04-14", "2023-11-14"])


def test_run_without_error_objects_reopens_nothing(
    command: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It needs no permission for the settled tables either."""
    settling = Recording()
    settling.install(monkeypatch)
    assert command("--yes").code == 0
    assert settling.events == ["no row"]


def test_records_of_too_many_days_are_refused_before_the_first_row(
    command: Callable[..., Ran], world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counters have a limit, and a day that is not reopened would be missing in queries."""
    monkeypatch.setattr("repair.redriving.NAMES", 2)
    Recording().install(monkeypatch)
    days = (1_600_000_000_000_000, 1_650_000_000_000_000, 1_700_000_000_000_000)
    world.bucket.objects[KEY] = lines(*(record(number, time=time) for number, time in enumerate(days)))
    ran = command("--yes")
    assert (ran.code, world.bucket.puts) == (1, [])
    assert "more than 2 days" in ran.err
    assert "--from-day and --to-day" in ran.err


@pytest.mark.parametrize("partition", ["arrival", "event"])
def test_records_that_firehose_puts_into_earlier_days_reopen_them(
    command: Callable[..., Ran], world: World, monkeypatch: pytest.MonkeyPatch, partition: str
) -> None:
    """Only with PartitionBy `event`, until they are delivered. Otherwise they land in today's folder."""
    settling, slept = Recording(), list[float]()
    settling.install(monkeypatch)
    clock = Clock(sleep=slept.append)
    monkeypatch.setattr("scripts.core.draining.clock_of", lambda _: clock)
    world.profiles["producer"].parameters = {"PartitionBy": partition}
    world.bucket.objects[KEY] = lines(record(1))
    assert command("--yes", "--to", "stream").code == 0
    assert len(world.stream.records) == 1
    if partition == "event":
        assert settling.events == ["check", "begin 2022-04-14", "end"]
        assert sum(slept) == pytest.approx(buffer_seconds({"PartitionBy": "event"}, by_event=True))
    else:
        assert (settling.events, slept) == (["check", "no row"], [])


def test_second_run_writes_nothing(command: Callable[..., Ran], world: World) -> None:
    """It lists the receipts first; unrecoverable records still give exit code 1."""
    world.bucket.objects[KEY] = lines(record(1), SECRET.encode())
    first = command("--yes", "--output", "json")
    assert (first.code, answer(first)["unrecoverable"]) == (1, 1)
    before = dict(world.bucket.objects)
    world.bucket.puts.clear()
    second = command("--yes", "--output", "json")
    assert second.code == 1
    assert answer(second)["objects"] == {
        "redriven": 0,
        "complete_before": 1,
        "with_unrecoverable_before": 1,
    }
    assert (world.bucket.puts, world.bucket.objects) == ([], before)
    assert SECRET not in first.out + first.err + second.err


def test_complete_run_has_exit_code_0(command: Callable[..., Ran], world: World) -> None:
    """A lake without failures, and one whose failures are all rows now."""
    assert command("--yes").code == 0
    world.bucket.objects[KEY] = lines(record(1))
    world.bucket.objects["errors/"] = world.bucket.objects["errors/processing-failed/"] = b""
    assert command("--yes").code == 0
    assert command("--yes").code == 0
    assert world.bucket.objects[receipt()] == EMPTY


def test_again_takes_only_objects_with_unrecoverable_records(
    command: Callable[..., Ran], world: World
) -> None:
    """After the cause is removed, the records become rows and nothing unrecoverable remains."""
    good, bad = KEY + "-good", KEY + "-bad"
    world.bucket.objects |= {good: lines(record(1)), bad: lines(record(2), b"bad")}
    assert command("--yes").code == 1
    world.bucket.objects[bad] = lines(record(2), record(3))  # as a new release reads it
    world.bucket.puts.clear()
    ran = command("--yes", "--again", "--output", "json")
    assert ran.code == 0, ran.err
    assert answer(ran)["objects"]["redriven"] == 1
    assert world.bucket.unrecoverable() == []
    assert len(world.bucket.rows()) == 3
    assert command("--yes").code == 0


def test_reason_is_in_the_lake_and_in_the_report(command: Callable[..., Ran], world: World) -> None:
    """On the day of the failure, by the class of our error."""
    world.bucket.objects[KEY] = lines(b"bad", b'{"eventName": 1}')
    ran = command("--yes", "--output", "json")
    assert answer(ran)["reasons"] == {"ChangeShapeError": 1, "JsonError": 1}
    assert {one["errorCode"] for one in world.bucket.unrecoverable()} == {"ChangeShapeError", "JsonError"}
    assert all("/dt=2026-11-19/" in key for key in world.bucket.puts)
    assert "--named errors-by-code" in ran.err


def test_dry_run_reads_and_writes_nothing(command: Callable[..., Ran], world: World) -> None:
    """It counts by kind, day and code what a run would do."""
    world.bucket.objects[KEY] = lines(record(1), b"bad")
    ran = command("--dry-run", "--output", "json")
    document = answer(ran)
    assert (ran.code, document["status"], world.bucket.puts) == (1, "dry run", [])
    assert document["failures"] == [
        {
            "type": "processing-failed",
            "day": "2026-11-19",
            "code": "Lambda.FunctionError",
            "found": 2,
            "redelivered": 1,
            "unrecoverable": 1,
        }
    ]
    assert "2 records found, 1 can be redelivered, 1 cannot become rows; nothing was written" in ran.err


@pytest.mark.parametrize(("typed", "code"), [(None, 1), ("yes\n", 1), ("redrive\n", 0)])
def test_nothing_is_written_without_confirmation(
    command: Callable[..., Ran], world: World, typed: str | None, code: int
) -> None:
    """By --yes or by the typed word; account and Region come before the question."""
    world.bucket.objects[KEY] = lines(record(1))
    ran = command(typed=typed)
    assert ran.code == code
    assert f"account {CONSUMER}, Region eu-west-1: redrive 1 error object of lake" in ran.err
    assert bool(world.bucket.puts) == (code == 0)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--from-day", "2026-11-19", "--to-day", "2026-11-19"], {"b"}),
        (["--from-day", "2026-11-19"], {"b", "c"}),
        (["--to-day", "2026-11-19"], {"a", "b"}),
        (["--type", "processing-failed"], {"a", "c"}),
        (["--type", "decompression-failed", "--type", "processing-failed"], {"a", "b", "c"}),
        (["--days", "1"], set()),
    ],
)
def test_days_and_kinds_are_those_of_the_options(
    command: Callable[..., Ran], world: World, options: list[str], expected: set[str]
) -> None:
    """Both days count."""
    places = {
        "a": "errors/processing-failed/dt=2026-11-18/a",
        "b": "errors/decompression-failed/dt=2026-11-19/b",
        "c": "errors/processing-failed/dt=2026-11-20/c",
    }
    for number, key in enumerate(places.values()):
        world.bucket.objects[key] = lines(record(number))
    assert command("--yes", *options).code == 0
    assert {name for name, key in places.items() if receipt(key) in world.bucket.objects} == expected


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--type", "unrecoverable"], "unrecoverable is not a kind of failure"),
        (["--from-day", "20261119"], "20261119 is not a day"),
        (["--to-day", "2026-02-30"], "2026-02-30 is not a day"),
        (["--from-day", "2026-11-20", "--to-day", "2026-11-19"], "is after"),
        (["--days", "0"], "--days takes a number from 1"),
        (["--days", "2", "--from-day", "2026-11-20"], "--days takes a number from 1"),
        (["--to", "table"], "invalid choice"),
    ],
)
def test_wrong_option_is_refused(command: Callable[..., Ran], options: list[str], message: str) -> None:
    """Before any call of AWS, with exit code 2."""
    ran = command("--yes", *options)
    assert ran.code == 2
    assert message in ran.err


def test_damaged_object_does_not_stop_the_others(command: Callable[..., Ran], world: World) -> None:
    """It is named with its reason, and nothing of it is written or complete."""
    damaged, archived = KEY + "-damaged.gz", KEY + "-archived"
    world.bucket.objects |= {
        damaged: gzip.compress(lines(record(1)))[:-5],
        archived: lines(record(2)),
        KEY + "-good": lines(record(3)),
    }
    world.bucket.archived.add(archived)
    ran = command("--yes", "--output", "json")
    assert ran.code == 1
    document = answer(ran)
    assert document["status"] == "incomplete"
    assert document["not_redriven"] == [
        {"object": archived, "reason": "it is archived: restore it first"},
        {"object": damaged, "reason": "the GZIP data ends too early"},
    ]
    assert len(world.bucket.rows()) == 1
    assert receipt(damaged) not in world.bucket.objects
    assert f"not redriven: {damaged}" in ran.err


def test_object_that_changes_during_the_run_is_not_redriven(
    command: Callable[..., Ran], world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The listing's ETag is a condition of the reading."""
    world.bucket.objects[KEY] = lines(record(1))
    original = Bucket.get_object

    def changed(self: Bucket, **request: Any) -> dict[str, Any]:
        self.objects[KEY] = lines(record(2))
        return original(self, **request)

    monkeypatch.setattr(Bucket, "get_object", changed)
    ran = command("--yes", "--output", "json")
    assert (ran.code, world.bucket.puts) == (1, [])
    assert answer(ran)["not_redriven"] == [{"object": KEY, "reason": "it changed during the run"}]


def test_refused_write_ends_the_run(
    command: Callable[..., Ran], world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A missing permission concerns every object."""
    world.bucket.objects[KEY] = lines(record(1))

    def refuse(*_: Any, **__: Any) -> None:
        raise refused("AccessDenied", operation="PutObject")

    monkeypatch.setattr(Bucket, "put_object", refuse)
    ran = command("--yes")
    assert ran.code == 1
    assert "PutObject was refused: AccessDenied" in ran.err


@pytest.mark.parametrize(
    "key", ["errors/splunk-failed/dt=2026-11-19/x", "errors/processing-failed/2026/11/19/x", "errors/x"]
)
def test_error_object_of_an_unknown_form_is_an_error(
    command: Callable[..., Ran], world: World, key: str
) -> None:
    """Its folder is named, it is not read, and the others are redriven."""
    world.bucket.objects |= {key: lines(record(1)), KEY: lines(record(2))}
    ran = command("--yes", "--output", "json")
    assert ran.code == 1
    assert answer(ran)["unknown"] == {key.rpartition("/")[0] + "/": 1}
    assert "error objects of an unknown form" in ran.err
    assert len(world.bucket.rows()) == 1


def test_changes_of_another_table_are_not_lost(command: Callable[..., Ran], world: World) -> None:
    """They get the settings of the stack, and the report names the table."""
    world.bucket.objects[KEY] = lines(record(1), record(2, "former"), record(3, SECRET + "\n"))
    ran = command("--yes", "--output", "json")
    assert ran.code == 0, ran.err
    assert answer(ran)["tables"] == {"a name that no table has": 1, "former": 1, "orders": 1}
    assert "changes of other tables, with the same settings: former (1)" in ran.err
    assert SECRET not in ran.out + ran.err


def test_large_object_is_not_kept_in_memory(
    command: Callable[..., Ran], world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is fetched at each reading, a small one once."""
    fetched: list[str] = []
    original = Bucket.get_object

    def counted(self: Bucket, **request: Any) -> dict[str, Any]:
        fetched.append(request["Key"])
        return original(self, **request)

    monkeypatch.setattr(Bucket, "get_object", counted)
    world.bucket.objects |= {KEY: lines(record(1)), KEY + "-large": lines(*map(record, range(20)))}
    monkeypatch.setattr(run, "IN_MEMORY", len(world.bucket.objects[KEY]))
    assert command("--yes").code == 0
    assert fetched == [KEY, KEY + "-large", KEY + "-large"]


# ── The side of the table ──


def test_account_without_a_profile_is_refused(command: Callable[..., Ran], world: World) -> None:
    """The next step names the account and the option."""
    world.known = ["consumer"]
    ran = command("--yes")
    assert ran.code == 2
    assert f"the table is in account {PRODUCER}, and no profile of that account is named" in ran.err
    assert "--source-profile" in ran.err


def test_profile_without_a_lake_is_refused(command: Callable[..., Ran], world: World) -> None:
    """The next step names options that this verb has, and not --lake-profile."""
    world.profiles["consumer"] = Account(CONSUMER, {})
    ran = command("--yes")
    assert ran.code == 1
    assert "Correct --lake-stack, --profile or --region." in ran.err
    world.profiles["consumer"] = Account(CONSUMER, {"ddb-lake-consumer": LAKE})
    world.profiles["producer"] = Account(PRODUCER, {})
    assert "Correct --stack, --source-profile or --region." in command("--yes").err


@pytest.mark.parametrize("options", [(), ("--source-profile", "other")])
def test_profile_of_another_account_is_refused(
    command: Callable[..., Ran], world: World, options: tuple[str, ...]
) -> None:
    """The lake admits one account."""
    other = Account("3" * 12, {"ddb-lake-producer": SOURCE})
    world.profiles |= {"other": other, "producer": other}
    ran = command("--yes", *options)
    assert ran.code == 2
    assert f"is of account {'3' * 12}" in ran.err


def test_single_account_needs_no_other_profile(command: Callable[..., Ran], world: World) -> None:
    """The lake's own stack has the table."""
    one = {**LAKE, **SOURCE, "ConsumerAccountId": CONSUMER, "AdmittedAccountId": CONSUMER}
    world.profiles = {"consumer": Account(CONSUMER, {"ddb-lake": one})}
    world.known = []
    world.bucket.objects[KEY] = lines(record(1))
    ran = command("--yes")
    assert ran.code == 0, ran.err
    assert "settings of stack ddb-lake (table orders)" in ran.err


def test_two_stacks_of_one_account_need_no_other_profile(command: Callable[..., Ran], world: World) -> None:
    """The producer stack is beside the consumer stack."""
    lake = {**LAKE, "AdmittedAccountId": CONSUMER}
    world.profiles = {"consumer": Account(CONSUMER, {"ddb-lake-consumer": lake, "ddb-lake-producer": SOURCE})}
    assert command("--yes").code == 0


# ── The stream ──


def test_records_go_into_the_stream_once(
    command: Callable[..., Ran], world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Records that it refuses are sent again, bad ones never, and a second run sends nothing."""
    monkeypatch.setattr("scripts.core.redriving.kinesis.FIRST_PAUSE", 0)
    world.stream.refusals = [2, 1]
    world.bucket.objects[KEY] = lines(*(record(n) for n in range(4)), b"bad")
    ran = command("--to", "stream", "--yes", "--output", "json")
    assert (answer(ran)["redelivered"], answer(ran)["unrecoverable"]) == (4, 1)
    assert sorted(world.stream.records) == [record(n) for n in range(4)]
    assert world.stream.requests == [4, 2, 1]
    assert world.bucket.rows() == []
    assert "at least once" in ran.err
    command("--to", "stream", "--yes")
    command("--yes")
    assert (len(world.stream.records), world.bucket.rows()) == (4, [])


def test_stream_that_stays_full_is_an_error_and_no_receipt(
    command: Callable[..., Ran], world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next run sends the records again."""
    monkeypatch.setattr("scripts.core.redriving.kinesis.FIRST_PAUSE", 0)
    world.stream.refusals = [1] * kinesis.ATTEMPTS
    world.bucket.objects[KEY] = lines(record(1))
    ran = command("--to", "stream", "--yes")
    assert ran.code == 1
    assert "stream changes did not take 1 record: ProvisionedThroughputExceededException" in ran.err
    assert world.bucket.puts == []


def test_requests_have_the_size_that_every_stream_accepts(monkeypatch: pytest.MonkeyPatch) -> None:
    """At most 500 records and 5 MiB, in order, each once; a longer record is a request of its own."""
    stream = Stream()
    records = [b"%d" % number for number in range(1001)]
    StreamRecords(stream, "changes").send(records)
    assert (stream.requests, stream.records) == ([500, 500, 1], records)
    monkeypatch.setattr(kinesis, "REQUEST_BYTES", 100)
    stream = Stream()
    StreamRecords(stream, "changes").send([b"x" * 18, b"x" * 18, b"x", b"y" * 500, b"z"])
    assert stream.requests == [2, 1, 1, 1]


def test_pauses_grow_and_end() -> None:
    """About a minute, then the error."""
    pauses: list[float] = []
    with pytest.raises(CommandError):
        StreamRecords(Stream(*[1] * kinesis.ATTEMPTS), "changes", pauses.append).send([b"x"])
    assert pauses == sorted(pauses)
    assert 30 < sum(pauses) < 90


def test_other_refusals_of_the_stream_end_the_run() -> None:
    """A missing permission is not a full stream."""

    class Closed:
        def put_records(self, **_: Any) -> None:
            raise refused("AccessDeniedException", operation="PutRecords")

    with pytest.raises(ClientError):
        StreamRecords(Closed(), "changes").send([b"x"])
