"""Every golden case of tests/sql/cases on both engines."""

import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest

from tests.sandbox.executions import TextRow
from tests.sandbox.lake import AthenaError, Lake
from tests.sql.cases import HERE, TODAY, Case, Statement, folders, load, shortened
from tests.trino.both import Both
from tests.trino.client import TrinoError

# Nobody can set the time at which S3 has stored an object: here it is read from the object's name, where the
# cases have it. test_queries.py asks for the real column.
_NAME = r"""regexp_extract("$path", '(\d{4}-\d\d-\d\d-\d\d-\d\d-\d\d)-[^-]+$', 1)"""
YESTERDAY = "2026-11-20"
WRITTEN = f"parse_datetime({_NAME}, 'yyyy-MM-dd-HH-mm-ss')"


@cache
def database_of(
    lake: Lake,
    objects: tuple[tuple[str, bytes], ...],
    columns: tuple[str, ...],
    views: tuple[str, ...],
) -> str:
    """A database whose tables hold exactly these objects: one for all cases that share a lake."""
    database = f"case_{hashlib.sha256(repr((objects, columns, views)).encode()).hexdigest()[:12]}"
    lake.create_database(database)
    days = [key.split("dt=")[1].split("/")[0] for key, _ in objects]
    first = min([*days, YESTERDAY])  # Trino takes no range of one day
    root = lake.declare("changes", columns, first, TODAY, database)
    errors = lake.declare_others(root, database, first, TODAY)
    for key, body in objects:
        folder, _, rest = key.partition("/")
        lake.put_bytes(f"{root if folder == 'data' else errors}/{rest}", body)
    for view in views:
        lake.query(view, database)
    lake.share_views(database)
    return database


def csv(columns: list[str], rows: list[TextRow]) -> str:
    """A result object as Athena writes it."""
    lines: list[Sequence[str | None]] = [columns, *rows]
    quoted = (
        ",".join("" if one is None else '"' + one.replace('"', '""') + '"' for one in row) for row in lines
    )
    return "".join(f"{line}\n" for line in quoted)


def placed(text: str, lake: Lake, database: str) -> str:
    """A statement or a result, with the places of the case's objects."""
    place = f"s3://{lake.bucket}/tables/{database}/"
    return text.replace("s3://{bucket}/data/", f"{place}changes/").replace("s3://{bucket}/", place)


def answer(both: Both, statement: Statement, database: str) -> str:
    """What both engines answer: the result object, or `fails: NAME` as Trino calls it."""
    sql = placed(statement.sql, both.lake, database).replace('"$file_modified_time"', WRITTEN)
    try:
        columns, rows = both.answer(sql, database, parameters=statement.parameters)
    except TrinoError as error:
        with pytest.raises(AthenaError, match=error.name):
            both.lake.query(sql, database, statement.parameters)
        return f"fails: {error.name}\n"
    return csv([name for name, _ in columns], rows)


@pytest.mark.parametrize("folder", folders(), ids=lambda path: path.relative_to(HERE / "cases").as_posix())
def test_a_golden_case_holds_on_trino(both: Both, folder: Path) -> None:
    """The expected rows are Trino's own, and the sandbox's over the wire."""
    case: Case = load(folder)
    objects = tuple((key, body) for key, body, _ in case.objects)
    views = tuple(view.statement for view in case.views)
    database = database_of(both.lake, objects, tuple(case.columns), views)
    own, *more = case.statements
    assert answer(both, own, database) == placed(own.expected, both.lake, database)
    for one in more:
        found = answer(both, one, database).replace(
            f"s3://{both.lake.bucket}/tables/{database}/changes/", "s3://{bucket}/data/"
        )
        assert (one.name, shortened(found)) == (one.name, one.expected)
