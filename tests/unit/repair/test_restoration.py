"""Items rebuilt from rows: exact if and only if the digest says so, and otherwise the reasons are named."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repair import restoration
from repair.restoration import (
    OF_BINARY,
    OF_DIGEST,
    OF_EXCLUSION,
    OF_NAMES,
    OF_NUMBERS,
    OF_SETS,
    Rebuilder,
    Rebuilt,
    RowError,
    State,
)
from repair.rows import snapshot
from tests.property.strategies import items, rival_items
from tests.unit.transform.records import EVERY_TYPE, Json
from transform_lambda.canonical import canonical_json, digest
from transform_lambda.change import row_of
from transform_lambda.flatten import DEFAULT_SETTINGS, RowSettings, row_line

KEYS = {"pk": {"S": "a"}}
IMAGES = RowSettings(keep_images=True)
LEDGER = "12345678901234567890123456789012345678"


def state(item: Json, settings: RowSettings = DEFAULT_SETTINGS, keys: Json = KEYS) -> State:
    """The row of an item as the lake has it, written by the shipped row code."""
    row = row_of(snapshot("s", "2026-11-20T00:00:00.000000Z", "orders", keys, item | keys), settings)
    image = row["change_image"] or ""
    return State(row["change_key"], row["change_after"], image, "" if image else row_line(row).decode())


def rebuilt(item: Json, settings: RowSettings = DEFAULT_SETTINGS, **options: Any) -> Rebuilt:
    """The item as it comes back from its row."""
    return Rebuilder(**options).rebuild(state(item, settings))


def same(one: Json, other: Json) -> bool:
    """Whether two items are equal, with the same digits, whatever the order of their sets."""
    return canonical_json(one) == canonical_json(other)


@given(items | rival_items)
def test_image_gives_the_exact_item(item: Json) -> None:
    """All types, nested, with every digit, also for items whose attributes compete for columns."""
    result = rebuilt(item, IMAGES)
    assert result.exact
    assert result.from_image
    assert same(result.item, item | KEYS)


@given(items | rival_items, st.sampled_from([1, 2, 32]))
def test_item_that_counts_as_exact_is_the_item(item: Json, depth: int) -> None:
    """Without an image: if the digest matches, every attribute has its name, type and digits."""
    result = rebuilt(item, RowSettings(max_depth=depth))
    assert result.exact == same(result.item, item | KEYS)
    assert result.exact == (not result.doubts)


def test_common_types_are_exact_without_an_image() -> None:
    """Text, numbers, booleans, null, maps and lists with names in lower case."""
    item = {
        "total": {"N": "19.90"},
        "paid": {"BOOL": True},
        "coupon": {"NULL": True},
        "customer": {"M": {"city": {"S": "Lisbon"}, "more": {"M": {}}}},
        "lines": {"L": [{"M": {"product": {"S": "a lamp"}, "n": {"N": "2"}}}, {"L": []}]},
    }
    result = rebuilt(item)
    assert (result.exact, result.from_image) == (True, False)
    assert same(result.item, item | KEYS)


def test_every_type_is_exact_without_an_image() -> None:
    """Sets, binary and 38 digits: the types that fit the sample have the item's digest."""
    item = EVERY_TYPE | {"ledger": {"N": LEDGER}}
    rebuilder = Rebuilder(spelled=["g_map.City"])
    rebuilder.learn(state(item))
    result = rebuilder.rebuild(state(item))
    assert result.exact
    assert same(result.item, item | KEYS)


def test_sample_of_rows_finds_more_types_than_trying() -> None:
    """With many sets and binary values, one row has too many combinations. The rows agree on the types."""
    items = [
        {f"tags_{place}": {"SS": [f"a{number}", f"b{place}", "c"]} for place in range(8)}
        | {f"signature_{place}": {"B": f"+{number}/{place}"} for place in range(8)}
        | {f"ledger_{place}": {"N": f"{LEDGER[:-2]}{number}{place}"} for place in range(8)}
        for number in range(5)
    ]
    alone = [rebuilt(item).exact for item in items]
    assert alone == [False] * 5
    rebuilder = Rebuilder()
    for item in items:
        rebuilder.learn(state(item))
    for item in items:
        result = rebuilder.rebuild(state(item))
        assert result.exact
        assert same(result.item, item | KEYS)


def test_types_that_matched_are_tried_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """After one match, an item of the same types needs one try."""
    rebuilder = Rebuilder()
    assert rebuilder.rebuild(state({"tags": {"SS": ["x", "y"]}, "ledger": {"N": LEDGER}})).exact
    monkeypatch.setattr(restoration, "TRIES", 1)
    assert rebuilder.rebuild(state({"tags": {"SS": ["p", "q"]}, "ledger": {"N": LEDGER[::-1]}})).exact
    assert not Rebuilder().rebuild(state({"tags": {"SS": ["p", "q"]}})).exact


def test_hopeless_rows_get_one_try(monkeypatch: pytest.MonkeyPatch) -> None:
    """A column whose name had capitals never matches, so the search must not be repeated for every item."""
    tries = 0

    def counting(text: bytes) -> str:
        nonlocal tries
        tries += 1
        return digest(text)

    rebuilder = Rebuilder()
    row = state({"Tags": {"SS": ["x", "y"]}, "More": {"SS": ["x", "y"]}})
    monkeypatch.setattr(restoration, "digest", counting)
    for _ in range(restoration.HOPELESS):
        assert not rebuilder.rebuild(row).exact
    before = tries
    assert not rebuilder.rebuild(row).exact
    assert (before > 2 * restoration.HOPELESS, tries - before) == (True, 1)


@pytest.mark.parametrize(
    ("item", "reason", "attribute"),
    [
        ({"Tags": {"SS": ["b", "c"]}}, OF_SETS, "tags"),
        ({"Tags": {"NS": ["1", "2"]}}, OF_SETS, "tags"),
        ({"Deep": {"L": [{"SS": ["b", "c"]}]}}, OF_SETS, "deep[]"),
        ({"Ledger": {"N": LEDGER}}, OF_NUMBERS, "ledger"),
        ({"Photo": {"B": "AP/+"}}, OF_BINARY, "photo"),
        ({"Customer": {"M": {"City": {"S": "x"}}}}, OF_NAMES, "customer.city"),
    ],
)
def test_doubt_names_the_attribute_and_the_reason(item: Json, reason: str, attribute: str) -> None:
    """The name in capitals is lost, so the item is not exact, and everything uncertain is listed."""
    result = rebuilt(item)
    assert not result.exact
    assert attribute in result.doubts[reason]


@pytest.mark.parametrize("members", [["c", "b"], ["b", "b"], [], ["1", None], [True]])
def test_list_that_no_set_can_be_is_not_in_doubt(members: list[Any]) -> None:
    """The members of a set are sorted in rows, different, of one type, and at least one."""
    kinds = {str: "S", bool: "BOOL"}
    values = [{"NULL": True} if one is None else {kinds[type(one)]: one} for one in members]
    assert OF_SETS not in rebuilt({"Steps": {"L": values}}).doubts


def test_known_spelling_restores_names_with_capitals() -> None:
    """At the path that has it, and nowhere else; without it, the name is in lower case."""
    item = {"orderId": {"S": "o-1"}, "customer": {"M": {"firstName": {"S": "Ada"}, "orderid": {"N": "1"}}}}
    assert (
        rebuilt(item).item
        == {"orderid": {"S": "o-1"}, "customer": {"M": {"firstname": {"S": "Ada"}, "orderid": {"N": "1"}}}}
        | KEYS
    )
    result = rebuilt(item, spelled=["orderId", "customer.firstName"])
    assert result.exact
    assert result.item == item | KEYS
    with pytest.raises(ValueError, match="orderID"):
        Rebuilder(spelled=["orderId", "orderID.x"])


@pytest.mark.parametrize("settings", [IMAGES, DEFAULT_SETTINGS], ids=["image", "row"])
def test_excluded_attributes_make_an_item_inexact(settings: RowSettings) -> None:
    """They are missing in image and columns, and the digest covers them."""
    item = {"n": {"N": "1"}, "secret": {"S": "x y"}}
    shown = RowSettings(exclude=frozenset(["secret"]), keep_images=settings.keep_images)
    result = rebuilt(item, shown, excluded=["secret"])
    assert result.item == {"n": {"N": "1"}} | KEYS
    assert (result.exact, result.doubts[OF_EXCLUSION]) == (False, ("secret",))
    without = Rebuilder(["secret"]).rebuild(state({"n": {"N": "1"}}, shown))
    assert without.exact  # an item that never had the attribute


def test_image_that_does_not_match_its_digest_is_not_exact() -> None:
    """Also if no attribute is excluded now: attributes may have been excluded earlier."""
    row = state({"n": {"N": "1"}}, IMAGES)
    result = Rebuilder().rebuild(State(row.key, "0" * 16, row.image))
    assert (result.exact, dict(result.doubts)) == (False, {OF_DIGEST: ()})


@pytest.mark.parametrize("name", ["PK", "Order-Id", "größe", "a__b", "dt", "change_id"])
def test_key_has_its_exact_name_and_value(name: str) -> None:
    """change_key has it, whatever its column is called."""
    keys = {name: {"N": LEDGER}}
    result = Rebuilder().rebuild(state({"n": {"N": "1"}}, keys=keys))
    assert result.exact
    assert result.item == {"n": {"N": "1"}} | keys
    assert result.keys == keys


def test_attribute_that_differs_from_the_key_in_capitals_only_is_kept() -> None:
    """The one with the column's name owns it, and the key is rescued."""
    keys = {"PK": {"S": "key"}}
    item = {"pk": {"S": "not the key"}}
    result = Rebuilder().rebuild(state(item, keys=keys))
    assert result.exact
    assert result.item == item | keys


def test_row_without_levels_is_exact() -> None:
    """A row that would have been too long has the whole item in change_rescued."""
    item: Json = {f"Я{number}" + "я" * 29: {"N": str(number)} for number in range(300)}
    row = state(item | {"Inner": {"M": {"Deep": {"SS": ["b", "c"]}}}})
    assert json.loads(row.line)["change_levels"] == 0
    result = Rebuilder().rebuild(row)
    assert result.exact
    assert same(result.item, item | {"Inner": {"M": {"Deep": {"SS": ["b", "c"]}}}} | KEYS)


@pytest.mark.parametrize("line", ["", "x", "[]", "1", '{"a":', '{"change_names":"x"}', "[" * 100_000])
def test_line_that_is_no_row_is_refused(line: str) -> None:
    """With one error, which shows nothing of the line."""
    for read in (Rebuilder().rebuild, Rebuilder().learn):
        with pytest.raises(RowError, match=r"^a row of the lake cannot be read$"):
            read(State('{"pk":{"S":"a"}}', "0" * 16, line=line))


def test_image_that_is_no_item_is_refused() -> None:
    """An image that somebody has changed by hand."""
    for image in ('{"pk":"a"}', "[]", "{"):
        with pytest.raises(RowError):
            Rebuilder().rebuild(State('{"pk":{"S":"a"}}', "0" * 16, image))


def test_memory_does_not_grow_with_names_that_are_data(monkeypatch: pytest.MonkeyPatch) -> None:
    """A map keyed by data has new names in every item."""
    monkeypatch.setattr(restoration, "_REMEMBERED", 50)
    rebuilder = Rebuilder()
    for number in range(400):
        row = state({f"Tags{number}": {"SS": ["b", "c"]}, f"tags{number}": {"SS": ["b", "c"]}})
        rebuilder.learn(row)
        rebuilder.rebuild(row)

    def sizes(one: Rebuilder) -> Iterable[int]:
        return (len(one._fitting), len(one._matched), len(one._failures))

    assert max(sizes(rebuilder)) <= 60
