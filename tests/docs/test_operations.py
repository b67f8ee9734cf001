"""docs/operations.md leads to the pages of docs/operations/, and each page is complete."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.test_commands import FENCED, HEREDOC
from tests.docs.test_failures import STACKS, alarms

ROOT = Path(__file__).parents[2]
ENTRY = ROOT / "docs" / "operations.md"
PAGES = sorted((ROOT / "docs" / "operations").glob("*.md"))
SECTIONS = ["When you need it", "Before you start", "Commands", "Check the result", "What can go wrong"]
ASSIGNED = re.compile(r"^(?:export )?([A-Z_]+)=", re.MULTILINE)
USED = re.compile(r"\$([A-Z_]+)")
# A word in capitals within a command would be a placeholder; these are values of the AWS CLI.
VALUES = {"ALARM", "COUNT", "DELETE_FAILED", "DELETE_IN_PROGRESS", "DESCRIBE", "MICROSECOND"}
PLACEHOLDER = re.compile(r"(?<=[ =])[A-Z][A-Z_]+(?= |$)", re.MULTILINE)


def blocks(page: Path) -> list[str]:
    """The blocks of commands of a page."""
    return [text for language, text in FENCED.findall(page.read_text()) if language == "sh"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_task_page_has_the_same_sections_as_the_others(page: Path) -> None:
    """When, before, commands, check, what can go wrong: in this order."""
    assert re.findall(r"^## (.+)$", page.read_text(), re.MULTILINE) == SECTIONS


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_block_sets_every_variable_that_it_uses(page: Path) -> None:
    """It can be copied into a new terminal."""
    for block in blocks(page):
        assert set(USED.findall(block)) <= set(ASSIGNED.findall(block)), block


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_block_has_no_placeholder(page: Path) -> None:
    """A value that the reader chooses stands in an assignment, with an example."""
    for block in blocks(page):
        shell = re.sub(r"\"[^\"]*\"|'[^']*'", "", HEREDOC.sub("", block))
        assert set(PLACEHOLDER.findall(shell)) <= VALUES, block


def test_the_entry_links_every_task_page() -> None:
    """A page without a link is not found."""
    linked = set(re.findall(r"\]\((operations/[\w-]+\.md)", ENTRY.read_text()))
    assert linked == {page.relative_to(ENTRY.parent).as_posix() for page in PAGES}


def test_the_entry_lists_every_alarm() -> None:
    """Who hears an alarm looks for its name."""
    listed = set(re.findall(r"`(\w+Alarm)`", ENTRY.read_text()))
    assert listed == {name for stack in STACKS for name in alarms(stack)}
