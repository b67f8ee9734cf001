"""The job's arguments: what a run is told, and what it refuses before it starts Spark."""

import pytest

from glue.jobs.sql_to_table import arguments
from glue.jobs.sql_to_table.arguments import Days, Input, Rate
from glue.jobs.sql_to_table.errors import JobError
from tests.unit.sql_to_table.scene import given


def test_inputs_have_a_name_a_format_and_an_address() -> None:
    """Glue has no option that occurs twice, so one option has all inputs."""
    read = arguments.read(given(inputs="a=csv:s3://b/x.csv  c_2=parquet:s3://b/folder/"))
    assert read.inputs == (
        Input("a", "csv", "s3://b/x.csv"),
        Input("c_2", "parquet", "s3://b/folder/"),
    )


@pytest.mark.parametrize(
    "inputs",
    ["a=xml:s3://b/x", "a:csv:s3://b/x", "a=csv:/x", "A=csv:s3://b/x", "a=csv:s3://b", "changes=csv:s3://b/x",
     "a=csv:s3://b/x a=json:s3://b/y"],
)  # fmt: skip
def test_an_input_that_cannot_be_a_table_is_refused(inputs: str) -> None:
    """The message names it and says how to write it."""
    with pytest.raises(JobError, match=r"--inputs has .* Next: "):
        arguments.read(given(inputs=inputs))


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [("2026-11-20", "2026-11-20", "2026-11-20"), ("2026-11-01..2026-11-20", "2026-11-01", "2026-11-20")],
)
def test_days_are_one_or_a_range(text: str, first: str, last: str) -> None:
    """First and last are included."""
    days = arguments.read(given(changes_days=text)).days
    assert days == Days(first, last)
    assert first in days
    assert last in days
    assert "2026-10-31" not in days


def test_all_days_are_every_day() -> None:
    """Without the argument, the raw table is not read."""
    days = arguments.read(given(changes_days="all")).days
    assert days is not None
    assert "2026-11-20" in days
    assert arguments.read(given()).days is None


@pytest.mark.parametrize("text", ["yesterday", "2026-11-31", "2026-11-20..2026-11-01", "2026-11-20.."])
def test_days_that_are_none_are_refused(text: str) -> None:
    """A range that is empty would read nothing without a word."""
    with pytest.raises(JobError, match=r"--changes-days is .* Next: Give all, a day"):
        arguments.read(given(changes_days=text))


def test_the_rate_is_in_units_or_in_items() -> None:
    """One of the two."""
    assert arguments.read(given()).rate == Rate(1_000_000, counts_units=False)
    read = arguments.read(given(items_per_second="", write_units_per_second="0.5"))
    assert read.rate == Rate(0.5, counts_units=True)


@pytest.mark.parametrize(
    "changed",
    [{"write_units_per_second": "5"}, {"items_per_second": ""}, {"items_per_second": "0"},
     {"items_per_second": "-1"}, {"items_per_second": "fast"}, {"items_per_second": "inf"}],
)  # fmt: skip
def test_a_rate_that_is_none_or_two_is_refused(changed: dict[str, str]) -> None:
    """There is no default: only the user knows what the table has to spare."""
    with pytest.raises(JobError, match=r"per-second|the rate is"):
        arguments.read(given(**changed))


def test_a_dry_run_needs_no_rate() -> None:
    """It writes nothing."""
    read = arguments.read(given(items_per_second="", dry_run="true"))
    assert (read.dry_run, read.rate) == (True, None)


@pytest.mark.parametrize("changed", [{"statement": ""}, {"statement_location": "s3://b/x.sql"}])
def test_there_is_one_statement(changed: dict[str, str]) -> None:
    """In the arguments or in an object."""
    with pytest.raises(JobError, match="--statement and --statement-location are both set, or neither"):
        arguments.read(given(**changed))


def test_a_statement_may_lie_in_an_object() -> None:
    """Its address has a bucket and a key."""
    read = arguments.read(given(statement="", statement_location="s3://b/folder/x.sql"))
    assert arguments.bucket_and_key(read.statement_location, "") == ("b", "folder/x.sql")
    with pytest.raises(JobError, match="--statement-location is"):
        arguments.read(given(statement="", statement_location="b/x.sql"))


def test_a_table_of_another_region_is_written_there() -> None:
    """Its ARN says where it is."""
    arn = "arn:aws:dynamodb:us-west-2:222222222222:table/shop"
    assert arguments.read(given(table=arn)).table_region == "us-west-2"
    assert arguments.read(given()).table_region == "eu-west-1"
    with pytest.raises(JobError, match="--table is"):
        arguments.read(given(table="arn:aws:s3:::b"))
