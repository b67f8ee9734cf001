"""deploy: the outputs of another stack that fill parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.scripts.conftest import Ran
from tests.unit.scripts.deploy.account import PRODUCER, Account, feed
from tests.unit.scripts.edge import refused


def test_outputs_of_another_stack_fill_parameters_of_the_same_name(
    producer: Callable[..., Ran], aws: dict[str, Account]
) -> None:
    """They are read with the other profile. --parameter takes precedence. Other outputs are ignored."""
    done = producer("--outputs-profile", "consumer", "--parameter", "DeliveryRoleName=mine")
    assert done.code == 0, done.err
    assert aws["producer"].parameters() == {"LakeBucketName": "lake-of-consumer", "DeliveryRoleName": "mine"}
    assert "not taken" not in done.err


def test_an_output_that_is_not_in_the_contract_is_reported_and_not_taken(
    producer: Callable[..., Ran], aws: dict[str, Account]
) -> None:
    """It may have any meaning in the other stack."""
    feed(aws["consumer"], Days="9", Unasked="x")
    done = producer("--outputs-profile", "consumer")
    assert done.code == 0, done.err
    assert "Days" not in aws["producer"].parameters()
    assert "not taken from stack other: Days." in done.err


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ([], "there is no stack other in account 111111111111, Region eu-west-1"),
        (["--outputs-profile", "consumer", "--outputs-region", "us-west-1"], "need the same Region"),
    ],
)
def test_outputs_that_cannot_be_read_are_refused(
    producer: Callable[..., Ran], aws: dict[str, Account], arguments: list[str], why: str
) -> None:
    """Before anything is created."""
    done = producer(*arguments)
    assert (done.code, why in done.err, aws["producer"].calls) == (1, True, [])


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("Resources: {}", "stack other in account 222222222222, Region eu-west-1 is not a ddb-lake stack"),
        (PRODUCER, "is a ddb-lake producer stack: a producer stack takes the outputs of consumer"),
    ],
)
def test_outputs_of_a_stack_of_another_kind_are_refused(
    producer: Callable[..., Ran], aws: dict[str, Account], template: str, said: str
) -> None:
    """Otherwise the changes could go to a foreign stack with an output LakeBucketName."""
    aws["consumer"].templates["other"] = template
    done = producer("--outputs-profile", "consumer")
    assert (done.code, said in done.err, aws["producer"].calls) == (1, True, [])


def test_a_profile_that_may_only_describe_the_other_stack_is_sufficient(
    producer: Callable[..., Ran], aws: dict[str, Account], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command reports that it did not check the template."""

    def denied(**_: Any) -> None:
        raise refused("AccessDenied", operation="GetTemplate")

    monkeypatch.setattr(aws["consumer"], "get_template", denied)
    done = producer("--outputs-profile", "consumer")
    assert (done.code, "was not checked: GetTemplate is not granted there" in done.err) == (0, True)


def test_an_account_that_the_other_stack_does_not_admit_is_refused(
    producer: Callable[..., Ran], aws: dict[str, Account]
) -> None:
    """Its pipeline would launch but never deliver: the lake's policies name another account."""
    feed(aws["consumer"], AdmittedAccountId="333333333333")
    done = producer("--outputs-profile", "consumer")
    assert done.code == 1
    assert "accepts deliveries from account 333333333333 only" in done.err
    assert "\nnext: Deploy with a --profile of account 333333333333" in done.err
    assert aws["producer"].calls == []


def test_a_stack_without_a_matching_output_is_refused(
    producer: Callable[..., Ran], aws: dict[str, Account]
) -> None:
    """A stack that is still being created has no outputs; the launch would use defaults."""
    aws["consumer"].stacks["other"] = {"StackStatus": "CREATE_IN_PROGRESS", "Outputs": []}
    done = producer("--outputs-profile", "consumer")
    assert (done.code, "has no output that sets a parameter here" in done.err) == (1, True)
