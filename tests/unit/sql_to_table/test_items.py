"""Rows as items: exact values, nulls, and items that the table would refuse."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from glue.jobs.sql_to_table.items import RefusedError, Shape, attribute
from scripts.put_items.table import Table
from tests.unit.sql_to_table.scene import TABLE

DIGITS = "12345678901234567890.123456789012345678"


class Struct(tuple[Any, ...]):
    """A struct as Spark gives it to Python: a tuple that knows its names."""

    def asDict(self) -> dict[str, Any]:
        return {f"m{number}": value for number, value in enumerate(self)}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("", {"S": ""}),
        (True, {"BOOL": True}),
        (-7, {"N": "-7"}),
        (Decimal(DIGITS), {"N": DIGITS}),
        (Decimal("1E-30"), {"N": "0.000000000000000000000000000001"}),
        (bytearray(b"\x00\xff"), {"B": b"\x00\xff"}),
        (dt.date(2026, 11, 20), {"S": "2026-11-20"}),
        ([1, None, "x"], {"L": [{"N": "1"}, {"NULL": True}, {"S": "x"}]}),
        ({"a": 1, "b": None}, {"M": {"a": {"N": "1"}}}),
        (Struct((False, None, ["x"])), {"M": {"m0": {"BOOL": False}, "m2": {"L": [{"S": "x"}]}}}),
    ],
)
def test_a_value_keeps_what_it_is(value: Any, expected: dict[str, Any]) -> None:
    """A null member is left out, and a null in an array keeps its place."""
    assert attribute(value) == expected


@pytest.mark.parametrize("value", [1.5, None, object()])
def test_a_value_of_no_type_is_an_error_of_the_program(value: Any) -> None:
    """The schema was refused before."""
    with pytest.raises(TypeError):
        attribute(value)


def shape(*names: str, numbers: frozenset[str] = frozenset(), table: Table = TABLE) -> Shape:
    """The shape of rows with a key and these columns."""
    return Shape(("pk", *names), numbers, table)


def test_a_null_column_is_left_out() -> None:
    """The item has no attribute of that name."""
    assert shape("a", "b").item(("k", None, 1))[0] == {"pk": {"S": "k"}, "b": {"N": "1"}}


@pytest.mark.parametrize("text", [DIGITS, "1E+125", "-0.5", "9" * 38])
def test_text_of_a_number_becomes_a_number_digit_by_digit(text: str) -> None:
    """No float in between."""
    assert shape("n", numbers=frozenset({"n"})).item(("k", text))[0]["n"] == {"N": text}


@pytest.mark.parametrize(
    ("row", "column", "why"),
    [
        ((None, "1", "x"), "pk", "a key is null"),
        (("", "1", "x"), "pk", "has 0 bytes; as a key it may have 1 to 2,048"),
        (("k" * 2049, "1", "x"), "pk", "has 2,049 bytes; as a key it may have 1 to 2,048"),
        (("k", "1,5", "x"), "n", "is not a number: it has a comma"),
        (("k", "NaN", "x"), "n", "is not a number: DynamoDB has neither NaN"),
        (("k", "1" * 39, "x"), "n", "has 39 significant digits; DynamoDB keeps 38"),
        (("k", "1E+126", "x"), "n", "is outside DynamoDB's range"),
        (("k", "1", "x" * 409_600), "", "DynamoDB accepts 409,600 per item"),
        (("k", "1", {"secret": {"": 1}}), "x", "its name has 0 bytes"),
    ],
)
def test_an_item_that_the_table_refuses_names_the_column_and_no_value(
    row: tuple[Any, ...], column: str, why: str
) -> None:
    """The key of a map is a value too."""
    with pytest.raises(RefusedError) as raised:
        shape("n", "x", numbers=frozenset({"n"})).item(row)
    assert raised.value.column == column
    assert why in raised.value.why
    assert "secret" not in str(raised.value)


def test_equal_keys_have_one_text() -> None:
    """DynamoDB compares numbers, however they are written."""
    table = Table("t", "1", "r", {"pk": "HASH", "sk": "RANGE"}, {"pk": "S", "sk": "N"})
    keyed = shape("sk", numbers=frozenset({"sk"}), table=table)

    def key(*row: str) -> str:
        return keyed.key(keyed.item(row)[0])

    assert key("a", "100") == key("a", "1E2") == key("a", "100.0")
    assert key("a", "0") == key("a", "-0.00")
    assert key("a", "1") != key("a", "1.0000000000000000000000000000000000001")
    assert key('a", "1', "1") != key("a", "1")


def test_binary_keys_have_a_text() -> None:
    """Also bytes that are no text."""
    table = Table("t", "1", "r", {"pk": "HASH"}, {"pk": "B"})
    keyed = shape(table=table)
    assert keyed.key(keyed.item((bytearray(b"\xff"),))[0]) != keyed.key(keyed.item((bytearray(b"\xfe"),))[0])
