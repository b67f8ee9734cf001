"""A result is read exactly and as a stream."""

from __future__ import annotations

import io
import tracemalloc
from typing import Any

import pytest
from botocore.exceptions import ResponseStreamingError
from hypothesis import given
from hypothesis import strategies as st

from sandbox.athena.engine.results import Column, to_csv
from scripts.core import result_rows as results
from scripts.core.console import CommandError
from scripts.core.result_rows import result_rows
from tests.unit.scripts.edge import refused

RESULT = "s3://results/folder/q-1.csv"
COLUMNS = [Column("a", "varchar"), Column("b", "varchar")]


class FakeS3:
    """One object, and the reads of it. The first `broken` reads end too early."""

    def __init__(self, body: bytes, broken: int = 0) -> None:
        self._body, self.broken = body, broken
        self.reads: list[str] = []

    def head_object(self, Bucket: str, Key: str) -> dict[str, Any]:
        assert (Bucket, Key) == ("results", "folder/q-1.csv")
        return {"ContentLength": len(self._body), "ETag": '"e"'}

    def get_object(self, Range: str, IfMatch: str, **_: str) -> dict[str, Any]:
        assert IfMatch == '"e"'
        self.reads.append(Range)
        if self.broken:
            self.broken -= 1
            return {"Body": _Broken()}
        first, last = map(int, Range.removeprefix("bytes=").split("-"))
        assert last < len(self._body)
        return {"Body": io.BytesIO(self._body[first : last + 1])}


class _Broken:
    def read(self) -> bytes:
        raise ResponseStreamingError(error="reset")


@given(
    st.lists(st.tuples(st.none() | st.text(), st.none() | st.text(max_size=9)), max_size=30),
    st.integers(1, 40),
)
def test_rows_are_those_of_the_result(rows: list[tuple[str | None, str | None]], piece: int) -> None:
    """Quotes, commas, line breaks, any character, and pieces that end within a character."""
    body = to_csv(COLUMNS, [list(row) for row in rows])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(results, "PIECE_BYTES", piece)
        found = list(result_rows(FakeS3(body), RESULT))
    assert found == [[a or "", b or ""] for a, b in rows]


def test_piece_whose_connection_breaks_is_read_again() -> None:
    """Some times; then the error is raised."""
    body = to_csv(COLUMNS, [["x", "y"]])
    s3 = FakeS3(body, broken=results.ATTEMPTS - 1)
    assert list(result_rows(s3, RESULT)) == [["x", "y"]]
    assert len(s3.reads) == results.ATTEMPTS
    with pytest.raises(ResponseStreamingError):
        list(result_rows(FakeS3(body, broken=results.ATTEMPTS), RESULT))


def test_result_that_has_expired_is_an_error() -> None:
    """The bucket of the results deletes them after some time."""

    class Gone:
        def head_object(self, **_: str) -> None:
            raise refused("404", "Not Found", "HeadObject")

    with pytest.raises(CommandError, match=r"q-1\.csv does not exist any more"):
        list(result_rows(Gone(), RESULT))


def test_longest_item_fits() -> None:
    """A row's line can be longer than the limit of Python's csv, 128 KB."""
    line = "é" * 3_000_000
    assert list(result_rows(FakeS3(to_csv(COLUMNS, [["k", line]])), RESULT)) == [["k", line]]


def test_memory_does_not_grow_with_the_result() -> None:
    """80 MB of rows, read in pieces of 8 MB, need a fraction of it; each piece is read once."""
    s3 = FakeS3(to_csv(COLUMNS, [["k" * 20, "v" * 1_000]] * 80_000))
    tracemalloc.start()
    try:
        assert sum(1 for _ in result_rows(s3, RESULT)) == 80_000
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 3 * results.PIECE_BYTES
    assert len(s3.reads) == len(set(s3.reads)) == 10
