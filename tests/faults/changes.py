"""The changes of one table, streamed in the order of their times, and the row that each must become.

Records and rows are written here as texts, without the function's code: a row is right if it has these bytes.
A change is its number. What it did is in four arrays, so two million changes take some tens of megabytes.

Items have one of four shapes, by their number. A state is a number, 0 for no item; the attributes of an item
follow from its state, so that equal states are equal items.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import random
from array import array
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

TABLE: Final = "orders"
# 2026-11-18T00:00:00Z, in microseconds. The changes of a run lie within DAYS days.
START: Final = 1_794_960_000_000_000
DAYS: Final = 3
DAY: Final = 86_400_000_000
MILLISECONDS_UNTIL: Final = START + DAY  # on the first day the stream's precision is MILLISECOND
ITEMS_PER_CHANGE: Final = 0.1
_HOT: Final = 3  # items that get many changes
_TIED: Final = 0.1  # share of changes at the time of the previous change, of the same item
_REMOVED: Final = 0.15
SEQUENCE_DIGITS: Final = 129
# (name, payload); `%d` is a number that makes each of them different from the others.
POISON: Final = (
    ("not JSON", "no change at all %d"),
    ("not an object", "[%d]"),
    ("not a change", '{"eventName":"INSERT","serial":%d}'),
    ("cut off", '{"eventID":"p%d","eventName":"INSERT","tableName":"orders","dynamodb":{"Keys":{"pk":'),
    (
        "unknown type tag",
        '{"eventID":"p%d","eventName":"INSERT","tableName":"orders","dynamodb":{"ApproximateCreationDateTime":'
        '1794960000000000,"Keys":{"pk":{"S":"x"}},"NewImage":{"pk":{"S":"x"},"n":{"X":"1"}}}}',
    ),
    (
        "a number that is none",
        '{"eventID":"p%d","eventName":"INSERT","tableName":"orders","dynamodb":{"ApproximateCreationDateTime":'
        '1794960000000000,"Keys":{"pk":{"S":"x"}},"NewImage":{"pk":{"S":"x"},"n":{"N":"NaN"}}}}',
    ),
    (
        "a name twice",
        '{"eventID":"p%d","eventName":"INSERT","tableName":"orders","dynamodb":{"ApproximateCreationDateTime":'
        '1794960000000000,"Keys":{"pk":{"S":"x"}},"NewImage":{"pk":{"S":"x"},"n":{"N":"1"},"n":{"N":"2"}}}}',
    ),
    (
        "without keys",
        '{"eventID":"p%d","eventName":"REMOVE","tableName":"orders","dynamodb":'
        '{"ApproximateCreationDateTime":1794960000000000}}',
    ),
)


def poison(number: int) -> bytes:
    """A record that cannot become a row. Every number gives another one."""
    return (POISON[number % len(POISON)][1] % number).encode()


@lru_cache(maxsize=64)
def _second(second: int) -> str:
    return dt.datetime.fromtimestamp(second, dt.UTC).strftime("%Y-%m-%dT%H:%M:%S")


def time_text(moment: int) -> str:
    """The moment in the form of change_time."""
    seconds, rest = divmod(moment, 1_000_000)
    return f"{_second(seconds)}.{rest:06d}Z"


def key_of(item: int) -> str:
    """The item's key."""
    return f"item-{item:07d}"


def sent_image(item: int, state: int) -> str:
    """The item as DynamoDB sends it: names and set members in no particular order."""
    key, shape = key_of(item), item % 4
    if shape == 0:
        return f'{{"pk":{{"S":"{key}"}},"n":{{"N":"{state}"}}}}'
    if shape == 1:
        return (
            f'{{"tags":{{"L":[{{"S":"a"}},{{"N":"{state}"}},{{"M":{{"Deep":{{"BOOL":false}}}}}}]}},'
            f'"pk":{{"S":"{key}"}},"address":{{"M":{{"geo":{{"M":{{"lat":{{"N":"38.{state}"}}}}}},'
            f'"city":{{"S":"Lisbon {state}"}}}}}}}}'
        )
    if shape == 2:
        return (
            f'{{"words":{{"SS":["b{state}","a"]}},"pk":{{"S":"{key}"}},"none":{{"NULL":true}},'
            f'"nums":{{"NS":["{100 + state}","10"]}},"big":{{"N":"1234567890123456789012345678.{state}"}},'
            '"flag":{"BOOL":true},"bin":{"B":"AP/+"}}'
        )
    return (
        f'{{"pk":{{"S":"{key}"}},"note":{{"S":"say \\"é\\" \\\\ \\n{state}"}},"Größe":{{"N":"{state}"}},'
        f'"text":{{"S":"{_TEXT}"}}}}'
    )


_TEXT: Final = "lorem ipsum " * 20


def canonical_image(item: int, state: int) -> str:
    """The item with its names and set members sorted: the text of its digest."""
    key, shape = key_of(item), item % 4
    if shape == 0:
        return f'{{"n":{{"N":"{state}"}},"pk":{{"S":"{key}"}}}}'
    if shape == 1:
        return (
            f'{{"address":{{"M":{{"city":{{"S":"Lisbon {state}"}},"geo":{{"M":{{"lat":{{"N":"38.{state}"}}'
            f'}}}}}}}},"pk":{{"S":"{key}"}},"tags":{{"L":[{{"S":"a"}},{{"N":"{state}"}},'
            '{"M":{"Deep":{"BOOL":false}}}]}}'
        )
    if shape == 2:
        return (
            f'{{"big":{{"N":"1234567890123456789012345678.{state}"}},"bin":{{"B":"AP/+"}},'
            f'"flag":{{"BOOL":true}},"none":{{"NULL":true}},"nums":{{"NS":["10","{100 + state}"]}},'
            f'"pk":{{"S":"{key}"}},"words":{{"SS":["a","b{state}"]}}}}'
        )
    return (
        f'{{"Größe":{{"N":"{state}"}},"note":{{"S":"say \\"é\\" \\\\ \\n{state}"}},"pk":{{"S":"{key}"}},'
        f'"text":{{"S":"{_TEXT}"}}}}'
    )


def columns_of(item: int, state: int) -> tuple[str, str, str]:
    """The item's columns before and after the metadata columns, as JSON members, and its change_names."""
    key, shape = key_of(item), item % 4
    if shape == 0:
        return "", f'"n":{state},"pk":"{key}"', "null"
    if shape == 1:
        return (
            f'"address__city":"Lisbon {state}","address__geo__lat":38.{state},',
            f'"pk":"{key}","tags":["a",{state},{{"Deep":false}}]',
            "null",
        )
    if shape == 2:
        return (
            f'"big":"1234567890123456789012345678.{state}","bin":"AP/+",',
            f'"flag":true,"none":null,"nums":[10,{100 + state}],"pk":"{key}","words":["a","b{state}"]',
            "null",
        )
    return (
        "",
        f'"grosse":{state},"note":"say \\"é\\" \\\\ \\n{state}","pk":"{key}","text":"{_TEXT}"',
        '"{\\"grosse\\":[\\"Größe\\"]}"',
    )


def digest(item: int, state: int) -> str:
    """change_before or change_after of a state; empty if there is no item."""
    if not state:
        return ""
    return hashlib.blake2b(canonical_image(item, state).encode(), digest_size=8).hexdigest()


class Changes:
    """A table's changes. Iterate once to make them; then each is known by its number."""

    def __init__(self, seed: int, count: int, *, keep_images: bool = False) -> None:
        self.seed, self.count, self.keep_images = seed, count, keep_images
        self.items = max(_HOT + 1, int(count * ITEMS_PER_CHANGE))
        self.item, self.before, self.after, self.previous = (array("I") for _ in range(4))
        self.moment = array("Q")
        self.state = array("I", bytes(4 * self.items))  # of each item now
        self.last = array("I", bytes(4 * self.items))  # number of each item's last change + 1
        self._versions = array("I", bytes(4 * self.items))

    def __iter__(self) -> Iterator[int]:
        """Make the changes, in the order of their times."""
        draw = random.Random(f"changes {self.seed}").random  # noqa: S311  the same seed gives the same result
        pace = 2 * DAYS * DAY / (self.count + 1)
        moment, item = START, 0
        steps: set[tuple[int, int]] = set()  # of this item at this moment
        for number in range(self.count):
            tied = number > 0 and draw() < _TIED
            if not tied:
                item = int(draw() * (_HOT if draw() < 0.02 else self.items))
            before = self.state[item]
            after = self._next(item, before, draw())
            if not tied or (before, after) in steps:
                later = moment + max(1, int(draw() * pace))
                moment = later // 1_000 * 1_000 if later < MILLISECONDS_UNTIL else later
                moment = max(moment, (self.moment[-1] if self.moment else START) + 1_000)
                steps = set()
            steps.add((before, after))
            self.item.append(item)
            self.before.append(before)
            self.after.append(after)
            self.moment.append(moment)
            self.previous.append(self.last[item])
            self.state[item], self.last[item] = after, number + 1
            yield number

    def _next(self, item: int, before: int, drawn: float) -> int:
        """The next state. A third of the items never return to an earlier state; the others do often."""
        if before and drawn < _REMOVED:
            return 0
        if item % 3 == 0:
            self._versions[item] += 1
            return self._versions[item]
        after = 1 + int(drawn * 997) % 3
        return after if after != before else 1 + after % 3

    def kind(self, number: int) -> str:
        """INSERT, MODIFY or REMOVE."""
        return (
            "MODIFY"
            if self.before[number] and self.after[number]
            else ("REMOVE" if self.before[number] else "INSERT")
        )

    def by_ttl(self, number: int) -> bool:
        """Whether Time to Live removed the item."""
        return not self.after[number] and number % 5 == 0

    def change_id(self, number: int, copy: int = 0) -> str:
        """The eventID. DynamoDB's documentation does not state whether a repeated record keeps it."""
        return f"{self.seed & 0xFFFFFFFF:08x}-0000-4000-{8 + copy:x}000-{number:012x}"

    def record(self, number: int, copy: int = 0) -> bytes:
        """The change record (DynamoDB Developer Guide, "Using Kinesis Data Streams to capture changes")."""
        item, before, after = self.item[number], self.before[number], self.after[number]
        moment = self.moment[number]
        if moment < MILLISECONDS_UNTIL:
            time = f'{moment // 1_000},"ApproximateCreationDateTimePrecision":"MILLISECOND"'
        else:
            time = f'{moment},"ApproximateCreationDateTimePrecision":"MICROSECOND"'
        images = f',"OldImage":{sent_image(item, before)}' if before else ""
        if after:
            images += f',"NewImage":{sent_image(item, after)}'
        identity = (
            '{"type":"Service","principalId":"dynamodb.amazonaws.com"}' if self.by_ttl(number) else "null"
        )
        return (
            f'{{"awsRegion":"eu-west-1","eventID":"{self.change_id(number, copy)}","eventName":'
            f'"{self.kind(number)}","userIdentity":{identity},"recordFormat":"application/json",'
            f'"tableName":"{TABLE}","dynamodb":{{"ApproximateCreationDateTime":{time},"Keys":'
            f'{{"pk":{{"S":"{key_of(item)}"}}}}{images},"SizeBytes":60}},"eventSource":"aws:dynamodb"}}'
        ).encode()

    def row(self, number: int, change_id: str, sequence: str | None) -> bytes:
        """The line that the change must become, without its newline.

        :param sequence: as the line states it: 129 digits; None where the way of the record knows none
        """
        item, before, after = self.item[number], self.before[number], self.after[number]
        shown = after or before
        first, rest, names = columns_of(item, shown)
        image = json.dumps(canonical_image(item, shown), ensure_ascii=False) if self.keep_images else "null"
        return (
            f'{{{first}"change_actor":"{"ttl" if self.by_ttl(number) else "user"}",'
            f'"change_after":{_text(digest(item, after))},"change_before":{_text(digest(item, before))},'
            f'"change_id":"{change_id}","change_image":{image},'
            f'"change_key":"{{\\"pk\\":{{\\"S\\":\\"{key_of(item)}\\"}}}}","change_levels":null,'
            f'"change_names":{names},"change_rescued":null,"change_sequence":{_text(sequence)},'
            f'"change_table":"{TABLE}","change_time":"{time_text(self.moment[number])}",'
            f'"change_type":"{self.kind(number)}",{rest}}}'
        ).encode()

    def of_item(self, item: int) -> list[int]:
        """The numbers of an item's changes, in their order."""
        numbers = []
        number = self.last[item]
        while number:
            numbers.append(number - 1)
            number = self.previous[number - 1]
        return numbers[::-1]


def _text(value: str | None) -> str:
    return f'"{value}"' if value else "null"
