"""Which delimiter and quoting a CSV file has: found or given, and never fewer items than it has."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scripts.put_items.errors import CommandError
from scripts.put_items.reading.source import Source
from tests.unit.scripts.put_items.files import NUMBERED, TABLE, items, source

DELIMITERS = [",", "\t", ";", "|"]


@pytest.mark.parametrize("delimiter", DELIMITERS)
@pytest.mark.parametrize("ending", ["csv", "tsv", "psv", "csv.gz"])
def test_the_delimiter_is_the_one_that_finds_the_keys(delimiter: str, ending: str, tmp_path: Path) -> None:
    """Whatever the file's name says, and though other delimiters are in the cells of every line."""
    others = "".join(other for other in DELIMITERS if other != delimiter)
    lines = [["note" + others[0] + "b", "title", "year:N"], [others, "Rush" + others, "2013"]]
    text = "".join(delimiter.join(line) + "\n" for line in lines)
    assert items(source(tmp_path / f"a.{ending}", text, NUMBERED)) == [
        {f"note{others[0]}b": {"S": others}, "title": {"S": "Rush" + others}, "year": {"N": "2013"}}
    ]


def test_a_given_delimiter_is_always_used(tmp_path: Path) -> None:
    """Also for a file whose name says neither CSV nor JSON."""
    made = source(tmp_path / "a.txt", "pk:x,y:z\na:b,c:d\n", delimiter=":")
    assert items(made) == [{"pk": {"S": "a"}, "x,y": {"S": "b,c"}, "z": {"S": "d"}}]
    assert items(source(tmp_path / "b", "pk\x01n\na\x011\n", delimiter="\x01")) == [
        {"pk": {"S": "a"}, "n": {"S": "1"}}
    ]


def test_one_column_needs_no_delimiter(tmp_path: Path) -> None:
    """Other delimiters in its cells are text."""
    assert items(source(tmp_path / "a.csv", "pk\na;b|c\td\n")) == [{"pk": {"S": "a;b|c\td"}}]


@pytest.mark.parametrize(
    ("text", "why", "next_step"),
    [
        ("pk,a;pk\nx,y;z\n", "with more than one delimiter: comma or semicolon", "--delimiter"),
        ("pk:a\nx:y\n", "there is no column pk", "give their delimiter with --delimiter"),
        ("id\nx\n", "there is no column pk", "Add the column to the file"),
        ("pk^n\nx^1\n", "there is no column pk", "give their delimiter with --delimiter"),
        ("pk;n\nx;1,5;2\n", "line 2: 3 cells, but 2 columns", "--delimiter"),
        ("pk,n\nx,1,234.50\n", "line 2: 3 cells, but 2 columns", "Quote cells that contain the delimiter"),
        ('pk,n\n"Foo" Bar,1\n', "line 2: is not CSV", "--no-quoting"),
        ('pk,n\na,1\n\nb,"' + "x\n" * 500_000, "line 4: is not CSV: field larger", "--no-quoting"),
        ('pk,n\na,1\nb,"x', "line 3: is not CSV", "--no-quoting"),
    ],
)
def test_a_file_of_another_dialect_names_the_missing_option(
    text: str, why: str, next_step: str, tmp_path: Path
) -> None:
    """The message names the line and the option."""
    with pytest.raises(CommandError) as refused:
        items(source(tmp_path / "a.csv", text))
    assert why in refused.value.message
    assert next_step in refused.value.next_step


TITLES = {
    "one cell": 'pk\ttitle\tend\n1\t"Foo" Bar\t\\N\n2\tPlain\t1999\n',
    "two lines": 'pk\ttitle\n1\t"Alpha\n2\tBeta"\n3\tGamma\n',
    "empty line": 'pk\ttitle\r\n1\t"Alpha\r\n\r\n2\tBeta"\r\n',
    "whole file": 'pk\n"1\n2\n3"\n',
}


@pytest.mark.parametrize("name", TITLES)
def test_ambiguous_quotes_need_an_option(name: str, tmp_path: Path) -> None:
    """A quote that opens in one line and closes in another would swallow the items between them."""
    with pytest.raises(CommandError) as refused:
        items(source(tmp_path / "a.tsv", TITLES[name]))
    assert "--no-quoting" in refused.value.next_step
    read = items(source(tmp_path / "a.tsv", TITLES[name], quoting=False))
    lines = [line.split("\t") for line in TITLES[name].split()] if name == "whole file" else None
    assert len(read) == len([line for line in TITLES[name].splitlines() if line]) - 1
    assert lines is None or [item["pk"]["S"] for item in read] == ['"1', "2", '3"']
    if name != "one cell":
        assert len(items(source(tmp_path / "a.tsv", TITLES[name], quoting=True))) < len(read)


def test_a_quoted_cell_may_have_several_lines(tmp_path: Path) -> None:
    """An address has fewer delimiters than a row: nothing is asked."""
    text = 'pk,address,zip\na,"Main Street 1\r\nOslo, Norway",0150\nb,"x, ""y""\n",1\n'
    read = items(source(tmp_path / "a.csv", text))
    assert [item["address"]["S"] for item in read] == ["Main Street 1\r\nOslo, Norway", 'x, "y"\n']


def outcome(made: Source) -> tuple[list[Any], CommandError | None]:
    """The items of a file, or what it is refused with."""
    try:
        return items(made), None
    except CommandError as error:
        return [], error


CELLS = st.text('ab",;|\t\n\r 1', max_size=5)
ROWS = st.integers(1, 3).flatmap(lambda n: st.lists(st.tuples(*[CELLS] * n), min_size=1, max_size=5))
each_file = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@each_file
@given(ROWS, st.sampled_from(DELIMITERS))
def test_a_quoted_file_is_read_exactly_or_refused(
    tmp_path: Path, rows: list[tuple[str, ...]], delimiter: str
) -> None:
    """Whatever its cells hold: each item with each value, or the options that decide."""
    written = io.StringIO(newline="")
    writer = csv.writer(written, delimiter=delimiter)
    writer.writerow(["pk", *(f"c{n}" for n in range(len(rows[0])))])
    writer.writerows((f"k{number}", *row) for number, row in enumerate(rows))
    expected = [
        {"pk": f"k{number}", **{f"c{n}": cell for n, cell in enumerate(row) if cell}}
        for number, row in enumerate(rows)
    ]
    for quoting in (True, None):
        read, refused = outcome(source(tmp_path / "a.csv", written.getvalue(), TABLE, quoting=quoting))
        if refused is None:
            assert [{name: value["S"] for name, value in item.items()} for item in read] == expected
        else:
            assert quoting is None
            assert "--quoting or --no-quoting" in refused.next_step


@each_file
@given(ROWS, st.sampled_from(DELIMITERS))
def test_a_file_without_quoting_never_has_fewer_items_than_lines(
    tmp_path: Path, rows: list[tuple[str, ...]], delimiter: str
) -> None:
    """Read as told it is exact; read without a word it has every item, or the option is named."""
    cells = [
        [f"k{number}", *(cell.translate({ord(c): "x" for c in delimiter + "\r\n"}) for cell in row)]
        for number, row in enumerate(rows)
    ]
    header = ["pk", *(f"c{n}" for n in range(len(rows[0])))]
    text = "".join(delimiter.join(row) + "\n" for row in [header, *cells])
    exact = items(source(tmp_path / "a.csv", text, TABLE, quoting=False))
    assert [[item.get(name, {"S": ""})["S"] for name in header] for item in exact] == cells
    read, refused = outcome(source(tmp_path / "a.csv", text, TABLE))
    if refused is None:
        assert len(read) == len(cells)
    else:
        assert "--no-quoting" in refused.next_step
