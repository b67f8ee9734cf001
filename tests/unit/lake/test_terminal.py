"""What a terminal is shown: no control character of an item, a name or a reason, whichever way it takes."""

from __future__ import annotations

import ast
import json
import os
import pty
import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lake.terminal import answer, json_text, tell, visible
from scripts.core.console import CommandError, Output, page, prompt
from tests.expressions import modules

ROOT = Path(__file__).parents[3]
# ESC, BEL, a C1 control (CSI), right-to-left override, isolate, zero width, separators, a tag, no character.
HOSTILE = "a\x1b]0;title\x07\x9b31m\x7f\x00\u202egpj\u2066\u200b\u2028\ufeff\U000e0041\ud800\r\nnext: rm -rf"
DANGEROUS = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def dangers(text: str, *, kept: str = "\n") -> set[str]:
    """The characters of a text that could do something to a terminal."""
    return {char for char in text if unicodedata.category(char) in DANGEROUS and char not in kept}


@given(st.text(st.characters(exclude_categories=())))
def test_a_shown_text_has_no_control_characters(text: str) -> None:
    """Controls, bidirectional and zero-width characters, separators, surrogates: all are escapes."""
    assert dangers(visible(text), kept="") == set()
    assert dangers(visible(text, keep="\n")) == set()
    assert visible(text, keep="\n").count("\n") == text.count("\n")


def test_escapes_are_those_of_python_and_json() -> None:
    """So that it can be looked up, and searched for in the data."""
    assert visible("\x1b[2J\x9b\u202e\n\t\U000e0041") == r"\x1b[2J\x9b\u202e\n\t\U000e0041"
    assert (
        visible("Zürich 東京 Ελλάς עברית ไทย e\u0301 👍 \\x1b")
        == "Zürich 東京 Ελλάς עברית ไทย e\u0301 👍 \\x1b"
    )


@given(st.text(st.characters(exclude_categories=())))
def test_a_json_document_has_the_exact_value_in_escapes(text: str) -> None:
    """JSON's own escapes keep every code point; the control characters above U+007F need them too."""
    shown = json_text({"value": text, text: 1})
    assert dangers(shown) == set()
    assert json.loads(shown) == {"value": text, text: 1} if text != "value" else True


def test_a_json_document_stays_readable() -> None:
    """Letters are letters."""
    assert json_text({"city": "Zürich", "emoji": "\U000e0041"}) == (
        '{\n  "city": "Zürich",\n  "emoji": "\\udb40\\udc41"\n}'
    )


def test_no_output_of_a_command_has_control_characters(capsys: pytest.CaptureFixture[str]) -> None:
    """Progress, tables, pairs, errors, questions, answers; what is one line stays one line."""
    for form in ("text", "json"):
        out = Output(form)
        out.say(HOSTILE)
        out.table(HOSTILE, (HOSTILE, "b"), [(HOSTILE, "1")])
        out.pairs(HOSTILE, [(HOSTILE, HOSTILE)])
        out.answer({"a": HOSTILE}, HOSTILE)
        out.fail(CommandError(HOSTILE, HOSTILE, detail=HOSTILE))
    page(HOSTILE)
    prompt(HOSTILE)
    tell(HOSTILE)
    answer(HOSTILE)
    said = capsys.readouterr()
    assert dangers(said.out) | dangers(said.err) == set()
    Output().say(HOSTILE)
    Output().fail(CommandError(HOSTILE, "go on"))
    assert not [line for line in capsys.readouterr().err.splitlines() if line.startswith("next: rm")]


CSV = """
import sys
from scripts.core.answers import as_csv, as_table
from scripts.core.athena import Result
from scripts.core.console import run

def verb(given, out):
    rows = [["a\\x1b[2J\\x9b\\u202e\\r\\nb"]]
    (as_csv if out.form == "csv" else as_table)(Result("q", [("c\\x1b", "varchar")], rows, 0, 0.0), out)
    return 0

sys.exit(run(verb, sys.argv[1:]))
"""
DEFECT = """
import sys
from scripts.core.console import run

def verb(given, out):
    raise KeyError("a\\x1b[2J", "b") if given else ArithmeticError("a\\x1b[2J\\x9b")

sys.exit(run(verb, []))
"""


@pytest.mark.parametrize(("code", "arguments"), [(CSV, ["--output", "csv"]), (CSV, []), (DEFECT, [])])
def test_a_terminal_gets_escapes(code: str, arguments: list[str]) -> None:
    """On a terminal of its own: CSV, a table, and the traceback of a defect."""
    ours, theirs = pty.openpty()
    done = subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        env={**os.environ, "TERM": "dumb", "NO_COLOR": "1", "PYTHONIOENCODING": "utf-8"},
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    shown = b""
    try:
        while part := os.read(ours, 65536):
            shown += part
    except OSError:  # Linux has it so where the other end is closed
        pass
    finally:
        os.close(ours)
    done.wait(timeout=60)
    text = shown.decode()
    assert r"a\x1b[2J\x9b" in text
    assert dangers(text, kept="\r\n") == set()
    assert not [line for line in text.splitlines() if line.startswith("b")]


def test_a_file_gets_the_exact_csv() -> None:
    """What nobody looks at is not changed."""
    done = subprocess.run(
        [sys.executable, "-c", CSV, "--output", "csv"],
        cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        check=True,
    )
    assert done.stdout.decode() == '"c\x1b"\n"a\x1b[2J\x9b\u202e\r\nb"\n'


# The modules that may write to stdout or stderr themselves, and why.
WRITERS = {
    "lake/terminal.py": "the place itself",
    "scripts/core/console.py": "what every verb writes, through it",
    "scripts/core/answers.py": "the CSV, through it on a terminal",
    "scripts/build/environment.py": "runs before there is an environment, on our own words",
    "sandbox/demo.py": "rich, on our own words; names and errors go through it",
    "sandbox/emulator/seam.py": "digests of functions, for maintainers",
    "scripts/put_items/command.py": "imports nothing of the project",
    "scripts/put_items/progress.py": "imports nothing of the project",
}


def writes(tree: ast.Module) -> Iterator[str]:
    """What a module writes to stdout or stderr by itself."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("print", "Console", "console.print"):
            yield ast.unparse(node.func)
        elif isinstance(node, ast.Attribute) and ast.unparse(node) in (
            "sys.stdout.write",
            "sys.stderr.write",
        ):
            yield ast.unparse(node)


def test_only_one_place_writes_for_people() -> None:
    """A `print` elsewhere is a way around it."""
    found = {
        path
        for path, tree in modules().items()
        if path.startswith(("scripts/", "sandbox/", "lake/")) and any(writes(tree))
    }
    assert found == WRITERS.keys()
