"""Ion text as DynamoDB JSON, so that the same item in either format gives the same bytes.

Types: DynamoDB Developer Guide, "DynamoDB table export output format", Amazon Ion. A number is a decimal
(`103.`, `6d2`), a set is a list with the annotation `$dynamodb_SS`, `$dynamodb_NS` or `$dynamodb_BS`.
Null as Ion's null is [unverified]: the page's table does not list it.

DynamoDB JSON states a number without an exponent and without zeros that mean nothing. That this holds for
numbers of more than 38 digits before or after the point, too, is [unverified].
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from decimal import Decimal
from functools import cache
from typing import Any, Final

from repair.exports.errors import RecordError
from transform_lambda.values import Image

_SET_PREFIX: Final = "$dynamodb_"


@cache
def _parser() -> Callable[[bytes], Any]:
    """amazon.ion, imported when an Ion file is read and not before: nobody else needs it.

    Raises RecordError if the package is missing.
    """
    try:
        from amazon.ion import simpleion  # noqa: PLC0415
    except ImportError:
        raise RecordError(
            "this Python does not have amazon-ion, which reads exports in the ION format",
            "Install it: `pip install amazon-ion`. Or export the table in the format DYNAMODB_JSON.",
        ) from None
    bare = simpleion.IonPyValueModel.MAY_BE_BARE  # plain Python values where they tell everything

    def parse(line: bytes) -> Any:
        return simpleion.loads(line, single_value=True, value_model=bare)

    return parse


def parse_line(line: bytes) -> Any:
    """The struct in a line of Ion text, with Ion's own values. Raises RecordError if it is not a struct."""
    parse = _parser()
    try:
        found = parse(line)
    except Exception as error:  # noqa: BLE001  the parser raises IonException, and errors of its own code
        raise RecordError(f"not a line of Ion: {type(error).__name__}") from None
    if not _is_struct(found):
        raise RecordError("not a struct of Ion")
    return found


def image_of(struct: Any) -> Image:
    """A struct as an item in DynamoDB JSON. Raises RecordError for a value that DynamoDB has no type for."""
    if not _is_struct(struct):
        raise RecordError("not a struct of Ion")
    image = {str(name): _attribute(value) for name, value in struct.items()}
    if len(image) != len(list(struct.items())):
        raise RecordError("a name occurs twice in one struct")
    return image


def number_text(number: Decimal) -> str:
    """A number as DynamoDB JSON states it: every digit, no exponent."""
    sign, digits, exponent = number.as_tuple()
    if not isinstance(exponent, int) or not -1_000 < exponent < 1_000:
        raise RecordError("not a number of DynamoDB")
    text = "".join(map(str, digits))
    whole, fraction = (text + "0" * exponent, "") if exponent >= 0 else _split(text, -exponent)
    whole, fraction = whole.lstrip("0") or "0", fraction.rstrip("0")
    plain = f"{whole}.{fraction}" if fraction else whole
    return f"-{plain}" if sign and plain != "0" else plain


def _split(digits: str, places: int) -> tuple[str, str]:
    padded = digits.rjust(places + 1, "0")
    return padded[:-places], padded[-places:]


def _is_struct(value: Any) -> bool:
    return hasattr(value, "items") and hasattr(value, "keys")


def _attribute(value: Any) -> dict[str, Any]:  # noqa: PLR0911  one answer per type
    """An AttributeValue in DynamoDB JSON."""
    if isinstance(value, str):
        return {"S": str(value)}
    if isinstance(value, bool) or type(value).__name__ == "IonPyBool":
        return {"BOOL": bool(value)}
    if isinstance(value, (Decimal, int)):
        return {"N": _number(value)}
    if isinstance(value, bytes):
        return {"B": _base64(value)}
    if value is None or type(value).__name__ == "IonPyNull":
        return {"NULL": True}
    if isinstance(value, list):
        return _list(value)
    if _is_struct(value):
        return {"M": image_of(value)}
    raise RecordError("a value that DynamoDB has no type for")


def _list(values: list[Any]) -> dict[str, Any]:
    annotations = [annotation.text for annotation in getattr(values, "ion_annotations", ())]
    if not annotations:
        return {"L": [_attribute(value) for value in values]}
    kind = annotations[0].removeprefix(_SET_PREFIX)
    member = _MEMBERS.get(kind)
    if member is None or len(annotations) > 1:
        raise RecordError("a list with an annotation that is not a set of DynamoDB")
    try:
        return {kind: [member(value) for value in values]}
    except TypeError:
        raise RecordError("a set with a member of another type") from None


def _number(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, (Decimal, int)):
        raise TypeError
    return number_text(Decimal(value))


def _base64(value: Any) -> str:
    if not isinstance(value, bytes):
        raise TypeError
    return base64.b64encode(value).decode()


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return str(value)


_MEMBERS: Final[dict[str, Callable[[Any], str]]] = {"SS": _string, "NS": _number, "BS": _base64}
