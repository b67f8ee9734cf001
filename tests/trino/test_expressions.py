"""The recorded answers come from Trino, and the sandbox's Athena gives the same answers."""

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
    """The `.json` file has exactly the lines of the `.sql` file, in the same order."""
    assert list(recorded(path)) == list(
        dict.fromkeys(line for lines in sections(path).values() for line in lines)
    )


@pytest.mark.parametrize(("path", "lines"), SECTIONS)
def test_trino_gives_the_recorded_answers(trino: Client, lake: Lake, path: Path, lines: list[str]) -> None:
    """The tests without Java compare the sandbox with these answers, so they must be Trino's."""
    answers = recorded(path)
    now = {line: ask(trino, line, lake.database) for line in lines}
    assert now == {line: answers[line] for line in lines}


@pytest.mark.parametrize(("path", "lines"), SECTIONS)
def test_the_sandbox_gives_trinos_answers(lake: Lake, path: Path, lines: list[str]) -> None:
    """Types, text and error names are equal. The sandbox rejects unsupported expressions by name."""
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
    """The error in an execution's reason: Athena starts the reason with the error's name."""
    name = reason.split(":", maxsplit=1)[0].strip()
    return {"unsupported": reason} if "sandbox" in reason else {"error": name}
