"""Does the ledger detect faults? Each small change to each policy must change a verdict."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Any

import pytest
import yaml

from tests.policies.ledger import FOLDER, Entry, Ledger, Verdict
from tests.policies.mutants import Mutant, granted, harmless, mutants, statements

# The surviving mutants that survivors.yaml lists.
Excused = dict[str, list[dict[str, Any]]]

pytestmark = pytest.mark.usefixtures("simulator")


def turned(ledger: Ledger, changed: Iterable[Mutant], before: list[Verdict]) -> dict[Mutant, list[Entry]]:
    """Mutant → the requests whose verdict it changes; one batch, only requests the change can affect."""
    was = {verdict.entry: verdict.allowed for verdict in before}
    trials = [
        (mutant, entry)
        for mutant in changed
        for entry in ledger.entries
        if any(
            mutant.policy.name in part.policies and mutant.touches(part.action, part.resource)
            for part in entry.parts
        )
    ]
    verdicts = ledger.judged((entry, {mutant.policy.name: mutant.policy}) for mutant, entry in trials)
    found: dict[Mutant, list[Entry]] = defaultdict(list)
    for (mutant, entry), verdict in zip(trials, verdicts, strict=True):
        if verdict.allowed != was[entry]:
            found[mutant].append(entry)
    return found


@pytest.fixture(scope="session")
def every_mutant(two_accounts: Ledger) -> list[Mutant]:
    return [mutant for policy in two_accounts.documents.policies.values() for mutant in mutants(policy)]


@pytest.fixture(scope="session")
def kills(
    two_accounts: Ledger, every_mutant: list[Mutant], verdicts: list[Verdict]
) -> dict[Mutant, list[Entry]]:
    return turned(two_accounts, every_mutant, verdicts)


@pytest.fixture(scope="session")
def excused() -> Excused:
    listed: Excused = yaml.safe_load((FOLDER / "survivors.yaml").read_text(encoding="utf-8"))
    return listed


def is_listed(mutant: Mutant, line: dict[str, Any]) -> bool:
    return (
        mutant.policy.name == line["policy"]
        and mutant.sid in line["statements"]
        and any(fnmatchcase(mutant.change, pattern.replace("[", "[[]")) for pattern in line["changes"])
    )


@pytest.mark.xdist_group("mutants")
def test_ledger_kills_98_percent_of_at_least_200_mutants(
    every_mutant: list[Mutant], kills: dict[Mutant, list[Entry]]
) -> None:
    """Every statement, action, principal, resource and condition, removed or widened."""
    mutants_made, killed = len(every_mutant), len(kills)
    assert mutants_made >= 200
    assert killed >= 0.98 * mutants_made


@pytest.mark.xdist_group("mutants")
def test_every_survivor_is_listed_with_its_reason(
    every_mutant: list[Mutant], kills: dict[Mutant, list[Entry]], excused: Excused
) -> None:
    """An undetected mutant is a hole in the ledger, unless it has no effect; then the list states why."""
    survivors = [mutant for mutant in every_mutant if mutant not in kills]
    unlisted = [m.name for m in survivors if not any(is_listed(m, line) for line in excused["mutants"])]
    assert unlisted == []
    stale = [line for line in excused["mutants"] if not any(is_listed(m, line) for m in survivors)]
    assert stale == []
    assert all(len(line["why"]) > 30 for line in excused["mutants"])


@pytest.mark.xdist_group("mutants")
def test_removing_any_action_breaks_a_required_request(
    every_mutant: list[Mutant], kills: dict[Mutant, list[Entry]], excused: Excused
) -> None:
    """Proof of least privilege: a request that must be allowed needs each granted action."""
    needless = [
        mutant
        for mutant in every_mutant
        if mutant.removed_action and not any(entry.allowed for entry in kills.get(mutant, []))
    ]
    assert [m.name for m in needless if not any(is_listed(m, line) for line in excused["grants"])] == []


def test_every_statement_of_every_policy_is_mutated(two_accounts: Ledger, every_mutant: list[Mutant]) -> None:
    """The proof covers every statement."""
    reached = {(mutant.policy.name, mutant.sid) for mutant in every_mutant}
    expected = {
        (policy.name, statement["Sid"])
        for policy in two_accounts.documents.policies.values()
        for statement in statements(policy.document)
    }
    assert expected == reached


def test_harmless_edits_change_no_verdict(two_accounts: Ledger, verdicts: list[Verdict]) -> None:
    """AWS ignores order, repetition and equal spellings, so they must not change a verdict."""
    edits = [edit for policy in two_accounts.documents.policies.values() for edit in harmless(policy)]
    assert len(edits) >= 20
    assert {m.name: e for m, e in turned(two_accounts, edits, verdicts).items()} == {}


def test_a_wildcard_is_a_mutant_only_if_it_adds_an_action() -> None:
    """A wildcard that adds no existing action is not a mutant."""
    assert {"kms:describekey", "kms:describecustomkeystores"} == granted(["kms:Describe*"])
    assert granted(["s3:PutObject*"]) > granted(["s3:PutObject"])
