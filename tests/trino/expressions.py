"""Trino's answers to lists of expressions and queries: live, and recorded for tests without Java.

A list is a `.sql` file with one expression or query per line, under headings. The `.json` file of the same
name has Trino's answers: for each line either `{"columns": [[name, type], …], "rows": [[text, …], …]}` in
Athena's types and text, or `{"error": name}`. `python -m tests.trino.record` records them again.
"""

import json
from pathlib import Path
from typing import Any

from tests.trino.both import athena_answer
from tests.trino.client import Client, TrinoError

HERE = Path(__file__).parent
EXPRESSIONS = HERE / "expressions.sql"
LISTS = (EXPRESSIONS, HERE.parent / "sql" / "answers.sql")
_WHOLE = ("SELECT", "WITH", "VALUES")

Answer = dict[str, Any]


def sections(path: Path = EXPRESSIONS) -> dict[str, list[str]]:
    """The lines of a list by heading, in order."""
    lines_of: dict[str, list[str]] = {}
    for paragraph in path.read_text(encoding="utf-8").split("\n\n")[1:]:
        heading, *lines = paragraph.strip().splitlines()
        lines_of[heading.removeprefix("-- ")] = lines
    return lines_of


def statement(expression: str) -> str:
    """The query for one line."""
    return expression if expression.startswith(_WHOLE) else f"SELECT {expression}"


def recorded(path: Path = EXPRESSIONS) -> dict[str, Answer]:
    """Trino's answer to every line of a list."""
    answers: dict[str, Answer] = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    return answers


def ask(trino: Client, expression: str, database: str) -> Answer:
    """Trino's answer now. Raises `TrinoError` for an internal error of Trino, which is not an answer."""
    try:
        columns, rows = athena_answer(trino, statement(expression), database)
    except TrinoError as error:
        if error.name == "GENERIC_INTERNAL_ERROR":
            raise
        return {"error": error.name}
    return {"columns": [list(column) for column in columns], "rows": rows}


def dump(answers: dict[str, Answer]) -> str:
    """The text of a list's `.json` file: one line per expression."""
    lines = [
        f"{json.dumps(line, ensure_ascii=False)}: {json.dumps(answer, ensure_ascii=False)}"
        for line, answer in answers.items()
    ]
    return "{\n" + ",\n".join(lines) + "\n}\n"
