"""The shipped templates keep every house rule, and every house rule detects a violation."""

from pathlib import Path

import pytest
import yaml

from scripts.stacks import KINDS, StackKind
from tests.templates.house_rules import MOST, RULES, House

HERE = Path(__file__).parent
PASSES = (HERE / "passes.yaml").read_text(encoding="utf-8")
EDITS = yaml.safe_load((HERE / "must_fail.yaml").read_text(encoding="utf-8"))
CASES = [(rule, edit) for rule, edits in EDITS.items() for edit in edits]


def broken(text: str) -> dict[str, list[str]]:
    """The rules that a template breaks, each with its findings."""
    house = House(text)
    results = {name: list(rule(house)) for name, rule in RULES.items()}
    return {name: findings for name, findings in results.items() if findings}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_shipped_template_keeps_every_rule(kind: StackKind) -> None:
    """Every template that users launch follows the rules."""
    assert broken(kind.template.read_text(encoding="utf-8")) == {}


def test_example_keeps_every_rule() -> None:
    """The template that the failing ones are edited from breaks no rule."""
    assert broken(PASSES) == {}


def test_every_rule_has_a_template_that_must_fail() -> None:
    """A rule that has never failed proves nothing."""
    assert set(EDITS) == set(RULES)


@pytest.mark.parametrize(("rule", "edit"), CASES, ids=[f"{rule}-{n}" for n, (rule, _) in enumerate(CASES)])
def test_broken_template_fails_only_that_rule(rule: str, edit: dict[str, str]) -> None:
    """One edit of the example breaks one rule and no other."""
    padding = "#" * int(edit.get("padding", 0))
    text = PASSES.replace(edit.get("was", ""), edit.get("now", "")) + padding
    assert text != PASSES
    assert list(broken(text)) == [rule]


@pytest.mark.parametrize("section", sorted(MOST))
def test_template_past_a_quota_fails(section: str) -> None:
    """CloudFormation would refuse such a template only after the upload."""
    crowd = "".join(f"  M{number}: {{}}\n" for number in range(MOST[section] + 1))
    house = House(f"Resources: {{}}\n{section}:\n{crowd}")
    assert list(RULES["quotas_are_kept"](house)) == [f"{section} has more than {MOST[section]} members"]
