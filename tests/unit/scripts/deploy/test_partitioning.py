"""PartitionBy of an existing stack: a change is refused unless the option allows it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scripts import deploy
from scripts.core.console import CommandError
from scripts.core.deployment import partitioning
from scripts.core.template import read
from scripts.stacks import STACKS
from tests.unit.scripts.conftest import Ran
from tests.unit.scripts.deploy.account import Account

TEMPLATE = """
Metadata: {DdbLake: {Kind: producer}}
Parameters:
  PartitionBy: {Type: String, Default: delivery, AllowedValues: [delivery, event]}
  Days: {Type: Number, Default: 7}
Resources:
  Bucket: {Type: AWS::S3::Bucket}
"""


def stack(*, partition_by: str | None = "delivery") -> dict[str, Any]:
    """A stack as CloudFormation describes it; None is one from before the parameter."""
    parameters = {"Days": "7"} if partition_by is None else {"PartitionBy": partition_by}
    return {
        "StackName": "ddb-lake-producer",
        "StackStatus": "UPDATE_COMPLETE",
        "Parameters": [{"ParameterKey": k, "ParameterValue": v} for k, v in parameters.items()],
        "Outputs": [{"OutputKey": "DeliveryStreamName", "OutputValue": "lake-2"}],
    }


def left(found: dict[str, Any] | None, kind: str = "producer", *, allowed: bool = False, **given: str) -> Any:
    """What a deployment of a shipped template would leave behind."""
    return partitioning.succeeded(found, read(STACKS[kind].template), given, allowed=allowed)


@pytest.mark.parametrize(
    ("found", "given"),
    [
        (None, {"PartitionBy": "event"}),
        (stack(), {}),
        (stack(), {"PartitionBy": "delivery"}),
        (stack(partition_by="event"), {}),
        (stack(partition_by="event"), {"PartitionBy": "event"}),
        (stack(partition_by=None), {}),
        (stack(partition_by=None), {"PartitionBy": "delivery"}),
    ],
)
@pytest.mark.parametrize("allowed", [False, True])
def test_an_update_that_keeps_partition_by_leaves_no_delivery_stream_behind(
    found: dict[str, Any] | None, given: dict[str, str], allowed: bool
) -> None:
    """A launch, an update with the same value, and the default where the stack has no such parameter yet."""
    assert left(found, allowed=allowed, **given) is None
    assert left(found, "single-account", allowed=allowed, **given) is None


def test_a_template_without_the_parameter_is_not_checked() -> None:
    """The consumer stack delivers nothing."""
    assert left(stack(), "consumer") is None


@pytest.mark.parametrize(("was", "wanted"), [("delivery", "event"), ("event", "delivery")])
def test_a_change_is_refused_unless_the_option_allows_a_second_delivery_stream(was: str, wanted: str) -> None:
    """Firehose cannot turn dynamic partitioning on or off for an existing stream."""
    with pytest.raises(CommandError, match=f"is {was}, .* {wanted} takes a second") as refusal:
        left(stack(partition_by=was), PartitionBy=wanted)
    assert partitioning.OPTION in str(refusal.value.next_step)
    assert left(stack(partition_by=was), PartitionBy=wanted, allowed=True) == "lake-2"


@pytest.mark.parametrize("allowed", [False, True])
def test_a_stack_without_the_parameter_must_be_updated_first(allowed: bool) -> None:
    """Otherwise its delivery stream would be deleted with the changes that it has not written."""
    with pytest.raises(CommandError, match="without PartitionBy: the change would delete") as refusal:
        left(stack(partition_by=None), PartitionBy="event", allowed=allowed)
    assert "Deploy once without PartitionBy" in str(refusal.value.next_step)


def test_the_page_that_the_message_names_exists() -> None:
    """It is the page about PartitionBy."""
    text = (Path(__file__).resolve().parents[4] / partitioning.GUIDE).read_text(encoding="utf-8")
    assert text.startswith("# Change PartitionBy\n")


def test_deploy_refuses_the_change_before_it_does_anything(
    aws: dict[str, Account],
    tmp_path: Path,
    run_verb: Callable[..., Ran],
) -> None:
    """No bucket, no upload, no change set, even with --yes. With the option it deploys and gives advice."""
    path = tmp_path / "producer.yaml"
    path.write_text(TEMPLATE)
    account = aws["producer"]
    account.stacks["ddb-lake-producer"] = stack()
    account.templates["ddb-lake-producer"] = TEMPLATE
    given = ["producer", "--profile", "producer", "--template", str(path), "--yes"]
    given += ["--parameter", "PartitionBy=event"]
    refused = run_verb(deploy.main, *given)
    assert (refused.code, account.calls, account.s3.names()) == (1, [], [])
    assert "takes a second delivery stream" in refused.err
    done = run_verb(deploy.main, *given, "--second-delivery-stream")
    assert done.code == 0, done.err
    wanted = "delete-delivery-stream --region eu-west-1 --profile producer --delivery-stream-name lake-2"
    assert wanted in " ".join(done.err.split())
