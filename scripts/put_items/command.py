"""Put items into a DynamoDB table: one sample item's insert, update and delete, or a file's items.

One file that needs nothing but boto3 and Python 3.9, so that it also runs where it is uploaded alone
(AWS CloudShell): `python3 put_items.py TABLE`. It therefore imports nothing of this repository.

A file is read twice. The first pass holds every record against DynamoDB's rules and the table's keys and
writes nothing; the second writes. Messages name the record and the attribute, never a value.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import csv
import difflib
import gzip
import io
import json
import os
import queue
import random
import re
import sys
import threading
import time
import uuid
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

EXIT_FAILED, EXIT_USAGE, EXIT_INTERRUPTED = 1, 2, 130

# Limits: docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html, and API_BatchWriteItem.
ITEM_BYTES = 400 * 1024
BATCH_ITEMS = 25
# A request may have 16 MB; a control character is one byte stored and six on the wire (\u0000).
BATCH_BYTES = 2_500_000
KEY_BYTES = {"HASH": 2048, "RANGE": 1024}
NAME_BYTES = 65_535
DEPTH = 32
DIGITS, LARGEST, SMALLEST = 38, 125, -130  # significant digits; exponents of the first digit
RECORD_CHARACTERS = 256 * 1024 * 1024  # one JSON record; beyond it the file is broken, not large

TAGS = ("S", "N", "B", "BOOL", "NULL", "M", "L", "SS", "NS", "BS")
MISTAKES_SHOWN = 5
ATTEMPTS_WITHOUT_PROGRESS = 12  # with the backoff below: about two minutes

Value = dict[str, Any]  # an AttributeValue as the low-level client takes it: {"S": "…"}, {"B": b"…"}, …
Item = dict[str, Value]


class CommandError(Exception):
    """The command cannot go on: what is wrong, and what to do next."""

    def __init__(self, message: str, next_step: str, exit_code: int = EXIT_FAILED) -> None:
        super().__init__(message)
        self.message, self.next_step, self.exit_code = message, next_step, exit_code


class RecordError(Exception):
    """A record that DynamoDB would refuse: the attribute's path and why."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(f"{path}: {why}" if path else why)


class Number(str):
    """The digits of a JSON number as the file has them: never a float."""


class Table(NamedTuple):
    """What a write must know of a table. `types` holds the attributes of its and its indexes' keys."""

    name: str
    account: str
    region: str
    keys: dict[str, str]  # attribute: HASH or RANGE
    types: dict[str, str]  # attribute: S, N or B


class Record(NamedTuple):
    """One record of a file and where it stands: "line 3", "record 3 (line 17)"."""

    place: str
    content: dict[str, Any] | RecordError


# --- JSON, exactly -----------------------------------------------------------------------------------------


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object, unless it names something twice: which of the two was meant nobody can say."""
    made = dict(pairs)
    if len(made) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise RecordError(_shown(twice), "is named twice in one object")
    return made


def _constant(name: str) -> NoReturn:
    raise RecordError("", f"{name} is no JSON value")


DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=Number, parse_float=Number, parse_constant=_constant
)


def _json(text: str) -> Any:
    """JSON text as Python values; raises RecordError without the text's content."""
    try:
        return DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise RecordError("", f"is not JSON: {error.msg} at character {error.pos + 1}") from None
    except RecursionError:
        raise RecordError("", f"is nested deeper than DynamoDB's {DEPTH} levels") from None


class JsonStream:
    """The JSON values of a file with their lines: the elements of one array, or values one after another.

    Holds one value at a time. What is read at once doubles while a value is not whole, so that even a file
    that never ends its first value costs no more than reading it.
    """

    def __init__(self, file: io.TextIOBase, name: str) -> None:
        self._file, self._name = file, name
        self._buffer, self._at, self._line = "", 0, 1
        self._exhausted = False

    def __iter__(self) -> Iterator[tuple[Any, int]]:
        if self._next_character() != "[":
            while self._next_character():
                yield self._value()
            return
        self._at += 1
        if self._next_character() != "]":
            yield self._value()
            while self._next_character() == ",":
                self._at += 1
                self._next_character()
                yield self._value()
        if self._next_character() != "]":
            missing = (
                "a comma is missing between two records" if self._next_character() else "the array has no end"
            )
            raise self._broken(missing)
        self._at += 1
        if self._next_character():
            raise self._broken("something follows the end of the array")

    def _value(self) -> tuple[Any, int]:
        """The value that begins here and its line."""
        while True:
            try:
                value, end = DECODER.raw_decode(self._buffer, self._at)
            except json.JSONDecodeError as error:
                # Text that is merely cut off fails at its end, or at the start of a string without one.
                if error.pos < len(self._buffer) - 16 and not error.msg.startswith("Unterminated"):
                    self._advance(error.pos)
                    raise self._broken(f"is not JSON: {error.msg}") from None
                if not self._read_more():
                    raise self._broken(f"is not JSON: {error.msg}") from None
            except RecursionError:
                raise self._broken(f"a record is nested deeper than DynamoDB's {DEPTH} levels") from None
            except RecordError as error:
                raise self._broken(str(error)) from None
            else:
                # The digits at the end of what is read may go on in what is not.
                if end < len(self._buffer) or not self._read_more():
                    line = self._line
                    self._advance(end)
                    return value, line

    def _next_character(self) -> str:
        """The next character that is no white space; empty at the end of the file."""
        while True:
            found = re.compile(r"\S").search(self._buffer, self._at)
            self._advance(found.start() if found else len(self._buffer))
            if found or not self._read_more():
                return found.group() if found else ""

    def _advance(self, to: int) -> None:
        self._line += self._buffer.count("\n", self._at, to)
        self._at = to

    def _read_more(self) -> bool:
        """Read on behind what is not used yet; False at the end of the file."""
        left = len(self._buffer) - self._at
        if left > RECORD_CHARACTERS:
            raise self._broken("a record has no end")
        more = "" if self._exhausted else self._file.read(max(1 << 16, left))
        self._exhausted = not more
        self._buffer, self._at = self._buffer[self._at :] + more, 0
        return bool(more)

    def _broken(self, why: str) -> CommandError:
        next_step = "Correct the file and put it again; nothing was written."
        return CommandError(f"{self._name}, line {self._line}: {why}", next_step)


# --- Values ------------------------------------------------------------------------------------------------


def _shown(name: str) -> str:
    """A name for a message: short, and printable whatever it holds."""
    text = name if len(name) <= 60 else name[:57] + "..."
    return text.encode("ascii", "backslashreplace").decode() if not text.isprintable() else text


def number(digits: str, path: str) -> Decimal:
    """The value of a number that DynamoDB keeps; raises RecordError for one it would refuse or round."""
    if not re.fullmatch(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,6})?", digits, re.ASCII):
        raise RecordError(path, "is no number that DynamoDB takes")
    value = Decimal(digits)
    if not value:
        return Decimal(0)
    kept = "".join(map(str, value.as_tuple().digits)).strip("0")
    if len(kept) > DIGITS:
        raise RecordError(path, f"has {len(kept)} significant digits; DynamoDB keeps {DIGITS}")
    if not SMALLEST <= value.adjusted() <= LARGEST:
        raise RecordError(path, "is outside DynamoDB's 1E-130 to 9.9E+125")
    # One spelling for one value: 1, 1.0 and 1e0 are one key. Not normalize(), which rounds to the context.
    sign, figures, exponent = value.as_tuple()
    trimmed = "".join(map(str, figures)).rstrip("0")
    return Decimal(("-" if sign else "") + trimmed + f"E{int(exponent) + len(figures) - len(trimmed)}")


def _number_size(value: Decimal) -> int:
    return (len(value.as_tuple().digits) + 1) // 2 + 1 + (1 if value < 0 else 0)


def _text(value: Any, path: str) -> int:
    """The bytes of a text; raises RecordError when it is none."""
    if type(value) is not str:
        raise RecordError(path, "must be text")
    try:
        return len(value.encode())
    except UnicodeEncodeError:
        raise RecordError(
            path, "holds half a character (a lone surrogate), which is no Unicode text"
        ) from None


def _bytes(value: Any, path: str) -> bytes:
    if not isinstance(value, str):
        raise RecordError(path, "must be base64 text")
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise RecordError(path, "is not base64") from None


def _attribute(name: str, path: str) -> tuple[str, int]:
    """The path of an attribute, and the bytes of its name."""
    here = f"{path}.{_shown(name)}" if path else _shown(name)
    size = _text(name, here)
    if not 1 <= size <= NAME_BYTES:
        raise RecordError(here, f"its name has {size:,} bytes; DynamoDB takes 1 to {NAME_BYTES:,}")
    return here, size


def from_plain(value: Any, path: str, depth: int = 0) -> tuple[Value, int]:
    """A JSON value as an AttributeValue, and its size in bytes."""
    if depth > DEPTH:
        raise RecordError(path, f"is nested deeper than DynamoDB's {DEPTH} levels")
    if value is None:
        return {"NULL": True}, 1
    if isinstance(value, bool):
        return {"BOOL": value}, 1
    if isinstance(value, Number):
        return {"N": str(value)}, _number_size(number(value, path))
    if isinstance(value, str):
        return {"S": value}, _text(value, path)
    if isinstance(value, list):
        elements, size = [], 3
        for index, element in enumerate(value):
            made, bytes_ = from_plain(element, f"{path}[{index}]", depth + 1)
            elements.append(made)
            size += bytes_ + 1
        return {"L": elements}, size
    return _map(value, path, depth, from_plain)


def _map(
    value: dict[str, Any], path: str, depth: int, convert: Callable[[Any, str, int], tuple[Value, int]]
) -> tuple[Value, int]:
    members, size = {}, 3
    for name, member in value.items():
        here, name_size = _attribute(name, path)
        members[name], bytes_ = convert(member, here, depth + 1)
        size += name_size + bytes_ + 1
    return {"M": members}, size


def from_typed(value: Any, path: str, depth: int = 0) -> tuple[Value, int]:  # noqa: PLR0911  one a type
    """DynamoDB JSON as an AttributeValue (`B` from base64), and its size in bytes."""
    if depth > DEPTH:
        raise RecordError(path, f"is nested deeper than DynamoDB's {DEPTH} levels")
    if not isinstance(value, dict) or len(value) != 1 or next(iter(value)) not in TAGS:
        raise RecordError(path, f"must be an object with one type tag of {', '.join(TAGS)}")
    ((tag, content),) = value.items()
    here = f"{path}.{tag}"
    if tag == "S":
        return value, _text(content, here)
    if tag == "N":
        _text(content, here)
        return value, _number_size(number(content, here))
    if tag == "B":
        raw = _bytes(content, here)
        return {"B": raw}, len(raw)
    if tag in ("BOOL", "NULL"):
        if not isinstance(content, bool) or (tag == "NULL" and not content):
            raise RecordError(here, "must be true" if tag == "NULL" else "must be true or false")
        return value, 1
    if tag == "M":
        if not isinstance(content, dict):
            raise RecordError(here, "must be an object")
        return _map(content, here, depth, from_typed)
    if not isinstance(content, list):
        raise RecordError(here, "must be an array")
    if tag == "L":
        elements, size = [], 3
        for index, element in enumerate(content):
            made, bytes_ = from_typed(element, f"{here}[{index}]", depth + 1)
            elements.append(made)
            size += bytes_ + 1
        return {"L": elements}, size
    return _set(tag, content, here)


def _set(tag: str, content: list[Any], path: str) -> tuple[Value, int]:
    if not content:
        raise RecordError(path, "must not be empty")
    members: list[Any] = []
    seen: set[Any] = set()
    size = 3
    for index, element in enumerate(content):
        here = f"{path}[{index}]"
        if tag == "BS":
            member: Any = _bytes(element, here)
            identity, bytes_ = member, len(member)
        else:
            member = element
            identity, bytes_ = element, _text(element, here)
            if tag == "NS":
                identity = number(element, here)
                bytes_ = _number_size(identity)
        if identity in seen:
            raise RecordError(here, "stands in the set twice")
        seen.add(identity)
        members.append(member)
        size += bytes_ + 1
    return {tag: members}, size


def item_of(content: Mapping[str, Any], table: Table) -> tuple[Item, int]:
    """A record as an item, and its size in bytes; raises RecordError for what the table would refuse.

    A key attribute is never a map, so a key written as {"S": …} says that the record is DynamoDB JSON.
    """
    typed = any(isinstance(content.get(name), dict) for name in table.keys)
    item, size = {}, 0
    for name, value in content.items():
        path, name_size = _attribute(name, "")
        made, bytes_ = (from_typed if typed else from_plain)(value, path)
        item[name] = made
        size += name_size + bytes_
    check_keys(item, table)
    if size > ITEM_BYTES:
        raise RecordError("", f"has about {size:,} bytes; DynamoDB takes {ITEM_BYTES:,} an item")
    return item, size


def check_keys(item: Item, table: Table) -> None:
    """Hold an item against the keys of the table and of its indexes."""
    for name, type_ in table.types.items():
        value = item.get(name)
        if value is None:
            if name in table.keys:
                raise RecordError(name, "is missing, and a key of the table")
            continue
        ((tag, content),) = value.items()
        role = "a key" if name in table.keys else "an index's key"
        if tag != type_:
            raise RecordError(name, f"is of type {tag}; it is {role} of table {table.name}, of type {type_}")
        if tag != "N":
            size = len(content.encode() if tag == "S" else content)
            most = KEY_BYTES[table.keys.get(name, "HASH")]
            if not 1 <= size <= most:
                raise RecordError(name, f"has {size:,} bytes; as {role} it takes 1 to {most:,}")


def key_of(item: Item, table: Table) -> tuple[Any, ...]:
    """The item's key, equal for equal keys however their numbers are spelled."""
    return tuple(
        number(item[name]["N"], name) if "N" in item[name] else next(iter(item[name].values()))
        for name in table.keys
    )


# --- Files -------------------------------------------------------------------------------------------------


@contextmanager
def _opened(path: Path) -> Iterator[io.TextIOBase]:
    """The text of a file, unpacked when it is GZIP (as DynamoDB's own exports are)."""
    with path.open("rb") as raw:
        packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        stream: Any = gzip.GzipFile(fileobj=raw) if packed else raw
        with io.TextIOWrapper(stream, encoding="utf-8-sig", newline="") as text:
            yield text


_LEAVE_OUT_MODEL = "Leave --model-table out."


class Source:
    """A file of records, readable more than once. `form` is csv or json, by the file's name and content."""

    def __init__(self, path: Path, table: Table, types: Mapping[str, str], model_table: str | None) -> None:
        self.path, self.table, self._types, self._model_table = path, table, types, model_table
        suffixes = [suffix.lower() for suffix in path.suffixes]
        self._delimiter = "\t" if ".tsv" in suffixes else ","
        self.form = "csv" if {".csv", ".tsv"} & set(suffixes) else "json"
        if self._types and self.form == "json":
            raise CommandError(
                "--types is for CSV; JSON says its types itself", "Leave --types out.", EXIT_USAGE
            )
        if self._model_table and self.form == "csv":
            raise CommandError("--model-table is for JSON; CSV is one table", _LEAVE_OUT_MODEL, EXIT_USAGE)

    def items(self) -> Iterator[tuple[str, Item | RecordError, int]]:
        """Each record's place, its item or what is wrong with it, and its size in bytes."""
        try:
            with _opened(self.path) as file:
                for record in self._csv(file) if self.form == "csv" else self._json(file):
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
                    f"{self.path}, line {line}: a record is {_kind(value)}, not an object",
                    "Give each item as one JSON object: in one array, or one a line.",
                )
            for content in self._unwrapped(value, line):
                count += 1
                yield Record(f"record {count} (line {line})", content)

    def _unwrapped(self, value: dict[str, Any], line: int) -> Iterator[dict[str, Any]]:
        """The items in a record: itself, or those inside a shape that AWS's tools write around items."""
        several = isinstance(value.get("DataModel"), list) or all(_is_batch(one) for one in value.values())
        if self._model_table and not several:
            raise CommandError(
                f"{self.path}, line {line}: there are no tables here to choose from",
                _LEAVE_OUT_MODEL,
                EXIT_USAGE,
            )
        if any(name in value for name in self.table.keys):
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
                        f"{self.path}, line {line}: the batch deletes items; this only puts",
                        "Take its DeleteRequest entries out, or use `aws dynamodb batch-write-item`.",
                    )
                yield from self._objects([request["PutRequest"].get("Item")], line)
        else:
            yield value  # whose missing key is then named

    def _objects(self, values: Iterable[Any], line: int) -> Iterator[dict[str, Any]]:
        for value in values:
            if not isinstance(value, dict):
                raise CommandError(
                    f"{self.path}, line {line}: an item is {_kind(value)}, not an object", "Correct the file."
                )
            yield value

    def _chosen(self, tables: Mapping[str, list[Any]], what: str) -> list[Any]:
        """The records of the one table that is meant, of several in a file."""
        name = self._model_table or (self.table.name if self.table.name in tables else None)
        if name is None and len(tables) == 1:
            name = next(iter(tables))
        if name is None or name not in tables:
            raise CommandError(
                f"{self.path}: the {what} holds the tables {', '.join(map(_shown, tables)) or '(none)'}",
                "Name the one to put with --model-table.",
            )
        return tables[name]

    def _csv(self, file: io.TextIOBase) -> Iterator[Record]:
        """The records of a CSV file whose first line names the columns."""
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
                        f"{self.path}, line {before}: {len(row)} cells under {len(columns)} columns",
                        "Quote cells that hold the delimiter; nothing was written.",
                    )
                cells = zip(columns, row)  # noqa: B905  `strict` is of Python 3.10; the lengths are equal
                try:
                    # An empty cell is an attribute that the item does not have.
                    content = {name: _cell(cell, tag, name) for (name, tag), cell in cells if cell}
                except RecordError as error:
                    yield Record(f"line {before}", error)
                else:
                    yield Record(f"line {before}", content)
        except csv.Error as error:
            raise CommandError(
                f"{self.path}, line {rows.line_num}: is not CSV: {error}",
                "Correct the file; nothing was written.",
            ) from None

    def _columns(self, header: list[str]) -> list[tuple[str, str]]:
        """Names and types of the columns: --types, `name:N` in the header, the table's keys, else S."""
        columns = []
        for cell in header:
            name, colon, tag = cell.strip().rpartition(":")
            if not colon or tag not in TAGS:
                name, tag = cell.strip(), ""
            columns.append((name, self._types.get(name) or tag or self.table.types.get(name, "S")))
        names = [name for name, _ in columns]
        for name in {**self.table.keys, **self._types}:
            if name not in names:
                role = f"a key of table {self.table.name}" if name in self.table.keys else "named by --types"
                near = difflib.get_close_matches(name, names, n=1)
                raise CommandError(
                    f"{self.path}: there is no column {name}, {role}; the columns are "
                    f"{', '.join(map(_shown, names)) or 'none'}",
                    f"Rename the column {_shown(near[0])} to {name}."
                    if near
                    else "Add the column to the file.",
                )
        for name in names:
            if not name or names.count(name) > 1:
                what = f"column {_shown(name)} stands twice in" if name else "a column has no name in"
                raise CommandError(
                    f"{self.path}: {what} the header", "Name every column once; nothing was written."
                )
        return columns


def _kind(value: Any) -> str:
    """A JSON value's kind, in words."""
    if isinstance(value, Number):
        return "a number"
    kinds = {list: "an array", str: "text", bool: "true or false", type(None): "null"}
    return kinds.get(type(value), "an object")


def _cell(text: str, tag: str, name: str) -> Value:
    """A CSV cell as DynamoDB JSON; L, M and the sets are written as JSON in their cell."""
    if tag in ("S", "N", "B"):
        return {tag: text}
    if tag in ("BOOL", "NULL"):
        if text.lower() not in ("true", "false"):
            raise RecordError(_shown(name), "must be true or false")
        return {tag: text.lower() == "true"}
    try:
        content = _json(text)
    except RecordError as error:
        raise RecordError(_shown(name), str(error)) from None
    if tag in ("L", "M"):
        made, _ = from_plain(content, _shown(name))
        if tag not in made:
            raise RecordError(_shown(name), "must be a JSON array" if tag == "L" else "must be a JSON object")
        return made
    if not isinstance(content, list):
        raise RecordError(_shown(name), "must be a JSON array")
    return {tag: [str(element) if isinstance(element, Number) else element for element in content]}


def _is_batch(requests: Any) -> bool:
    return (
        isinstance(requests, list)
        and bool(requests)
        and all(
            isinstance(r, dict) and len(r) == 1 and next(iter(r)) in ("PutRequest", "DeleteRequest")
            for r in requests
        )
    )


# --- The table ---------------------------------------------------------------------------------------------


def _code(error: Any) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def describe(client: Any, name: str, region: str) -> Table:
    """What a write must know of the table; raises CommandError when there is none that takes writes."""
    from botocore.exceptions import ClientError  # noqa: PLC0415

    try:
        found = client.describe_table(TableName=name)["Table"]
    except ClientError as error:
        if _code(error) != "ResourceNotFoundException":
            raise
        raise CommandError(
            f"there is no table {name} in Region {region} of this account", _near_tables(client, name)
        ) from None
    if found["TableStatus"] not in ("ACTIVE", "UPDATING"):
        raise CommandError(
            f"table {name} is {found['TableStatus']}", "Wait until it is ACTIVE, then put again."
        )
    *_, arn_region, account, _ = found["TableArn"].split(":")
    return Table(
        name,  # as it was given: another account's table is written by its ARN
        account,
        arn_region,
        {key["AttributeName"]: key["KeyType"] for key in found["KeySchema"]},
        {
            attribute["AttributeName"]: attribute["AttributeType"]
            for attribute in found["AttributeDefinitions"]
        },
    )


def _near_tables(client: Any, name: str) -> str:
    """The next step for a table that is not there: the names that are."""
    from botocore.exceptions import ClientError  # noqa: PLC0415

    try:
        names = client.list_tables()["TableNames"]
    except ClientError:
        names = []
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.4) or names[:3]
    known = f"Tables there are: {', '.join(near)}. " if near else ""
    return f"{known}Correct the name, --profile or --region (`aws dynamodb list-tables` shows the names)."


# --- One sample item ---------------------------------------------------------------------------------------


def sample(table: Table, token: str) -> tuple[Item, Item]:
    """A key no other item has, and attributes of all ten types."""
    name = f"ddb-lake-sample-{token}"
    keys: Item = {"S": {"S": name}, "N": {"N": str(int(token, 16))}, "B": {"B": name.encode()}}
    key = {name: keys[table.types[name]] for name in table.keys}
    attributes: Item = {
        "title": {"S": "A sample of ddb-lake"},
        "price": {"N": "19.99"},
        "digits": {"N": "3.1415926535897932384626433832795028842"},
        "picture": {"B": b"\x00\x01\xfe\xff"},
        "in_stock": {"BOOL": True},
        "discontinued": {"NULL": True},
        "address": {
            "M": {"city": {"S": "Zürich"}, "geo": {"M": {"lat": {"N": "47.3769"}, "lon": {"N": "8.5417"}}}}
        },
        "lines": {"L": [{"S": "first"}, {"N": "2"}, {"M": {"quantity": {"N": "3"}}}]},
        "tags": {"SS": ["new", "sample"]},
        "sizes": {"NS": ["1", "2.5", "1E-5"]},
        "thumbnails": {"BS": [b"one", b"two"]},
    }
    # An index's key must be of the index's type: a sample attribute of that name stays away.
    return key, {name: value for name, value in attributes.items() if name not in table.types}


def update(attributes: Item) -> dict[str, Any]:
    """The sample's update: values set (a nested one too), added to a set, removed; of what the sample has."""
    actions = {
        "SET": {"price": "#price = :price", "address": "#address.#city = :city"},
        "REMOVE": {"lines": "#lines"},
        "ADD": {"tags": "#tags :tags"},
    }
    values = {
        ":price": {"N": "24.99"},
        ":city": {"S": "São Paulo"},
        ":tags": {"SS": ["updated"]},
    }
    clauses = {
        verb: ", ".join(text for name, text in texts.items() if name in attributes)
        for verb, texts in actions.items()
    }
    expression = " ".join(f"{verb} {text}" for verb, text in clauses.items() if text)
    used = set(re.findall(r"[#:]\w+", expression))
    return {
        "UpdateExpression": expression,
        "ExpressionAttributeNames": {name: name[1:] for name in sorted(used) if name.startswith("#")},
        "ExpressionAttributeValues": {name: value for name, value in values.items() if name in used},
    }


def put_sample(client: Any, table: Table, say: Callable[[str], None]) -> dict[str, Any]:
    """Insert, update and delete one sample item; what was done, as a document."""
    key, attributes = sample(table, uuid.uuid4().hex[:12])
    (first, *_) = table.keys
    done: list[str] = []
    try:
        client.put_item(
            TableName=table.name,
            Item={**key, **attributes},
            ConditionExpression="attribute_not_exists(#key)",
            ExpressionAttributeNames={"#key": first},
        )
        done.append("INSERT")
        say("INSERT  put-item: one item with attributes of all ten types")
        client.update_item(TableName=table.name, Key=key, **update(attributes))
        done.append("MODIFY")
        say("MODIFY  update-item: another price and city, one tag more, no lines")
    finally:
        if "INSERT" in done:
            client.delete_item(TableName=table.name, Key=key)
            done.append("REMOVE")
            say("REMOVE  delete-item: gone from the table, its last state stays in the lake")
    return {"changes": done, "key": _readable(key)}


def _readable(key: Item) -> dict[str, Any]:
    """A key as DynamoDB JSON."""
    return {
        name: {tag: base64.b64encode(value).decode() if tag == "B" else value}
        for name, attribute in key.items()
        for tag, value in attribute.items()
    }


# --- Writing -----------------------------------------------------------------------------------------------


class Writer:
    """Puts items through BatchWriteItem, several batches at once.

    Items of one key go through one worker, one after another, and never meet in a batch: the file's last
    is the table's last, and every one of them is a change of its own.
    """

    def __init__(
        self, client: Any, table: Table, workers: int, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._client, self.table, self._sleep = client, table, sleep
        self._queues: list[queue.Queue[tuple[Any, Item, int] | None]] = [
            queue.Queue(maxsize=4 * BATCH_ITEMS) for _ in range(workers)
        ]
        self._threads = [threading.Thread(target=self._work, args=(q,), daemon=True) for q in self._queues]
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self.written = 0
        self.retried = 0
        self.failure: BaseException | None = None

    def put(self, items: Iterable[tuple[Item, int]], on_progress: Callable[[int], None]) -> None:
        """Put all items; raises what the first failing batch raised, when every worker has stopped."""
        for thread in self._threads:
            thread.start()
        try:
            for item, size in items:
                key = key_of(item, self.table)
                self._give(self._queues[hash(key) % len(self._queues)], (key, item, size))
                on_progress(self.written)
                if self._stop.is_set():
                    break
            for q in self._queues:
                self._give(q, None)
            for thread in self._threads:
                while thread.is_alive():
                    thread.join(0.1)
                    on_progress(self.written)
        except BaseException:
            self._stop.set()
            for thread in self._threads:
                thread.join()
            raise
        if self.failure is not None:
            raise self.failure

    def _give(self, q: queue.Queue[Any], entry: Any) -> None:
        while not self._stop.is_set():
            try:
                q.put(entry, timeout=0.1)
            except queue.Full:
                continue
            return

    def _work(self, q: queue.Queue[tuple[Any, Item, int] | None]) -> None:
        batch: dict[Any, Item] = {}
        total = 0
        try:
            while not self._stop.is_set():
                try:
                    entry = q.get(timeout=0.1)
                except queue.Empty:
                    continue
                if entry is None:
                    self._send(list(batch.values()))
                    return
                key, item, size = entry
                if key in batch or len(batch) == BATCH_ITEMS or total + size > BATCH_BYTES:
                    self._send(list(batch.values()))
                    batch, total = {}, 0
                batch[key] = item
                total += size
        except BaseException as error:  # noqa: BLE001  it is raised again where the writer was called
            with self._lock:
                self.failure = self.failure or error
            self._stop.set()

    def _send(self, items: list[Item]) -> None:
        """One batch, and what of it was not processed, until all of it is written."""
        from botocore.exceptions import ClientError  # noqa: PLC0415

        requests: list[Any] = [{"PutRequest": {"Item": item}} for item in items]
        fruitless = 0
        while requests:
            try:
                answer = self._client.batch_write_item(RequestItems={self.table.name: requests})
                left = [r for rest in answer.get("UnprocessedItems", {}).values() for r in rest]
            except ClientError as error:
                if _code(error) not in THROTTLES:
                    raise
                left = requests
            with self._lock:
                self.written += len(requests) - len(left)
                self.retried += len(left)
            fruitless = fruitless + 1 if len(left) == len(requests) else 0
            if fruitless == ATTEMPTS_WITHOUT_PROGRESS:
                raise CommandError(
                    f"table {self.table.name} is throttled: {fruitless} attempts wrote nothing",
                    "Raise its write capacity (or make it on-demand), or wait, and put the file again.",
                )
            requests = left
            if requests:
                # Exponential backoff with full jitter, as API_BatchWriteItem asks for.
                self._sleep(random.uniform(0, min(20.0, 0.05 * 2 ** (fruitless + 1))))  # noqa: S311  no secret
                if self._stop.is_set():
                    return


THROTTLES = frozenset(
    (
        "ProvisionedThroughputExceededException",
        "ThrottlingException",
        "RequestLimitExceeded",
        "InternalServerError",
    )
)


class Progress:
    """How far it is, on stderr: a bar where rich is there and somebody looks, else a line now and then."""

    def __init__(self, total: int) -> None:
        self._total, self._bar, self._task = total, None, None
        self._shown = self._begun = time.monotonic()
        if sys.stderr.isatty():
            try:
                from rich.console import Console  # noqa: PLC0415
                from rich.progress import Progress as Bar  # noqa: PLC0415
            except ImportError:
                return
            self._bar = Bar(console=Console(stderr=True), transient=True)
            self._task = self._bar.add_task("putting", total=total)
            self._bar.start()

    def __call__(self, done: int) -> None:
        """Show that so many are done."""
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=done)
        elif time.monotonic() - self._shown >= 2:
            self._shown = time.monotonic()
            _say(f"{done:,} of {self._total:,} items")

    def seconds(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._begun

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()


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


def put_file(client: Any, table: Table, source: Source, workers: int, *, dry_run: bool) -> dict[str, Any]:
    """Check a file, then put its items; what was done, as a document."""
    count = check(source)
    items = "1 item" if count == 1 else f"{count:,} items, each"
    _say(f"{source.path}: {items} as table {table.name} takes it")
    if dry_run:
        return {"file": str(source.path), "items": count, "written": 0, "dry_run": True}
    writer, progress = Writer(client, table, workers), Progress(count)
    try:
        writer.put(_good(source), progress)
    except BaseException as error:
        progress.close()
        _say(
            f"{writer.written:,} of {count:,} items were written; putting the file again is harmless: "
            "an item that is there already is overwritten with itself"
        )
        raise error
    progress.close()
    seconds = progress.seconds()
    retried = f", {writer.retried:,} sent again after throttling" if writer.retried else ""
    items = "1 item" if writer.written == 1 else f"{writer.written:,} items"
    _say(f"wrote {items} in {seconds:.1f} s ({writer.written / seconds:,.0f}/s{retried})")
    return {
        "file": str(source.path),
        "items": count,
        "written": writer.written,
        "retried": writer.retried,
        "seconds": round(seconds, 3),
    }


def _good(source: Source) -> Iterator[tuple[Item, int]]:
    for place, item, size in source.items():
        if isinstance(item, RecordError):
            raise CommandError(
                f"{source.path}, {place}: {item}; the file changed while it was read",
                "Put it again when it is at rest.",
            )
        yield item, size


# --- The command -------------------------------------------------------------------------------------------


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


class Parser(argparse.ArgumentParser):
    """argparse whose mistakes say where the help is."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong with the options."""
        raise CommandError(message, f"See `{self.prog} --help`.", EXIT_USAGE)


def _types(text: str) -> dict[str, str]:
    """--types name=N,other=BOOL as a dictionary."""
    types = {}
    for pair in text.split(",") if text else []:
        name, equals, tag = pair.rpartition("=")
        if not equals or not name or tag not in TAGS:
            raise CommandError(
                f"--types {pair} is not NAME=TYPE",
                f"Types are {', '.join(TAGS)}: --types year=N,seen=BOOL.",
                EXIT_USAGE,
            )
        types[name] = tag
    return types


EPILOG = """\
--file reads, also packed with GZIP:
  JSON: an array, one object a line, or objects one after another; plain or DynamoDB JSON; exports, scans,
        batches of `aws dynamodb batch-write-item`, NoSQL Workbench models
  CSV:  (.csv, .tsv) the first line names the columns, as name or name:TYPE; an empty cell is no attribute"""


def options() -> Parser:
    """The command's options."""
    made = Parser(
        prog="python -m scripts.put_items" if __package__ else "python3 put_items.py",
        description="Put items into a DynamoDB table. Without --file: insert, update, delete a sample.",
        epilog=EPILOG,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("table", metavar="TABLE", help="the table's name")
    made.add_argument("--file", type=Path, metavar="FILE", help="put this file's items instead of the sample")
    made.add_argument(
        "--model-table", metavar="NAME", help="of a file that holds several tables, the one to put"
    )
    made.add_argument(
        "--types", type=str, default="", metavar="NAME=TYPE,…", help="types of CSV columns; others are S"
    )
    made.add_argument(
        "--workers", type=int, default=4, metavar="N", help="batches at once, 1 to 32 (default: 4)"
    )
    made.add_argument("--dry-run", action="store_true", help="check table and file, write nothing")
    common = made.add_argument_group("every verb")
    common.add_argument("--profile", help="the profile of ~/.aws/config to use (default: the environment's)")
    common.add_argument("--region", help="the Region to work in (default: the profile's)")
    common.add_argument("--endpoint-url", metavar="URL", help="send every call here instead of to AWS")
    common.add_argument(
        "--output", choices=("text", "json"), default="text", help="json: one document on stdout"
    )
    return made


def main(arguments: Sequence[str]) -> dict[str, Any]:
    """Put what the options name; what was done, as a document."""
    given = options().parse_args(arguments)
    types = _types(given.types)
    if not 1 <= given.workers <= 32:
        raise CommandError(
            f"--workers {given.workers} is not 1 to 32", "Name a number of that range.", EXIT_USAGE
        )
    if not re.fullmatch(r"[A-Za-z0-9_.-]{3,255}|arn:.{1,1020}", given.table):
        raise CommandError(
            f"{_shown(given.table)} is no table name",
            "A name has 3 to 255 letters, digits, `_`, `-` and `.`.",
            EXIT_USAGE,
        )
    if given.file is not None:
        with given.file.open("rb"):
            pass  # an unreadable file is said before AWS is asked anything
    import boto3  # noqa: PLC0415  after the cheap checks
    from botocore.config import Config  # noqa: PLC0415

    session = boto3.Session(profile_name=given.profile, region_name=given.region)
    if not session.region_name:
        raise CommandError("no Region is set", "Name one with --region, or in the profile.")
    config = Config(
        retries={"mode": "standard", "max_attempts": 4},
        max_pool_connections=given.workers,
        user_agent_extra="ddb-lake",
    )
    client = session.client("dynamodb", endpoint_url=given.endpoint_url, config=config)
    table = describe(client, given.table, session.region_name)
    _say(f"account {table.account}, Region {table.region}: table {table.name}")
    done: dict[str, Any]
    if given.file is not None:
        source = Source(given.file, table, types, given.model_table)
        done = put_file(client, table, source, given.workers, dry_run=given.dry_run)
    elif given.dry_run:
        done = {"changes": [], "dry_run": True}
    else:
        done = put_sample(client, table, _say)
    return {"table": table.name, "account": table.account, "region": table.region, **done}


def explained(error: Exception) -> CommandError | None:  # noqa: PLR0911, PLR0912  one a kind of error
    """The CommandError an exception amounts to, None for a defect of ours. It never quotes an item."""
    if isinstance(error, CommandError):
        return error
    if isinstance(error, OSError) and error.filename is not None:
        return CommandError(
            f"{error.filename}: {error.strerror or error}", "Check the path and its permissions."
        )
    try:
        from botocore import exceptions as aws  # noqa: PLC0415
    except ImportError:
        return CommandError("boto3 is not installed", "Install it: `pip install boto3` (CloudShell has it).")
    again = "Correct what it names, then run the command again."
    if isinstance(error, aws.ClientError):
        code, said = _code(error), str(error.response.get("Error", {}).get("Message", ""))
        if "Expired" in code:
            again = "The credentials have expired: sign in again."
        elif code in ("UnrecognizedClientException", "InvalidSignatureException", "InvalidClientTokenId"):
            again = "AWS does not know these credentials: check `aws sts get-caller-identity`."
        elif code.startswith("AccessDenied"):
            again = "Use a profile that may make this call, or have it granted."
        elif code == "ValidationException":
            # Its message may quote a value of the item.
            said, again = "an item is refused", "Check the items against the table's keys and indexes."
        return CommandError(f"{error.operation_name} was refused: {code}: {said}", again)
    if isinstance(error, aws.ParamValidationError):
        return CommandError("boto3 refuses an item", "Check the items' types against DynamoDB's.")
    if isinstance(error, (aws.HTTPClientError, aws.ConnectionError)):
        bundle = "Check AWS_CA_BUNDLE and REQUESTS_CA_BUNDLE: they go before the profile's ca_bundle."
        network = "Check the network, --region and --endpoint-url, then run it again."
        return CommandError(str(error), bundle if isinstance(error, aws.SSLError) else network)
    if isinstance(error, (aws.NoCredentialsError, aws.PartialCredentialsError, aws.CredentialRetrievalError)):
        return CommandError(str(error), "Name a profile with --profile, or sign in.")
    if isinstance(error, aws.BotoCoreError):
        return CommandError(str(error), again)
    if isinstance(error, ValueError) and str(error).startswith(("Invalid endpoint", "Invalid IPv6 URL")):
        return CommandError(
            str(error), "Give --endpoint-url, or the profile's endpoint_url, as https://HOST:PORT."
        )
    return None


def _answer(document: dict[str, Any]) -> bool:
    """Print the one document; False when nobody takes it."""
    try:
        print(json.dumps(document, indent=2), flush=True)
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or it fails once more at exit
        _say(
            f"error: the answer could not be written: {error.strerror}\n"
            "next: Send it elsewhere; what was put stays put."
        )
        return False
    return True


def run(arguments: Sequence[str]) -> int:
    """Run the command; its exit code: 0 done, 1 failed, 2 asked wrongly, 130 interrupted."""
    pairs = zip(arguments, [*arguments[1:], ""])  # noqa: B905  `strict` is of Python 3.10
    as_json = any(a == "--output=json" or (a == "--output" and b == "json") for a, b in pairs)
    try:
        document = main(arguments)
    except KeyboardInterrupt:
        _say("interrupted")
        return EXIT_INTERRUPTED
    except Exception as error:
        known = explained(error)
        if known is None:
            raise
        _say(f"error: {known.message}\nnext: {known.next_step}")
        if as_json:
            _answer({"error": {"message": known.message, "next": known.next_step}})
        return known.exit_code
    return EXIT_FAILED if as_json and not _answer(document) else 0


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
