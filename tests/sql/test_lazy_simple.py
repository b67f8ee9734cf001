"""Delimited text, line by line. Rules: Trino, `line.simple`, checked in tests/trino/test_table.py."""

import pytest

from sandbox.athena.errors import UnsupportedError
from sandbox.athena.formats.hive_types import parse_type
from sandbox.athena.formats.lazy_simple import parse_fields
from tests.sql.lake import Lake

STRING = parse_type("string")


def fields(lines: list[bytes], properties: dict[str, str], count: int = 2) -> list[tuple[str | None, ...]]:
    """Every column of the lines of a table of `count` text columns."""
    types = {f"c{number}": STRING for number in range(count)}
    columns = parse_fields(lines, types, list(types), properties)
    return list(zip(*(column.to_pylist() for column in columns.values()), strict=True))


@pytest.mark.parametrize(
    ("properties", "delimiter"),
    [
        ({}, b"\x01"),
        ({"serialization.format": "1"}, b"\x01"),
        ({"serialization.format": ","}, b","),
        ({"serialization.format": "1", "field.delim": "|"}, b"|"),
        ({"field.delim": "9"}, b"\t"),
    ],
)
def test_delimiter_is_the_configured_one(properties: dict[str, str], delimiter: bytes) -> None:
    """`field.delim` comes before `serialization.format`. A number is a byte. The default is byte 1."""
    assert fields([b"a" + delimiter + b"b"], properties) == [("a", "b")]


def test_fields_are_assigned_by_position() -> None:
    """Absent or marked fields are NULL, extra fields are ignored, and an empty field is an empty text."""
    lines = [b"a", b"", b"\\N,", b"a,b,c", b"\xff,b"]
    expected = [("a", None), ("", None), (None, ""), ("a", "b"), ("\ufffd", "b")]
    assert fields(lines, {"field.delim": ","}) == expected


@pytest.mark.parametrize("property_", ["escape.delim", "serialization.null.format", "skip.header.line.count"])
def test_unsupported_property_is_rejected(property_: str) -> None:
    """A table of another kind does not give a wrong result."""
    with pytest.raises(UnsupportedError, match=property_):
        fields([b"a"], {property_: "1"})
    with pytest.raises(UnsupportedError, match="typed columns"):
        parse_fields([b"1"], {"n": parse_type("int")}, ["n"], {})


def test_lines_are_complete_texts() -> None:
    """`change_lines` shows a line as written, also from an object that was already read as rows."""
    lake = Lake(("pk",), ("change_lines",))
    lines = ['{"change_id": "1", "pk": "a"}', "not JSON, with, commas", "[null,2]"]
    lake.put(*lines)
    assert lake.ask("SELECT change_id FROM changes") == [["1"], [None], [None]]
    assert lake.ask("SELECT line FROM change_lines") == [[line] for line in lines]
    assert lake.ask("SELECT count(*) FROM change_lines") == [["3"]]
