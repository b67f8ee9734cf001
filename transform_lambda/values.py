"""Converts an AttributeValue to a plain JSON value, and sorts an item's sets.

It does not deal with columns. An item is DynamoDB JSON: {"name": {"S": "text"}, …}; binary is base64 text.
"""

import binascii
import re
from collections.abc import Iterable
from typing import Any, Final

import orjson
import pybase64

from transform_lambda.errors import AttributeValueError, DepthError, RecordError

# An item or image in DynamoDB JSON.
Image = dict[str, Any]

# "Nested attribute depth: DynamoDB supports nested attributes up to 32 levels deep" (DynamoDB Developer
# Guide, "Constraints in Amazon DynamoDB"). More than twice that is rejected: no item in DynamoDB reaches it.
MAX_LEVELS: Final = 64

# Digits that a double stores exactly and every reader returns: at most 15 significant ones (DBL_DIG), none
# beyond the 15th place before the point (RFC 7493, section 2.2: integers up to 2^53 - 1) and none beyond the
# 22nd after it (10^22 is the largest power of ten that a double stores exactly).
_MAX_DIGITS: Final = 15
_MAX_PLACES: Final = 22
_JSON_NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]*)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]{1,4}))?").fullmatch
_ANY_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?").fullmatch
# The form of most numbers. If such a number is short, its digits need not be counted.
_PLAIN_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?").fullmatch


def number(text: Any) -> Any:
    """A number's JSON value: a JSON number with the same text if a double stores it exactly, else a string.

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


# Exceptions raised when a value is not a valid AttributeValue.
SHAPE_ERRORS: Final = (TypeError, AttributeError, ValueError)

# Many numbers of a table repeat in every record, so their values are computed once and remembered. Numbers
# can be data, so the memory is bounded in entries and in length.
_MEMO_ENTRIES: Final = 10_000


class _Numbers(dict[str, Any]):
    """Number as DynamoDB sent it → JSON value. Remembers short, plain numbers, which most are."""

    def __missing__(self, text: Any) -> Any:
        if type(text) is not str or len(text) > _MAX_DIGITS or not _PLAIN_NUMBER(text):
            return number(text)
        if len(self) >= _MEMO_ENTRIES:
            self.clear()
        value = self[text] = orjson.Fragment(text)
        return value


NUMBERS: Final = _Numbers()


def as_sent(image: Any) -> Any:
    """A copy of an item as DynamoDB sends it: bytes that boto3's clients decoded become base64 text again.

    :raises AttributeValueError: image has a value that JSON cannot express
    :raises DepthError: image is nested deeper than any DynamoDB item
    """
    try:
        return orjson.loads(orjson.dumps(image, default=_base64))
    except orjson.JSONEncodeError as error:
        if "Recursion limit" in str(error):
            raise DepthError("nested deeper than DynamoDB allows") from None
        raise AttributeValueError("an image has a value that JSON cannot express") from None


def _base64(value: Any) -> str:
    if isinstance(value, bytes | bytearray):
        return pybase64.b64encode_as_string(value)
    raise TypeError


# The functions below change the image they are given: they sort the members of its sets in place.


def order_sets(values: Iterable[Any]) -> None:
    """Sort the members of every set in code-point order, in place, and check the types.

    :param values: AttributeValues
    :raises AttributeValueError: a value is not a valid AttributeValue
    :raises DepthError: a value is nested more than MAX_LEVELS deep
    """
    try:
        _order(values, 1)
    except RecordError:
        raise
    except SHAPE_ERRORS:
        raise AttributeValueError("not one of DynamoDB's types") from None


def _order(values: Iterable[Any], level: int) -> None:
    """Sort the sets in AttributeValues and check their types."""
    if level > MAX_LEVELS:
        raise DepthError("nested deeper than DynamoDB allows")
    for value in values:
        [tag] = value
        content = value[tag]
        if tag == "S" or tag == "N":  # noqa: PLR1714 - looking in a tuple costs twice as much
            if type(content) is not str:
                raise AttributeValueError("S or N is not text")
        elif tag == "M" and type(content) is dict:
            _order(content.values(), level + 1)
        elif tag == "L" and type(content) is list:
            _order(content, level + 1)
        else:
            plain_value(tag, content, level)


# The loops below run for every value of every record. So they repeat the code for texts and numbers instead
# of calling a function. A value that is not an object with one member fails in the first two lines of a loop,
# with a TypeError, AttributeError or ValueError that the callers translate.


def plain_list(values: Any, level: int) -> list[Any]:
    """The values of a list as plain JSON values."""
    if type(values) is not list:
        raise AttributeValueError("L is not an array")
    if level > MAX_LEVELS:
        raise DepthError("nested deeper than DynamoDB allows")
    items: list[Any] = []
    for value in values:
        [tag] = value
        content = value[tag]
        if tag == "S":
            if type(content) is not str:
                raise AttributeValueError("S is not text")
            items.append(content)
        elif tag == "N":
            items.append(NUMBERS[content])
        elif tag == "M":
            items.append(plain_map(content, level + 1))
        else:
            items.append(plain_value(tag, content, level))
    return items


def plain_map(members: Any, level: int) -> dict[str, Any]:
    """A map without columns of its own as a plain JSON object, with its own names."""
    if type(members) is not dict:
        raise AttributeValueError("M is not an object")
    if level > MAX_LEVELS:
        raise DepthError("nested deeper than DynamoDB allows")
    result: dict[str, Any] = {}
    for name, value in members.items():
        [tag] = value
        content = value[tag]
        if tag == "S":
            if type(content) is not str:
                raise AttributeValueError("S is not text")
            result[name] = content
        elif tag == "N":
            result[name] = NUMBERS[content]
        else:
            result[name] = plain_value(tag, content, level)
    return result


def plain_value(tag: str, content: Any, level: int) -> Any:  # noqa: PLR0911, PLR0912 - a branch per type
    """The content of one AttributeValue as a plain JSON value."""
    if tag == "BOOL":
        if type(content) is bool:
            return content
    elif tag == "SS":
        return _ordered(content)
    elif tag == "NS":
        return [NUMBERS[member] for member in _ordered(content)]
    elif tag == "NULL":
        if content is True:
            return None
    elif tag == "B":
        return _checked_base64(content)
    elif tag == "BS":
        return [_checked_base64(member) for member in _ordered(content)]
    elif tag == "M":
        return plain_map(content, level + 1)
    elif tag == "L":
        return plain_list(content, level + 1)
    elif tag == "S":
        if type(content) is str:
            return content
    elif tag == "N":
        return number(content)
    raise AttributeValueError("unknown type tag, or content of another type")


def _ordered(members: Any) -> list[str]:
    """The members of a set, sorted in code-point order in place."""
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
