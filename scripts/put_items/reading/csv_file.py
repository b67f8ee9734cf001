"""CSV whose first line names the columns and, where they are not S, their types."""

from __future__ import annotations

import csv
import difflib
import io
from collections.abc import Iterator, Mapping
from pathlib import Path

from ..errors import CommandError, RecordError, shown
from ..table import Table
from ..values import ITEM_BYTES, TAGS, Number, Value, from_plain
from .json_stream import json_value
from .record import Record


class CsvFile:
    """The records of a CSV file. `types` are those of --types, by column; `delimiter` is one character."""

    def __init__(self, path: Path, table: Table, types: Mapping[str, str], delimiter: str) -> None:
        self._path, self._table, self._types, self._delimiter = path, table, types, delimiter

    def records(self, file: io.TextIOBase) -> Iterator[Record]:
        """The records; raises CommandError for a broken header or line."""
        csv.field_size_limit(ITEM_BYTES * 2)
        rows = csv.reader(file, delimiter=self._delimiter, strict=True)
        try:
            columns = self._columns(next(rows, []))
            while True:
                before = rows.line_num + 1
                row = next(rows, None)
                if row is None:
                    return
                if not row:
                    continue
                if len(row) != len(columns):
                    raise CommandError(
                        f"{self._path}, line {before}: {len(row)} cells under {len(columns)} columns",
                        "Quote cells that hold the delimiter; nothing was written.",
                    )
                cells = zip(columns, row)  # the lengths are equal
                try:
                    # An empty cell is an attribute that the item does not have.
                    content = {name: _cell(cell, tag, name) for (name, tag), cell in cells if cell}
                except RecordError as error:
                    yield Record(f"line {before}", error)
                else:
                    yield Record(f"line {before}", content)
        except csv.Error as error:
            raise CommandError(
                f"{self._path}, line {rows.line_num}: is not CSV: {error}",
                "Correct the file; nothing was written.",
            ) from None

    def _columns(self, header: list[str]) -> list[tuple[str, str]]:
        """Names and types of the columns: --types, `name:N` in the header, the table's keys, else S."""
        columns = []
        for cell in header:
            name, colon, tag = cell.strip().rpartition(":")
            if not colon or tag not in TAGS:
                name, tag = cell.strip(), ""
            columns.append((name, self._types.get(name) or tag or self._table.types.get(name, "S")))
        names = [name for name, _ in columns]
        for name in {**self._table.keys, **self._types}:
            if name not in names:
                role = (
                    f"a key of table {self._table.name}" if name in self._table.keys else "named by --types"
                )
                near = difflib.get_close_matches(name, names, n=1)
                raise CommandError(
                    f"{self._path}: there is no column {name}, {role}; the columns are "
                    f"{', '.join(map(shown, names)) or 'none'}",
                    f"Rename the column {shown(near[0])} to {name}."
                    if near
                    else "Add the column to the file.",
                )
        for name in names:
            if not name or names.count(name) > 1:
                what = f"column {shown(name)} stands twice in" if name else "a column has no name in"
                raise CommandError(
                    f"{self._path}: {what} the header", "Name every column once; nothing was written."
                )
        return columns


def _cell(text: str, tag: str, name: str) -> Value:
    """A CSV cell as DynamoDB JSON; L, M and the sets are written as JSON in their cell."""
    if tag in ("S", "N", "B"):
        return {tag: text}
    if tag in ("BOOL", "NULL"):
        if text.lower() not in ("true", "false"):
            raise RecordError(shown(name), "must be true or false")
        return {tag: text.lower() == "true"}
    try:
        content = json_value(text)
    except RecordError as error:
        raise RecordError(shown(name), str(error)) from None
    if tag in ("L", "M"):
        made, _ = from_plain(content, shown(name))
        if tag not in made:
            raise RecordError(shown(name), "must be a JSON array" if tag == "L" else "must be a JSON object")
        return made
    if not isinstance(content, list):
        raise RecordError(shown(name), "must be a JSON array")
    return {tag: [str(element) if isinstance(element, Number) else element for element in content]}
