"""The option stack `tables`: it takes the lake's outputs, and its alarms read the last line of the job."""

import json
import re
from fnmatch import fnmatchcase
from typing import Any

import pytest

from glue.jobs.settle import arguments
from glue.jobs.settle.job import Summary
from scripts.core import template as scripts_template
from scripts.stacks import STACKS
from settled.names import CHANGES, FOLDER, ITEMS, OBJECTS, REOPENED, UNSETTLED
from settled.unsettled import MOST_OPEN_DAYS
from tests.templates import launches
from tests.templates.resolver import ResolveError, Stack, shipped_template

# A run that settled 12 objects, one that met another run, and one that failed.
SETTLED = Summary(objects=12, rows=4000, items=900).line(31.4)
CONFLICT = Summary(objects=12, conflicts=2).line(31.4)
FAILED = Summary(conflicts=4, failures=["s3://lake/data/dt=2026-11-20/x.gz is not whole"]).line(31.4)


def matches(pattern: str, line: str) -> bool:
    """Whether a filter pattern of the form `{ $.name OPERATOR value }` matches a line of JSON."""
    found = re.fullmatch(r'\{ \$\.(\w+) (=|>) "?([^"]*?)"? \}', pattern)
    assert found, pattern
    value: Any = json.loads(line)[found[1]]
    return bool(value == found[3] if found[2] == "=" else value > int(found[3]))


def as_given(value: Any) -> str:
    """A parameter's value as a user writes it: a list has commas."""
    return ",".join(value) if isinstance(value, list) else str(value)


def job_arguments(stack: Stack) -> dict[str, str]:
    """The job's arguments as Glue passes them."""
    found = stack.resource("SettleJob").properties["DefaultArguments"]
    return {name: str(value) for name, value in found.items()}


@pytest.mark.parametrize("lake", [launches.consumer(), launches.single_account()], ids=["two", "one"])
def test_outputs_of_the_lake_are_enough_to_launch_it(lake: Stack) -> None:
    """With either layout, the user sets only the code, and the template accepts every output."""
    stack = launches.tables(lake)
    assert launches.broken_rules(stack) == []
    assert all(stack.outputs.values())
    read = scripts_template.read(STACKS["tables"].template)
    scripts_template.check_values(read, {name: as_given(value) for name, value in stack.parameters.items()})


@pytest.mark.parametrize("missing", ["LakeBucketName", "CatalogFunctionArn"])
def test_launch_requires_the_outputs_of_a_lake_of_this_release(missing: str) -> None:
    """An older lake lacks the function's ARN: its function would not understand the job."""
    lake = launches.consumer()
    filled = {name: lake.outputs[name] for name in STACKS["tables"].takes if name in lake.outputs}
    del filled[missing]
    with pytest.raises(ResolveError, match=missing):
        Stack(
            shipped_template("tables"),
            name="t",
            account=lake.account,
            parameters={"ArtifactBucketName": "b", "SettleScriptKey": "s", "SettleLibraryKey": "l", **filled},
        )


def test_the_job_gets_the_settings_of_the_stack() -> None:
    """Every parameter arrives in the setting of its name; nothing else is passed to our code."""
    stack = launches.tables(
        SourceTables="orders,lines",
        ItemBucketCount=7,
        CheckedDays=50,
        MarginMinutes=15,
        RepeatMinutes=55,
        KeepSnapshotHours=48,
    )
    passed = job_arguments(stack)
    known = {name for action in arguments.options()._actions for name in action.option_strings}
    glues = {name for name in passed if name not in known}
    assert glues == {
        "--extra-py-files",
        "--datalake-formats",
        "--job-language",
        "--job-bookmark-option",
        "--custom-logGroup-prefix",
    }
    read = arguments.read([part for pair in passed.items() for part in pair])
    lake = launches.consumer()
    assert read == arguments.Arguments(
        database=lake.outputs["DatabaseName"],
        bucket=lake.outputs["LakeBucketName"],
        region="us-east-1",
        workgroup=lake.outputs["WorkgroupName"],
        catalog_function=lake.outputs["CatalogFunctionArn"],
        tables=("orders", "lines"),
        buckets=7,
        checked_days=50,
        margin_minutes=15,
        repeat_minutes=55,
        keep_snapshot_hours=48,
    )


def test_repeated_runs_need_a_queue() -> None:
    """The run of the next hour may start while small runs still go on; FLEX would let it fail."""
    flex = launches.tables(ExecutionClass="FLEX", RepeatMinutes=55)
    assert launches.broken_rules(flex) == ["RepeatingRunsAreQueued"]
    assert launches.broken_rules(launches.tables(ExecutionClass="FLEX")) == []
    assert launches.broken_rules(launches.tables(RepeatMinutes=55)) == []


def test_without_parameters_the_job_has_its_own_defaults() -> None:
    """The template and the job agree, so a run by hand does the same. No table named means all of them."""
    passed = job_arguments(launches.tables())
    assert "--source-tables" not in passed
    read = arguments.read([part for pair in passed.items() for part in pair])
    own = arguments.Arguments(
        database=read.database,
        bucket=read.bucket,
        region=read.region,
        workgroup=read.workgroup,
        catalog_function=read.catalog_function,
    )
    assert read == own


def test_ranges_that_depend_on_each_other() -> None:
    """A run ends before its timeout, and it lists every day that the view reads."""
    parameters = shipped_template("tables")["Parameters"]
    assert parameters["RepeatMinutes"]["MaxValue"] < parameters["TimeoutMinutes"]["MinValue"]
    assert parameters["CheckedDays"]["MinValue"] > MOST_OPEN_DAYS
    # A running query needs its snapshot (Athena: at most 30 minutes by default, service quotas).
    assert parameters["KeepSnapshotHours"]["MinValue"] * 60 > parameters["MarginMinutes"]["Default"]


def test_one_run_at_a_time_on_the_release_that_is_tested() -> None:
    """Glue 5.1 with its Iceberg, no two runs at the same time, and a second start waits."""
    job = launches.tables().resource("SettleJob").properties
    assert job["GlueVersion"] == "5.1"
    assert job["DefaultArguments"]["--datalake-formats"] == "iceberg"
    assert job["DefaultArguments"]["--job-bookmark-option"] == "job-bookmark-disable"
    assert job["ExecutionProperty"] == {"MaxConcurrentRuns": 1}
    assert job["MaxRetries"] == 0
    assert job["JobRunQueuingEnabled"] is True
    flex = launches.tables(ExecutionClass="FLEX").resource("SettleJob").properties
    assert (flex["ExecutionClass"], flex["JobRunQueuingEnabled"]) == ("FLEX", False)


def test_the_names_of_its_tables_are_those_of_the_jobs_code() -> None:
    """The role commits to these names and to no others."""
    statements = {
        statement["Sid"]: statement
        for statement in launches.tables().resource("SettlePolicy").properties["PolicyDocument"]["Statement"]
    }
    committed = {
        name.rpartition("/")[2] for name in statements["CommitsToItsTables"]["Resource"] if ":table/" in name
    }
    for name in (CHANGES + "orders", ITEMS + "orders", OBJECTS, UNSETTLED):
        assert [pattern for pattern in committed if fnmatchcase(name, pattern)], name
    for name in ("changes", "change_lines", "errors", "current_orders", "forgotten_columns", "crawled_data"):
        assert not [pattern for pattern in committed if fnmatchcase(name, pattern)], name
    files = statements["WritesAndRemovesSettledFiles"]["Resource"]
    assert files.endswith(f"/{FOLDER}*")
    marked = {
        statement["Sid"]: statement
        for statement in launches.tables().resource("SettlerPolicy").properties["PolicyDocument"]["Statement"]
    }
    assert marked["MarksDays"]["Resource"].endswith(f"/{REOPENED}*")


def test_it_writes_outside_the_folder_that_the_crawler_reads() -> None:
    """Neither the crawler nor `changes` ever reads a settled file."""
    rows = launches.consumer().resource("Crawler").properties["Targets"]["S3Targets"][0]["Path"]
    assert not f"s3://{launches.consumer().outputs['LakeBucketName']}/{FOLDER}".startswith(rows)


def test_every_log_is_encrypted_with_the_lakes_key() -> None:
    """The key policy covers the log groups of the job and of the lake's stack."""
    lake = launches.consumer()
    stack = launches.tables(lake)
    statements = {s["Sid"]: s for s in lake.resource("LakeKey").properties["KeyPolicy"]["Statement"]}
    condition = statements["LogsServiceEncryptsThisStacksLogGroups"]["Condition"]["ArnLike"]
    admitted = condition["kms:EncryptionContext:aws:logs:arn"]
    groups = [*stack.of_type("AWS::Logs::LogGroup")]
    assert len(groups) == 2
    for group in groups:
        assert group.properties["KmsKeyId"] == lake.resource("LakeKey").arn
        arn = group.arn.removesuffix(":*")
        assert [pattern for pattern in admitted if fnmatchcase(arn, pattern)], arn


def test_its_log_groups_have_the_names_that_glue_uses() -> None:
    """PREFIX/CONFIGURATION-role/ROLE/error and /output; with other names, they would stay empty."""
    stack = launches.tables()
    prefix = stack.resource("SettleJob").properties["DefaultArguments"]["--custom-logGroup-prefix"]
    role, security = stack.resource("SettleRole").name, stack.resource("SettleSecurity").name
    assert stack.resource("SettleJob").properties["SecurityConfiguration"] == security
    for output, kind in (("SettleLogGroupName", "output"), ("SettleErrorLogGroupName", "error")):
        assert stack.outputs[output] == f"{prefix}/{security}-role/{role}/{kind}"
    groups = {group.name: group.properties for group in stack.of_type("AWS::Logs::LogGroup")}
    assert set(groups) == {stack.outputs["SettleLogGroupName"], stack.outputs["SettleErrorLogGroupName"]}
    assert {group["RetentionInDays"] for group in groups.values()} == {"90"}


def test_a_failed_run_raises_the_alarm() -> None:
    """For any cause, before or after our code ran: the rule matches the job's state, the alarm the rule."""
    stack = launches.tables()
    rule = stack.resource("SettleFailedRule")
    assert rule.properties["EventPattern"] == {
        "source": ["aws.glue"],
        "detail-type": ["Glue Job State Change"],
        "detail": {
            "jobName": [stack.outputs["SettleJobName"]],
            "state": ["FAILED", "TIMEOUT", "STOPPED", "ERROR"],
        },
    }
    alarm = stack.resource("SettleFailedAlarm").properties
    assert (alarm["Namespace"], alarm["MetricName"]) == ("AWS/Events", "Invocations")
    assert alarm["Dimensions"] == [{"Name": "RuleName", "Value": rule.name}]
    assert rule.properties["Targets"], "without a target nothing is invoked, and nothing counted"


def metric_of(stack: Stack, alarm: str, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """An alarm and the metric filter that feeds it."""
    rings = stack.resource(alarm).properties
    metric = stack.resource(name).properties
    (transformation,) = metric["MetricTransformations"]
    assert (rings["Namespace"], rings["MetricName"]) == (
        transformation["MetricNamespace"],
        transformation["MetricName"],
    )
    # Glue 5 writes both standard streams of a script into `output`.
    assert metric["LogGroupName"] == stack.outputs["SettleLogGroupName"]
    return rings, metric


def test_hours_without_a_successful_run_raise_the_alarm() -> None:
    """The line of a run that settled everything counts; that of a failed run does not, nor does silence."""
    alarm, metric = metric_of(launches.tables(LateAfterHours=9), "SettleLateAlarm", "SettledRuns")
    assert [matches(metric["FilterPattern"], line) for line in (SETTLED, CONFLICT, FAILED)] == [
        True,
        True,
        False,
    ]
    assert (alarm["Period"], int(alarm["EvaluationPeriods"])) == (3600, 9)
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("LessThanThreshold", 1)
    assert alarm["TreatMissingData"] == "breaching"
    assert "DatapointsToAlarm" not in alarm, "every hour must lack a run"
    # CloudWatch API reference, PutMetricAlarm: seven days at most, with periods of an hour or more.
    assert shipped_template("tables")["Parameters"]["LateAfterHours"]["MaxValue"] * 3600 <= 7 * 86_400


def test_conflicts_in_several_hours_raise_the_alarm() -> None:
    """One conflict is harmless. The line of a failed run counts as well."""
    alarm, metric = metric_of(launches.tables(), "SettleConflictsAlarm", "SettleConflicts")
    assert [matches(metric["FilterPattern"], line) for line in (SETTLED, CONFLICT, FAILED)] == [
        False,
        True,
        True,
    ]
    (transformation,) = metric["MetricTransformations"]
    assert transformation["MetricValue"] == "$.conflicts"
    assert (alarm["DatapointsToAlarm"], alarm["EvaluationPeriods"], alarm["Period"]) == (3, 6, 3600)
    assert alarm["TreatMissingData"] == "notBreaching"


def test_it_runs_on_schedule_only_if_one_is_set() -> None:
    """Empty switches the schedule and the alarm of a late run off; the job stays."""
    stack = launches.tables(SettleSchedule="")
    assert {"SettleTrigger", "SettleLateAlarm"}.isdisjoint(stack.resources)
    assert "SettleJob" in stack.resources
    trigger = launches.tables().resource("SettleTrigger").properties
    assert trigger["Schedule"] == "cron(10 * * * ? *)"
    assert trigger["Actions"] == [{"JobName": launches.tables().outputs["SettleJobName"]}]


def test_an_analyst_may_read_the_settled_files() -> None:
    """The lake's policy for analysts includes them, and the key for them."""
    lake = launches.consumer()
    statements = {
        s["Sid"]: s for s in lake.resource("AnalystPolicy").properties["PolicyDocument"]["Statement"]
    }
    settled = f"{lake.resource('LakeBucket').arn}/{FOLDER}*"
    assert settled in statements["ReadsTheRows"]["Resource"]
    context = statements["DecryptsRowsAndResults"]["Condition"]["ArnLike"]
    assert settled in context["kms:EncryptionContext:aws:s3:arn"]
