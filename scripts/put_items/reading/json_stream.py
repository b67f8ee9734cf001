"""Read JSON exactly: numbers keep their digits, duplicate names are refused, files are read in parts."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from typing import Any, NoReturn

from ..errors import CommandError, RecordError, shown
from ..kinds import Number
from ..values import TOO_DEEP
from .names import first_twice

JSON_BEGINS = frozenset('{["-0123456789tfnNI')  # N and I: NaN and Infinity get their own message
RECORD_CHARACTERS = 256 * 1024 * 1024  # a longer JSON record means that the file is broken


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object. Raises RecordError if a name occurs twice, because either value may be meant."""
    result = dict(pairs)
    if len(result) != len(pairs):
        twice = first_twice(name for name, _ in pairs)
        raise RecordError(shown(twice or ""), "is named twice in one object")
    return result


def _constant(name: str) -> NoReturn:
    raise RecordError("", f"{name} is not a JSON value")


DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=Number, parse_float=Number, parse_constant=_constant
)


def json_value(text: str) -> Any:
    """JSON text as Python values. Raises RecordError, without the text's content."""
    try:
        return DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise RecordError("", f"is not JSON: {error.msg} at character {error.pos + 1}") from None
    except RecursionError:
        raise RecordError("", TOO_DEEP) from None


class JsonStream:
    """The JSON values of a file with their lines: the elements of one array, or values one after another.

    It keeps one value in memory. The read size doubles while a value is incomplete, so the time stays linear
    even if the first value never ends.
    """

    def __init__(self, file: io.TextIOBase, name: str) -> None:
        self._file, self._name = file, name
        self._buffer, self._at, self._line = "", 0, 1
        self._exhausted = False

    def __iter__(self) -> Iterator[tuple[Any, int]]:
        first = self._next_character()
        if first and first not in JSON_BEGINS:
            raise CommandError(
                f"{self._name}, line {self._line}: this is not JSON, and the name is not a CSV file's",
                "For CSV, rename the file to .csv or .tsv, or add --delimiter.",
            )
        if first != "[":
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
            raise self._broken("there is text after the end of the array")

    def _value(self) -> tuple[Any, int]:
        """The next value and its line."""
        while True:
            try:
                value, end = DECODER.raw_decode(self._buffer, self._at)
            except json.JSONDecodeError as error:
                # Incomplete text fails at its end, or at the start of a string that does not end.
                if error.pos < len(self._buffer) - 16 and not error.msg.startswith("Unterminated"):
                    self._advance(error.pos)
                    raise self._broken(f"is not JSON: {error.msg}") from None
                if not self._read_more():
                    raise self._broken(f"is not JSON: {error.msg}") from None
            except RecursionError:
                raise self._broken(f"a record {TOO_DEEP}") from None
            except RecordError as error:
                raise self._broken(str(error)) from None
            else:
                # Digits at the end of the buffer may continue in the next part.
                if end < len(self._buffer) or not self._read_more():
                    line = self._line
                    self._advance(end)
                    return value, line

    def _next_character(self) -> str:
        """The next character that is not white space; "" at the end of the file."""
        while True:
            found = re.compile(r"\S").search(self._buffer, self._at)
            self._advance(found.start() if found else len(self._buffer))
            if found or not self._read_more():
                return found.group() if found else ""

    def _advance(self, to: int) -> None:
        self._line += self._buffer.count("\n", self._at, to)
        self._at = to

    def _read_more(self) -> bool:
        """Append the next part of the file to the unused text; False at the end of the file."""
        left = len(self._buffer) - self._at
        if left > RECORD_CHARACTERS:
            raise self._broken("a record has no end")
        more = "" if self._exhausted else self._file.read(max(1 << 16, left))
        self._exhausted = not more
        self._buffer, self._at = self._buffer[self._at :] + more, 0
        return bool(more)

    def _broken(self, why: str) -> CommandError:
        next_step = "Correct the file and put it again. Nothing was written."
        return CommandError(f"{self._name}, line {self._line}: {why}", next_step)


def kind_of(value: Any) -> str:
    """The kind of a JSON value in words."""
    if isinstance(value, Number):
        return "a number"
    kinds = {list: "an array", str: "text", bool: "true or false", type(None): "null"}
    return kinds.get(type(value), "an object")
