"""The cost of a record grows with its length and no faster: calls are counted at n and at 2n."""

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from tests.unit.transform.records import Json, change_record, compact, item_record
from tests.unit.transform.test_growth import SHAPES, nested, short_names
from transform_lambda.batching import left_out
from transform_lambda.change import transform
from transform_lambda.errors import RecordError
from transform_lambda.flatten import RowSettings

N = 400
EVERYTHING = RowSettings(
    keep_whole=frozenset({"kept"}), exclude=frozenset({"ssn", "m__ssn"}), keep_images=True
)


def calls(work: Callable[[], Any]) -> int:
    """The number of function calls, including functions written in C."""
    count = 0

    def profiler(_frame: FrameType, event: str, _argument: Any) -> None:
        nonlocal count
        count += event in {"call", "c_call"}

    sys.setprofile(profiler)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


def assert_linear(work: Callable[[int], Callable[[], Any]]) -> None:
    """At 2n there are at most twice the calls, plus a few."""
    for _ in range(2):  # names are remembered the first time
        once, twice = calls(work(N)), calls(work(2 * N))
    assert twice <= 2 * once + 200, f"{once} calls for {N}, {twice} for {2 * N}"


def rivals(count: int) -> Json:
    """Attributes that all claim one column, and the same number of maps whose members do."""
    letters = short_names(count, "-./ #", 5)
    maps = {f"m{name}": {"M": {"b": {"S": ""}}} for name in letters}
    return maps | {f"a{name}": {"S": ""} for name in letters}


ITEMS: dict[str, Callable[[int], Json]] = SHAPES | {
    "rivals for one column": rivals,
    "a list of maps": lambda count: {"l": {"L": [{"M": {"a": {"S": ""}}}] * count}},
    "a set": lambda count: {"s": {"SS": short_names(count)}},
    "maps in maps": lambda count: {
        name: {"M": nested(20, {"x": {"N": "1"}})} for name in short_names(count // 20)
    },
    "an excluded map": lambda count: {"m": {"M": {name: {"S": ""} for name in [*short_names(count), "ssn"]}}},
}


@pytest.mark.parametrize("shape", ITEMS)
@pytest.mark.parametrize("settings", [RowSettings(), EVERYTHING], ids=["as launched", "every setting"])
def test_the_cost_of_a_record_is_proportional_to_its_length(shape: str, settings: RowSettings) -> None:
    """For items of every shape, with both images, and for every setting that shapes rows."""

    def work(count: int) -> Callable[[], Any]:
        item = ITEMS[shape](count)
        payload = compact(change_record("MODIFY", item, item | {"z": {"S": ""}}))
        return lambda: transform(payload, None, settings)

    assert_linear(work)


@pytest.mark.parametrize(
    "text", ["1" * 1_000_000 + "x", "1." + "0" * 1_000_000 + ".", "1e" + "9" * 1_000_000 + "e"]
)
def test_a_long_invalid_number_is_rejected_in_one_pass(text: str) -> None:
    """A million digits and a letter: with repeated passes this would take hours."""
    with pytest.raises(RecordError):
        transform(compact(item_record({"n": {"N": text}})))


def test_the_rows_that_do_not_fit_are_found_in_one_pass() -> None:
    """There are thousands of records, and all are too long."""

    def work(count: int) -> Callable[[], Any]:
        ids, lengths = [str(number) for number in range(count)], [100_000] * count
        return lambda: left_out(ids, lengths)

    assert_linear(work)


def test_the_call_counter_detects_a_nested_loop() -> None:
    """Otherwise the tests above would prove nothing."""
    with pytest.raises(AssertionError, match="calls for"):
        assert_linear(lambda count: lambda: [len("") for _ in range(count) for _ in range(count // 10)])
