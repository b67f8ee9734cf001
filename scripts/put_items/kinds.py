"""Recognise the form of a JSON value: plain JSON, DynamoDB JSON, or a value of the JavaScript SDK."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any

TAGS = ("S", "N", "B", "BOOL", "NULL", "M", "L", "SS", "NS", "BS")
SETS = {"String": "SS", "Number": "NS", "Binary": "BS"}  # the DocumentClient's names for the sets

NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,6})?", re.ASCII)


class Number(str):
    """The digits of a JSON number exactly as in the file, never a float."""


def tagged(value: Any) -> bool:
    """Whether a JSON value can be DynamoDB JSON: one type tag, with content that the type allows.

    It checks only one level down, so that a nested value is not read again for each level above it.
    """
    if not _has_tag(value):
        return False
    ((tag, content),) = value.items()
    if tag in ("M", "L"):
        members = content.values() if tag == "M" and isinstance(content, dict) else content
        return isinstance(content, dict if tag == "M" else list) and all(map(_has_tag, members))
    if tag in ("BOOL", "NULL"):
        return content is True or (content is False and tag == "BOOL")
    if tag in SETS.values():
        return isinstance(content, list) and bool(content) and all(_reads_as(tag[0], one) for one in content)
    return _reads_as(tag, content)


def _has_tag(value: Any) -> bool:
    return isinstance(value, dict) and len(value) == 1 and next(iter(value)) in TAGS


def _reads_as(tag: str, content: Any) -> bool:
    """Whether a value can be the content of type S, N or B."""
    if type(content) is not str or tag == "S":
        return type(content) is str
    if tag == "N":
        return NUMBER.fullmatch(content) is not None
    try:
        base64.b64decode(content, validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


def is_buffer(value: Any) -> bool:
    """Whether a JSON value is a Buffer as Node.js writes it."""
    return (
        isinstance(value, dict)
        and len(value) == 2
        and value.get("type") == "Buffer"
        and isinstance(value.get("data"), list)
    )


def is_set(value: dict[str, Any]) -> bool:
    """Whether an object is a set as the DocumentClient of the JavaScript SDK writes it."""
    return value.get("wrapperName") == "Set" and value.keys() == {"wrapperName", "values", "type"}
