"""Commands that write into earlier days of a lake with settled tables: the views are right at every moment.

Each command runs between two runs of the deployed settle job, in the sandbox and as a user runs it. Before
it, after its last row, and after the run that it starts, the views answer what the raw rows say.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sandbox import accounts
from sandbox.launches import plan_launches
from sandbox.lifecycle import Sandbox
from settled.names import REOPENED, ending
from tests.sandbox import exports
from tests.sandbox.commands import run_module
from tests.sandbox.lake import Lake
from tests.sandbox.roles import account_root, credential_environment, refused_roles, trust_policy
from tests.sandbox.waiting import wait_until
from tests.unit.transform.records import change_record, compact
from transform_lambda.change import transform
from transform_lambda.flatten import RowSettings

ARCHIVE = "archive"  # a source table of its own: what other tests do to the first one does not matter
OLD = f"{datetime.now(UTC) - timedelta(days=20):%Y-%m-%d}"
BOTH = ("--profile", "producer", "--lake-profile", "consumer")
RUN_SECONDS = 300
LEAST_SECONDS = 16  # of an incremental export at this speed
Answer = dict[str, Any]


def changed(table: str, key: str, before: int | None, after: int, time: str) -> bytes:
    """The change record of one item's revision, as the stream has it."""
    images = [
        None if revision is None else {"pk": {"S": key}, "revision": {"N": str(revision)}}
        for revision in (before, after)
    ]
    micros = int(datetime.fromisoformat(time).timestamp() * 1_000_000)
    record = change_record(
        "INSERT" if before is None else "MODIFY",
        images[1],
        images[0],
        keys={"pk": {"S": key}},
        change={"ApproximateCreationDateTime": micros},
        tableName=table,
        eventID=f"{key}-{after}",
    )
    return compact(record)


class Scene:
    """Two accounts with every stack that the commands need."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox, self.lake = sandbox, Lake(sandbox)
        self.table, self.job = sandbox.outputs["SourceTableName"], sandbox.outputs["SettleJobName"]
        self.glue: Any = sandbox.session("consumer").client("glue")
        self.s3: Any = sandbox.session("consumer").client("s3")
        self.dynamodb: Any = sandbox.session("producer").client("dynamodb")

    def run(self, *arguments: str, environment: dict[str, str] | None = None) -> Answer:
        """The JSON of a command that succeeds."""
        done = run_module(self.sandbox, *arguments, "--output", "json", environment=environment)
        assert done.returncode == 0, f"{done.stderr}\n{self.said()}"
        answer: Answer = json.loads(done.stdout)
        return answer

    def said(self) -> str:
        """The end of the job's log."""
        logs: Any = self.sandbox.session("consumer").client("logs")
        found = logs.filter_log_events(logGroupName=self.sandbox.outputs["SettleLogGroupName"])["events"]
        return "\n".join(event["message"] for event in found[-10:])

    def state(self, run: str) -> str:
        """The state of a run of the job."""
        return str(self.glue.get_job_run(JobName=self.job, RunId=run)["JobRun"]["JobRunState"])

    def wait(self, run: str) -> None:
        """Wait until a run of the job has succeeded."""
        wait_until(lambda: self.state(run) == "SUCCEEDED", "the run succeeds", RUN_SECONDS, said=self.said)

    def current(self, key: str, table: str = "") -> str | None:
        """The item's revision in the view `current`; None without the item."""
        view = f"current_{ending(table or self.table)}"
        _, rows = self.lake.query(f"SELECT revision FROM {view} WHERE pk = '{key}'")
        assert len(rows) <= 1
        return rows[0][0] if rows else None

    def history(self, key: str, table: str = "") -> int:
        """How many changes of the item the view `history` has."""
        view = f"history_{ending(table or self.table)}"
        _, [[number]] = self.lake.query(f"SELECT count(*) FROM {view} WHERE pk = '{key}'")
        return int(number or 0)

    def unsettled(self, day: str) -> int:
        """How many rows of a day queries read from raw objects."""
        _, [[number]] = self.lake.query(f"SELECT count(*) FROM unsettled_changes WHERE dt = '{day}'")
        return int(number or 0)

    def markers(self) -> list[Answer]:
        """The markers of reopened days."""
        found = self.s3.list_objects_v2(Bucket=self.lake.bucket, Prefix=REOPENED).get("Contents", [])
        bodies = (self.s3.get_object(Bucket=self.lake.bucket, Key=each["Key"])["Body"] for each in found)
        return [json.loads(body.read()) for body in bodies]

    def put(self, key: str, revision: int | None) -> None:
        """Put an item, or delete it."""
        if revision is None:
            self.dynamodb.delete_item(TableName=self.table, Key={"pk": {"S": key}})
            return
        item = {"pk": {"S": key}, "revision": {"N": str(revision)}}
        self.dynamodb.put_item(TableName=self.table, Item=item)

    def lose(self, key: str, revision: int | None) -> None:
        """The same, while the table does not stream."""
        stream = self.sandbox.outputs["SourceStreamArn"]
        self.dynamodb.disable_kinesis_streaming_destination(TableName=self.table, StreamArn=stream)
        self.put(key, revision)
        self.dynamodb.enable_kinesis_streaming_destination(TableName=self.table, StreamArn=stream)

    def fail(self, key: str, record: bytes) -> None:
        """Put an error object with a record that Firehose could not deliver."""
        line = {"errorCode": "Lambda.FunctionError", "rawData": base64.b64encode(record).decode()}
        self.lake.put_bytes(f"errors/processing-failed/dt={OLD}/{key}", json.dumps(line).encode() + b"\n")


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    """One item in an old day and three of today, all settled; the views read the settled tables."""
    with Sandbox(speed=60) as sandbox:
        sandbox.start_delivery()
        parameters = {
            "consumer": ["ItemColumns=pk,revision", f"FirstDay={OLD}"],
            "tables": ["SettleSchedule="],
        }
        kinds = ("consumer", "producer", "backfill", "export", "tables")
        sandbox.launch(plan_launches(*kinds, parameters=parameters))
        scene = Scene(sandbox)
        job = scene.glue.get_job(JobName=scene.job)["Job"]
        known = (
            "Role",
            "Command",
            "DefaultArguments",
            "GlueVersion",
            "WorkerType",
            "NumberOfWorkers",
            "Timeout",
        )
        wanted = {name: job[name] for name in known}
        wanted["DefaultArguments"] |= {"--margin-minutes": "0"}
        scene.glue.update_job(JobName=scene.job, JobUpdate=wanted)
        row = transform(changed(ARCHIVE, "old", None, 1, f"{OLD}T08:00:00+00:00"), None, RowSettings(1))[0]
        scene.lake.put([row.rstrip()], OLD)
        delivered = ("new", "hole-changed", "hole-deleted")
        for key in delivered:
            scene.put(key, 1)
        wait_until(
            lambda: all(
                scene.lake.query(f"SELECT 1 FROM changes WHERE pk = '{key}'")[1] for key in delivered
            ),
            "the items are delivered",
        )
        done = scene.run("scripts.settle", "--profile", "consumer")
        assert (done["status"], done["objects_left"]) == ("settled", 0), done
        for table in (scene.table, ARCHIVE):
            scene.run("scripts.views", table, "--profile", "consumer")
        _, rows = scene.lake.query("SELECT count(DISTINCT dt) FROM settled_objects")
        assert int(rows[0][0] or 0) >= 2
        yield scene
        assert refused_roles(sandbox) == []


@pytest.fixture(scope="module")
def repairer(scene: Scene) -> dict[str, str]:
    """The environment of a person with only the two policies for people who write into earlier days."""
    iam: Any = scene.sandbox.session("consumer").client("iam")
    trust = trust_policy(account_root(accounts.CONSUMER))
    role = iam.create_role(RoleName="settling-repairer", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    for output in ("RepairerPolicyArn", "SettlerPolicyArn"):
        iam.attach_role_policy(RoleName="settling-repairer", PolicyArn=scene.sandbox.outputs[output])
    sts: Any = scene.sandbox.session("consumer").client("sts")
    credentials = sts.assume_role(RoleArn=role, RoleSessionName="session")["Credentials"]
    inherited = {k: v for k, v in scene.sandbox.environment().items() if k != "AWS_PROFILE"}
    return {
        **inherited,
        **credential_environment(credentials),
        "AWS_DEFAULT_REGION": accounts.REGION,
        "AWS_ENDPOINT_URL": scene.sandbox.endpoint,
        "AWS_CA_BUNDLE": str(scene.sandbox.folder / "ca.pem"),
    }


def test_redrive_into_a_settled_day(scene: Scene, repairer: dict[str, str]) -> None:
    """The day is read raw from before the first row until a run has settled it; two policies are enough."""
    assert (scene.current("old", ARCHIVE), scene.unsettled(OLD), scene.markers()) == ("1", 0, [])
    scene.fail("ddb-lake-1-a", changed(ARCHIVE, "old", 1, 2, f"{OLD}T09:00:00+00:00"))
    command = ("scripts.redrive", "--source-profile", "producer")
    counted = scene.run(*command, "--dry-run", environment=repairer)
    assert (counted["settle_job"], counted["reopened_days"]) == (scene.job, [OLD])
    assert (scene.current("old", ARCHIVE), scene.markers()) == ("1", [])
    done = scene.run(*command, "--yes", environment=repairer)
    during = scene.current("old", ARCHIVE), scene.history("old", ARCHIVE), scene.unsettled(OLD)
    assert scene.state(done["settle_run"]) in ("STARTING", "RUNNING")
    assert during == ("2", 2, 2)
    assert scene.markers() == [{"days": [OLD], "done": True}]
    scene.wait(done["settle_run"])
    assert (scene.current("old", ARCHIVE), scene.history("old", ARCHIVE), scene.unsettled(OLD)) == ("2", 2, 0)
    assert scene.markers() == []
    _, rows = scene.lake.query(f"SELECT count(*) FROM settled_changes_{ARCHIVE} WHERE pk = 'old'")
    assert int(rows[0][0] or 0) == 2


def test_backfill_brings_a_lost_item(scene: Scene) -> None:
    """Its rows are of the export's day; the run after it settles them."""
    scene.lose("lost", 1)
    assert scene.current("lost") is None
    done = scene.run("scripts.backfill", scene.table, *BOTH, "--engine", "local", "--yes", "--wait")
    assert done["reopened_days"] == [done["time"][:10]]
    assert scene.state(done["settle_run"]) == "SUCCEEDED"
    assert (scene.current("lost"), scene.history("lost")) == ("1", 1)
    assert scene.markers() == []


def test_reconcile_repairs_a_lost_change(scene: Scene) -> None:
    """Its rows are of now, and today is open: no day is marked, and a run is started."""
    scene.lose("new", 5)
    done = scene.run("scripts.reconcile", scene.table, *BOTH, "--repair", "--yes")
    during = scene.current("new")
    assert scene.state(done["settle_run"]) in ("STARTING", "RUNNING")
    assert (during, done["reopened_days"], scene.markers()) == ("5", [], [])
    scene.wait(done["settle_run"])
    assert scene.current("new") == "5"


HOLE = ("hole-new", "hole-changed", "hole-deleted")


def test_heal_of_a_hole(scene: Scene) -> None:
    """A new item, a change and a deletion: the views have them while the run goes on, and after it."""
    start = exports.wait_for_second()
    for key, revision in zip(HOLE, (1, 2, None), strict=True):
        scene.lose(key, revision)
    end = exports.wait_for_second(start + LEAST_SECONDS)
    times = (f"{datetime.fromtimestamp(each, UTC):%Y-%m-%dT%H:%M:%SZ}" for each in (start, end))
    period = [text for pair in zip(("--from", "--to"), times, strict=True) for text in pair]
    command = ("scripts.backfill", scene.table, *BOTH, "--heal", *period)

    def answers() -> list[tuple[str | None, int]]:
        return [(scene.current(key), scene.history(key)) for key in HOLE]

    before = answers()  # other tests may have added rows
    assert [revision for revision, _ in before] == [None, "1", "1"]
    planned = scene.run(*command, "--dry-run")
    day = f"{datetime.fromtimestamp(end, UTC):%Y-%m-%d}"
    assert (planned["settle_job"], planned["reopened_days"]) == (scene.job, [day])
    assert (answers(), scene.markers()) == (before, [])
    done = scene.run(*command, "--yes")
    during = answers()
    assert scene.state(done["settle_run"]) in ("STARTING", "RUNNING")
    healed = zip(("1", "2", None), (count + 1 for _, count in before), strict=True)
    assert (during, done["rows"]) == ([*healed], 3)
    assert scene.markers() == [{"days": [day], "done": True}]
    scene.wait(done["settle_run"])
    assert (answers(), scene.markers()) == (during, [])
    _, rows = scene.lake.query(
        f"SELECT DISTINCT pk FROM settled_changes_{ending(scene.table)} "
        "WHERE pk LIKE 'hole-%' AND change_type = 'SNAPSHOT' ORDER BY pk"
    )
    assert rows == [[key] for key in sorted(HOLE)]
    _, rows = scene.lake.query(
        f"SELECT pk, change_type FROM settled_items_{ending(scene.table)} WHERE pk LIKE 'hole-%'"
    )
    assert sorted(rows) == [[key, "SNAPSHOT"] for key in sorted(HOLE)]
