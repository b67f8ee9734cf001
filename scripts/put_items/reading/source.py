"""A file of items: opened, unpacked, read by its format, each record checked against the table.

A file is read twice. The first pass, `check`, checks every record against DynamoDB's rules and the table's
keys and writes nothing; the second, `good_items`, gives the items to write.
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..errors import EXIT_USAGE, CommandError, RecordError
from ..table import Table
from ..values import Item, item_of
from .csv_file import CsvFile
from .json_stream import JsonStream, kind_of
from .record import Record
from .wrappers import LEAVE_OUT_MODEL, Wrappers

MISTAKES_SHOWN = 5


@contextmanager
def _opened(path: Path) -> Iterator[io.TextIOBase]:
    """The text of a file, unpacked when it is GZIP (as DynamoDB's own exports are)."""
    with path.open("rb") as raw:
        packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        stream: Any = gzip.GzipFile(fileobj=raw) if packed else raw
        with io.TextIOWrapper(stream, encoding="utf-8-sig", newline="") as text:
            yield text


class Source:
    """A file of records, readable more than once. `form` is csv or json, by the file's name and content."""

    def __init__(self, path: Path, table: Table, types: Mapping[str, str], model_table: str | None) -> None:
        self.path, self.table = path, table
        suffixes = [suffix.lower() for suffix in path.suffixes]
        self._csv = CsvFile(path, table, types, "\t" if ".tsv" in suffixes else ",")
        self._wrappers = Wrappers(path, table, model_table)
        self.form = "csv" if {".csv", ".tsv"} & set(suffixes) else "json"
        if types and self.form == "json":
            raise CommandError(
                "--types is for CSV; JSON says its types itself", "Leave --types out.", EXIT_USAGE
            )
        if model_table and self.form == "csv":
            raise CommandError("--model-table is for JSON; CSV is one table", LEAVE_OUT_MODEL, EXIT_USAGE)

    def items(self) -> Iterator[tuple[str, Item | RecordError, int]]:
        """Each record's place, its item or what is wrong with it, and its size in bytes."""
        try:
            with _opened(self.path) as file:
                for record in self._csv.records(file) if self.form == "csv" else self._json(file):
                    try:
                        if isinstance(record.content, RecordError):
                            raise record.content
                        item, size = item_of(record.content, self.table)
                    except RecordError as error:
                        yield record.place, error, 0
                    else:
                        yield record.place, item, size
        except UnicodeDecodeError:
            raise CommandError(
                f"{self.path} is not UTF-8 text",
                "Convert it (`iconv -t UTF-8`), or unpack it if it is packed.",
            ) from None
        except (gzip.BadGzipFile, EOFError, zlib.error):
            raise CommandError(f"{self.path} is a damaged GZIP file", "Fetch it again.") from None

    def _json(self, file: io.TextIOBase) -> Iterator[Record]:
        """The records of JSON arrays, JSON lines, DynamoDB JSON, exports, batches and Workbench models."""
        count = 0
        for value, line in JsonStream(file, str(self.path)):
            if not isinstance(value, dict):
                raise CommandError(
                    f"{self.path}, line {line}: a record is {kind_of(value)}, not an object",
                    "Give each item as one JSON object: in one array, or one a line.",
                )
            for content in self._wrappers.items(value, line):
                count += 1
                yield Record(f"record {count} (line {line})", content)


def check(source: Source) -> int:
    """The first pass: the number of items, all of which the table takes; raises CommandError otherwise."""
    count = 0
    mistakes: list[str] = []
    for place, item, _ in source.items():
        count += 1
        if isinstance(item, RecordError):
            mistakes.append(f"{place}: {item}")
            if len(mistakes) == MISTAKES_SHOWN:
                break
    if mistakes:
        more = ", among others" if len(mistakes) == MISTAKES_SHOWN else ""
        raise CommandError(
            "\n  ".join(
                (
                    f"{source.path} holds records that table {source.table.name} does not take{more}:",
                    *mistakes,
                )
            ),
            "Correct them and put the file again; nothing was written.",
        )
    if not count:
        raise CommandError(f"{source.path} holds no items", "Name a file of items with --file.")
    return count


def good_items(source: Source) -> Iterator[tuple[Item, int]]:
    """The second pass: the items and their sizes in bytes; raises CommandError when one is good no longer."""
    for place, item, size in source.items():
        if isinstance(item, RecordError):
            raise CommandError(
                f"{source.path}, {place}: {item}; the file changed while it was read",
                "Put it again when it is at rest.",
            )
        yield item, size
