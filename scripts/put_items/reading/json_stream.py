"""JSON, exactly: numbers keep their digits, doubled names are refused, a large file is read in pieces."""

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

JSON_BEGINS = frozenset('{["-0123456789tfnNI')  # NaN and Infinity, too, have a message of their own
RECORD_CHARACTERS = 256 * 1024 * 1024  # one JSON record; beyond it the file is broken, not large


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object, unless it names something twice: which of the two was meant nobody can say."""
    made = dict(pairs)
    if len(made) != len(pairs):
        twice = first_twice(name for name, _ in pairs)
        raise RecordError(shown(twice or ""), "is named twice in one object")
    return made


def _constant(name: str) -> NoReturn:
    raise RecordError("", f"{name} is no JSON value")


DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=Number, parse_float=Number, parse_constant=_constant
)


def json_value(text: str) -> Any:
    """JSON text as Python values; raises RecordError without the text's content."""
    try:
        return DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise RecordError("", f"is not JSON: {error.msg} at character {error.pos + 1}") from None
    except RecursionError:
        raise RecordError("", TOO_DEEP) from None


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
        first = self._next_character()
        if first and first not in JSON_BEGINS:
            raise CommandError(
                f"{self._name}, line {self._line}: does not begin as JSON, and its name does not say CSV",
                "Name a file of CSV .csv or .tsv, or give --delimiter.",
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
                raise self._broken(f"a record {TOO_DEEP}") from None
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


def kind_of(value: Any) -> str:
    """A JSON value's kind, in words."""
    if isinstance(value, Number):
        return "a number"
    kinds = {list: "an array", str: "text", bool: "true or false", type(None): "null"}
    return kinds.get(type(value), "an object")
