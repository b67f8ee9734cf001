"""The history of a table gives every earlier state, and forgets no more than it says."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.emulator.point_in_time import (
    DAY_MICROSECONDS,
    Change,
    History,
    Item,
    Key,
    NetChange,
    key_of,
    net_changes,
    undone,
)

TABLE = {"pk_name": "pk", "sk_name": None}
# Each write: the key, and the new value or None to delete.
WRITES = st.lists(st.tuples(st.sampled_from("abc"), st.none() | st.integers(0, 3)), max_size=30)


def item(key: str, value: Any) -> Item:
    return {"pk": {"S": key}, "v": {"N": str(value)}}


def key(found: Item) -> Key:
    return key_of(TABLE, found)


def write(writes: list[tuple[str, int | None]], history: History) -> list[dict[str, Item]]:
    """Apply the writes at the times 1, 2, …; the states before the first and after each."""
    states: list[dict[str, Item]] = [{}]
    for at, (name, value) in enumerate(writes, 1):
        before = states[-1]
        old, new = before.get(name), None if value is None else item(name, value)
        if old != new:
            history.record(Change(at, (("S", name),), old, new))
        after = {**before, name: new} if new is not None else {k: v for k, v in before.items() if k != name}
        states.append(after)
    return states


def by_key(items: list[Item]) -> dict[str, Item]:
    assert len({found["pk"]["S"] for found in items}) == len(items)
    return {found["pk"]["S"]: found for found in items}


@given(WRITES)
def test_every_earlier_state_is_known(writes: list[tuple[str, int | None]]) -> None:
    """The current items without the later changes are the items of that time, that time included."""
    history = History("id", 0)
    states = write(writes, history)

    for when, state in enumerate(states):
        assert by_key(undone(states[-1].values(), history.after(when), key)) == state


@given(WRITES, st.integers(0, 30), st.integers(0, 30))
def test_net_changes_are_the_difference_of_two_states(
    writes: list[tuple[str, int | None]], start: int, length: int
) -> None:
    """From the start, inclusive, to the end, exclusive: each changed item once, before and after."""
    history = History("id", 0)
    states = write(writes, history)
    end = start + length
    net = net_changes(history.between(start, end))
    before = states[min(max(start - 1, 0), len(states) - 1)]
    after = states[min(max(end - 1, 0), len(states) - 1)] if length else before

    touched = {change.key for change in history.changes if start <= change.at < end}
    assert net.keys() == touched
    for ((_, name),), change in net.items():
        assert (change.old, change.new) == (before.get(name), after.get(name))
    untouched = [name for name in "abc" if (("S", name),) not in touched]
    assert all(before.get(name) == after.get(name) for name in untouched)


def test_bounds_of_a_period() -> None:
    """A change at the start is in it, one at the end is not, and the time is that of the last change."""
    history = History("id", 0)
    write([("a", 1), ("a", 2), ("a", 3)], history)

    assert net_changes(history.between(2, 3)) == {(("S", "a"),): NetChange(2, item("a", 1), item("a", 2))}
    assert net_changes(history.between(1, 4)) == {(("S", "a"),): NetChange(3, None, item("a", 3))}


def test_oldest_changes_are_dropped_and_no_longer_promised() -> None:
    """The earliest time moves past each dropped change, so a time that is not known is refused."""
    history = History("id", 0, most=20)
    states = write([("a", number) for number in range(50)], history)

    assert len(history.changes) <= 20
    earliest = history.earliest(50)
    assert earliest > 1
    assert earliest == history.changes[0].at
    for when in range(earliest, 51):
        assert by_key(undone(states[-1].values(), history.after(when), key)) == states[when]


@pytest.mark.parametrize("days", [1, 35])
def test_period_of_recovery_ends_after_its_days(days: int) -> None:
    """35 days at most, or fewer; never before PITR was enabled."""
    history = History("id", 5, days)

    assert history.earliest(10) == 5
    assert history.earliest(days * DAY_MICROSECONDS + 100) == 100


def test_keys_differ_by_type_and_by_each_attribute() -> None:
    """The text 1 is another key than the number 1."""
    table = {"pk_name": "pk", "sk_name": "sk"}
    keys = [
        key_of(table, {"pk": {"S": "1"}, "sk": {"N": "1"}, "v": {"S": "x"}}),
        key_of(table, {"pk": {"N": "1"}, "sk": {"N": "1"}}),
        key_of(table, {"pk": {"S": "1"}, "sk": {"S": "1"}}),
    ]
    assert len(set(keys)) == 3
    assert keys[0] == (("S", "1"), ("N", "1"))
