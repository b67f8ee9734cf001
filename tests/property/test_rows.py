"""What holds for the row of any item whatsoever."""

import base64
import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from tests.property.strategies import items, names, number_texts, rewritten, rival_items, values
from tests.unit.transform.records import Json, change_record, compact, item_record
from transform_lambda.canonical import canonical_json, image_digest
from transform_lambda.change import change_sequence, change_time, transform
from transform_lambda.flatten import RowSettings
from transform_lambda.names import METADATA_COLUMNS, joined

COLUMN = re.compile(r"[a-z0-9_]{1,255}")
depths = st.integers(1, 32)
change_types = st.sampled_from(["INSERT", "MODIFY", "REMOVE"])

# A path of attribute names, from the top of an item down.
Names = tuple[str, ...]
Reader = Callable[[str | bytes], Any]


def as_double(text: str | bytes) -> Any:
    """As most readers see a row: numbers are doubles."""
    return json.loads(text, parse_int=float)


def exactly(text: str | bytes) -> Any:
    """As an exact reader sees it."""
    return json.loads(text, parse_float=Decimal, parse_int=Decimal)


def leaves(image: Json, depth: int, path: Names = ()) -> Iterator[tuple[Names, Json]]:
    """Every (path, AttributeValue) that wants a column: the reference for the rule of nesting."""
    for name, value in image.items():
        [(tag, content)] = value.items()
        if tag == "M" and content and len(path) + 1 < depth:
            yield from leaves(content, depth, (*path, name))
        else:
            yield (*path, name), value


def agrees(value: Any, attribute: Json) -> bool:  # noqa: PLR0911 - a branch a type
    """Whether a value read from a row is what the AttributeValue says, to the last digit."""
    [(tag, content)] = attribute.items()
    if tag == "N":
        number = Decimal(
            value if isinstance(value, str) else repr(value) if isinstance(value, float) else value
        )
        return number == Decimal(content)
    if tag == "NS":
        return len(value) == len(content) and all(
            any(agrees(member, {"N": text}) for member in value) for text in content
        )
    if tag in ("SS", "BS"):
        return bool(value == sorted(content))
    if tag == "NULL":
        return value is None
    if tag == "L":
        return len(value) == len(content) and all(map(agrees, value, content))
    if tag == "M":
        return value.keys() == content.keys() and all(agrees(value[name], content[name]) for name in content)
    return value == content and type(value) is type(content)


def column_of(path: Names) -> str:
    """The column that a path claims."""
    column = joined("", path[0])
    for name in path[1:]:
        column = joined(column + "__", name)
    return column


def found(row: Json, path: Names) -> Any:
    """Whether and where the row holds a path: its column, or its place in change_rescued."""
    rescued = row["rescued"]
    for name in path:
        if not isinstance(rescued, dict) or name not in rescued:
            return row["columns"][column_of(path)]
        rescued = rescued[name]
    return rescued


def line_of(payload: bytes, *settings: Any) -> bytes:
    """The line one payload becomes."""
    return transform(payload, *settings)[0]


def read(line: bytes, reader: Reader) -> Json:
    """A row's columns and its rescued values, both through one reader."""
    columns = reader(line)
    rescued = columns["change_rescued"]
    return {"columns": columns, "rescued": reader(rescued) if rescued else {}}


@given(items | rival_items, depths, change_types)
def test_every_value_is_in_its_column_or_rescued_to_the_last_digit(
    image: Json, depth: int, change_type: str
) -> None:
    """Nothing is lost, read as doubles or exactly: each leaf is found under its path and agrees."""
    line = line_of(compact(item_record(image, change_type)), None, RowSettings(depth))
    for reader in (as_double, exactly):
        row = read(line, reader)
        count = 0
        for path, attribute in leaves(image, depth):
            assert agrees(found(row, path), attribute)
            count += 1
        claimed = len({column_of(path) for path, _ in leaves(image, depth)})
        assert len(row["columns"]) - len(METADATA_COLUMNS) <= claimed <= count


@given(items | rival_items, depths)
def test_column_names_are_athena_column_names(image: Json, depth: int) -> None:
    """One line, one level, [a-z0-9_] only, all metadata there."""
    line = line_of(compact(item_record(image)), None, RowSettings(depth))
    assert line.endswith(b"}\n")
    assert line.count(b"\n") == 1
    row = json.loads(line)
    assert all(COLUMN.fullmatch(name) for name in row)
    assert row.keys() >= set(METADATA_COLUMNS)
    assert row["change_id"] == item_record(image)["eventID"]


@given(st.data(), items | rival_items, depths, change_types)
def test_same_item_is_the_same_bytes(data: st.DataObject, image: Json, depth: int, change_type: str) -> None:
    """Whatever the order of names and set members, in all images and keys; collisions included."""
    keys = {"pk": {"S": "a"}, "sk": {"N": "1"}}
    record = change_record(change_type, image, image, keys=keys)
    other = data.draw(rewritten(record))
    settings = RowSettings(depth)
    assert line_of(compact(record), None, settings) == line_of(compact(other), None, settings)


@given(st.data(), rival_items)
def test_owner_of_a_column_does_not_depend_on_its_rivals_values(data: st.DataObject, image: Json) -> None:
    """Who keeps a column is decided by names alone."""
    owners: dict[str, set[str]] = {}
    for candidate in (image, {name: data.draw(values()) for name in image}):
        flat = {name: value if "M" not in value else {"NULL": True} for name, value in candidate.items()}
        row = json.loads(line_of(compact(item_record(flat)), None))
        rescued = set(json.loads(row["change_rescued"] or "{}"))
        owners.setdefault("rescued", rescued)
        assert owners["rescued"] == rescued


@given(st.data(), items)
def test_digest_knows_an_item_however_it_is_written(data: st.DataObject, image: Json) -> None:
    """Equal items have one canonical text and one digest."""
    other = data.draw(rewritten(image))
    assert canonical_json(image) == canonical_json(other)
    assert image_digest(image) == image_digest(other)
    assert json.loads(canonical_json(image)).keys() == image.keys()


@given(items, items)
def test_digest_tells_items_apart(one: Json, other: Json) -> None:
    """Different items have different digests."""
    assume(canonical_json(one) != canonical_json(other))
    assert image_digest(one) != image_digest(other)


@given(st.lists(items, min_size=1, max_size=6))
def test_digests_of_a_history_form_a_chain(states: list[Json]) -> None:
    """Each change's before is the after of the one before it: from null to null."""
    images = [None, *states, None]
    rows = []
    for old, new in pairwise(images):
        change_type = "INSERT" if old is None else "REMOVE" if new is None else "MODIFY"
        rows.append(json.loads(line_of(compact(change_record(change_type, new, old)))))
    assert rows[0]["change_before"] is None
    assert rows[-1]["change_after"] is None
    for earlier, later in pairwise(rows):
        assert earlier["change_after"] == later["change_before"] is not None


@given(number_texts())
def test_number_is_its_own_text(text: str) -> None:
    """As a JSON number or as a JSON string, the characters are DynamoDB's."""
    line = line_of(compact(item_record({"n": {"N": text}})))
    assert (
        f'"n":{text},'.encode() in line
        or f'"n":"{text}",'.encode() in line
        or line.endswith((f'"n":{text}}}\n'.encode(), f'"n":"{text}"}}\n'.encode()))
    )


@given(st.dictionaries(names, st.binary(max_size=6), max_size=4))
def test_boto3s_binary_has_the_digest_of_the_streams(binary: dict[str, bytes]) -> None:
    """Bytes, as boto3's clients return B, and base64 text, as the stream carries it, are one item."""
    sent = {name: {"B": base64.b64encode(value).decode()} for name, value in binary.items()}
    assert image_digest({name: {"B": value} for name, value in binary.items()}) == image_digest(sent)


MOMENTS = st.integers(10**14, 253_402_300_799_999_999)


@given(MOMENTS, MOMENTS)
def test_time_is_exact_and_orders_as_text(one: int, other: int) -> None:
    """Microseconds survive, and comparing texts compares times."""
    assert (change_time(one) < change_time(other)) is (one < other)
    moment = datetime.fromisoformat(change_time(one).replace("Z", "+00:00"))
    assert moment == datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=one)


@given(st.integers(1_600_000_000, 4_000_000_000))
def test_every_unit_tells_the_same_time(seconds: int) -> None:
    """With the precision named or found by magnitude."""
    text = change_time(seconds)
    for factor, precision in ((1_000, "MILLISECOND"), (1_000_000, "MICROSECOND")):
        assert change_time(seconds * factor, precision) == change_time(seconds * factor) == text
    assert change_time(float(seconds)) == text


@given(st.integers(0, 10**129 - 1), st.integers(0, 10**129 - 1))
def test_sequence_numbers_order_as_text(one: int, other: int) -> None:
    """Stream order is text order, for every number Kinesis can give."""
    first, second = change_sequence(str(one)), change_sequence(str(other))
    assert first is not None
    assert second is not None
    assert (first < second) is (one < other)
