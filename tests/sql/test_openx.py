"""The lenient JSON of the SerDe, line by line. Rules: Trino, `line.openxjson`, README."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.athena.formats.openx import InvalidJsonError, canonical, read_line, text_of


def read(line: str) -> object:
    """A line's values as `string` columns show them."""
    value = read_line(line.encode())
    return {key: text_of(item) for key, item in value.items()} if isinstance(value, dict) else value


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('{"a": 1, "b": "x"}', {"a": "1", "b": "x"}),
        ("{'a': 'single'}", {"a": "single"}),
        ("{a: bare}", {"a": "bare"}),
        ('{"a" = 1; "b" => 2}', {"a": "1", "b": "2"}),
        ('{"a": [1,,2;]}', {"a": "[1,null,2,null]"}),
        ('{"a": 1 /* why */, "b": 2} // end', {"a": "1", "b": "2"}),
        ('{"a": 0x10, "b": 010}', {"a": "16", "b": "8"}),
        ('{"a": NULL, "b": TRUE}', {"a": None, "b": "true"}),
        ('{"a": 1}{"a": 2}', {"a": "1"}),
        ('{"a": {"B": 1, "b": 2}}', {"a": '{"b":2}'}),
        ('{"a": "\\ud800"}', {"a": "?"}),
        ('{"a": 1.5e3, "b": [1.50, 1e-9]}', {"a": "1.5E+3", "b": "[1.50,1E-9]"}),
        ("[1, 2]", [1, 2]),
        ("{}", {}),
    ],
)
def test_lenient_line_is_read(line: str, expected: object) -> None:
    """The deviations that the SerDe accepts, and the resulting values."""
    assert read(line) == expected


@pytest.mark.parametrize("line", ["hello", '"text"', "12", "", "  ", "true", "null"])
def test_line_that_is_not_an_object_has_no_value(line: str) -> None:
    """Only objects and arrays are rows; any other line is a row of NULLs."""
    assert read_line(line.encode()) is None


@pytest.mark.parametrize(
    "line", ['{"a": 1', '{"a"', "{", '{"a": "x', "[1, 2", "{null: 1}", "{[]: 1}", "[" * 100_000]
)
def test_malformed_line_is_rejected(line: str) -> None:
    """The lenient reader rejects these lines too, at every depth."""
    with pytest.raises(InvalidJsonError):
        read_line(line.encode())


@pytest.mark.parametrize(
    ("literal", "expected"),
    [
        ("12.50", "12.50"),
        ("1e5", "1E+5"),
        ("-0", "0"),
        ("0.0000001", "1E-7"),
        ("1" * 38, "1" * 38),
        ("0.10", "0.10"),
    ],
)
def test_number_prints_as_bigdecimal(literal: str, expected: str) -> None:
    """Digits are kept, and exponents have BigDecimal's form."""
    assert canonical(literal) == expected


@given(st.binary(max_size=60))
def test_no_line_breaks_the_reader(line: bytes) -> None:
    """Any bytes are a value, no value, or malformed."""
    try:
        value = read_line(line)
    except InvalidJsonError:
        return
    assert value is None or isinstance(value, dict | list)


@given(st.integers(-(10**37), 10**37))
def test_whole_number_keeps_its_digits(number: int) -> None:
    """38 digits are unchanged, at the top level and inside lists."""
    assert read(f'{{"n":{number},"l":[{number}]}}') == {"n": str(number), "l": f"[{number}]"}
