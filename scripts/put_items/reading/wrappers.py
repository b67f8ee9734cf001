"""The items inside the shapes that AWS's own tools write around them, for the one table to put."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ..errors import EXIT_USAGE, CommandError, RecordError, listed, shown
from ..kinds import is_buffer, tagged
from ..table import Table
from .json_stream import kind_of
from .shapes import Entry, Shape, ShapeError, nearly, shape_of

LEAVE_OUT_MODEL = "Leave --model-table out."
# Names in AWS's output that are not empty if the table has more items than the output.
INCOMPLETE = ("LastEvaluatedKey", "NextToken", "UnprocessedKeys")


class Wrappers:
    """Extracts the items from a file's records; of several tables, only those of the one to put.

    `note` receives notes for the user: the file was written for another table, or is incomplete.
    """

    def __init__(self, name: str, table: Table, model_table: str | None, note: Callable[[str], None]) -> None:
        self._name, self._table, self._model_table, self._note = name, table, model_table, note
        self._own = _bare(table.name)
        self._named: dict[str, None] = {}  # the tables in single requests, in order
        self.left_out: dict[str, None] = {}  # those that --model-table did not choose

    def items(self, record: dict[str, Any], line: int) -> Iterator[dict[str, Any] | RecordError]:
        """The items in a record: the record itself, or the items inside its shape.

        Raises CommandError if the record cannot be put.
        """
        shape = shape_of(record)
        if shape is None or self._is_item(record, shape, line):
            if self._model_table:
                raise self._no_tables(line)
            yield self._explained(record)
            return
        try:
            for name in INCOMPLETE:
                if record.get(name):
                    self._note(
                        f"the file has {shape.name} with {name}: the table had more items than the file"
                    )
            for entry in self._entries(record, shape):
                if entry.table is None and shape.tables is None and self._model_table:
                    raise self._no_tables(line)
                if not isinstance(entry.item, dict):
                    raise ShapeError(f"an item is {kind_of(entry.item)}, not an object", "Correct the file.")
                if entry.table is None or self._is_meant(entry.table):
                    yield entry.item
        except ShapeError as error:
            raise CommandError(f"{self._name}, line {line}: {error.why}", error.next_step) from None

    def _entries(self, record: dict[str, Any], shape: Shape) -> Iterator[Entry]:
        if shape.tables is None:
            yield from shape.entries(record)
            return
        for element in self._chosen(shape.tables(record), shape.name):
            yield from shape.entries(element)

    def _is_item(self, record: dict[str, Any], shape: Shape, line: int) -> bool:
        """Whether a record with a shape is an item: it has the table's keys, and no item inside has them."""
        keys = self._table.keys
        if not all(name in record and _can_be_key(record[name]) for name in keys):
            return False
        try:
            inside = [entry.item for entry in self._entries(record, shape)]
        except (ShapeError, CommandError):
            return True
        if any(isinstance(item, dict) and all(name in item for name in keys) for item in inside):
            raise CommandError(
                f"{self._name}, line {line}: this may be an item of table {self._table.name} or {shape.name}",
                'Write every item as {"Item": …}, without other names.',
            )
        return True

    def _explained(self, record: dict[str, Any]) -> dict[str, Any] | RecordError:
        """The item, or an error if it has no keys and nearly has a shape."""
        if any(name in record for name in self._table.keys):
            return record
        near = nearly(record)
        if near is None:
            return record
        return RecordError(
            next(iter(self._table.keys)),
            f"is missing; it is a key of the table. The record has {near[0]}, but also {shown(near[1])}, "
            "so it is read as one item",
        )

    def _no_tables(self, line: int) -> CommandError:
        return CommandError(
            f"{self._name}, line {line}: the file names no tables to choose from", LEAVE_OUT_MODEL, EXIT_USAGE
        )

    def _is_meant(self, table: str) -> bool:
        """Whether a single request's table is the one to put."""
        if self._model_table:
            if table == self._model_table:
                return True
            self.left_out[table] = None
            return False
        self._named[_bare(table)] = None
        if len(self._named) > 1:
            raise ShapeError(
                f"the file has items of several tables: {listed(list(self._named))}",
                "Name the one to put with --model-table.",
            )
        self._say_other(table)
        return True

    def _say_other(self, table: str) -> None:
        if _bare(table) != self._own:
            self._note(
                f"the file is written for table {shown(table)}; its items go to table {shown(self._own)}"
            )

    def _chosen(self, tables: Mapping[str, Any], what: str) -> list[Any]:
        """The content of the one table to put, of several in a record."""
        name = self._model_table or next((name for name in tables if _bare(name) == self._own), None)
        if name is None and len(tables) == 1:
            name = next(iter(tables))
        if name is None or name not in tables:
            raise CommandError(
                f"{self._name}: {what} has the tables {listed(list(tables)) or '(none)'}",
                "Name the one to put with --model-table.",
            )
        if not isinstance(tables[name], list):
            raise ShapeError(
                f"the content of table {shown(name)} is {kind_of(tables[name])}, not an array",
                "Correct the file.",
            )
        if not self._model_table:
            self._say_other(name)
            others = [other for other in tables if other != name]
            if others:
                self._note(f"items of other tables in the file are left out: {listed(others)}")
        return list(tables[name])


def _bare(table: str) -> str:
    """The table's name from its name or ARN."""
    return table.rpartition("/")[2]


def _can_be_key(value: Any) -> bool:
    """Whether a value can be a key: text, number or binary, plain or with a type tag."""
    return not isinstance(value, (dict, list)) or tagged(value) or is_buffer(value)
