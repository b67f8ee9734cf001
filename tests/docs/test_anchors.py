"""A link to a part of a page leads to a heading or an anchor of that page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.test_commands import PAGES

LINK = re.compile(r"\]\((?!https?:)([^)#]*)#([^)]+)\)")
CODE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """What GitHub makes of its headings, and its own anchors."""
    text = CODE.sub("", page.read_text())
    headings = [re.sub(r"<[^>]+>|[`*]", "", title) for title in re.findall(r"^#+ (.+)$", text, re.MULTILINE)]
    return {
        *(re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in headings),
        *re.findall(r'<a id="([^"]+)">', text),
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_link_to_a_part_of_a_page_leads_to_it(page: Path) -> None:
    """A renamed heading breaks the links to it without a sign."""
    links = [
        (page.parent / path if path else page, anchor) for path, anchor in LINK.findall(page.read_text())
    ]
    assert [f"{target.name}#{anchor}" for target, anchor in links if anchor not in anchors(target)] == []


def test_a_link_to_a_missing_heading_is_found(tmp_path: Path) -> None:
    """Headings in a block of code are none; an anchor beside a heading counts."""
    page = tmp_path / "page.md"
    page.write_text('# A *b*: `c`\n\n```sh\n# not a heading\n```\n\n<a id="kept"></a>\n')
    assert anchors(page) == {"a-b-c", "kept"}
