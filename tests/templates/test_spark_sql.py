"""The option stack `spark-sql`: the job, what it may read and write, and its alarm."""

from fnmatch import fnmatchcase
from typing import Any

import pytest

from scripts.core import template as scripts_template
from scripts.stacks import STACKS
from tests.templates import launches
from tests.templates.resolver import Stack


def statements(stack: Stack, policy: str) -> dict[str, dict[str, Any]]:
    """The statements of a policy by their Sid."""
    document = stack.resource(policy).properties["PolicyDocument"]
    return {statement["Sid"]: statement for statement in document["Statement"]}


@pytest.mark.parametrize("lake", [launches.consumer, launches.single_account])
def test_outputs_of_the_lake_and_a_table_are_enough_to_launch_it(lake: Any) -> None:
    """The user names the tables; the template accepts every output."""
    stack = launches.spark_sql(lake())
    assert launches.broken_rules(stack) == []
    assert all(stack.outputs.values())
    read = scripts_template.read(STACKS["spark-sql"].template)
    values = {
        name: ",".join(value) if isinstance(value, list) else str(value)
        for name, value in stack.parameters.items()
    }
    scripts_template.check_values(read, values)


@pytest.mark.parametrize("name", ["errors", "change_lines"])
def test_a_table_without_changes_is_refused(name: str) -> None:
    """A statement would find no row in it."""
    assert launches.broken_rules(launches.spark_sql(ChangesTableName=name)) == ["ChangesAreRead"]


def test_job_runs_on_the_release_that_is_tested_with_icebergs_tables() -> None:
    """Glue 5.1 with its own Iceberg, and no retry: a run that failed says what to do first."""
    job = launches.spark_sql().resource("SqlJob").properties
    assert job["GlueVersion"] == "5.1"
    assert job["DefaultArguments"]["--datalake-formats"] == "iceberg"
    assert job["MaxRetries"] == 0
    assert not {"--table", "--statement", "--items-per-second"} & job["DefaultArguments"].keys()


def test_job_writes_the_named_tables_alone() -> None:
    """Several, separated by commas; none of them is a pattern."""
    arns = [f"arn:aws:dynamodb:us-east-1:222222222222:table/{name}" for name in ("a-1", "b-2")]
    stack = launches.spark_sql(TargetTableArns=",".join(arns))
    own = statements(stack, "SqlPolicy")
    assert own["PutsItems"]["Resource"] == arns
    writing = [
        (sid, action)
        for sid, statement in own.items()
        for action in ([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])
        if not action.startswith(("logs:",))
        and not action.split(":")[1].startswith(("Get", "List", "Describe"))
    ]
    assert writing == [("DecryptsTheLake", "kms:Decrypt"), ("PutsItems", "dynamodb:BatchWriteItem")]


@pytest.mark.parametrize(
    ("parameter", "value", "policies"),
    [
        ("TargetKeyArns", "arn:aws:kms:us-east-1:222222222222:key/k-1", {"SqlTargetKeyPolicy"}),
        ("InputArns", "arn:aws:s3:::shop-files/*", {"SqlInputPolicy"}),
        ("InputBucketArns", "arn:aws:s3:::shop-files", {"SqlInputBucketPolicy"}),
        ("InputKeyArns", "arn:aws:kms:us-east-1:222222222222:key/k-2", {"SqlInputKeyPolicy"}),
    ],
)
def test_what_is_not_named_is_not_granted(parameter: str, value: str, policies: set[str]) -> None:
    """Each optional parameter adds one policy, with its value and nothing else as the resource."""
    before = {policy.logical_id for policy in launches.spark_sql().of_type("AWS::IAM::Policy")}
    changed: dict[str, Any] = {parameter: value}
    stack = launches.spark_sql(**changed)
    added = {policy.logical_id for policy in stack.of_type("AWS::IAM::Policy")} - before
    assert added == policies
    (policy,) = added
    assert [one["Resource"] for one in statements(stack, policy).values()] == [[value]]


def test_lakes_key_encrypts_every_log_of_the_job() -> None:
    """The key policy covers log groups below options/."""
    lake = launches.consumer()
    stack = launches.spark_sql(lake)
    policy = lake.resource("LakeKey").properties["KeyPolicy"]["Statement"]
    condition = next(one for one in policy if one["Sid"] == "LogsServiceEncryptsThisStacksLogGroups")
    patterns = condition["Condition"]["ArnLike"]["kms:EncryptionContext:aws:logs:arn"]
    groups = list(stack.of_type("AWS::Logs::LogGroup"))
    assert len(groups) == 2
    for group in groups:
        assert any(fnmatchcase(group.arn.removesuffix(":*"), pattern) for pattern in patterns), group.arn


def test_log_groups_have_the_names_that_glue_uses() -> None:
    """PREFIX/CONFIGURATION-role/ROLE/error and /output; with other names, they would stay empty."""
    stack = launches.spark_sql()
    prefix = stack.resource("SqlJob").properties["DefaultArguments"]["--custom-logGroup-prefix"]
    role, security = stack.resource("SqlRole").name, stack.resource("SqlSecurity").name
    assert stack.resource("SqlJob").properties["SecurityConfiguration"] == security
    for output, kind in (("SqlLogGroupName", "output"), ("SqlErrorLogGroupName", "error")):
        assert stack.outputs[output] == f"{prefix}/{security}-role/{role}/{kind}"


def test_a_failed_run_raises_the_alarm() -> None:
    """For any cause, before or after our code ran: the rule matches the job's state, the alarm the rule."""
    stack = launches.spark_sql()
    rule = stack.resource("SqlFailedRule")
    assert rule.properties["EventPattern"]["detail"] == {
        "jobName": [stack.outputs["SqlJobName"]],
        "state": ["FAILED", "TIMEOUT", "STOPPED", "ERROR"],
    }
    alarm = stack.resource("SqlFailedAlarm").properties
    assert (alarm["Namespace"], alarm["MetricName"]) == ("AWS/Events", "Invocations")
    assert alarm["Dimensions"] == [{"Name": "RuleName", "Value": rule.name}]
    assert rule.properties["Targets"], "without a target nothing is invoked, and nothing counted"
