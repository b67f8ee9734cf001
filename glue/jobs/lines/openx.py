"""Reads the lenient JSON of `org.openx.data.jsonserde.JsonSerDe` as Trino reads it into text columns.

Source: Trino, lib/trino-hive-formats, package `line.openxjson` (its README states the rules). Athena names
the same SerDe ("OpenX JSON SerDe", Athena user guide). That engine 3 uses this reader is [unverified].

A line that is not an object or array becomes a row of NULLs. So does an invalid line, with
`ignore.malformed.json` true. Text after the closing bracket is ignored: two objects on one line are one row.
"""

import json
import re
from decimal import Decimal, InvalidOperation
from json.encoder import encode_basestring
from typing import Any, NoReturn

_WHITESPACE = " \t\n\r"
_LITERAL_END = frozenset(" \r\n\t\f{}[]/\\:,=;#")
_ESCAPES = {"t": "\t", "b": "\b", "n": "\n", "r": "\r", "f": "\f", "a": "\a", "v": "\t"}
_OCTAL = frozenset("012345678")  # the reader's own check accepts 8 and then fails to parse it
# numbers that BigDecimal prints unchanged: no exponent, no leading zeros, not tiny
_PLAIN = re.compile(r"-?(?:[1-9][0-9]*(?:\.[0-9]+)?|0\.0{0,5}[1-9][0-9]*)|0")
_SURROGATE = re.compile(
    rb"\\u[dD][89a-fA-F]"
)  # the strict parser keeps a lone one, which no column can store
MAX_DEPTH = 300  # DynamoDB nests 32 levels; deeper lines than this are read as malformed


class InvalidJsonError(ValueError):
    """The line is not JSON, not even in the lenient form."""


class Literal(str):
    """An unquoted value: a number, `true`, or any bare word, with its text from the line."""

    __slots__ = ()


def read_line(line: bytes) -> Any:
    """A line's value: dict, list, or None for any other value. Numbers are `Literal`.

    Raises `InvalidJsonError` if the lenient reader rejects the line too.
    """
    if _SURROGATE.search(line) is None:
        try:
            value = json.loads(line.decode(), parse_int=Literal, parse_float=Literal, parse_constant=_refuse)
        except (ValueError, RecursionError):
            pass
        else:
            if not isinstance(value, dict | list):
                return None
            if line.count(b"{") + line.count(b"[") > MAX_DEPTH:
                check_depth(value)
            return value
    return read_lenient(line.decode("utf-8", "replace").strip())


def _refuse(name: str) -> NoReturn:
    """NaN and Infinity are bare words, not numbers."""
    raise ValueError(name)


def check_depth(value: Any, depth: int = 0) -> None:
    """Raise `InvalidJsonError` if containers are nested deeper than MAX_DEPTH."""
    if depth > MAX_DEPTH:
        raise InvalidJsonError("too deep")
    for item in value.values() if type(value) is dict else value:
        if type(item) is dict or type(item) is list:
            check_depth(item, depth + 1)


def read_lenient(text: str) -> Any:
    """`read_line` for lenient JSON: single quotes, bare words, comments, missing values between commas."""
    if not text or text[0] not in "[{":
        return None
    return _Reader(text).value(0)


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def value(self, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise InvalidJsonError("too deep")
        first = self._next()
        if first == "":
            raise InvalidJsonError("end of input")
        if first == "{":
            return self._object(depth)
        if first == "[":
            return self._array(depth)
        if first in "'\"":
            return self._quoted(first)
        self.at -= 1
        return self._literal()

    def _next(self) -> str:
        text = self.text
        while self.at < len(text):
            char = text[self.at]
            self.at += 1
            if char in _WHITESPACE:
                continue
            if char == "#":
                self._end_of_line()
            elif char == "/" and self.at < len(text) and text[self.at] == "*":
                end = text.find("*/", self.at + 1)
                if end < 0:
                    raise InvalidJsonError("unterminated comment")
                self.at = end + 2
            elif char == "/" and self.at < len(text) and text[self.at] == "/":
                self._end_of_line()
            else:
                return char
        return ""

    def _end_of_line(self) -> None:
        self.at = len(self.text)

    def _object(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if self._next() == "}":
            return found
        self.at -= 1
        while True:
            name = self.value(depth + 1)
            if not isinstance(name, str):
                raise InvalidJsonError("a field name is not a string")
            separator = self._next()
            if separator not in (":", "="):
                raise InvalidJsonError("expected ':'")
            if separator == "=" and self.text[self.at : self.at + 1] == ">":
                self.at += 1
            found.pop(name, None)
            found[str(name)] = self.value(depth + 1)
            end = self._next()
            if end == "}":
                return found
            if end not in (",", ";"):
                raise InvalidJsonError("unterminated object")

    def _array(self, depth: int) -> list[Any]:
        found: list[Any] = []
        trailing = False
        while True:
            mark = self._next()
            if mark == "":
                raise InvalidJsonError("unterminated array")
            if mark == "]":
                return [*found, None] if trailing else found
            if mark in ",;":
                found.append(None)
                trailing = True
                continue
            self.at -= 1
            found.append(self.value(depth + 1))
            mark = self._next()
            if mark == "]":
                return found
            if mark not in (",", ";"):
                raise InvalidJsonError("unterminated array")
            trailing = True

    def _quoted(self, quote: str) -> str:
        text, parts, start = self.text, [], self.at
        while self.at < len(text):
            char = text[self.at]
            self.at += 1
            if char == quote:
                parts.append(text[start : self.at - 1])
                joined = "".join(parts).encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
                return joined.encode("utf-8", "replace").decode()  # a lone surrogate becomes "?", as in Java
            if char == "\\":
                parts.append(text[start : self.at - 1])
                parts.append(self._escape())
                start = self.at
        raise InvalidJsonError("unterminated string")

    def _escape(self) -> str:
        if self.at >= len(self.text):
            raise InvalidJsonError("unterminated escape sequence")
        char = self.text[self.at]
        self.at += 1
        if char != "u":
            return _ESCAPES.get(char, char)
        digits = self.text[self.at : self.at + 4]
        self.at += 4
        try:
            return chr(int(digits, 16))
        except ValueError:
            raise InvalidJsonError("invalid escape sequence") from None

    def _literal(self) -> Literal | None:
        start = self.at
        while self.at < len(self.text) and self.text[self.at] not in _LITERAL_END:
            self.at += 1
        literal = self.text[start : self.at]
        if not literal:
            raise InvalidJsonError("expected a value")
        return None if literal.lower() == "null" else Literal(literal)


def text_of(value: Any) -> str | None:
    """A value as a `string` column shows it: text, canonical number, `true`, or compact JSON."""
    kind = type(value)
    if kind is str:
        return value  # type: ignore[no-any-return]
    if value is None:
        return None
    if kind is bool:
        return "true" if value else "false"
    if kind is int:
        return str(value)
    if kind is Literal:
        return canonical(value)
    return _compact(value)


def canonical(literal: str) -> str:
    """An unquoted value as the SerDe prints it, numbers as BigDecimal: 38 digits stay, `1e5` is `1E+5`."""
    if _PLAIN.fullmatch(literal):
        return str(literal)
    lowered = literal.lower()
    if lowered in ("true", "false"):
        return lowered
    try:
        return str(whole_number(literal))
    except ValueError:
        pass
    try:
        number = Decimal(literal)
    except InvalidOperation:
        return str(literal)
    return (
        str(number) if number.is_finite() else str(literal)
    )  # never a Literal: Spark does not support a subclass of str


def whole_number(text: str) -> int:
    """`Long.parseLong` with the reader's hexadecimal and octal spellings. Raises ValueError."""
    if len(text) > 2 and text[0] == "0" and text[1] in "xX" and text[2] in "0123456789abcdefABCDEF":
        number = int(text[2:], 16)
    elif len(text) > 1 and text[0] == "0" and text[1] in _OCTAL:
        number = int(text[1:], 8)
    elif text.lstrip("+-").isdigit() and len(text) - len(text.lstrip("+-")) <= 1:
        number = int(text)
    else:
        raise ValueError(text)
    if not -(2**63) <= number < 2**63:
        raise ValueError(text)
    return number


def _compact(value: Any) -> str:
    """Compact JSON of an array or object, in the order of the line, the SerDe's `<\\/` included."""
    text = _plain(value)
    return text.replace("</", "<\\/") if "</" in text else text


def _plain(value: Any) -> str:  # noqa: PLR0911  one return per kind
    if type(value) is dict:
        entries = value
        if len(value) > 1 and len({key.lower() for key in value}) < len(value):
            entries = {}  # keys are equal in any case: the last entry wins and comes last
            for key, item in value.items():
                for other in [k for k in entries if k.lower() == key.lower()]:
                    del entries[other]
                entries[key] = item
        return "{" + ",".join(f"{_quote(k)}:{_plain(v)}" for k, v in entries.items()) + "}"
    if type(value) is list:
        return "[" + ",".join(_plain(item) for item in value) + "]"
    if type(value) is Literal:
        text = canonical(value)
        if text in ("true", "false"):
            return text
        try:
            return text if Decimal(text).is_finite() else _quote(text)
        except InvalidOperation:
            return _quote(text)
    if type(value) is str:
        return _quote(value)
    if value is None:
        return "null"
    if type(value) is bool:
        return "true" if value else "false"
    return str(value)


def _quote(text: str) -> str:
    return encode_basestring(str(text))
