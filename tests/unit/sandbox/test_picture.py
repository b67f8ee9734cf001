"""The demo's picture of itself: small, without anything from the web, compared without changing figures."""

import io
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from sandbox import demo
from sandbox.picture import PictureConsole, lines, same

STORED = Path(__file__).parents[3] / "docs" / "generated" / "demo.svg"


def drawn(*printed: str) -> str:
    """The picture of a few lines."""
    console = PictureConsole(file=io.StringIO(), width=120)
    console.start_drawing()
    console.print("before")
    with console.pictured():
        for line in printed:
            console.print(line, highlight=False)
    console.print("after")
    return console.picture()


def test_picture_contains_the_lines_of_its_parts_only() -> None:
    """With their spaces; the lines before and after are left out."""
    assert lines(drawn("a  <b> & 'c'", "[red]d[/red]  e")) == ["a  <b> & 'c'", "d  e"]


@pytest.mark.parametrize(
    ("line", "later"),
    [
        ("written in 9.0 s", "written in 12.3 s"),
        ("INSERT 2026-11-28T02:53:35.322378Z", "INSERT 2027-01-02T03:04:05.678901Z"),
        ("table x-SourceTable-FE238E5754863", "table x-SourceTable-0A1B2C3D4E5F6"),
        ("3 rows, 358,795 bytes scanned", "3 rows, 1,358,795 bytes scanned"),
    ],
)
def test_pictures_are_the_same_when_only_a_changing_figure_differs(line: str, later: str) -> None:
    """Durations, times, ids and sizes change with every run."""
    assert same(drawn(line, "end"), drawn(later, "end"))
    assert not same(drawn(line, "end"), drawn(f"{line} and more", "end"))
    assert not same(drawn(line, "end"), drawn(f"[red]{line}[/red]", "end"))


def test_stored_picture_loads_nothing_and_is_small() -> None:
    """GitHub shows an SVG file without fonts or images from outside."""
    text = STORED.read_text(encoding="utf-8")
    root = ET.fromstring(text)  # noqa: S314  our own file

    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert text.count("http") == text.count('"http://www.w3.org/2000/svg"') == 1
    assert "@font-face" not in text
    assert "@import" not in text
    assert len(text.encode()) < 100_000


def test_picture_stays_when_only_a_changing_figure_differs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So `make generate` changes the picture only if the demo prints something else."""
    path = tmp_path / "demo.svg"
    for line, kept in (("in 1.0 s", "in 1.0 s"), ("in 2.5 s", "in 1.0 s"), ("took 2.5 s", "took 2.5 s")):
        monkeypatch.setattr(demo.console, "picture", lambda line=line: drawn(line))
        demo._write_picture(path)
        assert lines(path.read_text(encoding="utf-8")) == [kept]
