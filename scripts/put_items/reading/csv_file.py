"""CSV files. The first line has the columns' names and, if not S, their types."""

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

ROWS_LOOKED_AT = 50  # for the hint on text columns whose cells look like another type
BEGINS_AS_JSON = re.compile(r'\s*(\{|\[\s*([\[{"]|$))')
# Digits that start with a zero or a plus are text: a postcode, a telephone number.
LOOKS_LIKE_A_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")
AS_THEY_ARE = frozenset(("S", "N", "B"))  # types whose cells need no parsing
JSON_KINDS = {"L": "a JSON array", "M": "a JSON object", **dict.fromkeys(SETS.values(), "a JSON array")}


class CsvFile:
    """The records of a CSV file. `types` are the types of --types, by column.

    `plain` converts the JSON in cells; `note` receives notes for the user.
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
        """The records, with each cell as DynamoDB JSON. Raises CommandError for a broken header or line."""
        csv.field_size_limit(ITEM_BYTES * 2)
        before, first = 0, file.readline()
        while first and not first.strip():
            before, first = before + 1, file.readline()
        if BEGINS_AS_JSON.match(first):
            raise CommandError(
                f"{self._name}: the file has JSON, but its name ends like a CSV file's",
                "Rename it to .json or .jsonl.",
            )
        delimiter = self._dialect.delimiter_of(first, self._types, self._table.keys, self._name)
        rows = self._dialect.reader(itertools.chain([first], file), delimiter)
        skipped = before
        try:
            header: list[str] = next(rows, [])
            columns = columns_of(header, self._types, self._table, self._name)
            self._say_padded(header)
            plan = [(each.name, each.type if each.type in AS_THEY_ARE else "", each) for each in columns]
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
                "Correct the file, or add --no-quoting if its quotes are part of the text",
            ) from None

    def _error(self, line: int, why: str, next_step: str) -> CommandError:
        return CommandError(f"{self._name}, line {line}: {why}", f"{next_step}. Nothing was written.")

    def _ragged(self, line: int, cells: int, columns: int) -> CommandError:
        text = {None: ", or add --no-quoting if quotes are part of the text", True: "", False: ""}
        return self._error(
            line,
            f"{cells} cells, but {columns} columns",
            "Quote cells that contain the delimiter, or give another delimiter with --delimiter"
            + text[self._dialect.quoting],
        )

    def _two_readings(self, first: int, last: int) -> CommandError:
        lines = last - first + 1
        return self._error(
            first,
            f"can be read both ways: one row of {lines} lines if the quotes quote a cell, {lines} rows if "
            "they are part of the text",
            "Choose one with --quoting or --no-quoting",
        )

    def _cell(self, text: str, column: Column) -> Value:
        """A cell as DynamoDB JSON. Cells of L, M, the sets and JSON contain JSON."""
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
            self._note(f"white space around column names is removed: {listed([c.strip() for c in padded])}")

    def _say_untyped(self, columns: list[Column], rows: list[list[str]]) -> None:
        """Note the columns without a type that are read as text but look like another type."""
        found = []
        for index, column in enumerate(columns):
            if not column.is_explicit and column.name not in self._table.types:
                type_ = _looks_like([row[index] for row in rows if row[index]])
                if type_:
                    found.append(f"{column.name}:{type_}")
        if found:
            self._note(
                f"columns without a type are read as text. These look like another type: {listed(found)}. "
                "Write a type like this in the header, or as --types NAME=TYPE"
            )


def _looks_like(cells: list[str]) -> str:
    """The type that all cells look like; "" for text."""
    if not cells:
        return ""
    if all(cell.lower() in ("true", "false") for cell in cells):
        return "BOOL"
    if all(cell[0] in "[{" and cell[-1] in "]}" for cell in cells):
        return "JSON"
    return "N" if all(map(LOOKS_LIKE_A_NUMBER.fullmatch, cells)) else ""


def _of_json(content: Any, type_: str, path: str, plain: Convert) -> Value:
    """Convert a cell's JSON to DynamoDB JSON of the column's type.

    Either the whole cell is already DynamoDB JSON, or no part of it: `{"S": "a"}`, `[{"S": "a"}]` and, as the
    DynamoDB console writes maps, `{"city": {"S": "Oslo"}}`.
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
    converted, _ = plain(content, path, 0)
    if type_ not in ("JSON", *converted):
        raise RecordError(path, f"must be {JSON_KINDS[type_]}")
    return converted
