"""The recorded answers are Trino's, and the sandbox's Athena gives the same."""

from pathlib import Path

import pytest

from tests.sandbox.lake import AthenaError, Lake
from tests.trino.client import Client
from tests.trino.expressions import LISTS, Answer, ask, recorded, sections, statement

SECTIONS = [
    pytest.param(path, lines, id=f"{path.stem}: {heading}")
    for path in LISTS
    for heading, lines in sections(path).items()
]


@pytest.mark.parametrize("path", LISTS, ids=lambda path: path.stem)
def test_every_line_has_a_recorded_answer(path: Path) -> None:
    """The `.json` file answers exactly the lines of the `.sql` file, in their order."""
    assert list(recorded(path)) == list(
        dict.fromkeys(line for lines in sections(path).values() for line in lines)
    )


@pytest.mark.parametrize(("path", "lines"), SECTIONS)
def test_trino_answers_as_recorded(trino: Client, lake: Lake, path: Path, lines: list[str]) -> None:
    """The tests without Java hold the sandbox to these answers, so they have to be Trino's own."""
    answers = recorded(path)
    now = {line: ask(trino, line, lake.database) for line in lines}
    assert now == {line: answers[line] for line in lines}


@pytest.mark.parametrize(("path", "lines"), SECTIONS)
def test_the_sandbox_answers_as_trino_does(lake: Lake, path: Path, lines: list[str]) -> None:
    """Types, text and the names of errors; what the sandbox cannot do it refuses, and never guesses."""
    answers = recorded(path)
    wrong = []
    for line in lines:
        answer = ask_sandbox(lake, line)
        if answer != answers[line] and "unsupported" not in answer:
            wrong.append(f"{line}\n  Trino    {answers[line]}\n  sandbox  {answer}")
    assert not wrong, f"{len(wrong)} of {len(lines)}:\n" + "\n".join(wrong)


def ask_sandbox(lake: Lake, line: str) -> Answer:
    """The sandbox's answer in the form of the `.json` files."""
    try:
        columns, rows = lake.query(statement(line))
    except AthenaError as error:
        return refusal(str(error))
    return {"columns": [list(column) for column in columns], "rows": rows}


def refusal(reason: str) -> Answer:
    """An execution's reason: Athena starts it with the error's name."""
    name = reason.split(":", maxsplit=1)[0].strip()
    return {"unsupported": reason} if "sandbox" in reason else {"error": name}
