"""JSON read value by value, from a file that comes in pieces."""

from __future__ import annotations

import io
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from scripts.put_items.reading.json_stream import JsonStream


class Dripping(io.StringIO):
    """A file that gives a few characters at a time, however many are asked for."""

    def __init__(self, text: str, size: int) -> None:
        super().__init__(text)
        self._size = size

    def read(self, _: int | None = -1, /) -> str:
        """The next few characters."""
        return super().read(self._size)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-999, 999) | st.text('a"\\{}[],:1\n é', max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("ab\n", max_size=2), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.lists(VALUES, max_size=6), st.integers(1, 7), st.sampled_from([None, 1]), st.booleans())
def test_reading_in_pieces_reads_the_same(
    values: list[Any], size: int, indent: int | None, array: bool
) -> None:
    """Wherever the pieces of a file end, its values and their lines are those of the whole."""
    if array:
        text = json.dumps(values, indent=indent)
    else:
        values = [value for value in values if isinstance(value, dict)]
        text = "\n".join(json.dumps(value, indent=indent) for value in values)
    read = list(JsonStream(Dripping(text, size), "f"))
    assert [json.loads(json.dumps(value)) for value, _ in read] == [
        json.loads(json.dumps(v), parse_int=str) for v in values
    ]
    if indent is None:
        assert [line for _, line in read] == ([1] * len(values) if array else list(range(1, len(values) + 1)))
