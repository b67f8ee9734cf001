"""remove: what goes, what stays, and that nothing goes unasked."""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from scripts import remove
from scripts.core import connection
from tests.unit.scripts.conftest import Ran
from tests.unit.scripts.deploy.account import Account
from tests.unit.scripts.edge import Pages, Terminal, refused

TEMPLATE = """
Metadata: {DdbLake: {Kind: consumer}}
Resources:
  Bucket: {Type: AWS::S3::Bucket, DeletionPolicy: Retain}
  Key: {Type: AWS::KMS::Key, DeletionPolicy: RetainExceptOnCreate}
  Role: {Type: AWS::IAM::Role}
  Unmade: {Type: AWS::SNS::Topic}
"""
RESOURCES = [
    ("Bucket", "AWS::S3::Bucket", "lake-1", "CREATE_COMPLETE"),
    ("Key", "AWS::KMS::Key", "key-1", "CREATE_COMPLETE"),
    ("Role", "AWS::IAM::Role", "role-1", "CREATE_COMPLETE"),
    ("Unmade", "AWS::SNS::Topic", "", "CREATE_FAILED"),
]


class Removable(Account):
    """An account with one stack that ends as told."""

    def __init__(self, status: str = "CREATE_COMPLETE", end: str = "DELETE_COMPLETE") -> None:
        super().__init__()
        self.stacks["lake"] = self.stacks["id"] = {"StackStatus": status, "StackId": "id", "Parameters": []}
        self._end = end

    def get_template(self, StackName: str, ChangeSetName: str = "", **_: Any) -> dict[str, Any]:
        """As launched."""
        return {"TemplateBody": self.templates.get(ChangeSetName or StackName, TEMPLATE)}

    def delete_stack(self, StackName: str) -> None:
        """On its way."""
        self.calls.append("delete_stack")
        found = self.stacks.pop(StackName)
        if found["StackStatus"] == "REVIEW_IN_PROGRESS":
            self._end = "DELETE_COMPLETE"
        self.stacks["id"] = found | {"StackStatus": self._end}

    def get_paginator(self, name: str) -> Pages:
        """The resources; the change sets; the events of the deletion."""
        if name == "list_change_sets":
            return super().get_paginator(name)
        if name == "describe_stacks":
            named = [{"StackName": stack, **found} for stack, found in self.stacks.items()]
            return Pages(lambda: [{"Stacks": named[:1]}, {"Stacks": named[1:]}])
        if name == "list_stack_resources":
            keys = ("LogicalResourceId", "ResourceType", "PhysicalResourceId", "ResourceStatus")
            rows = [dict(zip(keys, row, strict=True)) for row in RESOURCES]
            return Pages(
                lambda **_: [{"StackResourceSummaries": rows[:2]}, {"StackResourceSummaries": rows[2:]}]
            )
        common = {"Timestamp": datetime(2026, 11, 20, tzinfo=UTC), "StackId": "id"}
        role = {"EventId": "2", "LogicalResourceId": "Role", "ResourceType": "AWS::IAM::Role", **common}
        role |= {"PhysicalResourceId": "role-1", "ResourceStatus": "DELETE_COMPLETE"}
        if self._end == "DELETE_FAILED":
            role |= {"ResourceStatus": "DELETE_FAILED", "ResourceStatusReason": "has attached policies"}
        own = {
            "EventId": "3",
            "LogicalResourceId": "lake",
            "ResourceType": "AWS::CloudFormation::Stack",
            **common,
        }
        own |= {"PhysicalResourceId": "id", "ResourceStatus": self._end}
        return Pages(lambda **_: [{"StackEvents": [own, role]}] if "delete_stack" in self.calls else [])


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, run_verb: Callable[..., Ran]) -> Callable[..., Ran]:
    """Run `remove` against an account."""

    def command(account: Removable, *arguments: str) -> Ran:
        session = type("Session", (), {"region_name": "eu-west-1"})
        monkeypatch.setattr(connection, "open_session", lambda *_: session)
        monkeypatch.setattr(connection, "open_client", lambda *_: account)
        return run_verb(remove.main, *arguments)

    return command


def test_remove_prints_how_to_delete_what_stays(run: Callable[..., Ran]) -> None:
    """Account and Region first; retained resources listed for people and machines."""
    account = Removable()
    done = run(account, "lake", "--yes", "--output", "json")
    assert done.code == 0, done.err
    assert done.err.startswith(
        "account 222222222222, Region eu-west-1: delete stack lake (CREATE_COMPLETE)\n"
    )
    assert "aws s3 rb s3://lake-1" in done.err
    assert "aws kms schedule-key-deletion --key-id key-1" in done.err
    document = json.loads(done.out)
    assert document["status"] == "DELETE_COMPLETE"
    assert [stays["name"] for stays in document["stays"]] == ["lake-1", "key-1"]


def test_deletion_commands_have_the_profile_and_region(
    run: Callable[..., Ran],
) -> None:
    """A table of the same name may stand in the profile's own Region."""
    done = run(Removable(), "lake", "--yes", "--profile", "p", "--region", "eu-west-1")
    assert "aws s3 rb s3://lake-1 --profile p --region eu-west-1\n" in done.err
    assert "--pending-window-in-days 30 --profile p --region eu-west-1\n" in done.err


@pytest.mark.parametrize("dry", [["--dry-run"], ["--yes"]])
def test_the_bucket_of_deploy_is_listed_as_staying(run: Callable[..., Ran], dry: list[str]) -> None:
    """The bucket of the zips is no stack's resource; one that the user named is not spoken of."""
    uploads = "ddb-lake-artifacts-222222222222-eu-west-1"
    for name, stays in ((uploads, ["lake-1", "key-1", uploads]), ("mine", ["lake-1", "key-1"])):
        account = Removable()
        parameter = {"ParameterKey": "ArtifactBucketName", "ParameterValue": name}
        account.stacks["lake"]["Parameters"] = [parameter]
        done = run(account, "lake", *dry, "--output", "json")
        assert done.code == 0, done.err
        assert [one["name"] for one in json.loads(done.out)["stays"]] == stays
        assert (f"aws s3 rb s3://{name}" in done.err) == (name == uploads and dry == ["--yes"])


def test_a_failed_first_launch_keeps_only_retained_resources(run: Callable[..., Ran]) -> None:
    """RetainExceptOnCreate does not hold what the launch that failed has made."""
    done = run(Removable("ROLLBACK_COMPLETE"), "lake", "--dry-run", "--output", "json")
    assert [stays["name"] for stays in json.loads(done.out)["stays"]] == ["lake-1"]


class WithDatabase(Removable):
    """An account whose stack has a Glue database, with tables of the stack's and others."""

    tables: Any = (
        {"Name": "changes"},
        {"Name": "crawled_data"},
        {"Name": "current_orders", "TableType": "VIRTUAL_VIEW"},
    )
    denied = False

    def get_paginator(self, name: str) -> Pages:
        """Glue's tables; the stack's resources."""
        if name == "get_tables":

            def tables(DatabaseName: str) -> list[dict[str, Any]]:
                if self.denied:
                    raise refused("AccessDeniedException")
                assert DatabaseName == "ddb_lake"
                return [{"TableList": self.tables[:1]}, {"TableList": self.tables[1:]}]

            return Pages(tables)
        if name == "list_stack_resources":
            keys = ("LogicalResourceId", "ResourceType", "PhysicalResourceId", "ResourceStatus")
            glue = [
                ("LakeDatabase", "AWS::Glue::Database", "ddb_lake", "CREATE_COMPLETE"),
                ("ChangesTable", "AWS::Glue::Table", "changes", "CREATE_COMPLETE"),
            ]
            rows = [dict(zip(keys, row, strict=True)) for row in (*glue, *RESOURCES)]
            return Pages(lambda **_: [{"StackResourceSummaries": rows}])
        return super().get_paginator(name)


def test_tables_and_views_that_go_with_the_database_are_listed(run: Callable[..., Ran]) -> None:
    """No stack made them, and the database takes them along. Without permission the message says so."""
    account = WithDatabase()
    shown = run(account, "lake", "--dry-run")
    assert shown.code == 0, shown.err
    assert re.search(r"\(a table in ddb_lake\) +AWS::Glue::Table +crawled_data\n", shown.err)
    assert re.search(r"\(a view in ddb_lake\) +AWS::Glue::Table +current_orders\n", shown.err)
    assert len(re.findall(r"\bchanges\n", shown.err)) == 1
    account.denied = True
    hidden = run(account, "lake", "--dry-run")
    assert hidden.code == 0, hidden.err
    assert "tables and views in database ddb_lake go too; they cannot be listed" in hidden.err


@pytest.mark.parametrize("width", ["60", "200"])
def test_what_stays_comes_last_and_no_name_is_broken(
    run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch, width: str
) -> None:
    """Each group has titled columns; a name that does not fit moves to a line of its own."""
    monkeypatch.setenv("COLUMNS", width)
    long = "lake-" + "n" * 50
    monkeypatch.setitem(
        globals(), "RESOURCES", [("Bucket", "AWS::S3::Bucket", long, "CREATE_COMPLETE"), *RESOURCES[1:]]
    )
    said = run(Removable(), "lake", "--dry-run").err
    goes, _, stays = said.partition("stays (2):\n")
    assert "goes (1):\n" in goes
    assert stays.split()[:3] == ["resource", "type", "name"]
    assert (f"AWS::S3::Bucket\n      {long}\n" in stays) == (width == "60")
    assert long in stays


def test_a_dry_run_deletes_nothing(run: Callable[..., Ran]) -> None:
    """It shows the same table."""
    account = Removable()
    done = run(account, "lake", "--dry-run")
    assert (done.code, account.calls) == (0, [])
    assert "goes" in done.err


@pytest.mark.parametrize(
    ("stdin", "goes"),
    [
        (Terminal("lake\n"), True),
        (Terminal("y\n"), False),
        (Terminal(""), False),
        (io.StringIO("lake\n"), False),
    ],
    ids=["name", "y", "closed", "nobody"],
)
def test_deletion_needs_the_typed_name_or_yes(
    run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch, stdin: io.StringIO, goes: bool
) -> None:
    """Typed at a terminal, or --yes; a deletion is never implied."""
    monkeypatch.setattr("sys.stdin", stdin)
    account = Removable()
    done = run(account, "lake")
    assert (done.code == 0, "delete_stack" in account.calls) == (goes, goes)


def test_a_failed_deletion_names_the_resource(run: Callable[..., Ran]) -> None:
    """With its reason, and what to do."""
    done = run(Removable(end="DELETE_FAILED"), "lake", "--yes")
    assert done.code == 1
    assert "ended in DELETE_FAILED: Role (AWS::IAM::Role): has attached policies" in done.err
    assert "aws iam list-attached-role-policies --role-name role-1" in done.err
    assert "`python -m scripts.remove lake` again" in done.err


def test_a_missing_or_protected_stack_is_refused(run: Callable[..., Ran]) -> None:
    """A stack that is not there, or protected."""
    missing = run(Removable(), "lak", "--yes")
    assert (missing.code, "there is no stack lak in account 222222222222" in missing.err) == (1, True)
    account = Removable()
    account.stacks["lake"]["EnableTerminationProtection"] = True
    protected = run(account, "lake", "--yes")
    assert (protected.code, "update-termination-protection" in protected.err, account.calls) == (1, True, [])


@pytest.mark.parametrize("arguments", [["--yes"], ["--dry-run"]])
def test_a_stack_that_is_not_ours_is_not_removed(run: Callable[..., Ran], arguments: list[str]) -> None:
    """Its data would go with it: refused before anything is looked at, dry run or not."""
    account = Removable()
    account.templates["lake"] = "Description: orders\nResources: {Table: {Type: AWS::DynamoDB::Table}}"
    done = run(account, "lake", *arguments)
    assert (done.code, account.calls) == (1, [])
    assert "stack lake in account 222222222222, Region eu-west-1 is not a ddb-lake stack" in done.err
    assert "\nnext: Correct the stack's name" in done.err


@pytest.mark.parametrize(("description", "goes"), [("python -m scripts.deploy", True), ("theirs", False)])
def test_an_empty_stack_with_only_our_change_sets_is_removed(
    run: Callable[..., Ran], description: str, *, goes: bool
) -> None:
    """What a first deployment leaves that is killed before it is carried out; it has no template."""
    account = Removable("REVIEW_IN_PROGRESS")
    account.change_sets["lake"] = [{"ChangeSetName": "x", "Description": description, "StackId": "id"}]
    account.templates["x"] = account.templates["lake"] = {}
    done = run(account, "lake", "--yes")
    assert (done.code == 0, "delete_stack" in account.calls) == (goes, goes)


class Used(Removable):
    """A consumer stack whose lake is used by another stack, with another lake beside it."""

    may_list = True

    def __init__(self, name: str = "parquet", kind: str = "backfill") -> None:
        super().__init__()
        self.stacks["lake"]["Outputs"] = [
            {"OutputKey": "LakeBucketName", "OutputValue": "lake-1"},
            {"OutputKey": "DatabaseName", "OutputValue": "ddb_lake"},
        ]
        self.templates[name] = f"Metadata: {{DdbLake: {{Kind: {kind}}}}}\nResources: {{}}"
        self.templates["other"] = self.templates[name]
        self.templates["theirs"] = "Resources: {}"
        for stack, bucket in ((name, "lake-1"), ("other", "lake-2"), ("theirs", "lake-1")):
            parameters = {"LakeBucketName": bucket, "DatabaseName": "ddb_lake"}
            self.stacks[stack] = {
                "StackName": stack,
                "StackStatus": "CREATE_COMPLETE",
                "StackId": stack,
                "Parameters": [{"ParameterKey": k, "ParameterValue": v} for k, v in parameters.items()],
            }

    def get_paginator(self, name: str) -> Pages:
        """All stacks, if the profile may list them."""
        if name == "describe_stacks" and not self.may_list:

            def denied() -> list[dict[str, Any]]:
                raise refused("AccessDenied", "", "DescribeStacks")

            return Pages(denied)
        return super().get_paginator(name)


@pytest.mark.parametrize("kind", ["backfill", "producer"])
def test_a_stack_that_is_still_used_is_not_removed(run: Callable[..., Ran], kind: str) -> None:
    """The order is named. A stack of another lake and a stack that is not ddb-lake's do not count."""
    account = Used(kind=kind)
    done = run(account, "lake", "--yes", "--profile", "p", "--output", "json")
    assert (done.code, account.calls) == (1, [])
    assert f"remove first (1):\n  parquet  {kind} stack (CREATE_COMPLETE)\n" in done.err
    error = json.loads(done.out)["error"]
    assert error["message"] == f"stack lake is still used by parquet ({kind}). Nothing was deleted"
    assert error["next"] == (
        "Remove the stacks in this order: `python -m scripts.remove parquet --profile p`, "
        "then `python -m scripts.remove lake --profile p`."
    )
    assert error["remove_first"] == [{"stack": "parquet", "kind": kind, "status": "CREATE_COMPLETE"}]


def test_the_stack_of_a_table_is_removed_after_the_role_that_exports_it(run: Callable[..., Ran]) -> None:
    """An export stack takes the table of a stack beside it (`takes_beside` in scripts/stacks.py)."""
    account = Used("exporter", "export")
    account.templates["lake"] = "Metadata: {DdbLake: {Kind: producer}}\nResources: {}"
    account.stacks["lake"]["Outputs"] = [{"OutputKey": "SourceTableName", "OutputValue": "orders"}]
    for stack, table in (("exporter", "orders"), ("other", "payments")):
        account.stacks[stack]["Parameters"] = [{"ParameterKey": "SourceTableName", "ParameterValue": table}]
    done = run(account, "lake", "--yes")
    assert (done.code, account.calls) == (1, [])
    assert "stack lake is still used by exporter (export)" in done.err


def test_a_dry_run_lists_the_stacks_to_remove_first(run: Callable[..., Ran]) -> None:
    """It is a plan, and nothing is refused."""
    done = run(Used(), "lake", "--dry-run", "--output", "json")
    assert done.code == 0
    assert [one["stack"] for one in json.loads(done.out)["remove_first"]] == ["parquet"]


def test_a_stack_is_removed_after_those_that_used_it(run: Callable[..., Ran]) -> None:
    """Then nothing more is in the way."""
    account = Used()
    del account.stacks["parquet"]
    done = run(account, "lake", "--yes")
    assert (done.code, "delete_stack" in account.calls) == (0, True), done.err
    assert "remove first" not in done.err


@pytest.mark.parametrize(("name", "seen"), [("ddb-lake-backfill", True), ("parquet", False)])
def test_without_permission_to_list_stacks_the_usual_names_are_looked_for(
    run: Callable[..., Ran], name: str, *, seen: bool
) -> None:
    """The policy for deploying permits only stacks whose names begin with ddb-lake. A line says so."""
    account = Used(name)
    account.may_list = False
    done = run(account, "lake", "--yes")
    assert (done.code, "delete_stack" in account.calls) == ((1, False) if seen else (0, True)), done.err
    assert (
        "only ddb-lake-spark-sql, ddb-lake-backfill, ddb-lake-tables and ddb-lake-producer were looked for"
        in done.err
    )


@pytest.mark.parametrize(("producer", "named"), [("111111111111", True), ("222222222222", False)])
def test_a_producer_in_another_account_is_listed(
    run: Callable[..., Ran], producer: str, *, named: bool
) -> None:
    """The consumer stack names that account. Its stacks are not visible, so the plan can only warn."""
    account = Removable()
    account.stacks["lake"] |= {
        "Outputs": [{"OutputKey": "LakeBucketName", "OutputValue": "lake-1"}],
        "Parameters": [{"ParameterKey": "ProducerAccountId", "ParameterValue": producer}],
    }
    done = run(account, "lake", "--yes")
    assert done.code == 0, done.err
    assert (f"account {producer} may have a producer stack that uses this one" in done.err) == named


class Settled(Removable):
    """A tables stack, whose lake has settled tables and views."""

    denies = False

    def __init__(self, *, views: bool = True, kind: str = "tables") -> None:
        super().__init__()
        self.templates["lake"] = f"Metadata: {{DdbLake: {{Kind: {kind}}}}}\nResources: {{}}"
        self.stacks["lake"]["Parameters"] = [
            {"ParameterKey": "DatabaseName", "ParameterValue": "ddb_lake"},
            {"ParameterKey": "LakeBucketName", "ParameterValue": "lake-1"},
        ]
        self.tables = [
            {"Name": "changes"},
            {"Name": "settled_changes_orders"},
            {"Name": "settled_items_orders"},
            {"Name": "settled_objects"},
            view("unsettled_changes", "SELECT a FROM changes"),
            view("gaps_raw", "SELECT a FROM changes"),
        ]
        if views:
            self.tables += [
                view("current_orders", "SELECT a FROM settled_items_orders"),
                view("history_orders", "SELECT a FROM unsettled_changes"),
                {"Name": "hand_made", "ViewOriginalText": "/* Presto View: not base64 */"},
            ]

    def get_paginator(self, name: str) -> Pages:
        """The database's tables, in two pages."""
        if name != "get_tables":
            return super().get_paginator(name)
        if self.denies:
            raise refused("AccessDeniedException", "", "GetTables")
        return Pages(lambda **_: [{"TableList": self.tables[:3]}, {"TableList": self.tables[3:]}])


def view(name: str, sql: str) -> dict[str, str]:
    """A view as Athena stores it."""
    text = base64.b64encode(json.dumps({"originalSql": sql}).encode()).decode()
    return {"Name": name, "TableType": "VIRTUAL_VIEW", "ViewOriginalText": f"/* Presto View: {text} */"}


def test_a_tables_stack_is_not_removed_while_views_read_its_tables(run: Callable[..., Ran]) -> None:
    """The views are named, and the commands that make them raw; nothing was deleted."""
    account = Settled()
    done = run(account, "lake", "--yes", "--profile", "p", "--output", "json")
    assert (done.code, account.calls) == (1, [])
    error = json.loads(done.out)["error"]
    assert error["message"].startswith(
        "current_orders, history_orders in database ddb_lake read settled tables"
    )
    assert "`python -m scripts.views --all --raw --profile p`" in error["next"]
    assert error["views"] == ["current_orders", "history_orders"]


def test_a_dry_run_names_the_views_and_what_stays(run: Callable[..., Ran]) -> None:
    """It refuses nothing and changes nothing."""
    account = Settled()
    done = run(account, "lake", "--dry-run", "--output", "json")
    assert (done.code, account.calls) == (0, [])
    document = json.loads(done.out)
    assert document["views"] == ["current_orders", "history_orders"]
    assert [stays["name"] for stays in document["stays"]] == [*SETTLED_NAMES, "s3://lake-1/settled/"]


SETTLED_NAMES = ["settled_changes_orders", "settled_items_orders", "settled_objects", "unsettled_changes"]


@pytest.mark.parametrize("views", [False, True])
def test_a_tables_stack_is_removed_and_its_tables_stay(run: Callable[..., Ran], views: bool) -> None:
    """Without such views, or if the user leaves them: how to drop each table, and its files last."""
    account = Settled(views=views)
    done = run(account, "lake", "--yes", *(["--leave-views"] if views else []))
    assert (done.code, account.calls) == (0, ["delete_stack"])
    assert ("current_orders, history_orders still read settled tables" in done.err) == views
    deletes = [line for line in done.err.splitlines() if "aws glue delete-table" in line]
    assert [line.split()[-1] for line in deletes] == SETTLED_NAMES
    assert "aws glue delete-table --database-name ddb_lake --name settled_objects" in done.err
    assert done.err.index("aws s3 rm --recursive s3://lake-1/settled/") > done.err.index(deletes[-1])


def test_a_lake_that_was_never_settled_leaves_nothing(run: Callable[..., Ran]) -> None:
    """The stack was removed before its first run: there is nothing to drop."""
    account = Settled(views=False)
    account.tables = [{"Name": "changes"}]
    done = run(account, "lake", "--yes", "--output", "json")
    assert (done.code, json.loads(done.out)["stays"]) == (0, [])


def test_tables_that_cannot_be_listed_are_reported(run: Callable[..., Ran]) -> None:
    """The removal goes on, and a line says what was not checked."""
    account = Settled()
    account.denies = True
    done = run(account, "lake", "--yes")
    assert (done.code, account.calls) == (0, ["delete_stack"])
    assert "in database ddb_lake were not looked for: AccessDeniedException" in done.err


def test_another_stack_is_removed_whatever_the_views_read(run: Callable[..., Ran]) -> None:
    """Only the tables stack has the job."""
    account = Settled(kind="backfill")
    assert run(account, "lake", "--yes").code == 0
