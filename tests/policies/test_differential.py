"""A second opinion: another evaluator on the same random policies, and a reason for every difference."""

from __future__ import annotations

import pytest

from tests.policies.differential import (
    EXPLANATIONS,
    OPERATORS,
    Pair,
    arn_patterns_of,
    explanations,
    pairs,
    without_causes,
)
from tests.policies.documents import Documents
from tests.policies.ledger import Ledger
from tests.policies.mutants import statements
from tests.policies.simulation import judge

PAIRS = 10_000


@pytest.fixture(scope="session")
def disagreements(simulator: None) -> list[Pair]:
    sample = pairs(PAIRS, seed=20261120)
    decisions = judge(pair.request() for pair in sample)
    allowed = sum(decision.allowed for decision in decisions)
    assert PAIRS * 0.1 < allowed < PAIRS * 0.9, "the pairs must not all come out the same"
    return [
        pair
        for pair, decision in zip(sample, decisions, strict=True)
        if pair.emulator_allows() != decision.allowed
    ]


@pytest.mark.xdist_group("differential")
def test_two_evaluators_differ_only_with_an_explanation(disagreements: list[Pair]) -> None:
    """Ten thousand pairs. Each explanation is tried: without its cause, the two agree."""
    unexplained = [pair for pair in disagreements if not explanations(pair)]
    assert unexplained == []
    retried = [without_causes(pair) for pair in disagreements]
    decisions = judge(pair.request() for pair in retried)
    still = [
        pair
        for pair, decision in zip(retried, decisions, strict=True)
        if pair.emulator_allows() != decision.allowed
    ]
    assert still == []


@pytest.mark.xdist_group("differential")
def test_every_explanation_is_needed(disagreements: list[Pair]) -> None:
    """An explanation that explains nothing would hide the next difference."""
    assert set(EXPLANATIONS) == {name for pair in disagreements for name in explanations(pair)}


def test_random_policies_use_the_constructs_of_the_shipped_ones(ledgers: dict[str, Ledger]) -> None:
    """The second opinion covers the templates: the random policies use each of their operators."""
    used = {
        operator
        for ledger in ledgers.values()
        for policy in ledger.documents.policies.values()
        for statement in statements(policy.document)
        for operator in statement.get("Condition", {})
    }
    assert set() == used - OPERATORS


def test_no_shipped_condition_has_a_wildcard_that_matches_a_colon() -> None:
    """Only there the emulator's verdict is wider than AWS's, so the sandbox must not depend on it."""
    documents = Documents.of("two-accounts")
    patterns = [p for policy in documents.policies.values() for p in arn_patterns_of(policy.document)]
    assert patterns
    assert [pattern for pattern in patterns if "*" in ":".join(pattern.split(":", 5)[:5])] == []
    assert [pattern for pattern in patterns if len(pattern.split(":", 5)) < 6] == []
