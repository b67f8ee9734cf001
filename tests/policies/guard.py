"""The house rules (templates/guard/*.guard) on a template, by CloudFormation Guard in process."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from tests.ci import in_ci

# By its name: mypy sees its types only where it has a wheel, and they do not export run_checks.
cfn_guard_rs: Any
try:
    cfn_guard_rs = import_module("cfn_guard_rs")
except ImportError:  # no wheels after Python 3.12: see require
    cfn_guard_rs = None

RULES = Path(__file__).resolve().parents[2] / "templates" / "guard"


_RULE = re.compile(r"^rule (?P<name>\w+)[^{]*\{\n.*?^\}\n", re.MULTILINE | re.DOTALL)


def require() -> None:
    """Skip the test without cfn-guard-rs; in CI that is a failure."""
    if cfn_guard_rs is None:
        reason = (
            "the house rules are skipped: cfn-guard-rs has no wheel for this Python, only for 3.11 and 3.12"
        )
        (pytest.fail if in_ci() else pytest.skip)(reason)


@lru_cache(maxsize=1)
def _files() -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(RULES.glob("*.guard"))}


@lru_cache(maxsize=1)
def rules() -> dict[str, str]:
    """Rule → the text that Guard needs to run it alone: the file's ``let`` lines and the rule itself."""
    found: dict[str, str] = {}
    for name, text in _files().items():
        shared = _RULE.sub("", text)
        for match in _RULE.finditer(text):
            if match["name"] in found:
                raise ValueError(f"{name}: the rule {match['name']} is defined twice")
            found[match["name"]] = shared + match[0]
    return found


def status(rule: str, template: dict[str, Any]) -> str:
    """PASS, FAIL or SKIP (the rule does not apply to the template)."""
    try:
        report = cfn_guard_rs.run_checks(template, rules()[rule])
    except json.JSONDecodeError:
        # cfn-guard-rs 0.3.3 drops the beginning of a report of many kilobytes, which only a failure writes.
        return "FAIL"
    if report.not_compliant:
        return "FAIL"
    return "PASS" if report.compliant else "SKIP"


def statuses(template: dict[str, Any]) -> dict[str, str]:
    """Rule → PASS, FAIL or SKIP, of every rule."""
    found: dict[str, str] = {}
    for text in _files().values():
        try:
            report = cfn_guard_rs.run_checks(template, text)
        except json.JSONDecodeError:
            found |= {match["name"]: status(match["name"], template) for match in _RULE.finditer(text)}
            continue
        found |= dict.fromkeys(report.not_applicable, "SKIP")
        found |= dict.fromkeys(report.compliant, "PASS")
        found |= {clause.Rule.name: "FAIL" for clause in report.not_compliant}
    return found


def broken(template: dict[str, Any]) -> set[str]:
    """The names of the rules that the template breaks."""
    return {rule for rule, found in statuses(template).items() if found == "FAIL"}
