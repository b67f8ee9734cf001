"""No record costs more than in proportion to its length: calls are counted at one length and at twice it."""

from __future__ import annotations

import contextlib
import io
import json
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from scripts.put_items import values
from scripts.put_items.errors import CommandError, RecordError
from scripts.put_items.kinds import Number
from scripts.put_items.reading import json_stream
from scripts.put_items.reading.columns import columns_of
from scripts.put_items.reading.source import check
from scripts.put_items.values import from_plain, from_typed, number
from tests.unit.scripts.put_items.files import TABLE, source

LENGTH = 500


class Counted(str):
    """A name that counts how often any of its kind is compared."""

    comparisons = 0

    def __eq__(self, other: object) -> bool:
        Counted.comparisons += 1
        return str.__eq__(self, other)

    __hash__ = str.__hash__

    def strip(self, chars: str | None = None, /) -> Counted:
        """The name without white space, counted on."""
        return Counted(super().strip(chars))

    def rpartition(self, sep: str, /) -> tuple[str, str, str]:
        """The parts of the name, counted on."""
        head, separator, tail = super().rpartition(sep)
        return Counted(head), separator, Counted(tail)


def comparisons(work: Callable[[list[Counted]], object], count: int) -> int:
    """The comparisons of some work on so many names, of which the last is there twice."""
    names = [Counted("pk"), *(Counted(f"name {n}") for n in range(count)), Counted(f"name {count - 1}")]
    Counted.comparisons = 0
    with pytest.raises((RecordError, CommandError), match="twice"):
        work(names)
    return Counted.comparisons


@pytest.mark.parametrize(
    "work",
    [
        lambda names: json_stream._object([(name, 1) for name in names]),
        lambda names: columns_of(names, {}, TABLE, "a.csv"),
    ],
    ids=["object", "header"],
)
def test_a_duplicate_name_is_found_in_one_pass(work: Callable[[list[Counted]], object]) -> None:
    """No name is compared with every other one."""
    small, large = comparisons(work, LENGTH), comparisons(work, 2 * LENGTH)
    assert 0 < small <= 10 * LENGTH
    assert large <= 2.1 * small


@pytest.mark.parametrize("tag", ["NS", "Number"])
def test_a_set_of_numbers_of_one_hash_is_checked_in_one_pass(
    tag: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python hashes numbers by a known rule: in a set, such numbers are compared each with every other."""
    compared = 0

    class Comparing(Decimal):
        def __eq__(self, other: object) -> bool:
            nonlocal compared
            compared += 1
            return super().__eq__(other)

        __hash__ = Decimal.__hash__

    monkeypatch.setattr(values, "number", lambda digits, path: Comparing(number(digits, path)))
    numbers = [str(sys.hash_info.modulus * n + 1) for n in range(1, LENGTH)]
    assert len({hash(number(digits, "")) for digits in numbers}) == 1
    if tag == "NS":
        from_typed({"NS": numbers}, "a")
    else:
        from_plain({"wrapperName": "Set", "values": [*map(Number, numbers)], "type": tag}, "a")
    assert compared <= LENGTH


def calls(work: Callable[[], object]) -> int:
    """How many functions some work calls, those written in C included."""
    count = 0

    def seen(_: object, event: str, __: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(seen)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


def names(count: int) -> list[str]:
    """So many names."""
    return [f"n{number}" for number in range(count)]


# Records by their length: each in the shape that makes most of it.
RECORDS: dict[str, Callable[[int], str]] = {
    "wide.json": lambda n: json.dumps({"pk": "a", **dict.fromkeys(names(n), 1)}),
    "typed.json": lambda n: json.dumps({"pk": {"S": "a"}, **{name: {"N": "1"} for name in names(n)}}),
    "list.json": lambda n: json.dumps({"pk": "a", "l": [{"x": [n]} for _ in range(n)]}),
    "nested.json": lambda n: json.dumps(
        {"pk": "a", "l": [json.loads('{"L":[1,' * 14 + "1" + "]}" * 14)] * n}
    ),
    "sets.json": lambda n: json.dumps(
        {"pk": {"S": "a"}, "s": {"SS": names(n)}, "n": {"NS": [*map(str, range(n))]}}
    ),
    "document.json": lambda n: json.dumps(
        {"pk": "a", "s": {"wrapperName": "Set", "type": "Number", "values": list(range(n))}}
    ),
    "buffer.json": lambda n: json.dumps({"pk": "a", "b": {"type": "Buffer", "data": [1] * n}}),
    "scan.json": lambda n: json.dumps({"Items": [{"pk": name} for name in names(n)], "Count": n}),
    "batch.json": lambda n: json.dumps(
        {"shop": [{"PutRequest": {"Item": {"pk": name}}} for name in names(n)]}
    ),
    "tables.json": lambda n: json.dumps(
        {name: [{"PutRequest": {"Item": {"pk": "a"}}}] for name in ["shop", *names(n)]}
    ),
    "inputs.json": lambda n: json.dumps([{"TableName": "shop", "Item": {"pk": name}} for name in names(n)]),
    "pages.jsonl": lambda n: "\n".join(json.dumps({"Items": [{"pk": x}], "NextToken": x}) for x in names(n)),
    "near.json": lambda n: json.dumps({"pk": "a", "Items": [], **dict.fromkeys(names(n), 1)}),
    "columns.csv": lambda n: ",".join(["pk", *names(n)]) + "\n" + ",".join(["a", *names(n)]) + "\n",
    "types.csv": lambda n: ";".join(["pk", *(f"{x}:N+NULL" for x in names(n))]) + "\na" + ";" * n + "\n",
    "lines.csv": lambda n: 'pk,text\na,"' + "line\n" * n + '"\n',
    "cell.csv": lambda n: f'pk,l:JSON\na,"{json.dumps(list(range(n)))}"\n',
}


@pytest.mark.parametrize("name", RECORDS)
def test_a_record_twice_as_long_takes_at_most_twice_the_calls(name: str, tmp_path: Path) -> None:
    """Reading, checking and converting: whatever the record is made of.

    Three times are allowed: a record longer than what is read at once is parsed again when it has all come.
    What grows with the square takes four.
    """
    small, large = (source(tmp_path / f"{n}{name}", RECORDS[name](n)) for n in (LENGTH, 2 * LENGTH))
    assert check(source(tmp_path / name, RECORDS[name](LENGTH))) > 0  # what is done once is done
    assert calls(lambda: check(large)) <= 3 * calls(lambda: check(small))


def test_a_value_read_in_parts_is_parsed_in_linear_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is read at once doubles, so that the characters parsed stay in proportion to the value."""
    parsed = 0
    decode = json_stream.DECODER.raw_decode

    def counting(text: str, at: int) -> tuple[object, int]:
        nonlocal parsed
        parsed += len(text) - at
        return decode(text, at)

    monkeypatch.setattr(json_stream.DECODER, "raw_decode", counting)
    for length in (1_000_000, 2_000_000):
        parsed = 0
        text = json.dumps({"pk": "x" * length})
        assert len(list(json_stream.JsonStream(io.StringIO(text), "a.json"))) == 1
        assert parsed <= 4 * len(text)


@pytest.mark.parametrize(
    "digits",
    ["1" * 40_000 + "x", "0" * 40_000 + "1", "1." + "0" * 40_000, "1e" + "9" * 40_000],
    ids=["letter", "zeros", "fraction", "exponent"],
)
def test_a_long_number_is_read_once(digits: str) -> None:
    """The pattern has no two repeats that can share digits: no number of digits makes it try again."""
    began = time.process_time()
    with contextlib.suppress(RecordError):
        number(digits, "a")
    assert time.process_time() - began < 1  # milliseconds; a pattern that tries again takes a minute
