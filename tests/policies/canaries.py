"""Records in which every value is a canary, and a search for canaries in printed text.

A canary is a text, a number or a bytes value that occurs nowhere else. The search finds them in plain text,
in any case, in hexadecimal, and inside base64 at each of its three alignments.
"""

from __future__ import annotations

import base64
import json
import random
import re
from collections.abc import Callable
from typing import Any

WORD = "Kanarienvogel"
DIGITS = "271828182845904523536"


def _in_base64(text: str) -> list[str]:
    """The text inside base64 at any alignment, without the two uncertain ends."""
    found = []
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + text.encode()).decode()
        found.append(encoded[(shift * 8 + 5) // 6 : len(encoded) - 4])
    return found


_SIGHTING = re.compile(
    "|".join(
        [
            f"(?i:{WORD})",
            DIGITS,
            f"(?i:{WORD.encode().hex()})",
            *map(re.escape, _in_base64(WORD)),
            *map(re.escape, _in_base64(DIGITS)),
        ]
    )
)


def sightings(text: str) -> list[str]:
    """Every canary in a text, with a little of the text around it."""
    return [text[max(0, m.start() - 40) : m.end() + 40] for m in _SIGHTING.finditer(text)]


def attribute(chance: random.Random, depth: int = 0) -> dict[str, Any]:
    """An AttributeValue of any type, every leaf a canary."""
    tag = chance.choice(["S", "N", "B", "SS", "NS", "BS", *(["M", "L"] if depth < 3 else [])])
    text, number = f"{WORD}{chance.randrange(10**6)}", f"{DIGITS}{chance.randrange(10**6)}"
    octets = base64.b64encode(text.encode()).decode()
    if tag == "M":
        return {"M": {f"{WORD}{i}": attribute(chance, depth + 1) for i in range(chance.randrange(3))}}
    if tag == "L":
        return {"L": [attribute(chance, depth + 1) for _ in range(chance.randrange(3))]}
    return {tag: {"S": text, "N": number, "B": octets, "SS": [text], "NS": [number], "BS": [octets]}[tag]}


def item(chance: random.Random) -> dict[str, Any]:
    return {"pk": {"S": f"{WORD}{chance.randrange(10**9)}"}} | {
        f"{WORD} {i}": attribute(chance) for i in range(chance.randrange(4))
    }


def change(chance: random.Random) -> dict[str, Any]:
    """A change record as DynamoDB writes it, with canaries in place of a user's data and names."""
    image = item(chance)
    kind = chance.choice(["INSERT", "MODIFY", "REMOVE"])
    images = {"INSERT": ["NewImage"], "REMOVE": ["OldImage"], "MODIFY": ["NewImage", "OldImage"]}[kind]
    return {
        "awsRegion": "us-east-1",
        "eventID": f"{WORD}-{chance.randrange(10**9)}",
        "eventName": kind,
        "userIdentity": None,
        "recordFormat": "application/json",
        "tableName": f"{WORD}-table",
        "dynamodb": {
            "ApproximateCreationDateTime": 1763596800000,
            "Keys": {"pk": image["pk"]},
            **dict.fromkeys(images, image),
        },
        "eventSource": "aws:dynamodb",
    }


def _cut(text: str, chance: random.Random) -> str:
    return text[: chance.randrange(1, len(text))]


# Faulty records, as text that is to be base64-encoded.
FAULTS: dict[str, Callable[[dict[str, Any], random.Random], str]] = {
    "none": lambda record, _: json.dumps(record),
    "cut off": lambda record, chance: _cut(json.dumps(record), chance),
    "not JSON": lambda _, chance: f"{WORD}{chance.random()}",
    "a text": lambda _, chance: json.dumps(f"{WORD}{chance.random()}"),
    "an unknown event": lambda record, _: json.dumps(record | {"eventName": WORD}),
    "no images": lambda record, _: json.dumps(record | {"dynamodb": {"Keys": WORD}}),
    "a wrong type tag": lambda record, _: json.dumps(_with(record, {"X": WORD})),
    "a wrong number": lambda record, _: json.dumps(_with(record, {"N": WORD})),
    "wrong base64": lambda record, _: json.dumps(_with(record, {"B": f"{WORD}!"})),
    "two tags": lambda record, _: json.dumps(_with(record, {"S": WORD, "N": DIGITS})),
    "NaN": lambda record, _: json.dumps(_with(record, {"N": float("nan"), WORD: DIGITS})),
    "a lone surrogate": lambda record, _: json.dumps(_with(record, {"S": f"{WORD}\ud800"})),
    "a name twice": lambda record, _: json.dumps(record).replace('"pk"', f'"{WORD}": 1, "{WORD}": 2, "pk"'),
    "too deep": lambda record, _: json.dumps(_with(record, _nested(300))),
    "a wrong time": lambda record, _: json.dumps(record).replace("1763596800000", f'"{WORD}"'),
    "a huge time": lambda record, _: json.dumps(record).replace("1763596800000", DIGITS * 3),
}


def _with(record: dict[str, Any], value: Any) -> dict[str, Any]:
    change = record["dynamodb"]
    images = {name: image | {WORD: value} for name, image in change.items() if name.endswith("Image")}
    return record | {"dynamodb": change | images}


def _nested(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {"S": WORD}
    for _ in range(depth):
        value = {"M": {WORD: value}}
    return value


def firehose_record(number: int, chance: random.Random) -> dict[str, Any]:
    """A Firehose record that contains a change; every second one has a fault."""
    fault = chance.choice(["none", *FAULTS]) if chance.random() < 0.5 else "none"
    text = FAULTS[fault](change(chance), chance)
    data: Any = base64.b64encode(text.encode("utf-8", "surrogatepass")).decode()
    if chance.random() < 0.02:
        data = chance.choice([WORD + "%", [WORD], {WORD: WORD}, None, int(DIGITS)])
    record = {"recordId": f"{number:056d}", "approximateArrivalTimestamp": 1763596800000, "data": data}
    if chance.random() < 0.9:
        sequence = chance.choice(["49590338271490256608559692538361571095921575989136588898", WORD])
        record["kinesisRecordMetadata"] = {"sequenceNumber": sequence, "partitionKey": WORD, "shardId": "0"}
    return record
