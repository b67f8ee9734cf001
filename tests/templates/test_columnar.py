"""The option stack `columnar`: fed by the lake's outputs, over a table with the raw table's columns."""

import json

import pytest

from scripts.core import template as scripts_template
from scripts.stacks import STACKS
from tests.templates import launches
from tests.templates.resolver import ResolveError, Stack, shipped_template


@pytest.mark.parametrize("lake", [launches.consumer(), launches.single_account()], ids=["two", "one"])
def test_the_lakes_outputs_launch_it(lake: Stack) -> None:
    """Beside either layout only the code has to be given, and every value is one the template takes."""
    stack = launches.columnar(lake)
    assert launches.broken_rules(stack) == []
    assert all(stack.outputs.values())
    read = scripts_template.read(STACKS["columnar"].template)
    scripts_template.check_values(read, {name: str(value) for name, value in stack.parameters.items()})


def test_the_compacted_table_is_not_compacted() -> None:
    """Its rows would be read from where they are written."""
    assert launches.broken_rules(launches.columnar(ChangesTableName="changes_columnar")) == ["TablesAreTwo"]


def test_without_the_lakes_stack_it_cannot_be_launched() -> None:
    """Which lake, the user says."""
    with pytest.raises(ResolveError, match="LakeBucketName"):
        Stack(
            shipped_template("columnar"),
            name="c",
            account="222222222222",
            parameters={"ArtifactBucketName": "b"},
        )


def test_it_declares_the_columns_of_the_raw_table() -> None:
    """Same names, types and comments, and the same partition key; the job adds the items' columns."""
    raw = launches.consumer().resource("ChangesTable").properties["TableInput"]
    compacted = launches.columnar().resource("ColumnarTable").properties["TableInput"]
    assert compacted["StorageDescriptor"]["Columns"] == raw["StorageDescriptor"]["Columns"]
    assert compacted["PartitionKeys"] == raw["PartitionKeys"]


def test_its_partitions_are_registered() -> None:
    """Projection would find every version of a day at once: the partition says which one holds."""
    table = launches.columnar().resource("ColumnarTable").properties["TableInput"]
    assert not [name for name in table["Parameters"] if name.startswith("projection")]


def test_it_writes_beside_the_rows_that_the_crawler_reads() -> None:
    """Neither the crawler nor `changes` ever sees a Parquet object."""
    location = launches.columnar().resource("ColumnarTable").properties["TableInput"]["StorageDescriptor"]
    rows = launches.consumer().resource("Crawler").properties["Targets"]["S3Targets"][0]["Path"]
    assert not location["Location"].startswith(rows)
    assert location["Location"].rpartition("columnar/")[0] == rows.rpartition("data/")[0]


def test_a_replaced_version_outlives_two_of_the_longest_runs() -> None:
    """A version under way is younger than any that is removed, whatever is chosen."""
    parameters = shipped_template("columnar")["Parameters"]
    assert parameters["KeepReplacedHours"]["MinValue"] * 60 > 2 * parameters["TimeoutMinutes"]["MaxValue"]


def test_one_run_at_a_time_on_the_release_that_is_tested() -> None:
    """Glue 5.1, and no second run beside the first."""
    job = launches.columnar().resource("CompactionJob").properties
    assert job["GlueVersion"] == "5.1"
    assert job["ExecutionProperty"] == {"MaxConcurrentRuns": 1}
    assert job["MaxRetries"] == 0


def test_its_logs_are_encrypted_under_the_lakes_key() -> None:
    """The key's policy names exactly the groups that the job writes to."""
    lake = launches.consumer()
    stack = launches.columnar(lake)
    statements = {s["Sid"]: s for s in lake.resource("LakeKey").properties["KeyPolicy"]["Statement"]}
    admitted = json.dumps(statements["LogsServiceEncryptsThisStacksLogGroups"])
    for name in ("CompactionErrorLogs", "CompactionOutputLogs"):
        group = stack.resource(name).properties["LogGroupName"]
        assert f"{group.rpartition('/')[0]}/*" in admitted


def test_it_runs_on_schedule_only_where_one_is_given() -> None:
    """Empty switches the schedule off; the job stays."""
    stack = launches.columnar(CompactionSchedule="")
    assert "CompactionTrigger" not in stack.resources
    assert launches.columnar().resource("CompactionTrigger").properties["Schedule"] == "cron(30 4 * * ? *)"
