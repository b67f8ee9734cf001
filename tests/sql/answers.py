"""`python -m tests.sql.answers [CASE ...]`: write the sandbox engine's answers of golden cases.

CASE is QUERY/NAME below tests/sql/cases; without one, every case. Review the differences before you commit
them, and check them with Trino (`python -m tests.trino -k test_cases`).
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import yaml

from sandbox.athena.engine.results import to_csv
from sandbox.athena.errors import QueryError
from sandbox.athena.sql.parameters import with_parameters
from tests.sql import cases
from tests.sql.lake import Lake


def lake_of(case: cases.Case) -> Lake:
    """The case's objects in memory, and its views."""
    lake = Lake(case.columns, cases.TABLES)
    for key, body, modified in case.objects:
        lake.store.add(key, body, modified)
    for view in case.views:
        lake.run(view.statement)
    return lake


def answer(lake: Lake, statement: cases.Statement) -> str:
    """The result object, or `fails: NAME`, with the bucket's name left out."""
    sql = statement.sql.replace("{bucket}", "lake")
    try:
        result = lake.run(with_parameters(sql, list(statement.parameters)) if statement.parameters else sql)
    except QueryError as error:
        return f"fails: {error.code}\n"
    assert result.rows is not None
    return to_csv(result.columns, result.rows).decode().replace("s3://lake/", "s3://{bucket}/")


def write(folder: Path) -> None:
    """Write expected.csv, and answers.yaml if the case has one."""
    case = cases.load(folder)
    lake = lake_of(case)
    own, *more = case.statements
    (folder / "expected.csv").write_text(answer(lake, own), encoding="utf-8")
    if more:
        kept = {statement.name: cases.shortened(answer(lake, statement)) for statement in more}
        text = "".join(
            f"{name}: |\n" + "".join(f"  {line}" for line in result.splitlines(keepends=True))
            for name, result in kept.items()
        )
        if yaml.safe_load(text) != kept:
            raise ValueError(f"{case.name}: an answer has characters that YAML does not keep")
        (folder / "answers.yaml").write_text(text, encoding="utf-8")


def main(names: Sequence[str]) -> int:
    """Write the named cases, or all cases."""
    chosen = [cases.HERE / "cases" / name for name in names]
    for folder in chosen or cases.folders():
        write(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
