"""The golden cases: what each statement answers over which lines.

    lakes/<lake>/dt=<day>/<object>.jsonl     input lines; stored gzipped as data/dt=<day>/<object>.gz
    lakes/<lake>/errors/<type>/dt=<day>/…    the same of failed records, below errors/
    cases/<query>/<case>/case.yaml           lake, columns, parameters
    cases/<query>/<case>/query.sql           the statement, when <query> is not a file of athena/queries/
    cases/<query>/<case>/expected.csv        the result object as Athena writes it: NULL is nothing

A lake may also lie in the case's own folder; the time an object was written is in its name. The cases hold on
any engine that reads the declared table: `Case.sql` has the day in place of `current_date`, and `{bucket}` in
expected.csv stands for the bucket's name. Days are from 2026, so a later clock reads them all the same.
"""

import gzip
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

HERE = Path(__file__).parent
QUERIES = HERE.parents[1] / "athena" / "queries"
TABLES = ("change_lines", "errors")  # beside `changes`
TODAY = "2026-11-21"
_WRITTEN = re.compile(r"(\d{4}-\d\d-\d\d)-(\d\d)-(\d\d)-(\d\d)-[^-]+$")


@dataclass(frozen=True)
class Case:
    """One statement over one lake. `objects` are (key, body, time written); `parameters` SQL literals."""

    name: str
    sql: str
    columns: list[str]
    parameters: list[str]
    objects: list[tuple[str, bytes, str]]
    expected: str


def written(name: str) -> str:
    """The time in an object's name, as Firehose puts it there; noon of 20 November 2026 without one."""
    found = _WRITTEN.search(name)
    return "{}T{}:{}:{}.000Z".format(*found.groups()) if found else "2026-11-20T12:00:00.000Z"


def objects_of(folder: Path) -> Iterator[tuple[str, bytes, str]]:
    """Every object of a lake's folder. A `.jsonl` file is gzipped, any other stored as it is."""
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
    own = folder / "query.sql"
    path = own if own.exists() else QUERIES / f"{folder.parent.name}.sql"
    sql = path.read_text(encoding="utf-8").replace("current_date", f"DATE '{TODAY}'")
    lake = HERE / "lakes" / settings["lake"] if settings.get("lake") else folder
    return Case(
        name=f"{folder.parent.name}/{folder.name}",
        sql=sql,
        columns=settings.get("columns", []),
        parameters=settings.get("parameters", []),
        objects=list(objects_of(lake)),
        expected=(folder / "expected.csv").read_text(encoding="utf-8"),
    )


def folders() -> list[Path]:
    """Every case's folder."""
    return sorted(path.parent for path in (HERE / "cases").glob("*/*/case.yaml"))
