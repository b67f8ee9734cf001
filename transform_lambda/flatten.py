"""The flattening rule: an item in DynamoDB JSON becomes the columns of one row.

Everything that writes rows uses this module (function, backfill, replay, checks). It knows nothing of
change records or Firehose. DESIGN.md, "The row", is the contract.
"""

import binascii
import re
from typing import Any, Final

import orjson
import pybase64

from transform_lambda.errors import AttributeValueError, DepthError, RowTooLargeError

# An item or image in DynamoDB JSON: {"name": {"S": "text"}, …}; binary is base64 text.
Image = dict[str, Any]
# A row's columns: plain JSON values, numbers as orjson.Fragment of the text DynamoDB sent.
Columns = dict[str, Any]

# Columns that describe the change. An attribute that claims one of these names goes to `change_rescued`.
METADATA_COLUMNS: Final = (
    "change_id",
    "change_type",
    "change_time",
    "change_sequence",
    "change_actor",
    "change_key",
    "change_before",
    "change_after",
    "change_table",
    "change_rescued",
)

# "Nested attribute depth: DynamoDB supports nested attributes up to 32 levels deep" (DynamoDB Developer
# Guide, "Constraints in Amazon DynamoDB"). Twice that is refused here: no item DynamoDB holds, and well
# within what orjson writes (254 levels of JSON, two for a level of the item).
MAX_LEVELS: Final = 64
DEFAULT_MAX_DEPTH: Final = 32

# A nested column repeats the names of its maps, so a legal item of 400 KB can name gigabytes of columns.
# More than a Lambda response holds (6,291,456 bytes of base64, handler.py) is refused before it is built.
MAX_COLUMN_NAME_BYTES: Final = 6_291_456 // 4 * 3

# Names met lately and their columns: a table's names come back in every record.
_COLUMN_OF: dict[str, str] = {}
_COLUMN_CACHE_SIZE: Final = 10_000
_OUTSIDE_COLUMN_ALPHABET: Final = re.compile(r"[^a-z0-9_]")

# Digits that a double holds and any reader gives back: at most 15 significant ones (DBL_DIG), times a
# power of ten that is itself exact as a double (10^22 is the largest, so |exponent| <= 22 is "ordinary").
_MAX_DIGITS: Final = 15
_MAX_EXPONENT: Final = 22
_JSON_NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]*)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]{1,4}))?")
_ANY_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")


def column_name(name: str) -> str:
    """The column of an attribute name: lower case, every character outside `[a-z0-9_]` as `_`."""
    column = _COLUMN_OF.get(name)
    if column is None:
        column = _OUTSIDE_COLUMN_ALPHABET.sub("_", name.lower())
        if len(_COLUMN_OF) >= _COLUMN_CACHE_SIZE:
            _COLUMN_OF.clear()
        _COLUMN_OF[name] = column
    return column


def number(text: Any) -> Any:
    """A number's JSON value: its own text as a JSON number where a double carries it exactly, else a string.

    :raises AttributeValueError: text is not a finite decimal number
    """
    if type(text) is not str:
        raise AttributeValueError("a number is not text")
    match = _JSON_NUMBER.fullmatch(text)
    if match is not None:
        whole, fraction, exponent = match.groups(default="")
        digits = (whole + fraction).lstrip("0")
        significant = digits.rstrip("0")
        power = int(exponent or 0) - len(fraction) + len(digits) - len(significant)
        if len(significant) <= _MAX_DIGITS and (not significant or abs(power) <= _MAX_EXPONENT):
            return orjson.Fragment(text)
        return text
    if _ANY_NUMBER.fullmatch(text) is None:
        raise AttributeValueError("a number is not decimal")
    return text


def _checked_base64(text: Any) -> str:
    if type(text) is not str:
        raise AttributeValueError("a binary value is not base64 text")
    try:
        pybase64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        raise AttributeValueError("a binary value is not base64") from None
    return text


def _ordered(members: Any) -> list[str]:
    """The members of a set, put in code-point order in place."""
    if type(members) is not list:
        raise AttributeValueError("a set is not an array")
    for member in members:
        if type(member) is not str:
            raise AttributeValueError("a member of a set is not text")
    members.sort()
    return members


def plain(value: Any, level: int = 1) -> Any:  # noqa: PLR0911, PLR0912 - one branch a type
    """One AttributeValue as a plain JSON value; maps become objects under their own names.

    :raises AttributeValueError: not one of DynamoDB's ten types
    :raises DepthError: nested more than MAX_LEVELS deep
    """
    if type(value) is not dict or len(value) != 1:
        raise AttributeValueError("not an object of one type tag")
    [(tag, content)] = value.items()
    if tag == "S":
        if type(content) is str:
            return content
    elif tag == "N":
        return number(content)
    elif tag == "BOOL":
        if type(content) is bool:
            return content
    elif tag == "NULL":
        if content is True:
            return None
    elif tag == "B":
        return _checked_base64(content)
    elif tag == "SS":
        return _ordered(content)
    elif tag == "NS":
        return [number(member) for member in _ordered(content)]
    elif tag == "BS":
        return [_checked_base64(member) for member in _ordered(content)]
    elif level >= MAX_LEVELS:
        raise DepthError("nested deeper than DynamoDB allows")
    elif tag == "L":
        if type(content) is list:
            return [plain(member, level + 1) for member in content]
    elif tag == "M" and type(content) is dict:
        return {name: plain(member, level + 1) for name, member in content.items()}
    raise AttributeValueError("unknown type tag, or content of another type")


def flatten_into(row: Columns, image: Image, max_depth: int = DEFAULT_MAX_DEPTH) -> None:
    """Add the columns of image to row, which holds METADATA_COLUMNS already; sets `change_rescued`.

    The members of sets are put in order in place; image is otherwise left as it is.

    :raises AttributeValueError: image is not a map of AttributeValues
    :raises DepthError: nested more than MAX_LEVELS deep
    :raises RowTooLargeError: the names of the columns alone outgrow a response
    """
    metadata = dict(row)
    leaves = _fill(row, image, "", 1, max_depth, [MAX_COLUMN_NAME_BYTES])
    if len(row) != len(metadata) + leaves or "" in row:
        row.clear()
        row.update(metadata)
        columns, rescued = _resolve(image, max_depth)
        row.update(columns)
        row["change_rescued"] = rescued


def flatten(image: Image, max_depth: int = DEFAULT_MAX_DEPTH) -> tuple[Columns, str | None]:
    """The columns of image and the JSON text for `change_rescued` (None when nothing was rescued).

    Errors and treatment of sets as in `flatten_into`.
    """
    row: Columns = dict.fromkeys(METADATA_COLUMNS)
    flatten_into(row, image, max_depth)
    rescued = row["change_rescued"]
    for name in METADATA_COLUMNS:
        del row[name]
    return row, rescued


def _fill(row: Columns, image: Any, prefix: str, depth: int, max_depth: int, budget: list[int]) -> int:  # noqa: PLR0917
    """Write every column under prefix into row; returns how many were written, collisions included."""
    if type(image) is not dict:
        raise AttributeValueError("an image is not an object")
    budget[0] -= len(prefix) * len(image)
    if budget[0] < 0:
        raise RowTooLargeError("the names of the columns outgrow a response")
    leaves = 0
    for name, value in image.items():
        column = prefix + column_name(name)
        if depth < max_depth and type(value) is dict and len(value) == 1 and value.get("M"):
            if depth >= MAX_LEVELS:
                raise DepthError("nested deeper than DynamoDB allows")
            leaves += _fill(row, value["M"], column + "__", depth + 1, max_depth, budget)
        else:
            row[column] = plain(value, depth)
            leaves += 1
    return leaves


def _resolve(image: Image, max_depth: int) -> tuple[Columns, str | None]:
    """Columns and `change_rescued` of an item in which attributes compete for a column.

    The owner is the top-level attribute whose name is the column; without one, the only path that spells
    the column exactly. Every other claimant is rescued under its own path, as nested objects.
    """
    claims: dict[str, list[tuple[tuple[str, ...], Any]]] = {}
    _claim(claims, image, (), max_depth)
    columns: Columns = {}
    rescued: dict[str, Any] = {}
    for column, claimants in claims.items():
        owner = _owner(column, claimants)
        for path, value in claimants:
            if path == owner:
                columns[column] = value
                continue
            inner = rescued
            for name in path[:-1]:
                inner = inner.setdefault(name, {})
            inner[path[-1]] = value
    if not rescued:
        return columns, None
    return columns, orjson.dumps(rescued, option=orjson.OPT_SORT_KEYS).decode()


def _claim(
    claims: dict[str, list[tuple[tuple[str, ...], Any]]], image: Image, path: tuple[str, ...], max_depth: int
) -> None:
    for name, value in image.items():
        here = (*path, name)
        if len(here) < max_depth and value.get("M"):
            _claim(claims, value["M"], here, max_depth)
        else:
            column = "__".join(map(column_name, here))
            claims.setdefault(column, []).append((here, plain(value, len(here))))


def _owner(column: str, claimants: list[tuple[tuple[str, ...], Any]]) -> tuple[str, ...] | None:
    if column in METADATA_COLUMNS or not column:
        return None
    if len(claimants) == 1:
        return claimants[0][0]
    paths = [path for path, _ in claimants]
    if (column,) in paths:
        return (column,)
    exact = [path for path in paths if "__".join(path) == column]
    return exact[0] if len(exact) == 1 else None
