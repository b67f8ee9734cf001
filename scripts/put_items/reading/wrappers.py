"""The shapes that AWS's own tools write around items, and the items inside.

An export has one `Item` a line, a scan one list of `Items`. `aws dynamodb batch-write-item` takes requests by
table, and a NoSQL Workbench model (`DataModel`) holds several tables.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ..errors import EXIT_USAGE, CommandError, shown
from ..table import Table
from .json_stream import kind_of

LEAVE_OUT_MODEL = "Leave --model-table out."


class Wrappers:
    """Takes the items out of a file's records; of several tables in it, those of the one that is meant."""

    def __init__(self, path: Path, table: Table, model_table: str | None) -> None:
        self._path, self._table, self._model_table = path, table, model_table

    def items(self, value: dict[str, Any], line: int) -> Iterator[dict[str, Any]]:
        """The items in a record: itself, or those inside a shape that AWS's tools write around items."""
        several = isinstance(value.get("DataModel"), list) or all(_is_batch(one) for one in value.values())
        if self._model_table and not several:
            raise CommandError(
                f"{self._path}, line {line}: there are no tables here to choose from",
                LEAVE_OUT_MODEL,
                EXIT_USAGE,
            )
        if any(name in value for name in self._table.keys):
            yield value
        elif isinstance(value.get("DataModel"), list):
            tables = {
                str(model.get("TableName")): model.get("TableData") or []
                for model in value["DataModel"]
                if isinstance(model, dict)
            }
            yield from self._objects(self._chosen(tables, "model"), line)
        elif set(value) == {"Item"} and isinstance(value["Item"], dict):
            yield value["Item"]
        elif isinstance(value.get("Items"), list):
            yield from self._objects(value["Items"], line)
        elif value and all(_is_batch(requests) for requests in value.values()):
            for request in self._chosen(value, "batch"):
                if "PutRequest" not in request:
                    raise CommandError(
                        f"{self._path}, line {line}: the batch deletes items; this only puts",
                        "Take its DeleteRequest entries out, or use `aws dynamodb batch-write-item`.",
                    )
                yield from self._objects([request["PutRequest"].get("Item")], line)
        else:
            yield value  # whose missing key is then named

    def _objects(self, values: Iterable[Any], line: int) -> Iterator[dict[str, Any]]:
        for value in values:
            if not isinstance(value, dict):
                raise CommandError(
                    f"{self._path}, line {line}: an item is {kind_of(value)}, not an object",
                    "Correct the file.",
                )
            yield value

    def _chosen(self, tables: Mapping[str, list[Any]], what: str) -> list[Any]:
        """The records of the one table that is meant, of several in a file."""
        name = self._model_table or (self._table.name if self._table.name in tables else None)
        if name is None and len(tables) == 1:
            name = next(iter(tables))
        if name is None or name not in tables:
            raise CommandError(
                f"{self._path}: the {what} holds the tables {', '.join(map(shown, tables)) or '(none)'}",
                "Name the one to put with --model-table.",
            )
        return tables[name]


def _is_batch(requests: Any) -> bool:
    return (
        isinstance(requests, list)
        and bool(requests)
        and all(
            isinstance(r, dict) and len(r) == 1 and next(iter(r)) in ("PutRequest", "DeleteRequest")
            for r in requests
        )
    )
