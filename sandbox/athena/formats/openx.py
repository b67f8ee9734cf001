"""The jobs' reader of raw lines, preceded by orjson where both return the same.

Athena and the jobs read a line with the same reader; tests/trino/ compares it with Trino.
"""

import json
from typing import Any

import orjson

from glue.jobs.lines.openx import (
    MAX_DEPTH,
    InvalidJsonError,
    Literal,
    canonical,
    read_lenient,
    text_of,
    whole_number,
)
from sandbox.athena.errors import QueryError

__all__ = ["InvalidJsonError", "Literal", "canonical", "malformed", "read_line", "text_of", "whole_number"]


def read_line(line: bytes) -> Any:
    """A line's value: a dict, a list, or None for any other value; numbers are `Literal`.

    Raises `InvalidJsonError` for lines that the lenient reader rejects too.
    """
    try:
        value = orjson.loads(line)
    except ValueError:
        return read_lenient(line.decode("utf-8", "replace").strip())
    if not isinstance(value, dict | list):
        return None
    if _has_float(value, 0):
        return json.loads(line, parse_float=Literal, parse_int=Literal)
    return value


def _has_float(value: Any, depth: int) -> bool:
    """Whether a number lost its text: orjson returns a float for fractions and for integers over 64 bits."""
    if depth > MAX_DEPTH:
        raise InvalidJsonError("too deep")
    for item in value.values() if type(value) is dict else value:
        kind = type(item)
        if kind is float or ((kind is dict or kind is list) and _has_float(item, depth + 1)):
            return True
    return False


def malformed(message: str) -> QueryError:
    """A malformed line's row or error when `ignore.malformed.json` is not true."""
    return QueryError("HIVE_CURSOR_ERROR", f"Row is not a valid JSON Object - JSONException: {message}")
