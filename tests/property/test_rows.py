"""Properties of the row of every item."""

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
    """The row as most readers parse it: numbers are doubles."""
    return json.loads(text, parse_int=float)


def exactly(text: str | bytes) -> Any:
    """The row as an exact reader parses it."""
    return json.loads(text, parse_float=Decimal, parse_int=Decimal)


def leaves(image: Json, depth: int, path: Names = ()) -> Iterator[tuple[Names, Json]]:
    """Every (path, AttributeValue) that claims a column: the reference for the nesting rule."""
    for name, value in image.items():
        [(tag, content)] = value.items()
        if tag == "M" and content and len(path) + 1 < depth:
            yield from leaves(content, depth, (*path, name))
        else:
            yield (*path, name), value


def agrees(value: Any, attribute: Json) -> bool:  # noqa: PLR0911 - a branch per type
    """Whether a value from a row equals the AttributeValue, to the last digit."""
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
    """Whether and where the row contains a path: its column, or its position in change_rescued."""
    rescued = row["rescued"]
    for name in path:
        if not isinstance(rescued, dict) or name not in rescued:
            return row["columns"][column_of(path)]
        rescued = rescued[name]
    return rescued


def line_of(payload: bytes, *settings: Any) -> bytes:
    """The line for one payload."""
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
    """Nothing is lost for readers with doubles or exact numbers: each leaf is under its path and equal."""
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
    """One line, one level, [a-z0-9_] only, with all metadata."""
    line = line_of(compact(item_record(image)), None, RowSettings(depth))
    assert line.endswith(b"}\n")
    assert line.count(b"\n") == 1
    row = json.loads(line)
    assert all(COLUMN.fullmatch(name) for name in row)
    assert row.keys() >= set(METADATA_COLUMNS)
    assert row["change_id"] == item_record(image)["eventID"]


@given(st.data(), items | rival_items, depths, change_types)
def test_the_same_item_gives_the_same_bytes(
    data: st.DataObject, image: Json, depth: int, change_type: str
) -> None:
    """For any order of names and set members, in all images and keys, even with collisions."""
    keys = {"pk": {"S": "a"}, "sk": {"N": "1"}}
    record = change_record(change_type, image, image, keys=keys)
    other = data.draw(rewritten(record))
    settings = RowSettings(depth)
    assert line_of(compact(record), None, settings) == line_of(compact(other), None, settings)


@given(st.data(), rival_items)
def test_owner_of_a_column_does_not_depend_on_its_rivals_values(data: st.DataObject, image: Json) -> None:
    """Only names decide who owns a column."""
    owners: dict[str, set[str]] = {}
    for candidate in (image, {name: data.draw(values()) for name in image}):
        flat = {name: value if "M" not in value else {"NULL": True} for name, value in candidate.items()}
        row = json.loads(line_of(compact(item_record(flat)), None))
        rescued = set(json.loads(row["change_rescued"] or "{}"))
        owners.setdefault("rescued", rescued)
        assert owners["rescued"] == rescued


@given(st.data(), items)
def test_digest_does_not_depend_on_how_an_item_is_written(data: st.DataObject, image: Json) -> None:
    """Equal items have one canonical text and one digest."""
    other = data.draw(rewritten(image))
    assert canonical_json(image) == canonical_json(other)
    assert image_digest(image) == image_digest(other)
    assert json.loads(canonical_json(image)).keys() == image.keys()


@given(items, items)
def test_different_items_have_different_digests(one: Json, other: Json) -> None:
    """The digest distinguishes any two items."""
    assume(canonical_json(one) != canonical_json(other))
    assert image_digest(one) != image_digest(other)


@given(st.lists(items, min_size=1, max_size=6))
def test_digests_of_a_history_form_a_chain(states: list[Json]) -> None:
    """change_before equals change_after of the previous change, from null to null."""
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
def test_number_keeps_its_text(text: str) -> None:
    """As a JSON number or a JSON string, it has DynamoDB's characters."""
    line = line_of(compact(item_record({"n": {"N": text}})))
    assert (
        f'"n":{text},'.encode() in line
        or f'"n":"{text}",'.encode() in line
        or line.endswith((f'"n":{text}}}\n'.encode(), f'"n":"{text}"}}\n'.encode()))
    )


@given(st.dictionaries(names, st.binary(max_size=6), max_size=4))
def test_binary_from_boto3_has_the_same_digest_as_from_the_stream(binary: dict[str, bytes]) -> None:
    """Bytes from boto3's clients and base64 text from the stream are the same item."""
    sent = {name: {"B": base64.b64encode(value).decode()} for name, value in binary.items()}
    assert image_digest({name: {"B": value} for name, value in binary.items()}) == image_digest(sent)


MOMENTS = st.integers(10**14, 253_402_300_799_999_999)


@given(MOMENTS, MOMENTS)
def test_time_is_exact_and_sorts_as_text(one: int, other: int) -> None:
    """Microseconds are kept, and text order is time order."""
    assert (change_time(one) < change_time(other)) is (one < other)
    moment = datetime.fromisoformat(change_time(one).replace("Z", "+00:00"))
    assert moment == datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=one)


@given(st.integers(1_600_000_000, 4_000_000_000))
def test_every_unit_gives_the_same_time(seconds: int) -> None:
    """With a stated precision, and with the unit found by magnitude."""
    text = change_time(seconds)
    for factor, precision in ((1_000, "MILLISECOND"), (1_000_000, "MICROSECOND")):
        assert change_time(seconds * factor, precision) == change_time(seconds * factor) == text
    assert change_time(float(seconds)) == text


@given(st.integers(0, 10**129 - 1), st.integers(0, 10**129 - 1))
def test_sequence_numbers_sort_as_text(one: int, other: int) -> None:
    """Text order is stream order, for every number that Kinesis can assign."""
    first, second = change_sequence(str(one)), change_sequence(str(other))
    assert first is not None
    assert second is not None
    assert (first < second) is (one < other)
