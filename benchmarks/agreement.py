"""A check before the timing: the function and its peers give the same values for every item."""

import base64
import json
from typing import Any

from benchmarks.contenders import CONTENDERS, Json
from transform_lambda.names import METADATA_COLUMNS, column_name


def assert_agreement(event: Json) -> None:
    """Compare the columns of every row with those of every peer, numbers as doubles, sets as sets."""
    expected = [_item(answer) for answer in CONTENDERS["the function"](event)]
    assert len(expected) == len(event["records"])
    for name, contender in CONTENDERS.items():
        answers = contender(event)
        if answers:
            assert [_item(answer) for answer in answers] == expected, name


def _item(answer: str) -> Json:
    row = json.loads(base64.b64decode(answer), parse_int=float)
    return {name: value for name, value in _columns(row, "").items() if name not in METADATA_COLUMNS}


def _columns(item: Json, prefix: str) -> Json:
    columns: Json = {}
    for name, value in item.items():
        column = prefix + column_name(name)
        if isinstance(value, dict):
            columns |= _columns(value, column + "__")
        else:
            columns[column] = _comparable(value)
    return columns


def _comparable(value: Any) -> Any:
    if isinstance(value, list) and not any(isinstance(member, dict) for member in value):
        # dynamodb-json leaves the numbers of a set as text.
        return sorted(str(float(member)) if _is_number(member) else str(member) for member in value)
    return value


def _is_number(member: Any) -> bool:
    try:
        float(member)
    except (TypeError, ValueError):
        return False
    return True
