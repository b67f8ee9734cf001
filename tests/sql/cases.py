"""The golden cases: statements, the lines they read, and their expected results.

    lakes/<lake>/dt=<day>/<object>.jsonl     input lines; stored gzipped as data/dt=<day>/<object>.gz
    lakes/<lake>/errors/<type>/dt=<day>/…    the same for failed records, below errors/
    cases/<query>/<case>/case.yaml           lake, columns ("*": every attribute in the lines), parameters
    cases/<query>/<case>/query.sql           the statement, if <query> is not a file of athena/queries/
    cases/<query>/<case>/expected.csv        the result object as Athena writes it: NULL is empty
    cases/<query>/<case>/answers.yaml        the results of every named query and of the views, by name

A lake can also be in the case's own folder. An object's name contains the time when it was written. The
cases are valid on every engine that reads the declared tables: a statement has a fixed day instead of
`current_date`, and `{bucket}` replaces the bucket's name. Days are in 2026, so a later clock reads them too.

In a case with `answers.yaml`, case.yaml has the settings of those statements: `item`, the key for
item-history; `types`, the columns of the views that are not text; `switched_at`, their cut between two roads,
if any. An answer can be `fails: NAME`, with the error's name.
`python -m tests.sql.answers` writes the answers of the sandbox's engine; Trino verifies them.
"""

import gzip
import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from glue.tables import METADATA_COLUMNS
from scripts.core.views import View, definitions

HERE = Path(__file__).parent
QUERIES = HERE.parents[1] / "athena" / "queries"
METADATA = list(METADATA_COLUMNS)
TABLES = ("change_lines", "errors")  # beside `changes`
SOURCE = "orders"  # the table whose views a case queries
TODAY = "2026-11-21"
LONGEST_LINE = 2_000  # of a stored answer
_WRITTEN = re.compile(r"(\d{4}-\d\d-\d\d)-(\d\d)-(\d\d)-(\d\d)-[^-]+$")
_CURRENT_DATE = re.compile(r'(?<!")current_date(?!")')  # with quotes it is a column
_ORDERS = {
    "current": "change_key",
    "history": "change_key, change_number",
    "gaps": "change_key, change_time, missing",
}


@dataclass(frozen=True)
class Statement:
    """One statement. `parameters` are SQL literals, `expected` is a result object or `fails: NAME`."""

    name: str
    sql: str
    expected: str
    parameters: Sequence[str] = ()


@dataclass(frozen=True)
class Case:
    """A lake and its statements. `objects` are (key, body, time written)."""

    name: str
    columns: list[str]
    objects: list[tuple[str, bytes, str]]
    statements: list[Statement]
    views: list[View] = field(default_factory=list)


def written(name: str) -> str:
    """The time that Firehose writes into an object's name; noon of 20 November 2026 without one."""
    match = _WRITTEN.search(name)
    return "{}T{}:{}:{}.000Z".format(*match.groups()) if match else "2026-11-20T12:00:00.000Z"


def objects_of(folder: Path) -> Iterator[tuple[str, bytes, str]]:
    """Every object of a lake's folder. A `.jsonl` file is gzipped; any other is stored unchanged."""
    for path in sorted((*folder.glob("dt=*/**/*"), *folder.glob("errors/**/*"))):
        if path.is_file():
            body, key = path.read_bytes(), path.relative_to(folder).as_posix()
            key = key if key.startswith("errors/") else f"data/{key}"
            if path.suffix == ".jsonl":
                body, key = gzip.compress(body, mtime=0) if body else b"", key.removesuffix(".jsonl") + ".gz"
            yield key, body, written(path.name.split(".")[0])


def load(folder: Path) -> Case:
    """The case in a folder."""
    settings = yaml.safe_load((folder / "case.yaml").read_text(encoding="utf-8"))
    objects = list(objects_of(HERE / "lakes" / settings["lake"] if settings.get("lake") else folder))
    columns = settings.get("columns", [])
    if columns == "*":
        columns = _attributes(body for _, body, _ in objects)
    statements = [_own_statement(folder, settings)]
    views: list[View] = []
    kept = folder / "answers.yaml"
    if kept.exists():
        views = definitions(SOURCE, SOURCE, columns, settings.get("types", {}), settings.get("switched_at"))
        statements += _answered(settings, yaml.safe_load(kept.read_text(encoding="utf-8")) or {})
    return Case(f"{folder.parent.name}/{folder.name}", columns, objects, statements, views)


def _own_statement(folder: Path, settings: Mapping[str, Any]) -> Statement:
    own = folder / "query.sql"
    path = own if own.exists() else QUERIES / f"{folder.parent.name}.sql"
    kept = folder / "expected.csv"  # missing in a new case: `make golden` writes it
    expected = kept.read_text(encoding="utf-8") if kept.exists() else ""
    return Statement(folder.parent.name, _dated(path), expected, settings.get("parameters", []))


def _answered(settings: Mapping[str, Any], answers: Mapping[str, str]) -> Iterator[Statement]:
    """Every named query over rows, and every view."""
    for path in sorted(QUERIES.glob("*.sql")):
        if path.stem != "errors-by-code":
            parameters = [f"'{settings['item']}'"] if path.stem == "item-history" else []
            yield Statement(path.stem, _dated(path), answers.get(path.stem, ""), parameters)
    for view, order in _ORDERS.items():
        sql = f"SELECT * FROM {view}_{SOURCE} ORDER BY {order}"
        yield Statement(view, sql, answers.get(view, ""))


def _dated(path: Path) -> str:
    return _CURRENT_DATE.sub(f"DATE '{TODAY}'", path.read_text(encoding="utf-8"))


def _attributes(bodies: Iterator[bytes]) -> list[str]:
    """The names in the lines that are not metadata, in alphabetical order."""
    names: set[str] = set()
    for body in bodies:
        for line in gzip.decompress(body).splitlines():
            names |= set(json.loads(line))
    return sorted(names - set(METADATA))


def shortened(result: str) -> str:
    """A result object as stored in an answer: a very long line becomes its start, length and digest."""
    return "".join(
        line
        if len(line) <= LONGEST_LINE
        else f"{line[:200]}… {len(line)} characters, SHA-256 {hashlib.sha256(line.encode()).hexdigest()}\n"
        for line in result.splitlines(keepends=True)
    )


def folders() -> list[Path]:
    """Every case's folder."""
    return sorted(path.parent for path in (HERE / "cases").glob("*/*/case.yaml"))
