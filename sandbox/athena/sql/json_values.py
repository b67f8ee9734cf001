"""Trino's JSON functions on JSON text: canonical form, paths, scalars; numbers keep their digits.

Source: Trino documentation, "JSON functions and operators". `json_parse` sorts object keys and drops white
space; whole numbers keep their digits, others become doubles; only json_extract_scalar returns the text.
"""

import json
import re
from functools import lru_cache
from typing import Any

import orjson

from sandbox.athena.errors import unsupported
from sandbox.athena.formats.openx import Literal
from sandbox.athena.sql.value_text import java_double, sql_double

_STEP = re.compile(
    r"\.([A-Za-z_][\w]*)|\.\"((?:[^\"\\]|\\.)*)\"|\[(\d+)\]|\[\"((?:[^\"\\]|\\.)*)\"\]|\.([^.\[\]]+)"
)

_PLAIN_PATH = "Use only names and indices, as in $.a[0]."


class JsonError(ValueError):
    """A failure in Trino's words: `CODE: message`."""


def loads(text: str) -> Any:
    """The value of a JSON text; numbers as `Literal`. Raises `ValueError`."""
    return json.loads(text, parse_float=Literal, parse_int=Literal, parse_constant=_no_constant)


def _no_constant(name: str) -> Any:
    raise ValueError(name)


def dumps(value: Any, *, sort: bool = False) -> str:
    """Compact JSON text, numbers as they were."""
    if isinstance(value, dict):
        items = sorted(value.items()) if sort else value.items()
        return "{" + ",".join(f"{quoted(key)}:{dumps(item, sort=sort)}" for key, item in items) + "}"
    if isinstance(value, list):
        return "[" + ",".join(dumps(item, sort=sort) for item in value) + "]"
    if isinstance(value, Literal):
        return number_text(value)
    if isinstance(value, str):
        return quoted(value)
    if value is None:
        return "null"
    return "true" if value else "false"


def number_text(literal: Literal) -> str:
    """A number in a JSON value: whole numbers keep every digit, others are doubles, as in Trino."""
    return str(int(literal)) if literal.lstrip("-").isdigit() else java_double(float(literal))


def quoted(text: str) -> str:
    """A JSON string."""
    return orjson.dumps(text).decode()


def parse(text: str) -> str:
    """json_parse: the canonical text."""
    try:
        return dumps(loads(text), sort=True)
    except (ValueError, RecursionError):
        raise JsonError(f"INVALID_FUNCTION_ARGUMENT: Cannot convert value to JSON: '{text[:200]}'") from None


@lru_cache(maxsize=512)
def steps(path: str) -> tuple[str | int, ...] | None:
    """A JSON path as keys and indices. Raises `JsonError` for an unsupported path."""
    rest = path.strip()
    if not rest.startswith("$"):
        rest = "$." + rest
    at, found = 1, []
    while at < len(rest):
        match = _STEP.match(rest, at)
        if not match:
            raise JsonError(f"INVALID_FUNCTION_ARGUMENT: Invalid JSON path: '{path}'")
        name, dotted, index, bracketed, odd = match.groups()
        if odd == "*" or (odd and odd.startswith(".")):
            raise JsonError("NOT_SUPPORTED: " + unsupported(f"the JSON path '{path}'", _PLAIN_PATH))
        key = next((part for part in (name, dotted, bracketed, odd) if part is not None), None)
        found.append(int(index) if key is None else key.replace('\\"', '"'))
        at = match.end()
    return tuple(found)


def walk(text: str, path: str) -> tuple[bool, Any]:
    """Whether the path exists in the text, and its value."""
    try:
        value = loads(text)
    except (ValueError, RecursionError):
        return False, None
    for step in steps(path) or ():
        if isinstance(step, int):
            if isinstance(value, dict) and str(step) in value:
                value = value[str(step)]
                continue
            if not isinstance(value, list) or not 0 <= step < len(value):
                return False, None
            value = value[step]
        elif isinstance(value, dict) and step in value:
            value = value[step]
        elif isinstance(value, list) and step.isdigit() and int(step) < len(value):
            value = value[int(step)]
        else:
            return False, None
    return True, value


def extract(text: str, path: str) -> str | None:
    """json_extract."""
    found, value = walk(text, path)
    return dumps(value) if found else None


def extract_scalar(text: str, path: str) -> str | None:
    """json_extract_scalar: text, number or boolean; NULL for null, objects and arrays."""
    found, value = walk(text, path)
    if not found or value is None or isinstance(value, dict | list):
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _items(text: str) -> list[Any] | None:
    try:
        value = loads(text)
    except ValueError:
        return None
    return value if isinstance(value, list) else None


def array_length(text: str) -> int | None:
    """json_array_length."""
    items = _items(text)
    return None if items is None else len(items)


def array_get(text: str, index: int) -> str | None:
    """json_array_get."""
    items = _items(text)
    if items is None or not -len(items) <= index < len(items):
        return None
    item = items[index]
    return item if type(item) is str else dumps(item)  # a text has no quotes: a known bug of Trino


def array_contains(text: str, item: str) -> bool | None:
    """json_array_contains, the item as JSON text."""
    items = _items(text)
    return None if items is None else item in [dumps(member) for member in items]


def size(text: str, path: str) -> int | None:
    """json_size: members of an object or array, 0 for a scalar."""
    found, value = walk(text, path)
    if not found:
        return None
    return len(value) if isinstance(value, dict | list) else 0


def cast(text: str, kind: str, safe: bool) -> str | None:
    """CAST(json AS kind) as text: a scalar's text, or JSON text DuckDB converts to the nested type.

    `kind` is `varchar`, `bigint`, …, `array(bigint)`, `map(varchar,json)`, `row(a:bigint)`.
    """
    try:
        value = loads(text)
        converted = _convert(value, kind)
    except (ValueError, RecursionError):
        if safe:
            return None
        shown = kind if "(" not in kind else kind.split("(", maxsplit=1)[0]
        raise JsonError(f"INVALID_CAST_ARGUMENT: Cannot cast to {shown}. {text[:100]}") from None
    if converted is None:
        return None
    if kind in ("varchar", "json"):
        return str(converted)
    return orjson.dumps(converted).decode() if "(" in kind else str(converted)


def _split(text: str) -> list[str]:
    parts, depth, start = [], 0, 0
    for at, char in enumerate(text):
        depth += (char == "(") - (char == ")")
        if char == "," and depth == 0:
            parts.append(text[start:at])
            start = at + 1
    return [*parts, text[start:]]


def _convert(value: Any, kind: str) -> Any:
    if kind == "json":
        return dumps(value)
    if value is None:
        return None
    head, _, inner = kind.partition("(")
    parts = _split(inner[:-1]) if inner else []
    if head == "array":
        if not isinstance(value, list):
            raise ValueError(kind)
        return [_convert(item, parts[0]) for item in value]
    if head == "map":
        if not isinstance(value, dict):
            raise ValueError(kind)
        return [{"k": _convert(key, parts[0]), "v": _convert(item, parts[1])} for key, item in value.items()]
    if head == "row":
        return _convert_row(value, parts)
    return _scalar(value, head)


def _convert_row(value: Any, parts: list[str]) -> dict[str, Any]:
    fields = [part.split(":", 1) for part in parts]
    if isinstance(value, dict):
        lowered = {key.lower(): item for key, item in value.items()}
        return {name: _convert(lowered.get(name.lower()), kind) for name, kind in fields}
    if isinstance(value, list) and len(value) == len(fields):
        return {name: _convert(item, kind) for (name, kind), item in zip(fields, value, strict=True)}
    raise ValueError("row")


def _scalar(value: Any, kind: str) -> Any:  # noqa: PLR0911  one return a kind
    if isinstance(value, dict | list):
        raise ValueError(kind)
    text = ("true" if value else "false") if isinstance(value, bool) else str(value)
    if kind == "varchar":
        whole = not isinstance(value, Literal) or value.lstrip("-").isdigit()
        return text if whole else sql_double(float(text))
    if kind == "boolean":
        if text.lower() in ("true", "false"):
            return text.lower() == "true"
        return float(text) != 0
    if kind in ("double", "real"):
        return float(value) if isinstance(value, bool) else float(text)
    if kind == "decimal":
        float(text)
        return text
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, Literal) and not re.fullmatch(r"-?\d+", text):
        return round(float(text))
    return int(text)
