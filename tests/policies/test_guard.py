"""The house rules: every shipped template keeps them, and every rule catches its violations."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from scripts.stacks import TEMPLATES
from tests.policies import guard
from tests.templates.resolver import load_template

CASES = [
    (path.stem.removesuffix("_tests"), case)
    for path in sorted((guard.RULES / "tests").glob("*_tests.yaml"))
    for case in yaml.safe_load(path.read_text(encoding="utf-8"))
]
SEEDED = yaml.safe_load((guard.RULES / "tests" / "seeded.yaml").read_text(encoding="utf-8"))
SHIPPED = sorted(
    path.relative_to(TEMPLATES).as_posix() for path in TEMPLATES.rglob("*.yaml") if "guard" not in path.parts
)


@pytest.fixture(scope="module", autouse=True)
def engine() -> None:
    """Needs cfn-guard-rs. Without a wheel, the tests are skipped; in CI that is a failure."""
    guard.require()


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_templates_keep_every_house_rule(name: str) -> None:
    """No template that breaks a rule is shipped."""
    assert guard.broken(load_template(TEMPLATES / name)) == set()


def test_shipped_templates_apply_every_rule_for_their_resource_types() -> None:
    """A rule that is skipped everywhere proves nothing, unless no template has its resource type."""
    met = {
        rule
        for name in SHIPPED
        for rule, status in guard.statuses(load_template(TEMPLATES / name)).items()
        if status == "PASS"
    }
    assert set(guard.rules()) - met <= {"TOPICS_HAVE_THEIR_KEY"}


@pytest.mark.parametrize(("stem", "case"), CASES, ids=[f"{stem}: {case['name']}" for stem, case in CASES])
def test_guard_case(stem: str, case: dict[str, Any]) -> None:
    """Each case names its rules and their expected status."""
    expected = case["expectations"]["rules"]
    assert {rule: guard.status(rule, case["input"]) for rule in expected} == expected


def test_every_rule_has_a_case_that_passes_and_one_that_fails() -> None:
    """A rule that cannot fail proves nothing."""
    seen = {(rule, status) for _, case in CASES for rule, status in case["expectations"]["rules"].items()}
    wanted = {(rule, status) for rule in guard.rules() for status in ("PASS", "FAIL")}
    assert wanted - seen == set()


def seeded(violation: dict[str, Any], name: str) -> dict[str, Any]:
    """The shipped template with one violation in it."""
    template = load_template(TEMPLATES / f"{name}.yaml")
    *way, last = violation["at"]
    parent: Any = template
    for step in way:
        parent = parent[step]
    if "set" in violation:
        assert last in parent or isinstance(parent, dict), f"{violation['at']} does not exist"
        parent[last] = violation["set"]
    else:
        del parent[last]
    return template


@pytest.mark.parametrize("violation", SEEDED, ids=[f"{v['in']}: {v['what']}" for v in SEEDED])
def test_seeded_violation_is_caught_by_its_rule(violation: dict[str, Any]) -> None:
    """One fault in a shipped template breaks exactly the rules for it, in both layouts."""
    for name in (violation["in"], *([] if violation.get("alone") else ["single-account"])):
        assert guard.broken(seeded(violation, name)) == set(violation["breaks"])


def test_every_rule_catches_a_violation_seeded_in_a_shipped_template() -> None:
    """The small cases show that a rule works; these show that it works on the real templates."""
    caught = {rule for violation in SEEDED for rule in violation["breaks"]}
    assert set(guard.rules()) - caught == set()


def test_a_truncated_report_of_guard_counts_as_a_failure() -> None:
    """cfn-guard-rs 0.3.3 truncates long reports. Only failures are that long."""
    users = {f"User{i}": {"Type": "AWS::IAM::User", "Properties": {"Path": "/" * 400}} for i in range(60)}
    with pytest.raises(json.JSONDecodeError):
        guard.cfn_guard_rs.run_checks({"Resources": users}, guard.rules()["NO_IAM_USERS"])
    assert guard.status("NO_IAM_USERS", {"Resources": users}) == "FAIL"
