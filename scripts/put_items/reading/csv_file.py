"""CSV whose first line names the columns and, where they are not S, their types."""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ..errors import CommandError, RecordError, listed, shown
from ..kinds import SETS, Number, tagged
from ..table import Table
from ..values import ITEM_BYTES, Convert, Value, from_plain
from .columns import Column, columns_of
from .dialect import Dialect, swallowed
from .json_stream import json_value
from .record import Record

ROWS_LOOKED_AT = 50  # for the hint on cells that look like another type than the text they are taken as
BEGINS_AS_JSON = re.compile(r'\s*(\{|\[\s*([\[{"]|$))')
# Digits that lead with a zero or a plus are names: a postcode, a telephone number.
LOOKS_LIKE_A_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")
AS_THEY_ARE = frozenset(("S", "N", "B"))  # types whose cells need no reading
JSON_KINDS = {"L": "a JSON array", "M": "a JSON object", **dict.fromkeys(SETS.values(), "a JSON array")}


class CsvFile:
    """The records of a CSV file. `types` are those of --types, by column.

    `plain` converts the JSON in cells; `note` takes what the user should know.
    """

    def __init__(
        self,
        name: str,
        table: Table,
        types: Mapping[str, str],
        dialect: Dialect,
        *,
        plain: Convert,
        note: Callable[[str], None],
    ) -> None:
        self._name, self._table, self._types = name, table, types
        self._dialect, self._plain, self._note = dialect, plain, note

    def records(self, file: io.TextIOBase) -> Iterator[Record]:
        """The records, each cell as DynamoDB JSON; raises CommandError for a broken header or line."""
        csv.field_size_limit(ITEM_BYTES * 2)
        before, first = 0, file.readline()
        while first and not first.strip():
            before, first = before + 1, file.readline()
        if BEGINS_AS_JSON.match(first):
            raise CommandError(
                f"{self._name}: begins as JSON, and its name says CSV", "Name it .json or .jsonl."
            )
        delimiter = self._dialect.delimiter_of(first, self._types, self._table.keys, self._name)
        rows = self._dialect.reader(itertools.chain([first], file), delimiter)
        skipped = before
        try:
            header: list[str] = next(rows, [])
            columns = columns_of(header, self._types, self._table, self._name)
            self._say_padded(header)
            plan = [(one.name, one.type if one.type in AS_THEY_ARE else "", one) for one in columns]
            looked_at: list[list[str]] = []
            before = skipped + rows.line_num
            for row in rows:
                line, before = before + 1, skipped + rows.line_num
                if not row:
                    continue
                if len(row) != len(columns):
                    raise self._ragged(line, len(row), len(columns))
                if (
                    before > line
                    and self._dialect.quoting is None
                    and swallowed(row, len(columns), delimiter)
                ):
                    raise self._two_readings(line, before)
                if len(looked_at) < ROWS_LOOKED_AT:
                    looked_at.append(row)
                try:
                    # An empty cell is an attribute that the item does not have.
                    content = {
                        name: {tag: cell} if tag and cell else self._cell(cell, column)
                        for (name, tag, column), cell in zip(plan, row)  # the lengths are equal
                        if cell or column.null
                    }
                except RecordError as error:
                    yield Record(f"line {line}", error)
                else:
                    yield Record(f"line {line}", content)
            self._say_untyped(columns, looked_at)
        except csv.Error as error:
            raise self._error(
                before + 1,
                f"is not CSV: {error}",
                "Correct the file, or say --no-quoting if quotes are text in it",
            ) from None

    def _error(self, line: int, why: str, next_step: str) -> CommandError:
        return CommandError(f"{self._name}, line {line}: {why}", f"{next_step}; nothing was written.")

    def _ragged(self, line: int, cells: int, columns: int) -> CommandError:
        text = {None: "; say --no-quoting if quotes are text in this file", True: "", False: ""}
        return self._error(
            line,
            f"{cells} cells under {columns} columns",
            "Quote cells that hold the delimiter, or name another with --delimiter"
            + text[self._dialect.quoting],
        )

    def _two_readings(self, first: int, last: int) -> CommandError:
        lines = last - first + 1
        return self._error(
            first,
            f"is one row of {lines} lines if its quotes quote a cell, and {lines} rows if they are text",
            "Say which: --quoting or --no-quoting",
        )

    def _cell(self, text: str, column: Column) -> Value:
        """A cell as DynamoDB JSON; L, M, the sets and JSON are written as JSON in their cell."""
        if not text:
            return {"NULL": True}
        path = shown(column.name)
        if column.type in ("BOOL", "NULL"):
            if text.lower() not in ("true", "false"):
                raise RecordError(path, "must be true or false")
            return {column.type: text.lower() == "true"}
        try:
            content = json_value(text)
        except RecordError as error:
            raise RecordError(path, str(error)) from None
        return _of_json(content, column.type, path, self._plain)

    def _say_padded(self, header: list[str]) -> None:
        padded = [cell for cell in header if cell != cell.strip()]
        if padded:
            self._note(
                f"white space around names of columns is left out: {listed([c.strip() for c in padded])}"
            )

    def _say_untyped(self, columns: list[Column], rows: list[list[str]]) -> None:
        """Tell of columns that are taken as text for want of a type, and look like another one."""
        found = []
        for index, column in enumerate(columns):
            if not column.said and column.name not in self._table.types:
                type_ = _looks_like([row[index] for row in rows if row[index]])
                if type_:
                    found.append(f"{column.name}:{type_}")
        if found:
            self._note(
                "these columns have no type and are taken as text; what they look like is "
                f"{listed(found)} (written so in the header, or as --types NAME=TYPE)"
            )


def _looks_like(cells: list[str]) -> str:
    """The type that all the cells look like; empty for text."""
    if not cells:
        return ""
    if all(cell.lower() in ("true", "false") for cell in cells):
        return "BOOL"
    if all(cell[0] in "[{" and cell[-1] in "]}" for cell in cells):
        return "JSON"
    return "N" if all(map(LOOKS_LIKE_A_NUMBER.fullmatch, cells)) else ""


def _of_json(content: Any, type_: str, path: str, plain: Convert) -> Value:
    """A cell's JSON as DynamoDB JSON of the column's type.

    A cell is DynamoDB JSON already as a whole or not at all: `{"S": "a"}`, `[{"S": "a"}]` and, as the console
    of DynamoDB writes maps, `{"city": {"S": "Oslo"}}`.
    """
    if plain is from_plain:
        if tagged(content) and type_ in ("JSON", *content):
            return dict(content)
        if isinstance(content, list) and content and type_ in ("JSON", "L") and all(map(tagged, content)):
            return {"L": content}
        if (
            isinstance(content, dict)
            and content
            and type_ in ("JSON", "M")
            and all(map(tagged, content.values()))
        ):
            return {"M": content}
    if type_ in SETS.values() and isinstance(content, list):
        return {type_: [str(element) if isinstance(element, Number) else element for element in content]}
    made, _ = plain(content, path, 0)
    if type_ not in ("JSON", *made):
        raise RecordError(path, f"must be {JSON_KINDS[type_]}")
    return made
