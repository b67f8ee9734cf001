"""The flattening rule: an item in DynamoDB JSON becomes the columns of one row.

Everything that writes rows uses this module (function, backfill, replay, checks). It knows nothing of
change records or Firehose. docs/architecture.md, "The row", is the contract.
"""

import binascii
import re
from collections.abc import Iterable
from typing import Any, Final

import orjson
import pybase64

from transform_lambda.errors import AttributeValueError, DepthError, RecordError

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
    "change_levels",
    "change_names",
    "change_image",
    "change_rescued",
)
# The table's partition column comes from the object's name, so an attribute cannot have it: Athena would
# never show its value, and a crawled table with both would be "Table descriptor contains duplicate columns".
PARTITION_COLUMN: Final = "dt"
# "NameString: 1 to 255" (AWS Glue API, "Common data types"): no table could declare a longer one.
MAX_COLUMN_CHARACTERS: Final = 255
# Names that no attribute's column can have; the last stands for no name, or one too long for any table.
_RESERVED: Final = frozenset({*METADATA_COLUMNS, PARTITION_COLUMN, ""})

# "Nested attribute depth: DynamoDB supports nested attributes up to 32 levels deep" (DynamoDB Developer
# Guide, "Constraints in Amazon DynamoDB"). Twice that is refused: no item DynamoDB holds reaches it.
MAX_LEVELS: Final = 64
DEFAULT_MAX_DEPTH: Final = 32

# Digits that a double holds and any reader gives back: at most 15 significant ones (DBL_DIG), none beyond
# the 15th place before the point (RFC 7493, section 2.2: integers up to 2^53 - 1) and none beyond the 22nd
# after it (10^22 is the largest power of ten a double holds).
_MAX_DIGITS: Final = 15
_MAX_PLACES: Final = 22
_JSON_NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]*)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]{1,4}))?").fullmatch
_ANY_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?").fullmatch
# What most numbers look like; short enough, they need no counting.
_PLAIN_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?").fullmatch
_OUTSIDE_COLUMN_ALPHABET: Final = re.compile(r"[^a-z0-9_]")


def column_name(name: str) -> str:
    """The column of an attribute name: lower case, every character outside `[a-z0-9_]` as `_`."""
    return _OUTSIDE_COLUMN_ALPHABET.sub("_", name.lower())


def number(text: Any) -> Any:
    """A number's JSON value: its own text as a JSON number where a double carries it exactly, else a string.

    :raises AttributeValueError: text is not a finite decimal number
    """
    if type(text) is not str:
        raise AttributeValueError("a number is not text")
    match = _JSON_NUMBER(text)
    if match is None:
        if _ANY_NUMBER(text) is None:
            raise AttributeValueError("a number is not decimal")
        return text
    whole, fraction, exponent = match.groups(default="")
    digits = (whole + fraction).lstrip("0")
    significant = digits.rstrip("0")
    power = int(exponent or 0) - len(fraction) + len(digits) - len(significant)
    ordinary = len(significant) <= _MAX_DIGITS and -_MAX_PLACES <= power <= _MAX_DIGITS - len(significant)
    return orjson.Fragment(text) if ordinary or not significant else text


# What reading something as an AttributeValue raises when it is none.
_SHAPE_ERRORS: Final = (TypeError, AttributeError, ValueError)

# Names of a table come back in every record, and so do many of its numbers: both are worked out once.
# What is remembered is bounded in entries and in length, since names and numbers may be data.
_MEMO_ENTRIES: Final = 10_000


def _joined(prefix: str, name: str) -> str:
    """The column of an attribute under prefix; the reserved empty name when it is too long for any table.

    So no prefix is longer than a column: under a map name of 64 KB, a legal item of 400 KB would otherwise
    name gigabytes of columns.
    """
    column = prefix + column_name(name)
    return column if len(column) <= MAX_COLUMN_CHARACTERS else ""


class _Names(dict[str, str]):
    """Attribute name → column, for the attributes of the map whose columns start with prefix."""

    __slots__ = ("inner", "prefix")
    remembered = 0

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.inner: dict[str, _Names] = {}

    def __missing__(self, name: str) -> str:
        column = _joined(self.prefix, name)
        if column:
            _make_room()
            self[name] = column
        return column

    def below(self, name: str) -> "_Names":
        column = _joined(self.prefix, name)
        if not column:
            return _TOO_LONG
        _make_room()
        names = self.inner[name] = _Names(column + "__")
        return names


class _Numbers(dict[str, Any]):
    """Number as DynamoDB sent it → JSON value; remembers the short and plain ones, which is most."""

    def __missing__(self, text: Any) -> Any:
        if type(text) is not str or len(text) > _MAX_DIGITS or not _PLAIN_NUMBER(text):
            return number(text)
        if len(self) >= _MEMO_ENTRIES:
            self.clear()
        value = self[text] = orjson.Fragment(text)
        return value


_NAMES: Final = _Names("")
_TOO_LONG: Final = _Names("_" * (MAX_COLUMN_CHARACTERS + 1))
_NUMBERS: Final = _Numbers()


def _make_room() -> None:
    if _Names.remembered >= _MEMO_ENTRIES:
        _Names.remembered = 0
        _NAMES.clear()
        _NAMES.inner.clear()
    _Names.remembered += 1


def flatten(image: Image, max_depth: int = DEFAULT_MAX_DEPTH) -> tuple[Columns, str | None]:
    """The columns of an item, and the JSON text for `change_rescued` (None when nothing was rescued).

    :param image: DynamoDB JSON; binary as base64 text or, as boto3's clients return it, as bytes
    :param max_depth: most names a column may be made of; maps below stay one JSON value
    :raises AttributeValueError: image is not a map of AttributeValues
    :raises DepthError: nested more than MAX_LEVELS deep
    """
    row = with_columns(dict.fromkeys(METADATA_COLUMNS), as_sent(image), max_depth)
    rescued = row["change_rescued"]
    for name in METADATA_COLUMNS:
        del row[name]
    return row, rescued


def as_sent(image: Any) -> Any:
    """A copy of an item as DynamoDB sends it: what boto3's clients decoded to bytes is base64 text again.

    :raises AttributeValueError: image holds what JSON cannot
    :raises DepthError: nested deeper than any DynamoDB item
    """
    try:
        return orjson.loads(orjson.dumps(image, default=_base64))
    except orjson.JSONEncodeError as error:
        if "Recursion limit" in str(error):
            raise DepthError("nested deeper than DynamoDB allows") from None
        raise AttributeValueError("an image holds what JSON cannot") from None


def _base64(value: Any) -> str:
    if isinstance(value, bytes | bytearray):
        return pybase64.b64encode_as_string(value)
    raise TypeError


# From here on images belong to the functions, which put the members of sets in order in place.


def with_columns(metadata: Columns, image: Image, max_depth: int) -> Columns:
    """A row of metadata (all METADATA_COLUMNS) and the columns of image; errors as in `flatten`."""
    if type(image) is not dict:
        raise AttributeValueError("an image is not an object")
    row = metadata.copy()
    try:
        leaves = _fill(row, image, _NAMES, 1, min(max_depth, MAX_LEVELS))
        if len(row) == len(metadata) + leaves and PARTITION_COLUMN not in row and "" not in row:
            return row
        columns, rescued = _resolve(image, max_depth)
    except RecordError:
        raise
    except _SHAPE_ERRORS:
        raise AttributeValueError("not one of DynamoDB's types") from None
    return metadata | columns | {"change_rescued": rescued}


def order_sets(values: Iterable[Any]) -> None:
    """Put the members of every set in code-point order, in place, and check types on the way.

    :param values: AttributeValues
    :raises AttributeValueError: something else is among them
    :raises DepthError: nested more than MAX_LEVELS deep
    """
    try:
        _order(values, 1)
    except RecordError:
        raise
    except _SHAPE_ERRORS:
        raise AttributeValueError("not one of DynamoDB's types") from None


# The loops below run for every value of every record, so they call nothing for texts and numbers, and
# repeat themselves instead. What is no AttributeValue of one member fails in its first line, by an
# AttributeError or ValueError that the callers translate.


def _fill(row: Columns, image: Image, names: _Names, level: int, max_depth: int) -> int:
    """Write the columns of a map into row; returns how many were written, overwritten ones included."""
    leaves = len(image)
    for name, value in image.items():
        [(tag, content)] = value.items()
        if tag == "S":
            if type(content) is not str:
                raise AttributeValueError("S is not text")
            row[names[name]] = content
        elif tag == "N":
            row[names[name]] = _NUMBERS[content]
        elif tag == "M" and content and level < max_depth:
            inner = names.inner.get(name)
            if inner is None:
                inner = names.below(name)
            leaves += _fill(row, content, inner, level + 1, max_depth) - 1
        elif tag == "L":
            row[names[name]] = _array(content, level + 1)
        else:
            row[names[name]] = _plain(tag, content, level)
    return leaves


def _array(values: Any, level: int) -> list[Any]:
    """The values of a list as plain JSON values."""
    if type(values) is not list:
        raise AttributeValueError("L is not an array")
    if level > MAX_LEVELS:
        raise DepthError("nested deeper than DynamoDB allows")
    array: list[Any] = []
    for value in values:
        [(tag, content)] = value.items()
        if tag == "S":
            if type(content) is not str:
                raise AttributeValueError("S is not text")
            array.append(content)
        elif tag == "N":
            array.append(_NUMBERS[content])
        elif tag == "M":
            array.append(_object(content, level + 1))
        else:
            array.append(_plain(tag, content, level))
    return array


def _object(members: Any, level: int) -> dict[str, Any]:
    """A map that has no columns of its own as a plain JSON object, under its own names."""
    if type(members) is not dict:
        raise AttributeValueError("M is not an object")
    if level > MAX_LEVELS:
        raise DepthError("nested deeper than DynamoDB allows")
    plain: dict[str, Any] = {}
    for name, value in members.items():
        [(tag, content)] = value.items()
        if tag == "S":
            if type(content) is not str:
                raise AttributeValueError("S is not text")
            plain[name] = content
        elif tag == "N":
            plain[name] = _NUMBERS[content]
        else:
            plain[name] = _plain(tag, content, level)
    return plain


def _plain(tag: str, content: Any, level: int) -> Any:  # noqa: PLR0911, PLR0912 - a branch a type
    """The content of one AttributeValue as a plain JSON value."""
    if tag == "BOOL":
        if type(content) is bool:
            return content
    elif tag == "SS":
        return _ordered(content)
    elif tag == "NS":
        return [_NUMBERS[member] for member in _ordered(content)]
    elif tag == "NULL":
        if content is True:
            return None
    elif tag == "B":
        return _checked_base64(content)
    elif tag == "BS":
        return [_checked_base64(member) for member in _ordered(content)]
    elif tag == "M":
        return _object(content, level + 1)
    elif tag == "L":
        return _array(content, level + 1)
    elif tag == "S":
        if type(content) is str:
            return content
    elif tag == "N":
        return number(content)
    raise AttributeValueError("unknown type tag, or content of another type")


def _order(values: Iterable[Any], level: int) -> None:
    """Order the sets in AttributeValues and check their types."""
    if level > MAX_LEVELS:
        raise DepthError("nested deeper than DynamoDB allows")
    for value in values:
        [(tag, content)] = value.items()
        if tag == "S" or tag == "N":  # noqa: PLR1714 - looking in a tuple costs twice as much
            if type(content) is not str:
                raise AttributeValueError("S or N is not text")
        elif tag == "M" and type(content) is dict:
            _order(content.values(), level + 1)
        elif tag == "L" and type(content) is list:
            _order(content, level + 1)
        else:
            _plain(tag, content, level)


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


def _resolve(image: Image, max_depth: int) -> tuple[Columns, str]:
    """Columns and `change_rescued` of an item in which attributes compete for a column.

    The owner of a column is the attribute at the top whose name it is; without one, the only path that
    spells it exactly. Every other claimant is rescued under its own path, as nested objects.
    """
    claims: dict[str, list[_Claim]] = {}
    _collect(claims, image, (), "", max_depth)
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
    return columns, orjson.dumps(rescued, option=orjson.OPT_SORT_KEYS).decode()


def _collect(
    claims: dict[str, list[_Claim]], image: Image, above: tuple[str, ...], prefix: str, max_depth: int
) -> None:
    for name, value in image.items():
        path = (*above, name)
        column = _joined(prefix, name)
        if len(path) < max_depth and value.get("M"):
            _collect(claims, value["M"], path, column + "__" if column else _TOO_LONG.prefix, max_depth)
        else:
            [(tag, content)] = value.items()
            claims.setdefault(column, []).append((path, _plain(tag, content, len(path))))


def _owner(column: str, paths: list[tuple[str, ...]]) -> tuple[str, ...] | None:
    if column in _RESERVED:
        return None
    if len(paths) == 1:
        return paths[0]
    if (column,) in paths:
        return (column,)
    exact = [path for path in paths if "__".join(path) == column]
    return exact[0] if len(exact) == 1 else None
