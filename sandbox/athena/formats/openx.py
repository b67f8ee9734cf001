"""The compaction job's reader of raw lines, with orjson in front of it where both give the same.

One reader decides what Athena shows of a line and what the job writes of it; tests/trino/ holds it to Trino.
"""

import json
from typing import Any

import orjson

from glue.jobs.compaction.openx import (
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
    """A line's value: dict, list, or None for what is neither; numbers come as `Literal`.

    Raises `InvalidJsonError` for what the lenient reader refuses too.
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
    """Whether a number lost its text: orjson gives a float for fractions and for integers over 64 bits."""
    if depth > MAX_DEPTH:
        raise InvalidJsonError("too deep")
    for item in value.values() if type(value) is dict else value:
        kind = type(item)
        if kind is float or ((kind is dict or kind is list) and _has_float(item, depth + 1)):
            return True
    return False


def malformed(message: str) -> QueryError:
    """What a malformed line is where `ignore.malformed.json` is not true."""
    return QueryError("HIVE_CURSOR_ERROR", f"Row is not a valid JSON Object - JSONException: {message}")
