"""Generated requests, judged: each gets the verdict that the rules of requests.py compute."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.policies.ledger import Ledger, Part
from tests.policies.mutants import service_actions
from tests.policies.requests import PROVES, Generated, Generator, headers_of, operations, table
from tests.policies.simulation import judge


def wrong(generated: list[Generated], ledger: Ledger) -> list[str]:
    """The requests with an unexpected verdict; each decision is judged once."""
    parts = {part_key(part): part for each in generated for part in each.parts}
    decisions = judge(part.request(ledger.policies) for part in parts.values())
    allowed = {key: decision.allowed for key, decision in zip(parts, decisions, strict=True)}
    return [
        f"{each.name} must be {'allowed' if each.allowed else 'denied'}"
        for each in generated
        if all(allowed[part_key(part)] for part in each.parts) != each.allowed
    ]


def part_key(part: Part) -> tuple[str, str, str, str]:
    """The parts that distinguish two decisions."""
    return part.actor.name, part.action, part.resource, repr(sorted(part.context.items()))


def test_every_operation_on_an_object_is_listed() -> None:
    """Someone has to review a new operation of S3; a removed one leaves the list."""
    assert set(operations()) == set(table()["operations"])


def test_every_header_of_every_write_is_listed() -> None:
    """Someone has to review a new header of S3; a removed one leaves the list."""
    writes = [name for name, listed in table()["operations"].items() if listed.get("kind") == "write"]
    sent = set().union(*(headers_of(name) for name in (*writes, "PutObjectAcl")))
    assert sent == set(table()["headers"])


@pytest.mark.usefixtures("simulator")
def test_every_listed_action_exists_in_s3() -> None:
    """A misspelt action would be denied to everybody and prove nothing."""
    listed = table()["operations"].values()
    named = {each[key] for each in listed for key in ("action", "version") if key in each}
    named |= {each["needs"] for each in table()["headers"].values() if "needs" in each}
    assert {name.partition(":")[2].lower() for name in named} <= set(service_actions("s3"))


def test_every_listed_header_has_values_or_a_reason() -> None:
    """Values and who may send them, or the reason why the header does not matter."""
    for header, meaning in table()["headers"].items():
        assert ("none" in meaning) != ("delivery" in meaning), header


@pytest.mark.usefixtures("simulator")
def test_every_generated_request_gets_its_expected_verdict(ledger: Ledger) -> None:
    """Thousands of requests, in both layouts, without a difference."""
    generated = list(Generator(ledger).requests())
    allowed = sum(each.allowed for each in generated if each.name.startswith(PROVES))
    assert len(generated) > 4000
    assert allowed > 50
    assert wrong(generated, ledger) == []


LAKE = "LakeBucket/data/dt=2026-11-20"
# The statement or condition to remove, and a request that is allowed without it.
SEEDED = {
    "SSE-C": (
        "NobodyWithAKeyOfTheirOwn",
        f"consumer administrator: PutObject on {LAKE}/ddb-lake-3-2026-11-20-09-15-02-6f1c0d4e.gz"
        " with x-amz-server-side-encryption-customer-algorithm: AES256 must be denied",
    ),
    "deeper": (
        "WritesNoDeeper",
        f"delivery role: PutObject on {LAKE}/ddb-lake-/3-2026-11-20-09-15-02-6f1c0d4e.gz must be denied",
    ),
    "headers": (
        "Null",
        f"delivery role: PutObject on {LAKE}/ddb-lake-3-2026-11-20-09-15-02-6f1c0d4e.gz"
        " with x-amz-website-redirect-location: /x must be denied",
    ),
}


@pytest.mark.usefixtures("simulator")
@pytest.mark.parametrize("seeded", SEEDED)
def test_a_removed_denial_is_detected(two_accounts: Ledger, seeded: str) -> None:
    """The generated requests detect each kind of fault, even if the other account still denies it."""
    removed, problem = SEEDED[seeded]
    changed = Ledger(two_accounts.documents)
    for name in ("LakeBucketPolicy", "DeliveryRole deliver"):
        policy = changed.policies[name]
        kept = [
            {**each, "Condition": {k: v for k, v in each["Condition"].items() if k != removed}}
            if "Condition" in each and each["Effect"] == "Allow"
            else each
            for each in policy.document["Statement"]
            if not each["Sid"].endswith(removed)
        ]
        changed.policies[name] = replace(policy, document={**policy.document, "Statement": kept})
    generator = Generator(changed)
    generated = [each for each in generator.requests() if each.name + " must be denied" == problem]
    assert wrong(generated, changed) == [problem]
