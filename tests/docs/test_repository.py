"""The files that people expect beside the code: changelog, workflow, issue forms."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
GITHUB = ROOT / ".github"
WORKFLOW: dict[Any, Any] = yaml.safe_load((GITHUB / "workflows" / "ci.yml").read_text(encoding="utf-8"))
FORMS = sorted(path for path in (GITHUB / "ISSUE_TEMPLATE").glob("*.yml") if path.name != "config.yml")
RELEASE = re.compile(r"^## \[(.+?)\](?: - (\d{4}-\d\d-\d\d))?$", re.MULTILINE)
GROUPS = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"]  # keepachangelog.com, 1.1.0


def test_the_newest_release_is_the_version_of_the_project() -> None:
    """Unreleased comes first, then the version of pyproject.toml with its date."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    unreleased, newest, *_ = RELEASE.findall((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))
    assert unreleased == ("Unreleased", "")
    assert newest[0] == project["version"]
    assert newest[1]


def test_every_release_of_the_changelog_has_the_usual_groups_in_order() -> None:
    """Keep a Changelog, "Types of changes"."""
    for release in RELEASE.split((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))[1:]:
        groups = re.findall(r"^### (.+)$", release or "", re.MULTILINE)
        assert groups == [group for group in GROUPS if group in groups]


def test_the_workflow_runs_all_checks_with_the_least_permissions() -> None:
    """It runs .ci/run, and its token can only read."""
    steps = [step for job in WORKFLOW["jobs"].values() for step in job["steps"]]
    assert [step["run"] for step in steps if "run" in step] == [".ci/run"]
    assert WORKFLOW["permissions"] == {"contents": "read"}
    assert not any("permissions" in job for job in WORKFLOW["jobs"].values())
    assert [step["with"] for step in steps if "checkout" in step.get("uses", "")] == [
        {"persist-credentials": False}
    ]


def test_the_workflow_pins_every_action_by_commit() -> None:
    """A tag can be moved to other code (GitHub Docs, "Security hardening for GitHub Actions")."""
    used = [step["uses"] for job in WORKFLOW["jobs"].values() for step in job["steps"] if "uses" in step]
    assert used
    assert [action for action in used if not re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", action)] == []


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.stem)
def test_an_issue_form_has_the_fields_that_github_needs(form: Path) -> None:
    """GitHub Docs, "Syntax for issue forms" and "Syntax for GitHub's form schema"."""
    body = yaml.safe_load(form.read_text(encoding="utf-8"))
    assert {"name", "description", "body"} <= set(body)
    fields = [field for field in body["body"] if field["type"] != "markdown"]
    assert all(field["attributes"]["label"] for field in fields)
    assert len({field["id"] for field in fields}) == len(fields)
    assert {field["type"] for field in fields} <= {"input", "textarea", "dropdown", "checkboxes"}


def test_there_is_a_form_for_bugs_features_and_questions() -> None:
    """Blank issues are switched off, so each kind needs its form."""
    assert [form.stem for form in FORMS] == ["bug_report", "feature_request", "question"]
