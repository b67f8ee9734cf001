"""The option stack `columnar`: it takes the lake's outputs and has a table with the raw table's columns."""

from fnmatch import fnmatchcase

import pytest

from scripts.core import template as scripts_template
from scripts.stacks import STACKS
from tests.templates import launches
from tests.templates.resolver import ResolveError, Stack, shipped_template


@pytest.mark.parametrize("lake", [launches.consumer(), launches.single_account()], ids=["two", "one"])
def test_outputs_of_the_lake_are_enough_to_launch_it(lake: Stack) -> None:
    """With either layout, the user sets only the code, and the template accepts every output."""
    stack = launches.columnar(lake)
    assert launches.broken_rules(stack) == []
    assert all(stack.outputs.values())
    read = scripts_template.read(STACKS["columnar"].template)
    scripts_template.check_values(read, {name: str(value) for name, value in stack.parameters.items()})


def test_the_compacted_table_is_not_a_source() -> None:
    """The job would read its own output."""
    assert launches.broken_rules(launches.columnar(ChangesTableName="changes_columnar")) == ["TablesAreTwo"]


def test_launch_requires_the_outputs_of_the_lake() -> None:
    """The user chooses the lake."""
    with pytest.raises(ResolveError, match="LakeBucketName"):
        Stack(
            shipped_template("columnar"),
            name="c",
            account="222222222222",
            parameters={"ArtifactBucketName": "b"},
        )


def test_it_declares_the_columns_of_the_raw_table() -> None:
    """The same names, types, comments and partition key; the job adds the columns of the items."""
    raw = launches.consumer().resource("ChangesTable").properties["TableInput"]
    compacted = launches.columnar().resource("ColumnarTable").properties["TableInput"]
    assert compacted["StorageDescriptor"]["Columns"] == raw["StorageDescriptor"]["Columns"]
    assert compacted["PartitionKeys"] == raw["PartitionKeys"]


def test_its_partitions_are_registered() -> None:
    """Projection would find all versions of a day at once; the partition names the valid one."""
    table = launches.columnar().resource("ColumnarTable").properties["TableInput"]
    assert not [name for name in table["Parameters"] if name.startswith("projection")]


def test_it_writes_outside_the_folder_that_the_crawler_reads() -> None:
    """Neither the crawler nor `changes` ever reads a Parquet object."""
    location = launches.columnar().resource("ColumnarTable").properties["TableInput"]["StorageDescriptor"]
    rows = launches.consumer().resource("Crawler").properties["Targets"]["S3Targets"][0]["Path"]
    assert not location["Location"].startswith(rows)
    assert location["Location"].rpartition("columnar/")[0] == rows.rpartition("data/")[0]


def test_a_replaced_version_is_kept_longer_than_two_runs() -> None:
    """With any parameters, an unfinished version is younger than every version that is deleted."""
    parameters = shipped_template("columnar")["Parameters"]
    assert parameters["KeepReplacedHours"]["MinValue"] * 60 > 2 * parameters["TimeoutMinutes"]["MaxValue"]


def test_one_run_at_a_time_on_the_release_that_is_tested() -> None:
    """Glue 5.1, and no two runs at the same time."""
    job = launches.columnar().resource("CompactionJob").properties
    assert job["GlueVersion"] == "5.1"
    assert job["ExecutionProperty"] == {"MaxConcurrentRuns": 1}
    assert job["MaxRetries"] == 0


def test_every_log_is_encrypted_with_the_lakes_key() -> None:
    """The key policy covers the log groups of the job and of the lake's stack."""
    lake = launches.consumer()
    stack = launches.columnar(lake)
    statements = {s["Sid"]: s for s in lake.resource("LakeKey").properties["KeyPolicy"]["Statement"]}
    condition = statements["LogsServiceEncryptsThisStacksLogGroups"]["Condition"]["ArnLike"]
    admitted = condition["kms:EncryptionContext:aws:logs:arn"]
    groups = [*stack.of_type("AWS::Logs::LogGroup"), *lake.of_type("AWS::Logs::LogGroup")]
    for group in groups:
        arn = group.arn.removesuffix(":*")
        assert [pattern for pattern in admitted if fnmatchcase(arn, pattern)], arn


def test_its_log_groups_have_the_names_that_glue_uses() -> None:
    """PREFIX/CONFIGURATION-role/ROLE/error and /output; with other names, they would stay empty."""
    stack = launches.columnar()
    prefix = stack.resource("CompactionJob").properties["DefaultArguments"]["--custom-logGroup-prefix"]
    role, security = stack.resource("CompactionRole").name, stack.resource("CompactionSecurity").name
    assert stack.resource("CompactionJob").properties["SecurityConfiguration"] == security
    for output, kind in (("CompactionLogGroupName", "output"), ("CompactionErrorLogGroupName", "error")):
        assert stack.outputs[output] == f"{prefix}/{security}-role/{role}/{kind}"
    groups = {group.name: group.properties for group in stack.of_type("AWS::Logs::LogGroup")}
    assert set(groups) == {
        stack.outputs["CompactionLogGroupName"],
        stack.outputs["CompactionErrorLogGroupName"],
    }
    assert {group["RetentionInDays"] for group in groups.values()} == {"90"}


def test_a_failed_run_raises_the_alarm() -> None:
    """For any cause, before or after our code ran: the rule matches the job's state, the alarm the rule."""
    stack = launches.columnar()
    rule = stack.resource("CompactionFailedRule")
    assert rule.properties["EventPattern"] == {
        "source": ["aws.glue"],
        "detail-type": ["Glue Job State Change"],
        "detail": {
            "jobName": [stack.outputs["CompactionJobName"]],
            "state": ["FAILED", "TIMEOUT", "STOPPED", "ERROR"],
        },
    }
    alarm = stack.resource("CompactionFailedAlarm").properties
    assert (alarm["Namespace"], alarm["MetricName"]) == ("AWS/Events", "Invocations")
    assert alarm["Dimensions"] == [{"Name": "RuleName", "Value": rule.name}]
    assert rule.properties["Targets"], "without a target nothing is invoked, and nothing counted"


def test_it_runs_on_schedule_only_if_one_is_set() -> None:
    """Empty switches the schedule off; the job stays."""
    stack = launches.columnar(CompactionSchedule="")
    assert "CompactionTrigger" not in stack.resources
    assert launches.columnar().resource("CompactionTrigger").properties["Schedule"] == "cron(30 4 * * ? *)"
