"""Lake against table, key by key."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lake.comparison import Change, chain_problem, compare, newest
from transform_lambda.canonical import canonical_json, image_digest
from transform_lambda.flatten import RowSettings, flatten

Image = dict[str, Any]


def item(key: str, **attributes: Any) -> Image:
    """An item in DynamoDB JSON with the key `pk`."""
    return {"pk": {"S": key}, **attributes}


def change(key: str, number: int, before: Image | None, after: Image | None, **more: str | None) -> Change:
    """The number-th change of a key, one a second."""
    kind = "REMOVE" if after is None else "MODIFY" if before else "INSERT"
    return {
        "change_id": f"{key}-{number}",
        "change_type": kind,
        "change_time": f"2026-11-20T00:00:{number:02d}.000000Z",
        "change_sequence": f"{number:09d}",
        "change_key": canonical_json({"pk": {"S": key}}).decode(),
        "change_before": image_digest(before),
        "change_after": image_digest(after),
        "change_levels": None,
        "change_names": None,
        "change_image": None,
        "change_rescued": None,
        "pk": key,
        "n": ((after or before or {}).get("n") or {}).get("N"),
        **more,
    }


def history(key: str, *states: Image | None) -> list[Change]:
    """The changes that lead from nothing through the states."""
    return [
        change(key, number, before, after)
        for number, (before, after) in enumerate(zip((None, *states), states, strict=False))
    ]


ONE, TWO = item("a", n={"N": "1"}), item("a", n={"N": "2"})


def test_a_column_of_another_attribute_differs() -> None:
    """`my-column` and `my/column` have one column; the lake says which it was, and the report names it."""
    image = {"pk": {"S": "a"}, "my-column": {"S": "x"}}
    names = '{"my_column":["my-column"]}'
    of_row = {"n": None, "my_column": "x", "change_names": names}
    pairs = [({"pk": {"S": "a"}}, image)]
    assert compare("t", pairs, [change("a", 0, None, image, **of_row)], ["pk", "my_column"]).agrees
    for wrong, expected in (
        ({"change_names": '{"my_column":["my/column"]}'}, "columns differ: change_names"),
        ({"change_names": None}, "columns differ: change_names"),
        ({"my_column": "y"}, "columns differ: my_column (the attribute my-column)"),
    ):
        found = compare("t", pairs, [change("a", 0, None, image, **(of_row | wrong))], ["pk", "my_column"])
        assert [one.what for one in found.differences] == [expected]


@pytest.mark.parametrize(
    ("settings", "wrong"),
    [
        (RowSettings(keep_images=True), {"change_image": None}),
        (RowSettings(exclude=frozenset({"n"})), {"n": "1"}),
        (RowSettings(keep_whole=frozenset({"m"})), {"m": None, "m__x": "1"}),
        (RowSettings(), {"change_levels": "1"}),
    ],
)
def test_rows_are_compared_with_their_settings(settings: RowSettings, wrong: dict[str, str | None]) -> None:
    """With the settings of the function, all agrees; without them, or with another value, it does not."""
    image = item("a", n={"N": "1"}, m={"M": {"x": {"N": "1"}}})
    flat = flatten(image, settings)
    shown = dict.fromkeys(("n", "m", "m__x")) | {
        name: value if isinstance(value, str) else orjson.dumps(value).decode()
        for name, value in flat.columns.items()
    }
    row = change("a", 0, None, image, **shown, change_image=flat.image)
    columns = ["pk", "n", "m", "m__x"]
    pairs = [({"pk": {"S": "a"}}, image)]
    assert compare("t", pairs, [row], columns, settings).agrees
    assert not compare("t", pairs, [{**row, **wrong}], columns, settings).agrees


def test_changes_by_dynamodb_streams_are_ordered_by_sequence() -> None:
    """A to B, B to A and A to B within one second: the last by sequence is the newest, as in the views."""
    steps = [(None, ONE), (ONE, TWO), (TWO, ONE), (ONE, TWO)]
    changes = [
        {
            **change("a", number, *step),
            "change_time": "2026-11-20T00:00:00.000000Z",
            "change_sequence": f"{number:040d}",
        }
        for number, step in enumerate(steps)
    ]
    for order in (changes, changes[::-1]):
        assert newest(order)["change_id"] == "a-3"
    assert newest(changes[:3])["change_id"] == "a-2"


def differences(items: list[Image], changes: list[Change]) -> list[str]:
    """What differs."""
    pairs = [({"pk": one["pk"]}, one) for one in items]
    return [one.what for one in compare("t", pairs, changes, ["pk", "n"]).differences]


def test_equal_lake_and_table_agree() -> None:
    """The newest change carries the item's digest and columns; deleted keys end in a REMOVE."""
    gone = item("b")
    changes = [*history("a", ONE, TWO), *history("b", gone, None)]
    again = {**changes[0], "change_sequence": "99"}
    result = compare("t", [({"pk": TWO["pk"]}, TWO)], [*changes, again], ["pk", "n"])
    assert result.agrees
    assert result.figures() == {
        "items in the table": 1,
        "changes in the lake": 5,
        "delivered more than once": 1,
        "keys in the lake": 2,
        "keys deleted in both": 1,
        "keys older than the lake": 0,
        "column values compared": 6,
        "values whose column is not declared yet": 0,
        "keys that differ": 0,
    }


@pytest.mark.parametrize(
    ("items", "changes", "expected"),
    [
        ([ONE], [], "is in the table, not in the lake"),
        ([], history("a", ONE), "is in the lake, not in the table"),
        ([TWO], history("a", ONE), "is not the item's state"),
        ([ONE], history("a", ONE, TWO), "is not the item's state"),
        ([TWO], [change("a", 1, None, TWO, n="3")], "columns differ: n"),
        ([TWO], [change("a", 1, None, TWO, n=None)], "columns differ: n"),
        ([TWO], [change("a", 1, None, TWO, change_rescued="{}")], "columns differ: change_rescued"),
        ([ONE], [history("a", ONE, TWO, ONE)[0], history("a", ONE, TWO, ONE)[2]], "has a gap"),
        ([], [history("a", ONE, TWO, None)[0], history("a", ONE, TWO, None)[2]], "has a gap"),
        ([TWO], [*history("a", TWO), change("a", 0, None, TWO, n="3")], "unlike itself: n"),
        ([TWO], [*history("a", ONE, TWO), change("a", 0, None, ONE, n=None)], "unlike itself: n"),
        ([], [*history("a", ONE, None), change("a", 1, ONE, TWO, n="1")], "change_after, change_type"),
    ],
)
def test_each_difference_is_named(items: list[Image], changes: list[Change], expected: str) -> None:
    """What is lost, stale, wrong, left over, missing in the middle, or there twice and not the same."""
    (what,) = differences(items, changes)
    assert expected in what


def test_a_key_older_than_the_lake_is_not_a_gap() -> None:
    """An adopted table has items from before its stream."""
    changes = [change("a", 1, ONE, TWO)]
    assert chain_problem(changes, changes[0]) == (None, True)
    result = compare("t", [({"pk": TWO["pk"]}, TWO)], changes, ["pk", "n"])
    assert (result.agrees, result.older) == (True, 1)
    result = compare("t", [], [change("a", 1, ONE, None)], ["pk", "n"])
    assert (result.agrees, result.older, result.deleted) == (True, 1, 1)
    assert chain_problem(history("a", ONE, TWO, ONE)[::2], history("a", ONE, TWO, ONE)[2])[1] is False


def test_a_write_without_effect_keeps_the_chain() -> None:
    """Of three changes of one time the last is found, whatever the sequence numbers say."""
    moment = {"change_time": "2026-11-20T00:00:00.000000Z"}
    first, second, third = history("a", ONE, TWO, TWO)
    changes = [
        {**one, **moment, "change_sequence": place}
        for one, place in ((first, "3"), (second, "2"), (third, "1"))
    ]
    assert newest(changes)["change_after"] == image_digest(TWO)


@pytest.mark.parametrize(
    ("attribute", "shown"),
    [
        ({"S": "1.50"}, "1.5"),
        ({"S": "true"}, "TRUE"),
        ({"S": "[1]"}, "[1 ]"),
        ({"S": ""}, None),
        ({"N": "12345678901234567890"}, "12345678901234567891"),
        ({"N": "12345678901234567890"}, "1.234567890123456789e19"),
        ({"N": "1.5"}, "1.50000000000000000001"),
        ({"N": "1"}, "true"),
        ({"N": "1"}, '"1"'),
        ({"N": "1"}, "one"),
        ({"BOOL": True}, "1"),
        ({"BOOL": False}, "true"),
        ({"BOOL": False}, None),
        ({"NULL": True}, "null"),
        ({"L": [{"N": "1"}]}, "[true]"),
        ({"L": [{"N": "1"}]}, '["1"]'),
        ({"L": [{"N": "0.1"}]}, "[0.10000000000000000555]"),
        ({"M": {}}, "[]"),
    ],
)
def test_a_column_of_another_value_differs(attribute: Image, shown: str | None) -> None:
    """To the last digit, and by type: what is text is compared as text."""
    state = item("a", n=attribute)
    assert differences([state], [change("a", 1, None, state, n=shown)]) == ["columns differ: n"]


@pytest.mark.parametrize(
    ("attribute", "shown"),
    [
        ({"S": "text"}, "text"),
        ({"N": "1.50"}, "1.5"),
        ({"N": "12345678901234567890"}, "12345678901234567890"),
        ({"BOOL": True}, "true"),
        ({"BOOL": False}, "false"),
        ({"N": "1E+5"}, "100000"),
        ({"L": [{"N": "1.50"}]}, "[1.5]"),
        ({"NULL": True}, None),
        ({"L": [{"N": "1"}, {"S": "x"}]}, '[1, "x"]'),
        ({"SS": ["b", "a"]}, '["a","b"]'),
        ({"M": {}}, "{}"),
    ],
)
def test_a_column_is_compared_by_meaning(attribute: Image, shown: str | None) -> None:
    """Spacing of JSON and trailing zeros are the reader's affair."""
    state = item("a", n=attribute)
    assert differences([state], [change("a", 1, None, state, n=shown)]) == []


def test_undeclared_columns_are_counted_not_compared() -> None:
    """The lake cannot show what its table does not declare."""
    state = item("a", n={"N": "1"}, extra={"S": "x"})
    result = compare("t", [({"pk": state["pk"]}, state)], history("a", state), ["pk", "n"])
    assert (result.agrees, result.undeclared) == (True, 1)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=8), st.randoms())
def test_the_newest_change_is_found_in_any_order_and_any_tie(numbers: list[int], order: Any) -> None:
    """Changes of one timestamp are ordered by their digests: the last is what nothing continues."""
    states: list[Image | None] = []
    for number in numbers:
        state = item("a", n={"N": str(number)}) if number else None
        if not states or states[-1] != state:
            states.append(state)
    if states[0] is None:
        states.pop(0)
    if not states:
        return
    moment = {"change_time": "2026-11-20T00:00:00.000000Z", "change_sequence": None}
    changes = [{**one, **moment} for one in history("a", *states)]
    order.shuffle(changes)
    visited = [image_digest(state) for state in (None, *states)]
    last = newest(changes)
    if len(set(visited)) == len(visited):  # a state met twice leaves the order to the sequence
        assert last["change_after"] == visited[-1]
    assert chain_problem(changes, last)[0] is None or len(set(visited)) < len(visited)


def snapshot(key: str, number: int, state: Image | None) -> Change:
    """A SNAPSHOT row in the second of the number-th change."""
    more = {"change_id": f"copy-{number}", "change_type": "SNAPSHOT", "change_sequence": None}
    return change(key, number, None, state, **more)


THREE = item("a", n={"N": "3"})


@pytest.mark.parametrize(
    ("state", "rows"),
    [
        (ONE, [snapshot("a", 5, ONE)]),  # an item that is older than the lake
        (TWO, [snapshot("a", 5, ONE), change("a", 6, ONE, TWO)]),  # the same, and its next change
        (TWO, [change("a", 0, None, ONE), snapshot("a", 5, TWO)]),  # a lost change, repaired
        (THREE, [change("a", 0, None, ONE), snapshot("a", 5, TWO), change("a", 6, TWO, THREE)]),
        (TWO, [change("a", 4, None, ONE), change("a", 5, ONE, TWO), snapshot("a", 5, TWO)]),  # one time
        (None, [change("a", 0, None, ONE), snapshot("a", 5, None)]),  # a lost deletion, repaired
        (ONE, [change("a", 0, None, ONE), snapshot("a", 5, ONE)]),  # nothing was lost
    ],
)
def test_snapshot_rows_state_what_the_chain_lacks(state: Image | None, rows: list[Change]) -> None:
    """In any order."""
    items = [] if state is None else [({"pk": {"S": "a"}}, state)]
    for given_rows in (rows, rows[::-1]):
        assert compare("t", items, given_rows, ["pk", "n"]).differences == []


@pytest.mark.parametrize(
    ("rows", "what"),
    [
        ([change("a", 0, ONE, TWO), change("a", 1, THREE, ONE), snapshot("a", 5, ONE)], "has a gap"),
        ([change("a", 0, None, ONE), snapshot("a", 5, TWO)], "is not the item's state"),
        ([change("a", 0, None, ONE), snapshot("a", 5, None)], "is not the item's state"),
    ],
)
def test_snapshot_rows_hide_no_difference(rows: list[Change], what: str) -> None:
    """A gap before the chain reaches the stated item, and a newest row with another state."""
    [found] = compare("t", [({"pk": {"S": "a"}}, ONE)], rows, ["pk", "n"]).differences
    assert what in found.what
