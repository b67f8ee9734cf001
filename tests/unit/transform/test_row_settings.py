"""KeepWhole, ExcludeAttributes and KeepImages: which parts of a row they change, and which they do not."""

import json
from typing import Any

import pytest

from tests.unit.transform.records import EVERY_TYPE, Json, change_record, compact, item_record
from transform_lambda.canonical import canonical_json, image_digest
from transform_lambda.change import read_change, row_of, transform
from transform_lambda.flatten import RowSettings, flatten, row_line, settings_columns

SCORES = {
    "pk": {"S": "a"},
    "Scores": {"M": {"u1": {"N": "1"}, "u2": {"N": "2"}}},
    "n": {"M": {"x": {"S": ""}}},
}


def row(record: Json, settings: RowSettings) -> Json:
    """The row of a record, checked to be the same from both functions that build rows."""
    line, _ = transform(compact(record), None, settings)
    assert line == row_line(row_of(read_change(record), settings))
    found: Json = json.loads(line)
    return found


@pytest.mark.parametrize("spelled", ["Scores", "scores", "SCORES"])
def test_a_map_kept_whole_is_one_value_with_its_own_names(spelled: str) -> None:
    """Its keys are data, so they do not become columns. Other maps are flattened."""
    found = row(item_record(SCORES), RowSettings(keep_whole=settings_columns([spelled])))
    assert found["scores"] == {"u1": 1, "u2": 2}
    assert found["n__x"] == ""
    assert not any(name.startswith("scores__") for name in found)


def test_a_nested_map_is_kept_whole_by_its_column() -> None:
    """`customer__scores` is only the map Scores in the map Customer."""
    item = {"Customer": {"M": {"Scores": {"M": {"u": {"N": "1"}}}, "b": {"M": {"c": {"S": ""}}}}}} | SCORES
    found = row(item_record(item), RowSettings(keep_whole=settings_columns(["customer__scores"])))
    assert found["customer__scores"] == {"u": 1}
    assert found["customer__b__c"] == ""
    assert found["scores__u1"] == 1


def test_a_map_kept_whole_competes_for_its_column_like_a_value() -> None:
    """If two maps claim one column, the exact name keeps it and the other is rescued."""
    item = {"Scores": {"M": {"u": {"N": "1"}}}, "scores": {"M": {"u": {"N": "2"}}}}
    flat = flatten(item, RowSettings(keep_whole=frozenset({"scores"})))
    assert json.loads(row_line(flat.columns)) == {"scores": {"u": 2}}
    assert flat.rescued == '{"Scores":{"u":1}}'


def places(value: Any) -> str:
    """All names and values of a row as one text."""
    return json.dumps(value, ensure_ascii=False)


SECRET = "123-45-6789"
PERSON = {
    "pk": {"S": "a"},
    "SSN": {"S": SECRET},
    "ssn": {"SS": [SECRET]},
    "Customer": {
        "M": {"ssn": {"S": SECRET}, "name": {"S": "n"}, "m": {"M": {"ssn": {"L": [{"S": SECRET}]}}}}
    },
    "Kept": {"M": {"ssn": {"S": SECRET}, "x": {"S": ""}}},
    "customer__m__ssn": {"S": SECRET},
}
EXCLUDED = settings_columns(["ssn", "customer__SSN", "customer__m__ssn", "kept__ssn"])


@pytest.mark.parametrize("images", [True, False])
@pytest.mark.parametrize("depth", [1, 2, 32])
@pytest.mark.parametrize("change_type", ["INSERT", "MODIFY", "REMOVE"])
def test_an_excluded_attribute_is_nowhere_in_the_row(change_type: str, depth: int, images: bool) -> None:
    """Not in a column, a JSON value, change_rescued or change_image, for every spelling of its name."""
    settings = RowSettings(depth, frozenset({"kept"}), EXCLUDED, images)
    rivals = PERSON | {"A": {"S": "1"}, "a.": {"S": "2"}, "a/": {"S": "3"}}
    old = rivals if change_type != "INSERT" else None
    new = rivals if change_type != "REMOVE" else None
    found = row(change_record(change_type, new, old), settings)
    assert SECRET not in places(found)
    assert found["change_rescued"] is not None
    assert "n" in places(found)
    assert found["kept"] == {"x": ""}


def test_an_excluded_attribute_is_nowhere_in_a_row_without_levels() -> None:
    """In this case the whole item is in change_rescued, without the excluded attributes."""
    wide = {"m" * 250: {"M": {f"k{number}": {"N": "1"} for number in range(3_000)}}, "я" * 50: {"N": "1"}}
    item = PERSON | {f"{number}" + "я" * 30: {"N": "1"} for number in range(2_000)} | wide
    found = row(item_record(item), RowSettings(exclude=EXCLUDED, keep_images=True))
    assert found["change_levels"] == 0
    assert SECRET not in places(found)
    assert json.loads(found["change_rescued"])["Customer"] == {"name": "n", "m": {}}


def test_digests_include_excluded_attributes() -> None:
    """If only an excluded attribute changes, the digests differ, and the chain of digests stays complete."""
    other = PERSON | {"SSN": {"S": "0"}}
    settings = RowSettings(exclude=EXCLUDED)
    found = row(change_record("MODIFY", other, PERSON), settings)
    assert found["change_before"] == image_digest(PERSON)
    assert found["change_after"] == image_digest(other)
    assert found["change_before"] != found["change_after"]
    assert row(item_record(PERSON), settings) | {"change_after": ""} == row(item_record(other), settings) | {
        "change_after": ""
    }


def test_sets_of_an_excluded_attribute_are_sorted_for_the_digest() -> None:
    """Its members can arrive in any order, like those of every set."""
    one, other = ({"pk": {"S": "a"}, "ssn": {"SS": members}} for members in (["b", "a"], ["a", "b"]))
    settings = RowSettings(exclude=EXCLUDED)
    assert row(item_record(one), settings) == row(item_record(other), settings)


def test_the_given_item_is_not_changed() -> None:
    """Attributes are only left out of a copy."""
    item = json.loads(json.dumps(PERSON))
    flatten(item, RowSettings(exclude=EXCLUDED))
    assert item == PERSON


@pytest.mark.parametrize("change_type", ["INSERT", "MODIFY", "REMOVE"])
def test_change_image_is_the_exact_item(change_type: str) -> None:
    """Canonical DynamoDB JSON of the new image, or for REMOVE the old one, with types and all digits."""
    old = EVERY_TYPE | {"pk": {"S": "old"}}
    new = EVERY_TYPE | {"pk": {"S": "new"}, "n": {"N": "1E-130"}}
    record = change_record(
        change_type, None if change_type == "REMOVE" else new, None if change_type == "INSERT" else old
    )
    found = row(record, RowSettings(keep_images=True))
    expected = old if change_type == "REMOVE" else new
    assert found["change_image"] == canonical_json(expected).decode()
    digest = found["change_before"] if change_type == "REMOVE" else found["change_after"]
    assert image_digest(json.loads(found["change_image"])) == digest
    assert row(record, RowSettings())["change_image"] is None


def test_change_image_is_without_excluded_attributes() -> None:
    """The rest is still an item."""
    found = row(item_record(PERSON), RowSettings(exclude=EXCLUDED, keep_images=True))
    assert json.loads(found["change_image"]) == {
        "pk": {"S": "a"},
        "Customer": {"M": {"name": {"S": "n"}, "m": {"M": {}}}},
        "Kept": {"M": {"x": {"S": ""}}},
    }


def test_a_change_without_images_has_no_image() -> None:
    """In a record with keys only, the keys do not count as an image."""
    found = row(change_record("MODIFY"), RowSettings(keep_images=True))
    assert (found["change_image"], found["pk"]) == (None, "a")
