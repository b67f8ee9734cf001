"""The option stacks `backfill` and `export`: where exports may land, who writes them, and the job."""

from fnmatch import fnmatchcase
from typing import Any

import pytest

from scripts.core import template as scripts_template
from scripts.stacks import STACKS
from tests.templates import launches
from tests.templates.resolver import Stack


def both(layout: str) -> tuple[Stack, Stack, Stack]:
    """The lake's stack, the backfill stack and the export stack of a layout."""
    lake = launches.consumer() if layout == "two" else launches.single_account()
    landing = launches.backfill(lake)
    return lake, landing, launches.export(landing, launches.producer(lake) if layout == "two" else lake)


def statements(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {statement["Sid"]: statement for statement in document["Statement"]}


@pytest.mark.parametrize("layout", ["two", "one"])
def test_outputs_of_the_other_stacks_are_enough_to_launch_them(layout: str) -> None:
    """With either layout, the user sets only the code, and the templates accept every output."""
    for stack, kind in zip(both(layout)[1:], ("backfill", "export"), strict=True):
        assert launches.broken_rules(stack) == []
        assert all(stack.outputs.values())
        read = scripts_template.read(STACKS[kind].template)
        scripts_template.check_values(read, {name: str(value) for name, value in stack.parameters.items()})


def test_export_stack_of_another_account_is_refused() -> None:
    """The bucket would refuse its role."""
    assert launches.broken_rules(launches.export(ExportAccountId="333333333333")) == [
        "BucketAdmitsThisAccount"
    ]


def test_access_logs_do_not_go_into_the_lake() -> None:
    """The lake's bucket denies SSE-S3, which access logs have."""
    lake = launches.consumer().outputs["LakeBucketName"]
    assert launches.broken_rules(launches.backfill(AccessLogBucketName=lake)) == ["LogsAreElsewhere"]


@pytest.mark.parametrize("layout", ["two", "one"])
@pytest.mark.parametrize("path", ["/", "/team/lake/"])
def test_bucket_and_key_admit_the_role_that_the_export_stack_creates(layout: str, path: str) -> None:
    """By account, path and name: a difference would show only when the first export is refused."""
    lake, _, _ = both(layout)
    landing = launches.backfill(lake, ExportRolePath=path, ExportRoleName="exporter")
    table = launches.producer(lake) if layout == "two" else lake
    role = launches.export(landing, table).resource("ExportRole").arn
    assert role == f"arn:aws:iam::{launches.PRODUCER}:role{path}exporter"
    policies = [
        landing.resource("ExportBucketPolicy").properties["PolicyDocument"],
        landing.resource("ExportKey").properties["KeyPolicy"],
    ]
    for policy in policies:
        admitted = [one for sid, one in statements(policy).items() if sid.startswith("ExportRole")]
        assert admitted
        for statement in admitted:
            assert statement["Condition"]["ArnEquals"] == {"aws:PrincipalArn": role}


def test_bucket_admits_nobody_but_the_export_role() -> None:
    """Every other statement of its policy is a denial."""
    document = launches.backfill().resource("ExportBucketPolicy").properties["PolicyDocument"]
    allowed = {one["Sid"] for one in document["Statement"] if one["Effect"] == "Allow"}
    assert allowed == {
        "ExportRoleWritesExports",
        "ExportRoleSetsTheAclOfExports",
        "ExportRoleAbortsItsUploads",
    }
    actions = {one["Action"] for one in document["Statement"] if one["Effect"] == "Allow"}
    # DynamoDB developer guide, "Requesting a table export in DynamoDB"
    assert actions == {"s3:AbortMultipartUpload", "s3:PutObject", "s3:PutObjectAcl"}


def test_bucket_has_the_denials_of_the_lake_bucket() -> None:
    """The same statements about TLS and encryption, on this bucket and with this key."""
    lake, landing, _ = both("two")
    encryption = ("NobodyWithAnotherKey", "NobodyWithAnotherEncryption", "NobodyWithAKeyOfTheirOwn")
    lakes = statements(lake.resource("LakeBucketPolicy").properties["PolicyDocument"])
    own = statements(landing.resource("ExportBucketPolicy").properties["PolicyDocument"])
    of_lake = [lake.resource("LakeBucket").arn, lake.resource("LakeKey").arn]
    of_exports = [landing.resource("ExportBucket").arn, landing.resource("ExportKey").arn]
    for name in ("NobodyWithoutTls", *encryption):
        text = repr(lakes[name])
        for before, after in zip(of_lake, of_exports, strict=True):
            text = text.replace(before, after)
        assert repr(own[name]) == text


def test_exports_expire_with_all_their_versions() -> None:
    """A copy of the table is not kept for longer than it is needed."""
    stack = launches.backfill(ExportRetentionDays="5")
    rules = stack.resource("ExportBucket").properties["LifecycleConfiguration"]["Rules"]
    assert rules[0]["ExpirationInDays"] == "5"
    assert rules[0]["NoncurrentVersionExpiration"] == {"NoncurrentDays": 1}


def test_export_role_writes_where_the_bucket_admits_it() -> None:
    """The same folder on both sides, whatever it is called."""
    landing = launches.backfill(ExportPrefix="copies")
    role = launches.export(landing).resource("ExportRole").properties["Policies"][0]["PolicyDocument"]
    bucket = landing.resource("ExportBucketPolicy").properties["PolicyDocument"]
    folder = f"{landing.resource('ExportBucket').arn}/copies/AWSDynamoDB/*"
    assert statements(role)["WritesExports"]["Resource"] == folder
    assert statements(bucket)["ExportRoleWritesExports"]["Resource"] == folder
    assert statements(role)["WritesExports"]["Condition"]["StringEquals"] == {
        "s3:ResourceAccount": landing.account
    }


def test_export_role_is_for_one_table() -> None:
    """It exports no other, and decrypts no other."""
    table = launches.producer()
    document = launches.export(table=table).resource("ExportRole").properties["Policies"][0]["PolicyDocument"]
    name = table.outputs["SourceTableName"]
    arn = f"arn:aws:dynamodb:us-east-1:{launches.PRODUCER}:table/{name}"
    own = statements(document)
    assert own["ExportsTheTableAndFollowsItsExports"]["Resource"] == [arn, f"{arn}/export/*"]
    assert own["DecryptsTheTable"]["Condition"]["StringEquals"] == {
        "kms:EncryptionContext:aws:dynamodb:subscriberId": launches.PRODUCER,
        "kms:EncryptionContext:aws:dynamodb:tableName": name,
        "kms:ViaService": "dynamodb.us-east-1.amazonaws.com",
    }


def test_job_runs_on_the_release_that_is_tested() -> None:
    """Glue 5.1, several exports at a time, and no retry: the command continues a run."""
    job = launches.backfill().resource("BackfillJob").properties
    assert job["GlueVersion"] == "5.1"
    assert job["MaxRetries"] == 0
    assert job["ExecutionProperty"] == {"MaxConcurrentRuns": 10}


def test_job_installs_its_packages_from_the_artifact_bucket_only() -> None:
    """Glue knows a zip of wheels by its name, and pip asks no index."""
    arguments = launches.backfill().resource("BackfillJob").properties["DefaultArguments"]
    assert arguments["--additional-python-modules"] == "s3://artifacts/jobs/backfill_wheels.gluewheels.zip"
    assert arguments["--python-modules-installer-option"] == "--no-index"


def test_job_has_no_right_in_the_catalog() -> None:
    """It adds objects; partition projection finds them."""
    document = launches.backfill().resource("BackfillPolicy").properties["PolicyDocument"]
    actions = [
        action
        for statement in document["Statement"]
        for action in ([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])
    ]
    assert [action for action in actions if action.startswith("glue:")] == ["glue:GetSecurityConfiguration"]
    assert not [action for action in actions if "Delete" in action]


def test_lakes_key_encrypts_every_log_of_the_job() -> None:
    """The key policy covers log groups below options/."""
    lake, stack, _ = both("two")
    policy = statements(lake.resource("LakeKey").properties["KeyPolicy"])
    condition = policy["LogsServiceEncryptsThisStacksLogGroups"]["Condition"]["ArnLike"]
    groups = list(stack.of_type("AWS::Logs::LogGroup"))
    assert len(groups) == 2
    for group in groups:
        arn = group.arn.removesuffix(":*")
        assert [one for one in condition["kms:EncryptionContext:aws:logs:arn"] if fnmatchcase(arn, one)], arn


def test_log_groups_have_the_names_that_glue_uses() -> None:
    """PREFIX/CONFIGURATION-role/ROLE/error and /output; with other names, they would stay empty."""
    stack = launches.backfill()
    prefix = stack.resource("BackfillJob").properties["DefaultArguments"]["--custom-logGroup-prefix"]
    role, security = stack.resource("BackfillRole").name, stack.resource("BackfillSecurity").name
    assert stack.resource("BackfillJob").properties["SecurityConfiguration"] == security
    for output, kind in (("BackfillLogGroupName", "output"), ("BackfillErrorLogGroupName", "error")):
        assert stack.outputs[output] == f"{prefix}/{security}-role/{role}/{kind}"
    assert {group.name for group in stack.of_type("AWS::Logs::LogGroup")} == {
        stack.outputs["BackfillLogGroupName"],
        stack.outputs["BackfillErrorLogGroupName"],
    }


def test_a_failed_run_raises_the_alarm() -> None:
    """For any cause, before or after our code ran: the rule matches the job's state, the alarm the rule."""
    stack = launches.backfill()
    rule = stack.resource("BackfillFailedRule")
    assert rule.properties["EventPattern"] == {
        "source": ["aws.glue"],
        "detail-type": ["Glue Job State Change"],
        "detail": {
            "jobName": [stack.outputs["BackfillJobName"]],
            "state": ["FAILED", "TIMEOUT", "STOPPED", "ERROR"],
        },
    }
    alarm = stack.resource("BackfillFailedAlarm").properties
    assert (alarm["Namespace"], alarm["MetricName"]) == ("AWS/Events", "Invocations")
    assert alarm["Dimensions"] == [{"Name": "RuleName", "Value": rule.name}]
    assert rule.properties["Targets"], "without a target nothing is invoked, and nothing counted"
