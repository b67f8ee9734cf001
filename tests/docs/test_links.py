"""Every link between the pages of the repository leads to a file and, where it names one, to a heading."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FENCED = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
# An inline link or image, the definition of a reference, or an HTML attribute.
LINK = re.compile(
    r"""\]\((<[^>\n]*>|[^)\s]*)|^\[[^\]\n]+\]: *(<[^>\n]*>|\S+)|\b(?:href|src|srcset)="([^"\n]*)\"""",
    re.MULTILINE,
)
OTHER_SITE = re.compile(r"\w+:")
ANCHOR = re.compile(r'<a id="([^"]+)">')
HEADING = re.compile(r"^#{1,6} +(.+?) *$", re.MULTILINE)
LIST = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
LISTED = subprocess.run(LIST, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")[:-1]
FILES = {ROOT / name for name in LISTED if (ROOT / name).exists()}
FOLDERS = {folder for file in FILES for folder in file.parents}
PAGES = sorted(file for file in FILES if file.suffix == ".md")


def prose(page: Path) -> str:
    """The text of a page without its code blocks and comments."""
    return COMMENT.sub("", FENCED.sub("", page.read_text(encoding="utf-8")))


def slug(heading: str) -> str:
    """The anchor that GitHub gives a heading: lower case, no punctuation, a hyphen for each space."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", ANCHOR.sub("", heading).replace("</a>", ""))
    return re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")


@cache
def anchors(page: Path) -> frozenset[str]:
    """The anchors of a page; a heading that repeats gets a number, from -1 on."""
    seen: Counter[str] = Counter()

    def numbered() -> Iterator[str]:
        for heading in HEADING.findall(prose(page)):
            name = slug(heading)
            yield f"{name}-{seen[name]}" if seen[name] else name
            seen[name] += 1

    return frozenset([*numbered(), *ANCHOR.findall(prose(page))])


def links(page: Path) -> Iterator[tuple[str, str]]:
    """Path and anchor of each link of a page to a page of the repository."""
    for groups in LINK.findall(prose(page)):
        target = "".join(groups).strip("<>")
        if not OTHER_SITE.match(target):
            path, _, anchor = target.partition("#")
            yield path, anchor


def is_there(target: Path) -> bool:
    """Whether a file exists. In the repository, build results and other ignored files do not count."""
    if target.is_relative_to(ROOT):
        return target in FILES or target in FOLDERS
    return target.exists()


def broken(page: Path) -> list[str]:
    """The links of a page that lead nowhere."""
    wrong = []
    for path, anchor in links(page):
        target = (page.parent / path).resolve() if path else page
        if not is_there(target):
            wrong.append(path)
        elif anchor and (target.suffix != ".md" or anchor not in anchors(target)):
            wrong.append(f"{path}#{anchor}")
    return wrong


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_of_a_page_leads_to_a_file_and_a_heading(page: Path) -> None:
    """Relative links only: pages of other sites are not requested."""
    assert broken(page) == []


def test_a_link_to_a_missing_file_or_heading_is_found(tmp_path: Path) -> None:
    """The check itself: code blocks, comments and other sites do not count, repeated headings do."""
    other = '# A `b`, c: d\n\n## <a id="own"></a>Twice\n\n## Twice\n\n```bash\n# Not a heading\n```\n'
    (tmp_path / "other.md").write_text(other)
    page = tmp_path / "page.md"
    page.write_text(
        "# Here\n[1](other.md#a-b-c-d) [2](other.md#twice-1) [3](#here) [11](other.md#own) [4](https://example.com/#x)"
        " [5](other.md#not-a-heading) [6](gone.md) [7](#gone) ![8](gone.svg) [9](other.md#twice-2)\n"
        "```\n[10](gone.md)\n```\n<!-- [11](gone.md) -->\n"
    )
    assert broken(page) == ["other.md#not-a-heading", "gone.md", "#gone", "gone.svg", "other.md#twice-2"]


@pytest.mark.parametrize(
    "link",
    [
        '[a](gone.md "A title")',
        "[a](<gone.md>)",
        "[a][b]\n\n[b]: gone.md",
        '<a href="gone.md">a</a>',
        '<img alt="a" src="gone.md">',
        "[![a](other.md)](gone.md)",
    ],
)
def test_every_form_of_a_link_is_checked(tmp_path: Path, link: str) -> None:
    """Markdown has several forms of a link, and GitHub renders HTML."""
    (tmp_path / "other.md").touch()
    page = tmp_path / "page.md"
    page.write_text(f"{link}\n{link.replace('gone.md', 'https://example.com/gone.md')}\n")
    assert broken(page) == ["gone.md"]


def test_a_link_to_an_ignored_file_is_found() -> None:
    """It would work only on a machine that has built this file."""
    assert not is_there(ROOT / ".git" / "config")
    assert is_there(ROOT / "docs")
