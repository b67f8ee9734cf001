"""A file of items: decompressed, read by its format, and each record checked against the table.

A file is read twice. The first pass, `check`, checks every record against DynamoDB's rules and the table's
keys, and writes nothing. The second, `good_items`, yields the items to write.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from pathlib import Path

from ..errors import EXIT_USAGE, CommandError, RecordError, listed, printable
from ..table import Table
from ..values import Convert, Item, from_literal, from_plain, from_typed, item_of
from .csv_file import CsvFile
from .dialect import Dialect
from .file_text import text_of
from .json_stream import JsonStream, kind_of
from .record import Record
from .wrappers import LEAVE_OUT_MODEL, Wrappers

MISTAKES_SHOWN = 5
DIALECT = Dialect()
CSV_ENDINGS = {
    ".csv": ",",
    ".tsv": "\t",
    ".tab": "\t",
    ".psv": "|",
}  # ending: usual delimiter
JSON_ENDINGS = (".json", ".jsonl", ".ndjson")


class Source:
    """A file of records that can be read more than once. `form` is csv or json, by name or by options.

    `types` are the types of CSV columns. With `plain`, every JSON object is a map, even if it looks typed.
    `notes` are notes for the user on how the file is read; they are complete after `check`.
    """

    def __init__(
        self,
        path: Path,
        table: Table,
        types: Mapping[str, str],
        model_table: str | None,
        dialect: Dialect = DIALECT,
        *,
        plain: bool = False,
    ) -> None:
        self.path, self.table, self.name = path, table, printable(str(path))
        self.notes: dict[str, None] = {}  # in order, each once
        endings = [suffix.lower() for suffix in path.suffixes]
        known = next((e for e in reversed(endings) if e in CSV_ENDINGS or e in JSON_ENDINGS), None)
        has_csv_option = dialect.delimiter is not None or dialect.quoting is not None
        self.form = "csv" if known in CSV_ENDINGS or (has_csv_option and known is None) else "json"
        if self.form == "json" and (has_csv_option or types):
            option = "--types" if types else "--delimiter" if dialect.delimiter else "--quoting"
            raise CommandError(
                f"{option} is for CSV only, and this file is JSON",
                f"Leave {option} out.",
                EXIT_USAGE,
            )
        if self.form == "csv" and model_table:
            raise CommandError(
                "--model-table is for JSON only, and this file is CSV", LEAVE_OUT_MODEL, EXIT_USAGE
            )
        dialect = dialect._replace(usual=CSV_ENDINGS.get(known or "", dialect.usual))
        convert = from_literal if plain else from_plain
        self._csv = CsvFile(self.name, table, types, dialect, plain=convert, note=self._note)
        self.wrappers = Wrappers(self.name, table, model_table, self._note)
        # CSV cells arrive with their types; in JSON, each record's form is found from its keys.
        self._convert: Convert | None = from_typed if self.form == "csv" else from_literal if plain else None

    def _note(self, text: str) -> None:
        self.notes[text] = None

    def items(self) -> Iterator[tuple[str, Item | RecordError, int]]:
        """Each record's place, its item or its error, and its size in bytes."""
        with text_of(self.path) as file:
            for record in self._csv.records(file) if self.form == "csv" else self._json(file):
                try:
                    if isinstance(record.content, RecordError):
                        raise record.content
                    item, size = item_of(record.content, self.table, self._convert)
                except RecordError as error:
                    yield record.place, error, 0
                else:
                    yield record.place, item, size

    def _json(self, file: io.TextIOBase) -> Iterator[Record]:
        """The records of JSON arrays and JSON lines, also those inside the shapes of AWS's tools."""
        count = 0
        for value, line in JsonStream(file, self.name):
            if not isinstance(value, dict):
                raise CommandError(
                    f"{self.name}, line {line}: a record is {kind_of(value)}, not an object",
                    "Write each item as one JSON object, in one array or one per line. "
                    "For CSV, rename the file to .csv or .tsv.",
                )
            for content in self.wrappers.items(value, line):
                count += 1
                yield Record(f"record {count} (line {line})", content)


def check(source: Source) -> int:
    """The first pass: check all items and return their number. Raises CommandError for invalid items."""
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
                    f"{source.name} has records that table {source.table.name} would refuse{more}:",
                    *mistakes,
                )
            ),
            "Correct them and put the file again. Nothing was written.",
        )
    if not count and source.wrappers.left_out:
        raise CommandError(
            f"{source.name} has only items of the tables {listed(list(source.wrappers.left_out))}",
            "Name one of them with --model-table.",
        )
    if not count:
        raise CommandError(f"{source.name} has no items", "Give a file with items to --file.")
    return count


def good_items(source: Source) -> Iterator[tuple[Item, int]]:
    """The second pass: the items and their sizes in bytes. Raises CommandError if one has become invalid."""
    for place, item, size in source.items():
        if isinstance(item, RecordError):
            raise CommandError(
                f"{source.name}, {place}: {item}; the file changed while it was read",
                "Put it again when nothing writes to it any more.",
            )
        yield item, size
