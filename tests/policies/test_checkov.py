"""checkov, in addition to the house rules: no finding without a reason next to the resource."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from scripts.stacks import TEMPLATES
from tests.ci import in_ci
from tests.policies import toolbox

FAULTY = """
Resources:
  Bucket:
    Type: AWS::S3::Bucket
    Properties:
      PublicAccessBlockConfiguration: {BlockPublicAcls: false}
"""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """One run over the shipped templates and one template with faults on purpose."""
    try:
        program = toolbox.install_checkov()
    except toolbox.ToolMissingError as missing:
        if in_ci():
            pytest.fail(str(missing), pytrace=False)
        pytest.skip(f"checkov is left out: {missing}")
    faulty = tmp_path_factory.mktemp("checkov") / "faulty.yaml"
    faulty.write_text(FAULTY, encoding="utf-8")
    templates = sorted(path for path in TEMPLATES.rglob("*.yaml") if "guard" not in path.parts)
    command = [
        str(program),
        "--framework",
        "cloudformation",
        "--skip-download",
        "--output",
        "json",
        "--quiet",
    ]
    done = subprocess.run(
        [*command, *(part for path in [*templates, faulty] for part in ("-f", str(path)))],
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.stdout, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)["results"]
    return found


def findings(checks: list[dict[str, Any]], *, faulty: bool) -> list[str]:
    return [
        f"{Path(check['file_path']).name}: {check['resource']} {check['check_id']} {check['check_name']}"
        for check in checks
        if (Path(check["file_path"]).name == "faulty.yaml") == faulty
    ]


@pytest.mark.xdist_group("checkov")
def test_checkov_finds_nothing_without_a_reason(report: dict[str, Any]) -> None:
    """A finding is corrected, or skipped by `# checkov:skip=ID:reason` inside the resource."""
    assert findings(report["failed_checks"], faulty=False) == []


@pytest.mark.xdist_group("checkov")
def test_checkov_finds_faults(report: dict[str, Any]) -> None:
    """The run can fail: checkov finds a bucket that may be public."""
    assert any("CKV_AWS_53" in line for line in findings(report["failed_checks"], faulty=True))


def test_every_skipped_check_has_a_reason_in_the_resource() -> None:
    """Nobody can question a skip without a reason later."""
    for path in TEMPLATES.rglob("*.yaml"):
        for line in path.read_text(encoding="utf-8").splitlines():
            if "checkov:skip" in line:
                reason = line.split("checkov:skip=", 1)[1].partition(":")[2]
                assert len(reason) > 20, f"{path.name}: {line.strip()}"
