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

# A test cannot set the time at which S3 stored an object. Here it is read from the object's name, where the
# cases have it. test_queries.py uses the real column.
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
    """A database whose tables have exactly these objects. Cases with the same lake share one."""
    database = f"case_{hashlib.sha256(repr((objects, columns, views)).encode()).hexdigest()[:12]}"
    lake.create_database(database)
    days = [key.split("dt=")[1].split("/")[0] for key, _ in objects]
    first = min([*days, YESTERDAY])  # Trino does not accept a range of one day
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
        ",".join("" if each is None else '"' + each.replace('"', '""') + '"' for each in row) for row in lines
    )
    return "".join(f"{line}\n" for line in quoted)


def with_locations(text: str, lake: Lake, database: str) -> str:
    """A statement or a result with the locations of the case's objects."""
    root = f"s3://{lake.bucket}/tables/{database}/"
    return text.replace("s3://{bucket}/data/", f"{root}changes/").replace("s3://{bucket}/", root)


def answer(both: Both, statement: Statement, database: str) -> str:
    """The result of both engines: the result object, or `fails: NAME` with Trino's error name."""
    sql = with_locations(statement.sql, both.lake, database).replace('"$file_modified_time"', WRITTEN)
    try:
        columns, rows = both.answer(sql, database, parameters=statement.parameters)
    except TrinoError as error:
        with pytest.raises(AthenaError, match=error.name):
            both.lake.query(sql, database, statement.parameters)
        return f"fails: {error.name}\n"
    return csv([name for name, _ in columns], rows)


@pytest.mark.parametrize("folder", folders(), ids=lambda path: path.relative_to(HERE / "cases").as_posix())
def test_a_golden_case_has_its_expected_rows_on_trino(both: Both, folder: Path) -> None:
    """Trino and the sandbox's Athena return the expected rows."""
    case: Case = load(folder)
    objects = tuple((key, body) for key, body, _ in case.objects)
    views = tuple(view.statement for view in case.views)
    database = database_of(both.lake, objects, tuple(case.columns), views)
    own, *more = case.statements
    assert answer(both, own, database) == with_locations(own.expected, both.lake, database)
    for each in more:
        result = answer(both, each, database).replace(
            f"s3://{both.lake.bucket}/tables/{database}/changes/", "s3://{bucket}/data/"
        )
        assert (each.name, shortened(result)) == (each.name, each.expected)
