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
def test_an_answer_is_whole_in_every_locale(form: str, shown: bytes) -> None:
    """Documents are UTF-8, as RFC 8259 has it; a table escapes what the terminal cannot show."""
    done = ran(CODE, "--output", form)
    assert done.returncode == 0, done.stderr
    assert shown in done.stdout


@pytest.mark.parametrize("form", ["text", "csv", "json"])
def test_a_full_disk_is_said_with_the_next_step(form: str) -> None:
    """No traceback, which would show what was to be written; not 0, for nothing arrived."""
    done = ran(CODE, "--output", form, redirected=">/dev/full")
    assert done.returncode == 1
    assert done.stderr.startswith(b"error: ")
    assert b"\nnext: " in done.stderr
    assert b"rich" not in done.stderr


def test_a_closed_stdout_is_no_defect() -> None:
    """`>&-` asks for no answer."""
    done = ran(CODE, redirected=">&-")
    assert (done.returncode, done.stderr) == (0, b"")


def test_put_items_tells_what_was_done_in_every_locale_or_that_it_cannot() -> None:
    """It stands alone, so it has its own way: JSON in ASCII, and one sentence for a full disk."""
    done = ran(PUT, "--output", "json")
    assert (done.returncode, done.stderr) == (0, b"")
    assert b'"file": "\\u00fc"' in done.stdout

    done = ran(PUT, "--output", "json", redirected=">/dev/full")
    assert done.returncode == 1
    assert done.stderr.startswith(b"error: the output could not be written: ")
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize(("width", "below"), [("40", True), ("80", False)])
def test_columns_that_would_be_folded_to_slivers_stand_below_one_another(
    width: str, below: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What fits is a table, and so is what folds into columns that can still be read."""
    monkeypatch.setenv("COLUMNS", width)
    columns = [(f"column{n}", "varchar") for n in range(6)]
    rows: list[list[str | None]] = [["a value of some length"] * 6]
    as_table(Result("q", columns, rows, 0, 0.0), Output())
    narrow = capsys.readouterr().out
    assert ("column5  a value of some length" in narrow) == below

    as_table(Result("q", columns[:3], [["1"] * 3], 0, 0.0), Output())
    assert "row 1" not in capsys.readouterr().out


def test_a_column_of_figures_stands_digit_below_digit(capsys: pytest.CaptureFixture[str]) -> None:
    """A sum is read from the right; names, and a column with one word in it, from the left."""
    rows = [("Kinesis", "1,055.46", "5"), ("S3", "0.65", "none")]
    Output().table("costs", ("service", "USD", "shards"), rows)
    said = capsys.readouterr().err
    assert "  Kinesis   1,055.46   5 " in said
    assert "  S3            0.65   none " in said
