"""The engine's results equal Trino's: types, texts and error names.

Trino 435 gave the recorded results in tests/trino/expressions.json and, for more lines of the same form, in
answers.json. If the sandbox does not support something, its error names the sandbox. It never returns another
result.
"""

import json
from pathlib import Path

import pytest

from sandbox.athena.errors import MalformedQueryError, QueryError
from sandbox.athena.sql import udfs
from tests.sql.lake import Lake
from tests.trino.expressions import Answer, recorded, sections, statement

HERE = Path(__file__).parent
ANSWERS: dict[str, Answer] = {**recorded(), **json.loads((HERE / "answers.json").read_text(encoding="utf-8"))}


def more_sections() -> dict[str, list[str]]:
    """The lines of answers.sql by heading."""
    found = {}
    for paragraph in (HERE / "answers.sql").read_text(encoding="utf-8").split("\n\n")[1:]:
        heading, *lines = paragraph.strip().splitlines()
        found[heading.removeprefix("-- ")] = lines
    return found


SECTIONS = {**sections(), **more_sections()}


def answer(lake: Lake, line: str) -> Answer:
    """The engine's answer in the form of the recorded answers."""
    try:
        result = lake.run(statement(line))
    except MalformedQueryError:
        return {"error": "SYNTAX_ERROR"}
    except QueryError as error:
        return {"refused": str(error)} if "sandbox" in str(error) else {"error": error.code}
    return {"columns": [[column.name, column.type] for column in result.columns], "rows": result.rows}


def test_every_line_has_an_answer() -> None:
    """The lists and the recordings have the same lines."""
    assert [line for lines in SECTIONS.values() for line in lines] == list(ANSWERS)


@pytest.mark.parametrize("section", SECTIONS)
def test_engine_gives_trinos_answers(section: str) -> None:
    """Every line of the section has Trino's answer or is rejected by name."""
    lake = Lake()
    answers = {line: answer(lake, line) for line in SECTIONS[section]}
    wrong = {
        line: (found, ANSWERS[line])
        for line, found in answers.items()
        if found != ANSWERS[line] and "refused" not in found
    }
    assert wrong == {}


def test_refusals_are_deliberate() -> None:
    """Functions are rejected by name before DuckDB fails on them, except for regular expressions."""
    lake = Lake()
    refusals = {line: answer(lake, line).get("refused", "") for line in ANSWERS}
    accidental = [line for line, refusal in refusals.items() if "could not run the query" in refusal]
    assert [line for line in accidental if not line.startswith("regexp_")] == []


def test_few_lines_are_refused() -> None:
    """A refusal is correct but not useful, so at most one line in twenty-five may be refused."""
    lake = Lake()
    refused = [line for line in ANSWERS if "refused" in answer(lake, line)]
    assert len(refused) <= len(ANSWERS) // 25, refused


def test_an_unclosed_quote_quotes_the_rest() -> None:
    """Joda's DateTimeFormat reads patterns in this way. Two quotes are one quote, inside quotes too."""
    assert udfs.format_datetime(0, "yyyy'ab''c", "UTC") == "1970ab'c"
    assert udfs.format_datetime(0, "yyyy'ab''c'''MM''", "UTC") == "1970ab'c'01'"
    assert udfs.format_datetime(0, "yyyy'", "UTC") == "1970"
