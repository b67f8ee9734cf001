"""The emulated crawler: its tables, its permissions, and its events."""

import contextlib
import gzip
import json
from typing import Any

import pytest

from sandbox import accounts
from sandbox.emulator.refusals import refusals
from sandbox.lifecycle import Sandbox
from tests.sandbox.crawls import idle, last_crawl
from tests.sandbox.pipelines import zipped
from tests.sandbox.roles import trust_policy
from tests.sandbox.waiting import wait_until

pytestmark = pytest.mark.sandbox

CONFIGURATION = {
    "Version": 1.0,
    "Grouping": {"TableGroupingPolicy": "CombineCompatibleSchemas"},
    "CrawlerOutput": {"Partitions": {"AddOrUpdateBehavior": "InheritFromTable"}},
}
ACTIONS = (
    "s3:ListBucket",
    "s3:GetObject",
    "glue:GetDatabase",
    "glue:GetTable",
    "glue:CreateTable",
    "glue:UpdateTable",
    "glue:GetPartitions",
    "glue:BatchCreatePartition",
    "glue:BatchUpdatePartition",
    "glue:UpdatePartition",
)


class Crawler:
    """A bucket, a database, a role and a crawler in the consumer's account, all of one name."""

    def __init__(self, sandbox: Sandbox, name: str, actions: tuple[str, ...] = ACTIONS) -> None:
        self.name = name
        session = sandbox.session("consumer")
        self.s3 = session.client("s3")
        self.glue: Any = session.client("glue")
        self.iam, self.events = session.client("iam"), session.client("events")
        self.functions = session.client("lambda")
        self.s3.create_bucket(Bucket=name)
        self.glue.create_database(DatabaseInput={"Name": name})
        trust = trust_policy({"Service": "glue.amazonaws.com"})
        self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)
        grant = {"Effect": "Allow", "Action": actions, "Resource": "*"}
        self.iam.put_role_policy(
            RoleName=name,
            PolicyName="crawl",
            PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [grant]}),
        )

    def make(self, **settings: Any) -> "Crawler":
        defaults = {
            "Role": f"arn:aws:iam::{accounts.CONSUMER}:role/{self.name}",
            "DatabaseName": self.name,
            "TablePrefix": "crawled_",
            "Targets": {"S3Targets": [{"Path": f"s3://{self.name}/data/", "Exclusions": ["**/skipped*"]}]},
            "SchemaChangePolicy": {"UpdateBehavior": "UPDATE_IN_DATABASE", "DeleteBehavior": "LOG"},
            "Configuration": json.dumps(CONFIGURATION),
        }
        self.glue.create_crawler(Name=self.name, **{**defaults, **settings})
        return self

    def put(self, key: str, *rows: Any) -> None:
        body = "".join(json.dumps(row) + "\n" for row in rows).encode()
        self.s3.put_object(
            Bucket=self.name, Key=key, Body=gzip.compress(body) if key.endswith(".gz") else body
        )

    def run(self) -> dict[str, Any]:
        """Start the crawler and wait for its end; LastCrawl."""
        return last_crawl(self.glue, self.name)

    def table(self, name: str = "crawled_data") -> dict[str, Any]:
        table: dict[str, Any] = self.glue.get_table(DatabaseName=self.name, Name=name)["Table"]
        return table

    def columns(self) -> dict[str, str]:
        return {column["Name"]: column["Type"] for column in self.table()["StorageDescriptor"]["Columns"]}

    def partitions(self) -> dict[str, dict[str, Any]]:
        found = self.glue.get_partitions(DatabaseName=self.name, TableName="crawled_data")["Partitions"]
        return {partition["Values"][0]: partition for partition in found}


def test_objects_become_one_typed_table_with_its_partitions(emulator: Sandbox, unique: str) -> None:
    """Glue's type names, partition keys from the folders, the crawler's mark on its table."""
    crawler = Crawler(emulator, unique).make()
    crawler.put("data/dt=2026-11-19/a.gz", {"id": 1, "name": "x", "tags": ["a"]})
    crawler.put("data/dt=2026-11-20/b.gz", {"id": 2, "price": 1.5, "ok": True, "who": {"n": None, "m": 1}})
    assert crawler.run()["Status"] == "SUCCEEDED"
    assert crawler.columns() == {
        "id": "bigint",
        "name": "string",
        "tags": "array<string>",
        "price": "double",
        "ok": "boolean",
        "who": "struct<n:string,m:bigint>",
    }
    table = crawler.table()
    assert table["PartitionKeys"] == [{"Name": "dt", "Type": "string"}]
    assert table["Parameters"]["UPDATED_BY_CRAWLER"] == unique
    assert table["Parameters"]["classification"] == "json"
    assert set(crawler.partitions()) == {"2026-11-19", "2026-11-20"}
    where = crawler.partitions()["2026-11-20"]["StorageDescriptor"]
    assert where["Location"] == f"s3://{unique}/data/dt=2026-11-20/"
    assert [column["Name"] for column in where["Columns"]] == list(crawler.columns())


def test_excluded_hidden_and_empty_objects_are_not_read(emulator: Sandbox, unique: str) -> None:
    """Exclusions are globs below the target; names beginning with _ or . are skipped."""
    crawler = Crawler(emulator, unique).make()
    crawler.put("data/dt=2026-11-20/a", {"seen": 1})
    crawler.put("data/dt=2026-11-20/skipped.json", {"excluded": 1})
    crawler.put("data/dt=2026-11-20/_temporary", {"hidden": 1})
    crawler.put("data/dt=2026-11-20/empty")
    crawler.put("errors/dt=2026-11-20/a", {"elsewhere": 1})
    crawler.run()
    assert crawler.columns() == {"seen": "bigint"}


def test_later_crawl_updates_the_table_and_inheriting_partitions(emulator: Sandbox, unique: str) -> None:
    """UPDATE_IN_DATABASE changes the definition; partitions that inherit follow it."""
    crawler = Crawler(emulator, unique).make()
    crawler.put("data/dt=2026-11-19/a", {"n": 1})
    crawler.run()
    crawler.put("data/dt=2026-11-20/b", {"n": "text", "new": 1})
    crawler.run()
    assert crawler.columns() == {"n": "string", "new": "bigint"}
    assert {
        tuple(column["Name"] for column in partition["StorageDescriptor"]["Columns"])
        for partition in crawler.partitions().values()
    } == {("n", "new")}


def test_update_behavior_log_leaves_the_table_and_adds_partitions(emulator: Sandbox, unique: str) -> None:
    """With LOG only new tables and partitions are created."""
    policy = {"UpdateBehavior": "LOG", "DeleteBehavior": "LOG"}
    crawler = Crawler(emulator, unique).make(SchemaChangePolicy=policy)
    crawler.put("data/dt=2026-11-19/a", {"n": 1})
    crawler.run()
    crawler.put("data/dt=2026-11-20/b", {"new": 1})
    crawler.run()
    assert crawler.columns() == {"n": "bigint"}
    assert set(crawler.partitions()) == {"2026-11-19", "2026-11-20"}


def test_merge_new_columns_keeps_types_and_adds_names(emulator: Sandbox, unique: str) -> None:
    """MergeNewColumns: existing columns keep their type, new ones are appended."""
    output = {**CONFIGURATION["CrawlerOutput"], "Tables": {"AddOrUpdateBehavior": "MergeNewColumns"}}  # type: ignore[dict-item]
    crawler = Crawler(emulator, unique).make(
        Configuration=json.dumps({**CONFIGURATION, "CrawlerOutput": output})
    )
    crawler.put("data/dt=2026-11-19/a", {"n": 1})
    crawler.run()
    crawler.put("data/dt=2026-11-20/b", {"n": "text", "new": True})
    crawler.run()
    assert crawler.columns() == {"n": "bigint", "new": "boolean"}


@pytest.mark.parametrize("missing", ["s3:GetObject", "glue:CreateTable", "glue:BatchCreatePartition"])
def test_missing_permission_of_the_role_fails_the_crawl(emulator: Sandbox, unique: str, missing: str) -> None:
    """A crawler has only its role's permissions; the message and the logged denial contain the action."""
    crawler = Crawler(emulator, unique, tuple(action for action in ACTIONS if action != missing)).make()
    crawler.put("data/dt=2026-11-20/a", {"n": 1})
    last = crawler.run()
    assert last["Status"] == "FAILED"
    assert missing.split(":")[1] in last["ErrorMessage"]
    session = f"arn:aws:sts::{accounts.CONSUMER}:assumed-role/{unique}/AWS-Crawler"
    written = [line for line in refusals(emulator.folder) if line["principal"] == session]
    assert {line["action"] for line in written} == {missing}


def test_unsupported_crawler_setting_fails_with_a_reason(emulator: Sandbox, unique: str) -> None:
    """Grouping into several tables is not emulated; the message states it."""
    crawler = Crawler(emulator, unique).make(Configuration="{}")
    last = crawler.run()
    assert (last["Status"], "CombineCompatibleSchemas" in last["ErrorMessage"]) == ("FAILED", True)


def test_end_of_a_crawl_invokes_the_function_of_a_rule(emulator: Sandbox, unique: str) -> None:
    """A rule on Glue Crawler State Change receives the event in AWS's format."""
    crawler = Crawler(emulator, unique).make()
    source = f"""
    import boto3, json

    def handler(event, context):
        boto3.client("s3").put_object(Bucket="{unique}", Key="event.json", Body=json.dumps(event))
    """
    function = crawler.functions.create_function(
        FunctionName=unique,
        Runtime="python3.11",
        Handler="function.handler",
        Role=f"arn:aws:iam::{accounts.CONSUMER}:role/{unique}",
        Code={"ZipFile": zipped(source)},
        Timeout=30,
    )
    grant = {"Effect": "Allow", "Action": "s3:PutObject", "Resource": "*"}
    crawler.iam.put_role_policy(
        RoleName=unique,
        PolicyName="tell",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [grant]}),
    )
    pattern = {
        "source": ["aws.glue"],
        "detail-type": ["Glue Crawler State Change"],
        "detail": {"crawlerName": [unique], "state": ["Succeeded"]},
    }
    rule = crawler.events.put_rule(Name=unique, EventPattern=json.dumps(pattern))["RuleArn"]
    crawler.functions.add_permission(
        FunctionName=unique,
        StatementId="rule",
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
        SourceArn=rule,
    )
    crawler.events.put_targets(Rule=unique, Targets=[{"Id": "function", "Arn": function["FunctionArn"]}])
    crawler.put("data/dt=2026-11-20/a", {"n": 1})
    crawler.run()

    def told() -> Any:
        listed = crawler.s3.list_objects_v2(Bucket=unique, Prefix="event.json")
        return listed["KeyCount"] and json.load(
            crawler.s3.get_object(Bucket=unique, Key="event.json")["Body"]
        )

    event = wait_until(told, "the rule's function was called")
    assert (event["source"], event["detail-type"]) == ("aws.glue", "Glue Crawler State Change")
    assert event["account"] == accounts.CONSUMER
    assert (
        event["detail"].items()
        >= {
            "crawlerName": unique,
            "state": "Succeeded",
            "message": "Crawler Succeeded",
            "tablesCreated": "1",
            "partitionsCreated": "1",
        }.items()
    )


def test_running_crawler_cannot_be_started(emulator: Sandbox, unique: str) -> None:
    """CrawlerRunningException, as on AWS; an unknown crawler is EntityNotFoundException."""
    crawler = Crawler(emulator, unique).make()
    with pytest.raises(crawler.glue.exceptions.EntityNotFoundException):
        crawler.glue.start_crawler(Name=f"{unique}-unknown")
    for number in range(40):
        crawler.put(f"data/dt=2026-11-20/{number}", {"n": number})

    def refused() -> bool:
        """Two starts in a row; a crawl may be over before the second one."""
        try:
            crawler.glue.start_crawler(Name=unique)
            crawler.glue.start_crawler(Name=unique)
        except crawler.glue.exceptions.CrawlerRunningException:
            return True
        return False

    wait_until(refused, "a start during a crawl is rejected")


def test_stopped_crawl_ends_before_the_next_one_starts(emulator: Sandbox, unique: str) -> None:
    """READY only after it has stopped: late writes would mix with the next crawl."""
    crawler = Crawler(emulator, unique).make()
    for number in range(40):
        crawler.put(f"data/dt=2026-11-20/{number}", {"n": number})
    glue = crawler.glue

    def stopped() -> bool:
        """A start and a stop; a crawl may be over, or at its last step, before it notices the stop."""
        glue.start_crawler(Name=unique)
        with contextlib.suppress(glue.exceptions.CrawlerNotRunningException):
            glue.stop_crawler(Name=unique)
        wait_until(lambda: idle(glue, unique), "the stop", said=lambda: glue.get_crawler(Name=unique))
        ended = glue.get_crawler(Name=unique)["Crawler"]["LastCrawl"]["Status"]
        written = glue.get_tables(DatabaseName=unique)["TableList"]
        for table in written:
            glue.delete_table(DatabaseName=unique, Name=table["Name"])
        return ended == "CANCELLED" and not written

    wait_until(stopped, "a crawl that is stopped at its work writes nothing", 60)
    with pytest.raises(glue.exceptions.EntityNotFoundException):
        crawler.table()
    assert crawler.run()["Status"] == "SUCCEEDED"
    assert crawler.columns() == {"n": "bigint"}
