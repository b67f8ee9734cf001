"""The engine answers as Trino does: types, texts and the names of errors, recorded in
tests/trino/expressions.json.

What the sandbox cannot do it refuses in words that name the sandbox; it never answers otherwise than Trino.
"""

import pytest

from sandbox.athena.errors import MalformedQueryError, QueryError
from tests.sql.lake import Lake
from tests.trino.expressions import Answer, recorded, sections, statement

SECTIONS = sections()
ANSWERS = recorded()


def answer(lake: Lake, line: str) -> Answer:
    """The engine's answer in the form of `expressions.json`."""
    try:
        result = lake.run(statement(line))
    except MalformedQueryError:
        return {"error": "SYNTAX_ERROR"}
    except QueryError as error:
        return {"refused": str(error)} if "sandbox" in str(error) else {"error": error.code}
    return {"columns": [[column.name, column.type] for column in result.columns], "rows": result.rows}


@pytest.mark.parametrize("section", SECTIONS)
def test_engine_answers_as_trino(section: str) -> None:
    """Every line of the section is Trino's answer, or a refusal that says whose it is."""
    lake = Lake()
    answers = {line: answer(lake, line) for line in SECTIONS[section]}
    wrong = {
        line: (found, ANSWERS[line])
        for line, found in answers.items()
        if found != ANSWERS[line] and "refused" not in found
    }
    assert wrong == {}


def test_few_lines_are_refused() -> None:
    """A refusal is honest, but not an answer: at most one line in twenty-five."""
    lake = Lake()
    refused = [line for line in ANSWERS if "refused" in answer(lake, line)]
    assert len(refused) <= len(ANSWERS) // 25, refused
