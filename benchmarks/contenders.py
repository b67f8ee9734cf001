"""The timed contenders: the function, its peers, and the floor, the least time of any Python function.

Each takes a Firehose event and returns its rows, one JSON text per record. The floors return no rows.
"""

import base64
import contextlib
import io
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import orjson
import pybase64
from boto3.dynamodb.types import TypeDeserializer
from dynamodb_json import json_util

from transform_lambda.handler import handler

Json = dict[str, Any]
Contender = Callable[[Json], list[str]]


def function(event: Json) -> list[str]:
    """The shipped handler: envelope, digests, checks, response budget, log line."""
    with contextlib.redirect_stdout(io.StringIO()):
        return [answer["data"] for answer in handler(event, None)["records"]]


def boto3_deserializer(event: Json) -> list[str]:
    """boto3's TypeDeserializer with json, as in most examples. No digests, nested output."""
    deserialize = TypeDeserializer().deserialize
    answers = []
    for record in event["records"]:
        image = json.loads(base64.b64decode(record["data"]))["dynamodb"]["NewImage"]
        item = {name: deserialize(value) for name, value in image.items()}
        line = json.dumps(item, default=_boto3_value) + "\n"
        answers.append(base64.b64encode(line.encode()).decode())
    return answers


def _boto3_value(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else sorted(value)


def dynamodb_json(event: Json) -> list[str]:
    """The dynamodb-json package. No digests, nested output."""
    answers = []
    for record in event["records"]:
        image = json.loads(base64.b64decode(record["data"]))["dynamodb"]["NewImage"]
        line = json.dumps(json_util.loads(image), default=_dynamodb_json_value) + "\n"
        answers.append(base64.b64encode(line.encode()).decode())
    return answers


def _dynamodb_json_value(value: Any) -> Any:
    return sorted(value) if isinstance(value, set) else str(value)


def recursion(event: Json) -> list[str]:
    """Plain recursion with the standard library only: no digests, checks or collisions, nested output."""
    answers = []
    for record in event["records"]:
        image = json.loads(base64.b64decode(record["data"]))["dynamodb"]["NewImage"]
        line = json.dumps({name: _plain(value) for name, value in image.items()}) + "\n"
        answers.append(base64.b64encode(line.encode()).decode())
    return answers


def recursion_with_wheels(event: Json) -> list[str]:
    """The same recursion with orjson and pybase64. It shows the gain from the two wheels in the zip."""
    answers = []
    for record in event["records"]:
        image = orjson.loads(pybase64.b64decode(record["data"], validate=True))["dynamodb"]["NewImage"]
        line = orjson.dumps({name: _plain(value) for name, value in image.items()})
        answers.append(pybase64.b64encode_as_string(line + b"\n"))
    return answers


def _plain(value: Json) -> Any:
    [(tag, content)] = value.items()
    if tag == "N":
        return float(content)
    if tag == "M":
        return {name: _plain(member) for name, member in content.items()}
    if tag == "L":
        return [_plain(member) for member in content]
    if tag == "NS":
        return [float(member) for member in content]
    return content


def floor(event: Json) -> list[str]:
    """Decode base64, parse the record, write its NewImage, with the two wheels. There is no other work."""
    for record in event["records"]:
        change = orjson.loads(pybase64.b64decode(record["data"], validate=True))
        orjson.dumps(change["dynamodb"]["NewImage"])
    return []


def floor_with_base64(event: Json) -> list[str]:
    """The same floor with the standard library's base64."""
    for record in event["records"]:
        change = orjson.loads(base64.b64decode(record["data"]))
        orjson.dumps(change["dynamodb"]["NewImage"])
    return []


CONTENDERS: dict[str, Contender] = {
    "the function": function,
    "boto3 TypeDeserializer + json": boto3_deserializer,
    "dynamodb-json": dynamodb_json,
    "plain recursion, standard library": recursion,
    "plain recursion, orjson + pybase64": recursion_with_wheels,
    "floor: pybase64 + orjson": floor,
    "floor: base64 + orjson": floor_with_base64,
}
