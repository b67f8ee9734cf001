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
# Guide, "Constraints in Amazon DynamoDB"). Twice that is refused: no item DynamoDB holds reaches it.
MAX_LEVELS: Final = 64
DEFAULT_MAX_DEPTH: Final = 32

# A nested column repeats the names of its maps, so a legal item of 400 KB can name gigabytes of columns.
# More than a Lambda response holds (6,291,456 bytes of base64, batching.py) is refused before it is built.
MAX_COLUMN_NAME_BYTES: Final = 6_291_456 // 4 * 3

# Digits that a double holds and any reader gives back: at most 15 significant ones (DBL_DIG), times a
# power of ten that is itself exact as a double (10^22 is the largest, so up to 22 is "ordinary").
_MAX_DIGITS: Final = 15
_MAX_EXPONENT: Final = 22
_JSON_NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]*)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]{1,4}))?")
_ANY_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_OUTSIDE_COLUMN_ALPHABET: Final = re.compile(r"[^a-z0-9_]")

# The memos below hold this many short texts: names and common numbers of a table come back all the time.
_MEMO_ENTRIES: Final = 10_000
_MEMO_TEXT: Final = 255


def column_name(name: str) -> str:
    """The column of an attribute name: lower case, every character outside `[a-z0-9_]` as `_`."""
    return _OUTSIDE_COLUMN_ALPHABET.sub("_", name.lower())


def number(text: Any) -> Any:
    """A number's JSON value: its own text as a JSON number where a double carries it exactly, else a string.

    :raises AttributeValueError: text is not a finite decimal number
    """
    if type(text) is not str:
        raise AttributeValueError("a number is not text")
    match = _JSON_NUMBER.fullmatch(text)
    if match is None:
        if _ANY_NUMBER.fullmatch(text) is None:
            raise AttributeValueError("a number is not decimal")
        return text
    whole, fraction, exponent = match.groups(default="")
    digits = (whole + fraction).lstrip("0")
    significant = digits.rstrip("0")
    power = int(exponent or 0) - len(fraction) + len(digits) - len(significant)
    if len(significant) > _MAX_DIGITS or (significant and abs(power) > _MAX_EXPONENT):
        return text
    return orjson.Fragment(text)


class _Memo(dict[str, Any]):
    """What a short text was turned into, forgotten as a whole when it grows too large."""

    def remember(self, text: str, result: Any) -> None:
        if len(text) <= _MEMO_TEXT:
            if len(self) >= _MEMO_ENTRIES:
                self.clear()
            self[text] = result


class _ColumnNames(_Memo):
    """Attribute name → column."""

    def __missing__(self, name: str) -> str:
        column = column_name(name)
        self.remember(name, column)
        return column


class _Numbers(_Memo):
    """Number as DynamoDB sent it → JSON value."""

    def __missing__(self, text: str) -> Any:
        value = number(text)
        self.remember(text, value)
        return value


_COLUMN_NAMES: Final = _ColumnNames()
_NUMBERS: Final = _Numbers()


def flatten(image: Image, max_depth: int = DEFAULT_MAX_DEPTH) -> tuple[Columns, str | None]:
    """The columns of an item, and the JSON text for `change_rescued` (None when nothing was rescued).

    The members of sets are put in order in place; image is otherwise left as it is.

    :param image: DynamoDB JSON
    :param max_depth: most names a column may be made of; maps below stay one JSON value
    :raises AttributeValueError: image is not a map of AttributeValues
    :raises DepthError: nested more than MAX_LEVELS deep
    :raises RowTooLargeError: the names of the columns alone outgrow a response
    """
    row = with_columns(dict.fromkeys(METADATA_COLUMNS), image, max_depth)
    rescued = row["change_rescued"]
    for name in METADATA_COLUMNS:
        del row[name]
    return row, rescued


def with_columns(metadata: Columns, image: Image, max_depth: int) -> Columns:
    """A row of metadata (all METADATA_COLUMNS) and the columns of image; otherwise as `flatten`."""
    if type(image) is not dict:
        raise AttributeValueError("an image is not an object")
    row = metadata.copy()
    try:
        leaves = _fill(row, image, "", 1, max_depth, [MAX_COLUMN_NAME_BYTES])
        if len(row) == len(metadata) + leaves and "" not in row:
            return row
        columns, rescued = _resolve(image, max_depth)
    except (TypeError, AttributeError, KeyError):
        raise AttributeValueError("not one of DynamoDB's types") from None
    return metadata | columns | {"change_rescued": rescued}


def order_sets(image: Image) -> None:
    """Put the members of every set in code-point order, in place, and check types on the way.

    :raises AttributeValueError: image is not a map of AttributeValues
    :raises DepthError: nested more than MAX_LEVELS deep
    """
    if type(image) is not dict:
        raise AttributeValueError("an image is not an object")
    try:
        for value in image.values():
            _order(value, 1)
    except (TypeError, AttributeError, KeyError):
        raise AttributeValueError("not one of DynamoDB's types") from None


# The functions below run for every value of every record. An AttributeValue has one member, and taking it
# out and putting it back is the cheapest way to read both tag and content (half the cost of iterating).


def _fill(row: Columns, image: Image, prefix: str, level: int, max_depth: int, budget: list[int]) -> int:  # noqa: PLR0917
    """Write the columns under prefix into row; returns how many were written, overwritten ones included."""
    leaves = len(image)
    for name, value in image.items():
        tag, content = value.popitem()
        if value:
            raise AttributeValueError("more than one type tag")
        value[tag] = content
        if tag == "S":
            if type(content) is not str:
                raise AttributeValueError("S is not text")
            row[prefix + _COLUMN_NAMES[name]] = content
        elif tag == "N":
            row[prefix + _COLUMN_NAMES[name]] = _NUMBERS[content]
        elif tag == "M" and content and level < max_depth:
            column = prefix + _COLUMN_NAMES[name] + "__"
            budget[0] -= len(column) * len(content)
            if budget[0] < 0:
                raise RowTooLargeError("the names of the columns outgrow a response")
            leaves += _fill(row, content, column, level + 1, max_depth, budget) - 1
        else:
            row[prefix + _COLUMN_NAMES[name]] = _plain(tag, content, level)
    return leaves


def _member(value: Any, level: int) -> Any:
    """A value inside a list, or inside a map that has no columns of its own."""
    tag, content = value.popitem()
    if value:
        raise AttributeValueError("more than one type tag")
    value[tag] = content
    if tag == "S":
        if type(content) is not str:
            raise AttributeValueError("S is not text")
        return content
    if tag == "N":
        return _NUMBERS[content]
    return _plain(tag, content, level)


def _plain(tag: str, content: Any, level: int) -> Any:  # noqa: PLR0911 - a branch a type
    """The content of one AttributeValue as a plain JSON value; maps keep their own names."""
    if tag == "L":
        if type(content) is list and level < MAX_LEVELS:
            return [_member(value, level + 1) for value in content]
    elif tag == "M":
        if type(content) is dict and level < MAX_LEVELS:
            return {name: _member(value, level + 1) for name, value in content.items()}
    elif tag == "BOOL":
        if type(content) is bool:
            return content
    elif tag == "NULL":
        if content is True:
            return None
    elif tag == "SS":
        return _ordered(content)
    elif tag == "NS":
        return [_NUMBERS[member] for member in _ordered(content)]
    elif tag == "B":
        return _checked_base64(content)
    elif tag == "BS":
        return [_checked_base64(member) for member in _ordered(content)]
    raise _refusal(tag, level)


def _order(value: Any, level: int) -> None:
    """Order the sets in one AttributeValue and check its types."""
    tag, content = value.popitem()
    if value:
        raise AttributeValueError("more than one type tag")
    value[tag] = content
    if tag == "S" or tag == "N":  # noqa: PLR1714 - a tuple to look in costs twice as much
        if type(content) is str:
            return
    elif tag == "M":
        if type(content) is dict and level < MAX_LEVELS:
            for member in content.values():
                _order(member, level + 1)
            return
    elif tag == "L":
        if type(content) is list and level < MAX_LEVELS:
            for member in content:
                _order(member, level + 1)
            return
    else:
        _plain(tag, content, level)
        return
    raise _refusal(tag, level)


def _refusal(tag: str, level: int) -> Exception:
    if level >= MAX_LEVELS and tag in ("L", "M"):
        return DepthError("nested deeper than DynamoDB allows")
    return AttributeValueError("unknown type tag, or content of another type")


def _ordered(members: Any) -> list[str]:
    """The members of a set, put in code-point order in place."""
    if type(members) is not list:
        raise AttributeValueError("a set is not an array")
    "".join(members)  # the cheapest proof that every member is text: TypeError otherwise
    members.sort()
    return members


def _checked_base64(text: Any) -> str:
    if type(text) is not str:
        raise AttributeValueError("a binary value is not base64 text")
    try:
        pybase64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        raise AttributeValueError("a binary value is not base64") from None
    return text


# An attribute that wants a column: its path of names, and its plain value.
_Claim = tuple[tuple[str, ...], Any]


def _resolve(image: Image, max_depth: int) -> tuple[Columns, str | None]:
    """Columns and `change_rescued` of an item in which attributes compete for a column.

    The owner of a column is the attribute at the top whose name it is; without one, the only path that
    spells it exactly. Every other claimant is rescued under its own path, as nested objects.
    """
    claims: dict[str, list[_Claim]] = {}
    _collect(claims, image, (), max_depth)
    columns: Columns = {}
    rescued: dict[str, Any] = {}
    for column, claimants in claims.items():
        owner = _owner(column, [path for path, _ in claimants])
        for path, value in claimants:
            if path == owner:
                columns[column] = value
            else:
                inner = rescued
                for name in path[:-1]:
                    inner = inner.setdefault(name, {})
                inner[path[-1]] = value
    if not rescued:
        return columns, None
    return columns, orjson.dumps(rescued, option=orjson.OPT_SORT_KEYS).decode()


def _collect(claims: dict[str, list[_Claim]], image: Image, above: tuple[str, ...], max_depth: int) -> None:
    for name, value in image.items():
        path = (*above, name)
        if len(path) < max_depth and value.get("M"):
            _collect(claims, value["M"], path, max_depth)
        else:
            claims.setdefault("__".join(map(column_name, path)), []).append((path, _member(value, len(path))))


def _owner(column: str, paths: list[tuple[str, ...]]) -> tuple[str, ...] | None:
    if column in METADATA_COLUMNS or not column:
        return None
    if len(paths) == 1:
        return paths[0]
    if (column,) in paths:
        return (column,)
    exact = [path for path in paths if "__".join(path) == column]
    return exact[0] if len(exact) == 1 else None
