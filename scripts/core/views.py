"""The statements that create the views of one table: athena/views/*.sql with its columns and their types."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template

import yaml

from glue.tables import METADATA_COLUMNS
from scripts.core.console import CommandError, nearest
from scripts.core.template import ROOT
from scripts.core.view_columns import OWN, shown_names

VIEWS = ROOT / "athena" / "views"
# Metadata columns that a view leaves out: it has one table, and the current state has no state before it.
LEFT_OUT = {
    "current": frozenset(("change_table", "change_before")),
    "history": frozenset(("change_table",)),
}

# An ISO 8601 date, or date and time. from_iso8601_timestamp must not get other text: it reads `20261120` as a
# year, and a year or an offset out of its range fails the query even inside try() (seen with Trino).
_ISO = (
    "'^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}(T[0-9]{{2}}:[0-9]{{2}}(:[0-9]{{2}}([.,][0-9]{{1,9}})?)?"
    "(Z|[+-](0[0-9]|1[0-3])(:?[0-5][0-9])?|[+-]14(:?00)?)?)?\\z'"
)
# Type in a type file → the SQL that converts a column's text to it, null if it does not fit. A view's columns
# must have types that Glue supports; a timestamp with time zone is not one of them.
CASTS = {
    "boolean": "try_cast({} AS boolean)",
    "bigint": "try_cast({} AS bigint)",
    "double": "try_cast({} AS double)",
    "date": "try_cast(substr({}, 1, 10) AS date)",
    "timestamp": "try(CAST(at_timezone(from_iso8601_timestamp("
    f"regexp_extract({{0}}, {_ISO})), 'UTC') AS timestamp(3)))",
    "varchar": "{}",
}
_DECIMAL = re.compile(r"decimal\((\d{1,2}), ?(\d{1,2})\)")


@dataclass(frozen=True)
class View:
    """A view to create: its name, its SELECT, the whole statement, and the items' columns with types."""

    name: str
    select: str
    statement: str
    columns: tuple[tuple[str, str], ...] = ()


def view_name(table: str) -> str:
    """The ending of the views' names: lower case, with `_` for characters that Athena requires quotes for."""
    return re.sub(r"[^a-z0-9_]", "_", table.lower())


def read_types(path: Path, columns: Sequence[str]) -> dict[str, str]:
    """Read a type file with one `column: type` per line.

    :raises CommandError: the file does not exist or is not a type file; an unknown column or type
    """
    if not path.is_file():
        raise CommandError(
            f"there is no type file {path}",
            f"Correct --types, or create the file with --propose-types > {path}.",
        )
    try:
        # A name is always text, also where YAML would read a boolean (`no`) or a number (`2024`).
        types = yaml.load(path.read_text(encoding="utf-8"), yaml.BaseLoader) or {}  # noqa: S506  text only
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        why = " ".join(str(error).split())  # YAML's own reason has several lines
        raise CommandError(f"{path} is not YAML: {why}", "Write one `column: type` per line.") from None
    if not isinstance(types, dict):
        raise CommandError(f"{path} is not a list of columns", "Write one `column: type` per line.")
    known = frozenset(columns)
    for column, kind in types.items():
        if column not in known:
            raise CommandError(
                f"{path}: changes has no column {column}",
                f"Correct the name: {nearest(str(column), columns)}. Or remove the line. A new attribute "
                "needs a crawl first.",
            )
        cast(str(kind), "x", f"{path}: {column}")
    return {column: str(kind) for column, kind in types.items()}


def cast(kind: str, text: str, where: str = "") -> str:
    """The SQL that converts `text`, an expression of type varchar, to a type.

    :raises CommandError: a view cannot have this type
    """
    if kind in CASTS:
        return CASTS[kind].format(text)
    decimal = _DECIMAL.fullmatch(kind)
    if decimal and int(decimal[2]) <= int(decimal[1]) <= 38:
        return f"try_cast({text} AS decimal({decimal[1]}, {decimal[2]}))"
    raise CommandError(
        f"{where}: a view cannot have type {kind}", f"Use {', '.join(CASTS)} or decimal(38, 2)."
    )


def definitions(
    name: str, source: str, columns: Sequence[str], types: Mapping[str, str], switched_at: str | None = None
) -> list[View]:
    """The views of one table, from athena/views/*.sql.

    :param switched_at: the time of the cut between the two roads, in the format of `change_time`, or None
    """
    result = []
    for path in sorted(VIEWS.glob("*.sql")):
        lines = path.read_text(encoding="utf-8").splitlines()
        text = "\n".join(line for line in lines if not line.lstrip().startswith("--"))
        named = set(re.findall(r"\w+", text.rpartition("\nSELECT")[2])) & set(METADATA_COLUMNS)
        further = [
            metadata
            for metadata in METADATA_COLUMNS
            if metadata not in named | LEFT_OUT.get(path.stem, frozenset())
        ]
        shown = shown_names(columns, {*named, *further, *OWN})
        kinds = [types.get(column, "varchar") for column in columns]
        filling = {
            "name": name,
            "source": source.replace("'", "''"),
            "roads": "" if switched_at is None else _roads(switched_at),
            "metadata": ",\n  ".join(further),
            "columns": "".join(
                f",\n{_column(*column)}"  # not indented: there may be thousands, and a view's size is limited
                for column in zip(columns, shown, kinds, strict=True)
            ),
        }
        statement = Template(text).substitute(filling).strip()
        head, _, select = statement.partition(" AS\n")
        result.append(
            View(
                head.split()[-1],
                select,
                statement,
                tuple(zip(shown, kinds, strict=True)) if "${columns}" in text else (),
            )
        )
    return result


def _roads(switched_at: str) -> str:
    """The condition that keeps changes by Kinesis before the cut, and by DynamoDB Streams from it on."""
    return f"""
    AND (
      change_type = 'SNAPSHOT'
      OR change_sequence IS NULL
      OR (length(change_sequence) = 40) = (change_time >= '{switched_at}')
    )"""


def _column(column: str, shown: str, kind: str) -> str:
    value = cast(kind, quoted_name(column))
    return value if value == quoted_name(shown) else f"{value} AS {quoted_name(shown)}"


def quoted_name(column: str) -> str:
    return '"' + column.replace('"', '""') + '"'
