"""The access matrix in the documentation shows the ledger that the simulator judges."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scripts.build.proofs import EXIT_TOOL_MISSING, access_page
from tests.policies import access, toolbox
from tests.policies.access import markdown, rows
from tests.policies.ledger import Verdict

PAGE = Path(__file__).resolve().parents[2] / "docs" / "generated" / "access.md"


def test_access_page_is_current(verdicts: list[Verdict]) -> None:
    """A changed statement or request changes the page in the same commit."""
    written = PAGE.read_text(encoding="utf-8")
    assert written == access_page(markdown(verdicts)), f"{PAGE.name} is stale: run `make generate`"


def test_every_request_is_in_exactly_one_row(verdicts: list[Verdict]) -> None:
    """Joining rows must neither lose nor add a request."""
    shown = sorted(
        (row.title, actor, action, resource, row.circumstances, row.allowed)
        for row in rows(verdicts)
        for actor in row.actors
        for action in row.actions
        for resource in row.resources
    )
    judged = sorted(
        (e.title, e.parts[0].actor.name, e.parts[0].action, e.shown, e.circumstances, v.allowed)
        for v in verdicts
        for e in [v.entry]
    )
    assert sorted(set(judged)) == shown


def test_every_row_names_the_deciding_statement(verdicts: list[Verdict]) -> None:
    """An allowed row names a statement. A denied row names a Deny, or the side that grants nothing."""
    for row in rows(verdicts):
        assert ": " in row.decided
        assert not (row.allowed and row.decided.startswith("no statement allows it"))


def test_make_access_prints_and_filters_the_matrix(
    simulator: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """With one actor, it prints the actor's table with a summary."""
    assert access.main(["--actor", "analyst"]) == 0
    printed = capsys.readouterr().out
    assert "athena:StartQueryExecution" in printed
    assert "0 wrong" in printed
    assert "kinesis:GetRecords" not in printed


def test_the_matrix_is_also_printed_for_machines(simulator: None, capsys: pytest.CaptureFixture[str]) -> None:
    """JSON has the rows of the table, Markdown has the content of the page."""
    assert access.main(["--actor", "analyst", "--output", "json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["rows"]
    assert {actor for row in printed["rows"] for actor in row["actors"]} == {"analyst"}
    assert access.main(["--output", "markdown"]) == 0
    assert access_page(capsys.readouterr().out) == PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize(("ci", "code"), [("", EXIT_TOOL_MISSING), ("true", 1)])
def test_a_missing_tool_is_reported_in_one_line(
    ci: str, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With this exit code, `make generate` skips the page; in CI the build fails."""

    def missing() -> None:
        raise toolbox.ToolMissingError("Node is not installed")

    monkeypatch.setattr(toolbox, "install_simulator", missing)
    monkeypatch.setenv("CI", ci)
    assert access.main(["--output", "markdown"]) == code
    assert capsys.readouterr() == ("", "access: Node is not installed\n")
