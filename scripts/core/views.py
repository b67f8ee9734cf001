"""The statements of the views of one table: athena/views/*.sql with its name, columns and types filled in."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template

import yaml

from glue.tables import METADATA_COLUMNS
from scripts.core.athena import quoted
from scripts.core.console import CommandError, nearest
from scripts.core.template import ROOT
from scripts.core.view_columns import OWN, shown_names
from settled import names as settled_names

VIEWS = ROOT / "athena" / "views"
# Metadata columns that a view leaves out: it has one table, and a current item needs no earlier state.
LEFT_OUT = {
    "current": frozenset(("change_table", "change_before")),
    "history": frozenset(("change_table",)),
}

# An ISO 8601 date, or date and time. from_iso8601_timestamp must not get other text: it reads `20261120` as a
# year, and a year or an offset out of its range fails the query, even in try() (seen with Trino).
_ISO = (
    "'^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}(T[0-9]{{2}}:[0-9]{{2}}(:[0-9]{{2}}([.,][0-9]{{1,9}})?)?"
    "(Z|[+-](0[0-9]|1[0-3])(:?[0-5][0-9])?|[+-]14(:?00)?)?)?\\z'"
)
# The types of a type file, and the SQL that converts a column's text; null if it does not fit. A view's
# columns need types that Glue has; a timestamp with time zone is not one of them.
CASTS = {
    "boolean": "try_cast({} AS boolean)",
    "bigint": "try_cast({} AS bigint)",
    "double": "try_cast({} AS double)",
    "date": "try_cast(substr({}, 1, 10) AS date)",
    "timestamp": "try(CAST(at_timezone(from_iso8601_timestamp("
    f"regexp_extract({{0}}, {_ISO})), 'UTC') AS timestamp(3)))",
    "varchar": "{}",
}
NOTE = '"#note"'  # the query of a view that has the note
_DECIMAL = re.compile(r"decimal\((\d{1,2}), ?(\d{1,2})\)")


@dataclass(frozen=True)
class View:
    """A view to create: its name, its SELECT, its statement, and the items' columns with their types."""

    name: str
    select: str
    statement: str
    columns: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Settled:
    """The settled tables of a source table (docs/settled-tables.md).

    :param changes: the columns of `settled_changes_<name>`
    :param items: the columns of `settled_items_<name>`; empty if its rows cannot be used
    :param switched_at: the cut between two roads that the items observe; None without a cut
    """

    changes: Collection[str]
    items: Collection[str] = ()
    switched_at: str | None = None


def view_name(table: str) -> str:
    """The ending of the views' names: lower case; `_` replaces characters that need quotes in Athena."""
    return settled_names.ending(table)


def read_types(path: Path, columns: Sequence[str]) -> dict[str, str]:
    """The types in a file with one `column: type` per line.

    :raises CommandError: no such file, not a type file, an unknown column or an unknown type
    """
    if not path.is_file():
        raise CommandError(
            f"there is no type file {path}",
            "Correct --types, or write one that fits the data with --propose-types --write.",
        )
    try:
        # A name is text, also where YAML would read a boolean (`no`) or a number (`2024`).
        types = yaml.load(path.read_text(encoding="utf-8"), yaml.BaseLoader) or {}  # noqa: S506  creates text only
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        why = " ".join(str(error).split())  # YAML's own reason spans lines
        raise CommandError(f"{path} is not YAML: {why}", "Write one `column: type` per line.") from None
    if not isinstance(types, dict):
        raise CommandError(f"{path} is not a list of columns", "Write one `column: type` per line.")
    known = frozenset(columns)
    for column, kind in types.items():
        if column not in known:
            raise CommandError(
                f"{path}: changes has no column {column}",
                f"Correct the name, start the crawler first, or delete the line. Similar columns: "
                f"{nearest(str(column), columns)}.",
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
        f"{where}: a view cannot have the type {kind}", f"Use {', '.join(CASTS)} or decimal(38, 2)."
    )


def definitions(
    name: str,
    source: str,
    columns: Sequence[str],
    types: Mapping[str, str],
    switched_at: str | None = None,
    *,
    until: str | None = None,
    settled: Settled | None = None,
    note: str = "",
) -> list[View]:
    """The views of one table from athena/views/*.sql.

    :param switched_at: when changes switched from Kinesis to DynamoDB Streams, in the form of `change_time`;
        None without a switch
    :param until: the `change_time` of the last changes that count; None for all changes
    :param settled: the settled tables that the views read, with the rows of `unsettled_changes`. None: the
        views read every row of `changes`. Not with `until`: stored items are of now
    :param note: a text that the views contain as a literal and do not use (view_notes.py); empty for none
    """
    if settled and until is not None:
        raise ValueError("the items of an earlier time are not stored")
    views = []
    for path in sorted(VIEWS.glob("*.sql")):
        text = _template(path)
        named = set(re.findall(r"\w+", text.rpartition("\nSELECT")[2])) & set(METADATA_COLUMNS)
        further = [
            metadata
            for metadata in METADATA_COLUMNS
            if metadata not in named | LEFT_OUT.get(path.stem, frozenset())
        ]
        shown = shown_names(columns, {*named, *further, *OWN})
        kinds = [types.get(column, "varchar") for column in columns]
        has_items = "${columns}" in text
        roads = ("" if switched_at is None else _roads(switched_at)) + (
            "" if until is None else f"\n    AND change_time <= '{until}'"
        )
        rows = _Rows()
        if settled:
            items = path.stem == "current" and bool(settled.items) and settled.switched_at == switched_at
            rows = _rows(source, columns if has_items else (), roads, settled, items=items)
        before = (f"{NOTE} AS (SELECT {quoted(note)}),\n" if note else "") + rows.before
        filling = {
            "name": name,
            "source": source.replace("'", "''"),
            "roads": roads,
            "before": before,
            "rows": rows.rows,
            "ranked": rows.ranked,
            "metadata": ",\n  ".join(further),
            "columns": "".join(
                f",\n{_column(*column)}"  # not indented: a view's size is limited
                for column in zip(columns, shown, kinds, strict=True)
            ),
        }
        statement = Template(text).substitute(filling).strip()
        head, _, select = statement.partition(" AS\n")
        views.append(
            View(
                head.split()[-1],
                select,
                statement,
                tuple(zip(shown, kinds, strict=True)) if has_items else (),
            )
        )
    return views


@dataclass(frozen=True)
class _Rows:
    """Where a view takes its rows from: what stands before its first query, its rows, and what it shows."""

    before: str = ""
    rows: str = "changes"
    ranked: str = "ranked"


def _rows(source: str, columns: Sequence[str], roads: str, settled: Settled, *, items: bool) -> _Rows:
    """The rows of a view over settled tables and `unsettled_changes`; with `items`, the stored items."""
    ending = settled_names.ending(source)
    every = (*METADATA_COLUMNS, "dt", *columns)
    filling = {
        "source": source.replace("'", "''"),
        "roads": roads,
        "unsettled": ",".join(map(quoted_name, every)),
        "changes": _stored(every, settled.changes),
        "changes_table": settled_names.CHANGES + ending,
        "items": _stored(every, settled.items),
        "items_table": settled_names.ITEMS + ending,
    }

    def filled(part: str) -> str:
        return Template(_template(VIEWS / "settled" / f"{part}.sql")).substitute(filling).strip()

    if items:
        return _Rows(before=filled("items") + "\n", rows="contenders", ranked=filled("shown"))
    return _Rows(rows=filled("changes"))


def every_row(source: str) -> str:
    """The rows of a source table with settled tables, as they stand after FROM: metadata columns only."""
    none = Settled((*METADATA_COLUMNS, "dt"))
    return _rows(source, (), "", none, items=False).rows


def _stored(columns: Sequence[str], existing: Collection[str]) -> str:
    """The columns of a settled table for columns of `changes`; NULL for those that it does not have yet."""
    stored = map(settled_names.stored_column, columns)
    return ",".join(quoted_name(column) if column in existing else "NULL" for column in stored)


def _template(path: Path) -> str:
    """The text of a file, without its comments."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return "\n".join(line for line in lines if not line.lstrip().startswith("--"))


def newest_changes(
    source: str, columns: str, *, condition: str = "true", rows: str = "true", switched_at: str | None = None
) -> str:
    """A query for the newest change of each key, as the view `current` decides it, deletions too.

    :param columns: what the query selects of the newest changes
    :param condition: which newest changes it selects
    :param rows: the rows of `changes` among which it looks for the newest
    """
    [view] = [view for view in definitions("newest", source, (), {}, switched_at) if "current" in view.name]
    head, _, _ = view.select.rpartition("\nSELECT\n")  # the view's own last SELECT leaves out deletions
    within, marker = f"FROM changes\n  WHERE change_table = {quoted(source)}", "FROM changes\n  WHERE "
    if not head or within not in head:
        raise ValueError("athena/views/current.sql has another form")
    head = head.replace(marker, f"{marker}{rows}\n    AND ")
    return f'{head}\nSELECT {columns}\nFROM ranked\nWHERE "#age" = 1 AND {condition}'


def _roads(switched_at: str) -> str:
    """The condition that keeps Kinesis changes before the switch and DynamoDB Streams changes after it."""
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
