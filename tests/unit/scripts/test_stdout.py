"""Where an answer goes: any encoding, a full disk, a closed stdout, a narrow terminal."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.core.answers import as_table
from scripts.core.athena import Result
from scripts.core.console import Output

ROOT = Path(__file__).parents[3]
CODE = """
import sys
from scripts.core.answers import as_csv, as_json, as_table
from scripts.core.athena import Result
from scripts.core.console import run

def verb(given, out):
    form = {"text": as_table, "csv": as_csv, "json": as_json}[out.form]
    form(Result("q", [("city", "varchar")], [["Z\\u00fcrich"]], 0, 0.0), out)
    return 0

sys.exit(run(verb, sys.argv[1:]))
"""
PUT = """
import sys
from scripts.put_items import command
command.main = lambda given, program: {"table": "t", "file": "\\u00fc"}
sys.exit(command.run(sys.argv[1:]))
"""


def ran(
    code: str, *arguments: str, encoding: str = "ascii", redirected: str = ""
) -> subprocess.CompletedProcess[bytes]:
    """The code as a process of its own, its stdout in that encoding or redirected by the shell."""
    return subprocess.run(
        ["sh", "-c", f'exec "$@" {redirected}', "sh", sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": encoding},
        capture_output=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("form", "shown"), [("csv", '"Zürich"'.encode()), ("json", '"Zürich"'.encode()), ("text", b"Z\\xfcrich")]
)
def test_an_answer_is_complete_in_every_locale(form: str, shown: bytes) -> None:
    """Documents are UTF-8, as RFC 8259 has it; a table escapes what the terminal cannot show."""
    done = ran(CODE, "--output", form)
    assert done.returncode == 0, done.stderr
    assert shown in done.stdout


@pytest.mark.parametrize("form", ["text", "csv", "json"])
def test_a_full_disk_is_reported_with_the_next_step(form: str) -> None:
    """No traceback, which would show what was to be written; not 0, for nothing arrived."""
    done = ran(CODE, "--output", form, redirected=">/dev/full")
    assert done.returncode == 1
    assert done.stderr.startswith(b"error: ")
    assert b"\nnext: " in done.stderr
    assert b"rich" not in done.stderr


def test_a_closed_stdout_is_not_an_error() -> None:
    """`>&-` asks for no answer."""
    done = ran(CODE, redirected=">&-")
    assert (done.returncode, done.stderr) == (0, b"")


def test_put_items_prints_its_answer_in_every_locale_or_an_error() -> None:
    """It stands alone, so it has its own way: JSON in ASCII, and one sentence for a full disk."""
    done = ran(PUT, "--output", "json")
    assert (done.returncode, done.stderr) == (0, b"")
    assert b'"file": "\\u00fc"' in done.stdout

    done = ran(PUT, "--output", "json", redirected=">/dev/full")
    assert done.returncode == 1
    assert done.stderr.startswith(b"error: the output could not be written: ")
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize(("width", "below"), [("40", True), ("80", True), ("160", False)])
def test_a_result_that_is_too_wide_for_the_terminal_is_shown_as_records(
    width: str, below: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A result that fits is a table; otherwise each row is a block with one line per column."""
    monkeypatch.setenv("COLUMNS", width)
    columns = [(f"column{n}", "varchar") for n in range(6)]
    rows: list[list[str | None]] = [["a value of some length"] * 6]
    as_table(Result("q", columns, rows, 0, 0.0), Output())
    narrow = capsys.readouterr().out
    assert ("column5  a value of some length" in narrow) == below

    as_table(Result("q", columns[:3], [["1"] * 3], 0, 0.0), Output())
    assert "row 1" not in capsys.readouterr().out


def test_a_column_of_numbers_is_aligned_to_the_right(capsys: pytest.CaptureFixture[str]) -> None:
    """A sum is read from the right; names, and a column with one word in it, from the left."""
    rows = [("Kinesis", "1,055.46", "5"), ("S3", "0.65", "none")]
    Output().table("costs", ("service", "USD", "shards"), rows)
    said = capsys.readouterr().err
    assert "  Kinesis   1,055.46   5 " in said
    assert "  S3            0.65   none " in said


def shown(result: Result, capsys: pytest.CaptureFixture[str]) -> tuple[list[str], str]:
    """The lines of the text form on stdout without blanks at the end, and the text on stderr."""
    as_table(result, Output())
    said = capsys.readouterr()
    return [line.rstrip() for line in said.out.splitlines() if line.strip()], said.err


def test_columns_that_are_null_in_every_row_are_listed_below_a_wide_result(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`SELECT *` of a sparse table shows its values; a null beside a value stays."""
    monkeypatch.setenv("COLUMNS", "60")
    columns = [("pk", "varchar"), ("total", "varchar"), *((f"empty_{n:02}", "varchar") for n in range(22))]
    rows: list[list[str | None]] = [["a", "1", *[None] * 22], ["b", None, *[None] * 22]]
    names = ", ".join(f"empty_{n:02}" for n in range(20))
    lines, said = shown(Result("q", columns, rows, 0, 0.0), capsys)
    assert lines == [
        "  pk   total",
        " ────────────",
        "  a    1",
        "  b    null",
        f"22 columns are null in all 2 rows shown: {names} and 2 more",
    ]
    assert said == ""

    lines, _ = shown(Result("q", columns, rows[:1], 0, 0.0), capsys)
    assert lines[-1].startswith("22 columns are null in this row: empty_00, ")


def test_null_columns_of_a_result_that_fits_stay_in_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    """Who selects two columns reads that one of them is null in the table itself."""
    lines, _ = shown(Result("q", [("a", "varchar"), ("b", "varchar")], [["1", None]], 0, 0.0), capsys)
    assert lines[-1].split() == ["1", "null"]


def test_a_wide_result_without_any_value_keeps_its_columns(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Something has to be shown."""
    monkeypatch.setenv("COLUMNS", "20")
    columns = [(f"column{n}", "varchar") for n in range(6)]
    lines, _ = shown(Result("q", columns, [[None] * 6], 0, 0.0), capsys)
    assert "column5  null" in lines
    assert not [line for line in lines if "null in" in line]


def sequence(number: int) -> str:
    """A change_sequence: 129 digits, most of them zeros at the start."""
    return f"4959033827149025660855969253836157109592157598913658889{number:05}".rjust(129, "0")


def test_long_values_that_begin_alike_keep_the_end_that_distinguishes_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two sequence numbers differ in their last digits, two files of a bucket in their names."""
    monkeypatch.setenv("COLUMNS", "160")
    file = "s3://ddb-lake-consumer-lake-bucket-a1b2c3d4e5f6/data/dt=2026-11-28/"
    columns = [("change_sequence", "varchar"), ("file", "varchar"), ("text", "varchar")]
    rows: list[list[str | None]] = [
        [sequence(42), f"{file}1.gz", "x" * 70],
        [sequence(7), f"{file}2.gz", "y" * 70],
        [None, None, None],
    ]
    lines, said = shown(Result("q", columns, rows, 0, 0.0), capsys)
    (first, second, _) = lines[-3:]
    assert first.split() == [f"…{sequence(42)[-12:]}", f"…{(file + '1.gz')[-12:]}", "x" * 59 + "…"]
    assert second.split()[0] == f"…{sequence(7)[-12:]}"
    assert said.splitlines() == ["… marks the missing part of a long value: --output csv has it whole"]


def test_a_single_sequence_number_loses_only_its_zeros(capsys: pytest.CaptureFixture[str]) -> None:
    """There is no second value to compare it with."""
    lines, _ = shown(Result("q", [("change_sequence", "varchar")], [[sequence(42)]], 0, 0.0), capsys)
    assert lines[-1].strip() == f"…{sequence(42).lstrip('0')[:58]}…"


def test_short_values_are_never_cut_because_they_begin_alike(capsys: pytest.CaptureFixture[str]) -> None:
    """A table of names with one prefix stays as it is, without a note about cut values."""
    rows: list[list[str | None]] = [["order-2026-11-28-000000000001"], ["order-2026-11-28-000000000002"]]
    lines, said = shown(Result("q", [("pk", "varchar")], rows, 0, 0.0), capsys)
    assert [line.strip() for line in lines[-2:]] == [cell for (cell,) in rows]
    assert said == ""


@pytest.mark.parametrize("text", ["a" * 61, "0" * 129, "0" * 30 + "1" * 100, "ab" * 40])
def test_a_cut_value_has_at_most_sixty_characters(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever part of it is left out."""
    lines, _ = shown(Result("q", [("a", "varchar")], [[text], [text + "z"]], 0, 0.0), capsys)
    assert all("…" in line and len(line.strip()) <= 60 for line in lines[-2:])
