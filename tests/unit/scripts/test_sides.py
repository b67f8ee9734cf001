"""Both sides of a lake: which stacks belong together, and the settings with which rows are written."""

from typing import Any, cast

import pytest

from scripts.core.connection import Connection
from scripts.core.console import CommandError
from scripts.core.sides import LakeSide, Source, check_pair, lake_of, side_options, source_of

SOURCE_OUTPUTS = {"SourceTableName": "orders", "FlattenMaxDepth": "3", "KeepImages": "true"}


class _Formation:
    """CloudFormation with some stacks: their outputs by name."""

    def __init__(self, stacks: dict[str, dict[str, str]]) -> None:
        self.stacks = stacks

    def describe_stacks(self, StackName: str) -> dict[str, Any]:
        from botocore.exceptions import ClientError  # noqa: PLC0415

        if StackName not in self.stacks:
            error = {"Error": {"Code": "ValidationError", "Message": f"Stack {StackName} does not exist"}}
            raise ClientError(cast("Any", error), "DescribeStacks")
        outputs = [{"OutputKey": k, "OutputValue": v} for k, v in self.stacks[StackName].items()]
        return {"Stacks": [{"StackStatus": "CREATE_COMPLETE", "Outputs": outputs}]}


class _Connection:
    """A connection to an account with these stacks."""

    region = "eu-west-1"
    profile: str | None = "p"

    def __init__(self, account: str, **stacks: dict[str, str]) -> None:
        self.account = account
        self._formation = _Formation({name.replace("_", "-"): outputs for name, outputs in stacks.items()})

    def client(self, _service: str) -> _Formation:
        return self._formation

    @property
    def location(self) -> str:
        return f" --profile {self.profile}" if self.profile else ""


def _of_profile(profile: str | None) -> Connection:
    connection = _Connection("1" * 12)
    connection.profile = profile
    return cast("Connection", connection)


def _connection(account: str = "1" * 12, **stacks: dict[str, str]) -> Connection:
    return cast("Connection", _Connection(account, **stacks))


def test_default_stacks_are_found_by_their_outputs() -> None:
    """Without a name, the stack of two accounts comes first, then the single-account stack."""
    one = {"AdmittedAccountId": "1" * 12}
    connection = _connection(ddb_lake=SOURCE_OUTPUTS | one)
    assert source_of(connection, None).stack == "ddb-lake"
    assert lake_of(connection, None).stack == "ddb-lake"
    connection = _connection(ddb_lake=SOURCE_OUTPUTS, ddb_lake_producer=SOURCE_OUTPUTS)
    assert source_of(connection, None).stack == "ddb-lake-producer"


def test_missing_stack_is_an_error_that_names_the_option() -> None:
    """The error names the account, the stacks that were looked for, and the option."""
    with pytest.raises(CommandError, match="ddb-lake-producer or ddb-lake") as error:
        source_of(_connection(), None)
    assert "--stack" in error.value.next_step


def test_missing_lake_names_the_profile_option_of_the_verb() -> None:
    """A verb of the lake's account has no --lake-profile."""
    with pytest.raises(CommandError, match="ddb-lake-consumer or ddb-lake") as error:
        lake_of(_connection(), None)
    assert "--lake-stack, --lake-profile or" in error.value.next_step
    with pytest.raises(CommandError, match="ddb-lake-consumer or ddb-lake") as error:
        lake_of(_connection(), None, profile="--profile")
    assert "--lake-stack, --profile or" in error.value.next_step


@pytest.mark.parametrize(
    ("profiles", "stacks", "expected"),
    [
        (("p", "l"), ("ddb-lake-producer", "ddb-lake-consumer"), "orders --profile p --lake-profile l"),
        (("p", "p"), ("ddb-lake", "ddb-lake"), "orders --profile p"),
        ((None, None), ("ddb-lake", "ddb-lake"), "orders"),
        ((None, "l"), ("ddb-lake", "ddb-lake"), "orders --lake-profile l"),
        (
            ("p", "l"),
            ("other", "lake"),
            "orders --profile p --lake-profile l --stack other --lake-stack lake",
        ),
    ],
)
def test_options_of_both_sides_can_be_pasted(
    profiles: tuple[str | None, str | None], stacks: tuple[str, str], expected: str
) -> None:
    """A command in a message finds the same table and the same lake."""
    own, other = (_of_profile(profile) for profile in profiles)
    assert side_options(Source(own, stacks[0], SOURCE_OUTPUTS), LakeSide(other, stacks[1], {})) == expected


def test_named_stack_of_another_kind_is_refused() -> None:
    """A lake is not a source."""
    with pytest.raises(CommandError, match="no output SourceTableName"):
        source_of(_connection(other={"AdmittedAccountId": "1"}), "other")


def test_settings_are_those_of_the_function() -> None:
    """The outputs that are not there because their parameter is empty mean the default."""
    outputs = SOURCE_OUTPUTS | {"ExcludeAttributes": "Secret"}
    settings = Source(_connection(), "s", outputs).settings
    assert settings.max_depth == 3
    assert settings.keep_images
    assert settings.exclude == {"secret"}
    assert not settings.keep_whole


def test_stack_without_settings_is_refused() -> None:
    """Rows written with other settings than the function's would differ from its rows."""
    with pytest.raises(CommandError, match="does not state how it flattens"):
        _ = Source(_connection(), "s", {"SourceTableName": "orders"}).settings


def test_table_of_another_stack_is_refused() -> None:
    """The rows of a table are written with the settings of its own stack."""
    source = Source(_connection(), "s", SOURCE_OUTPUTS)
    source.check_table("orders")
    with pytest.raises(CommandError, match="delivers table orders, not customers"):
        source.check_table("customers")


def test_lake_of_another_account_is_refused() -> None:
    """A lake takes rows of the account that it admits."""
    source = Source(_connection("1" * 12), "s", SOURCE_OUTPUTS)
    check_pair(source, LakeSide(_connection("2" * 12), "l", {"AdmittedAccountId": "1" * 12}))
    with pytest.raises(CommandError, match="takes changes from account 3"):
        check_pair(source, LakeSide(_connection("2" * 12), "l", {"AdmittedAccountId": "3" * 12}))


def test_lake_without_the_role_is_refused() -> None:
    """A lake of an earlier release has no role that may add rows."""
    lake = LakeSide(_connection(), "l", {})
    with pytest.raises(CommandError, match="no RepairRole"):
        lake.repair_client("s3")
