"""The tools that judge the policies are pinned, have no host names, and are not part of the product."""

from __future__ import annotations

import json
import subprocess

import pytest

from tests.policies import toolbox
from tests.tool_environments import ROOT, TOOLS, lock_of

PRODUCT = ("*_lambda", "scripts", "sandbox", "athena", "glue", "lake", "repair", "benchmarks", "requirements")


def test_simulator_is_pinned_with_hashes_and_without_hosts() -> None:
    """The lock works with every registry, and its hashes prevent an exchange of packages."""
    lock = json.loads((toolbox.SIMULATOR / "package-lock.json").read_text(encoding="utf-8"))
    packages = {name.removeprefix("node_modules/"): entry for name, entry in lock["packages"].items() if name}
    assert packages["@cloud-copilot/iam-simulate"]["version"] == "0.1.173"
    assert [
        name for name, entry in packages.items() if not entry.get("integrity", "").startswith("sha512-")
    ] == []
    assert "resolved" not in json.dumps(lock)
    assert "://" not in json.dumps(lock)


@pytest.mark.parametrize("name", ["checkov", "dbt"])
def test_a_tool_with_its_own_environment_is_pinned_with_hashes(name: str) -> None:
    """Every line of its lock is an exact version with its hashes."""
    lines = lock_of(name).read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith((" ", "#"))]
    assert any(pin.startswith(name) for pin in pins)
    assert [pin for pin in pins if "==" not in pin or not pin.rstrip().endswith("\\")] == []


def test_the_product_does_not_use_the_simulator() -> None:
    """It is AGPL-3.0: the tests run it as a separate program; it is never imported or shipped."""
    found = [
        path.relative_to(ROOT).as_posix()
        for folder in PRODUCT
        for path in ROOT.glob(f"{folder}/**/*")
        if path.suffix in {".py", ".sql", ".yaml", ".json"}
        and "cloud-copilot" in path.read_text(errors="replace")
    ]
    assert found == []


def test_installed_tools_are_ignored_by_git() -> None:
    """node_modules and the tools' environments are caches."""
    ignored = [toolbox.SIMULATOR / "node_modules" / "x", TOOLS / "checkov" / "x"]
    done = subprocess.run(
        ["git", "check-ignore", *map(str, ignored)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert len(done.stdout.splitlines()) == len(ignored)


def test_without_node_one_line_reports_the_omitted_tests(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A laptop without Node runs everything else; CI fails without the proof."""
    monkeypatch.setattr("tests.policies.toolbox.shutil.which", lambda _: None)
    monkeypatch.setattr(toolbox, "install_checkov", lambda: None)
    toolbox.node.cache_clear()
    try:
        monkeypatch.delenv("CI", raising=False)
        assert toolbox.main() == 0
        printed = capsys.readouterr().err
        assert printed.count("\n") == 1
        assert "the access ledger, its mutants, the second opinion" in printed
        monkeypatch.setenv("CI", "true")
        assert toolbox.main() == 1
    finally:
        toolbox.node.cache_clear()


def test_an_old_node_is_reported_with_the_required_version(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names the version to install."""
    old = subprocess.CompletedProcess([], 0, stdout="v18.20.4\n")
    monkeypatch.setattr("tests.policies.toolbox.shutil.which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr("tests.policies.toolbox.subprocess.run", lambda *_, **__: old)
    toolbox.node.cache_clear()
    try:
        with pytest.raises(toolbox.ToolMissingError, match=r"Node 20 or newer is needed, this is v18\.20\.4"):
            toolbox.node()
    finally:
        toolbox.node.cache_clear()
