"""The stacks that a sandbox launches: their order, their accounts and their outputs."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox import accounts
from sandbox.errors import SandboxError
from sandbox.launches import plan_launches
from scripts.stacks import KINDS, STACKS


def planned(*kinds: str) -> list[tuple[str, str, str | None]]:
    """Each launch: kind, profile, the kind whose outputs it takes."""
    return [
        (launch.kind.name, launch.profile, launch.outputs_of.kind.name if launch.outputs_of else None)
        for launch in plan_launches(*kinds)
    ]


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        ((), [("consumer", "consumer", None), ("producer", "producer", "consumer")]),
        (("consumer",), [("consumer", "consumer", None)]),
        (("single-account",), [("single-account", "producer", None)]),
        (
            ("backfill",),
            [
                ("consumer", "consumer", None),
                ("producer", "producer", "consumer"),
                ("backfill", "consumer", "consumer"),
            ],
        ),
        (
            ("backfill", "single-account"),
            [("single-account", "producer", None), ("backfill", "producer", "single-account")],
        ),
        (("backfill", "consumer"), [("consumer", "consumer", None), ("backfill", "consumer", "consumer")]),
        (
            ("export",),
            [
                ("consumer", "consumer", None),
                ("producer", "producer", "consumer"),
                ("backfill", "consumer", "consumer"),
                ("export", "producer", "backfill"),
            ],
        ),
        (
            ("export", "single-account"),
            [
                ("single-account", "producer", None),
                ("backfill", "producer", "single-account"),
                ("export", "producer", "backfill"),
            ],
        ),
    ],
)
def test_any_set_of_kinds_is_launched_in_order(
    kinds: tuple[str, ...], expected: list[tuple[str, str, str | None]]
) -> None:
    """A stack is launched after the stack whose outputs it uses. An option is in that stack's account."""
    assert planned(*kinds) == expected


@pytest.mark.parametrize("kind", [kind.name for kind in KINDS if kind.is_option])
def test_every_option_can_be_launched_with_the_default_stacks(kind: str) -> None:
    """Without naming the stacks that it needs."""
    assert kind in [name for name, _, _ in planned(kind)]


def test_stack_gets_the_id_of_the_other_account_by_default() -> None:
    """From the sandbox; a parameter or an output replaces it."""
    consumer, producer = plan_launches()
    assert consumer.parameters == [f"ProducerAccountId={accounts.PRODUCER}"]
    assert producer.parameters == []
    [launch] = plan_launches("consumer", parameters={"consumer": ["ProducerAccountId=999999999999"]})
    assert launch.parameters == ["ProducerAccountId=999999999999"]


def test_settings_of_the_united_stacks_are_the_single_stacks() -> None:
    """The single-account stack takes the parameters of both."""
    settings = {"consumer": ["ItemColumns=a"], "producer": ["SortKeyName=sk"]}
    [launch] = plan_launches("single-account", parameters=settings)
    assert launch.parameters == ["ItemColumns=a", "SortKeyName=sk"]


@pytest.mark.parametrize(
    ("kinds", "settings", "why"),
    [
        (("producer", "backfill"), {}, "producer takes the outputs of consumer: launch one of them too"),
        (("producer",), {}, "producer takes the outputs of consumer"),
        (("consumer", "export"), {}, "export takes outputs of producer or single-account: launch one of"),
        ((), {"parameters": {"backfill": ["A=b"]}}, "--backfill-parameter is for a stack that is not"),
        (("single-account",), {"templates": {"consumer": Path(__file__)}}, "--consumer-template is for"),
        ((), {"templates": {"consumer": Path("/no/such.yaml")}}, "/no/such.yaml is not a file"),
    ],
)
def test_impossible_launch_is_rejected(
    kinds: tuple[str, ...], settings: dict[str, dict[str, list[str]]], why: str
) -> None:
    """Before anything starts."""
    with pytest.raises(SandboxError, match=why):
        plan_launches(*kinds, **settings)  # type: ignore[arg-type]


def test_registry_is_in_launch_order() -> None:
    """A kind comes after those whose outputs it takes and those it unites."""
    names = list(STACKS)
    for kind in KINDS:
        assert all(
            names.index(before) < names.index(kind.name)
            for before in (*kind.outputs_of, *kind.unites, *kind.beside)
        )
