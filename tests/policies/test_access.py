"""The access matrix that people read is the ledger that is judged."""

from __future__ import annotations

import pytest

from tests.policies import access
from tests.policies.access import PAGE, markdown, page_with, rows
from tests.policies.ledger import LedgerError, Verdict


def test_access_matrix_of_the_documentation_is_current(verdicts: list[Verdict]) -> None:
    """Run `python -m tests.policies.access --write` when this fails."""
    page = PAGE.read_text(encoding="utf-8")
    assert page_with(markdown(verdicts), page) == page


def test_every_request_stands_in_exactly_one_row(verdicts: list[Verdict]) -> None:
    """Joining rows that differ in one respect must neither lose nor invent a request."""
    told = sorted(
        (row.title, actor, action, resource, row.circumstances, row.allowed)
        for row in rows(verdicts)
        for actor in row.actors
        for action in row.actions
        for resource in row.resources
    )
    asked = sorted(
        (e.title, e.parts[0].actor.name, e.parts[0].action, e.shown, e.circumstances, v.allowed)
        for v in verdicts
        for e in [v.entry]
    )
    assert sorted(set(asked)) == told


def test_every_row_names_what_decides(verdicts: list[Verdict]) -> None:
    """An allowed row names a statement; a denied one names a Deny or the side that grants nothing."""
    for row in rows(verdicts):
        assert ": " in row.decided
        assert not (row.allowed and row.decided.startswith("no statement allows it"))


def test_make_access_prints_the_matrix_and_narrows_it(
    simulator: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """A person asks about one actor and gets a table with a summary."""
    assert access.main(["--actor", "analyst"]) == 0
    printed = capsys.readouterr().out
    assert "athena:StartQueryExecution" in printed
    assert "0 wrong" in printed
    assert "kinesis:GetRecords" not in printed


def test_a_page_without_markers_is_an_error_that_says_which_line_to_put_back() -> None:
    """The matrix is never written somewhere else."""
    with pytest.raises(LedgerError, match="lacks the line <!-- access matrix: begin"):
        page_with("matrix", "# Security\n")
