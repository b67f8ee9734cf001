"""Which columns a table accepts, decided from the schema before a row is read."""

from typing import Any

import pytest

from glue.jobs.sql_to_table.columns import Column, check, columns_of, described, kind_of
from glue.jobs.sql_to_table.errors import JobError
from scripts.put_items.table import Table
from tests.unit.sql_to_table.scene import TABLE, columns

ARRAY: dict[str, Any] = {"type": "array", "elementType": "string", "containsNull": True}
MAP: dict[str, Any] = {"type": "map", "keyType": "string", "valueType": "long", "valueContainsNull": True}


def struct(**types: Any) -> dict[str, Any]:
    """A struct with these members."""
    return {"type": "struct", "fields": [{"name": name, "type": type_} for name, type_ in types.items()]}


def reason(*given: Column, table: Table = TABLE, numbers: frozenset[str] = frozenset()) -> str:
    """The message with which the columns are refused."""
    with pytest.raises(JobError) as raised:
        check(given, table, numbers)
    return str(raised.value)


@pytest.mark.parametrize(
    ("type_", "kind"),
    [("string", "S"), ("varchar(5)", "S"), ("char(5)", "S"), ("date", "S"), ("boolean", "BOOL"),
     ("binary", "B"), ("byte", "N"), ("short", "N"), ("integer", "N"), ("long", "N"),
     ("decimal(38,10)", "N"), (ARRAY, "L"), (MAP, "M"), (struct(a="string"), "M"), ("void", "NULL")],
)  # fmt: skip
def test_a_type_of_spark_has_one_type_in_dynamodb(type_: Any, kind: str) -> None:
    """And the table accepts the column."""
    assert kind_of(type_) == kind
    check(columns(pk="string", x=type_), TABLE, frozenset())


@pytest.mark.parametrize("type_", ["double", "float"])
@pytest.mark.parametrize(
    "nest",
    [
        lambda inner: inner,
        lambda inner: {**ARRAY, "elementType": inner},
        lambda inner: struct(a=inner),
        lambda inner: {**MAP, "valueType": struct(b={**ARRAY, "elementType": inner})},
    ],
)
def test_a_double_is_refused_wherever_it_is(type_: str, nest: Any) -> None:
    """Its digits are rounded, and those of a sum depend on the order of the rows."""
    message = reason(*columns(pk="string", price=nest(type_)))
    assert "column price" in message
    assert "AS DECIMAL(38, n)" in message


@pytest.mark.parametrize("type_", ["timestamp", "timestamp_ntz", "interval day to second", "variant"])
def test_a_type_without_a_text_of_its_own_is_refused(type_: str) -> None:
    """The statement chooses the text."""
    assert f"column x: {'a timestamp' if 'time' in type_[:4] else 'type'}" in reason(
        *columns(pk="string", x=type_)
    )


def test_a_map_has_keys_of_text() -> None:
    """DynamoDB has no others."""
    assert "the keys of a map must be text" in reason(*columns(pk="string", x={**MAP, "keyType": "long"}))


def test_members_of_one_name_are_refused() -> None:
    """One would hide the other."""
    twice = {"type": "struct", "fields": [{"name": "a", "type": "long"}, {"name": "a", "type": "string"}]}
    assert "column x: member a occurs 2 times" in reason(*columns(pk="string", x=twice))


def test_columns_of_one_name_are_refused() -> None:
    """One would hide the other."""
    assert "column a occurs 2 times" in reason(
        *columns(pk="string"), Column("a", "long"), Column("a", "long")
    )


def test_a_missing_key_is_named() -> None:
    """With the column whose name differs in case, as SQL does not tell them apart and DynamoDB does."""
    assert "the result has no column pk, a key of table shop (it has PK)" in reason(*columns(PK="string"))


@pytest.mark.parametrize(
    ("type_", "kind"),
    [("long", "N"), ("binary", "B"), ("boolean", "BOOL"), (ARRAY, "L"), ("void", "NULL")],
)
def test_a_key_of_another_type_is_refused(type_: Any, kind: str) -> None:
    """The message names both types, and the cast."""
    message = reason(*columns(pk=type_))
    assert f"which becomes {kind}, but as a key of table shop it is of type S. CAST it AS STRING" in message


def test_a_key_of_an_index_is_checked_too() -> None:
    """DynamoDB refuses an item with a key of an index that has another type."""
    assert "as a key of an index of table shop it is of type N. Add it to --numbers" in reason(
        *columns(pk="string", by="string")
    )
    check(columns(pk="string", by="string"), TABLE, frozenset({"by"}))
    check(columns(pk="string", by="void"), TABLE, frozenset())  # every value is left out


@pytest.mark.parametrize("numbers", [{"no"}, {"n"}])
def test_numbers_are_columns_of_text(numbers: set[str]) -> None:
    """A wrong name would write text without a word."""
    assert "--numbers has n" in reason(*columns(pk="string", n="long"), numbers=frozenset(numbers))


def test_all_reasons_are_named_at_once() -> None:
    """A run takes minutes to start."""
    message = reason(*columns(x="double", y="timestamp"))
    assert all(text in message for text in ("no column pk", "column x", "column y"))


def test_the_schema_is_shown() -> None:
    """As a dry run shows it."""
    schema = struct(pk="string", n="string", list=ARRAY)
    assert described(columns_of(schema), TABLE, frozenset({"n"})) == [
        "pk: string becomes S, partition key",
        "n: string becomes N",
        "list: array becomes L",
    ]
