"""Lines to rows: the columns' texts, empty rows for lines that are not changes, names without a column."""

import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glue.jobs.compaction import openx
from glue.jobs.compaction.rows import UnreadableObjectError, lines_of, rows_of
from sandbox.athena.formats import openx as with_orjson

GOOD = b'{"change_type":"INSERT","pk":"a","n":1.50}'


def rows(
    *lines: bytes, columns: tuple[str, ...] = ("change_type", "pk", "n")
) -> list[tuple[str | None, ...]]:
    """The rows of an object with these lines."""
    return list(rows_of("data/dt=2026-11-20/1", b"\n".join(lines), columns, set()))


def test_a_change_becomes_the_texts_of_its_columns() -> None:
    """Names match in any case, absent columns are None, and numbers keep their digits."""
    assert rows(b'{"CHANGE_TYPE":"REMOVE","n":1.50}') == [("REMOVE", None, "1.50", None)]


@pytest.mark.parametrize("change_type", ["INSERT", "MODIFY", "REMOVE", "SNAPSHOT"])
def test_every_type_of_change_becomes_a_row(change_type: str) -> None:
    """A type that is left out here would be missing only from `changes_columnar`."""
    assert rows(b'{"change_type":"%s"}' % change_type.encode()) == [(change_type, None, None, None)]


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"garbage",
        b"null",
        b'{"change_type":"INSERTED"}',
        b'{"pk":"a"}',
        b'["INSERT"]',
        b'{"change_type":"INSERT"',
    ],
)
def test_a_line_that_is_not_a_change_is_empty_and_does_not_affect_the_next(line: bytes) -> None:
    """It is counted and left out."""
    assert rows(line, GOOD) == [(None, None, None, None), ("INSERT", "a", "1.50", None)]


def test_names_without_a_column_are_reported_once() -> None:
    """They are sorted. Names that cannot be columns are left out."""
    line = b'{"change_type":"INSERT","z":1,"A":1,"a b":1}'
    assert [row[-1] for row in rows(line, line, b'{"change_type":"INSERT","q":1}')] == ["a,z", None, "q"]
    assert [row[-1] for row in rows(b'{"change_type":"other","w":1}')] == [None]


def test_lines_end_like_in_athena() -> None:
    """`\\n`, `\\r\\n` or `\\r`; a byte order mark at the start is skipped."""
    assert lines_of("x", b"\xef\xbb\xbfa\nb\r\nc\rd") == [b"a", b"b", b"c", b"d"]
    assert lines_of("x.gz", gzip.compress(b"a\n") + gzip.compress(b"\nb\n")) == [b"a", b"", b"b"]


@pytest.mark.parametrize(
    "body",
    [gzip.compress(b"a" * 1_000, mtime=0)[:20], b"no gzip", b"\x1f\x8b"],
    ids=["cut off", "no gzip", "two bytes"],
)
def test_a_cut_off_object_is_named_in_the_error(body: bytes) -> None:
    """The error states the next step, and no line of the object becomes a row."""
    with pytest.raises(UnreadableObjectError, match=r"^data/x\.gz is not a complete gzip file .*Next: "):
        lines_of("data/x.gz", body)


@pytest.mark.parametrize("suffix", ["bz2", "zst", "snappy", "lz4", "lzo", "deflate"])
def test_another_compression_is_rejected(suffix: str) -> None:
    """Athena would read it, but this job does not."""
    with pytest.raises(UnreadableObjectError, match="not compressed with gzip"):
        lines_of(f"data/x.{suffix}", b"")


texts = st.text(max_size=6)
leaves = st.none() | st.booleans() | st.integers() | st.floats() | texts
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
lines = st.one_of(
    values.map(lambda value: json.dumps(value).encode()),
    st.binary(max_size=20).map(lambda inner: b'{"a":' + inner + b"}"),
    st.text(alphabet="{}[]\":,\\u0d8a1e+-. \t/#*'=;tn", max_size=30).map(
        lambda inner: f'{{"a":{inner}'.encode()
    ),
)


@given(lines)
def test_a_columns_text_is_a_plain_string(line: bytes) -> None:
    """It is never a subclass of str: Spark's unpickler does not support our classes."""
    try:
        value = openx.read_line(line)
    except openx.InvalidJsonError:
        return
    for member in value.values() if isinstance(value, dict) else []:
        assert type(openx.text_of(member)) in (str, type(None))


def shown(reader: object, line: bytes) -> object:
    """A line's columns as text, by one of the two readers."""
    try:
        value = reader.read_line(line)  # type: ignore[attr-defined]
    except openx.InvalidJsonError:
        return "malformed"
    if isinstance(value, dict):
        return {name: openx.text_of(member) for name, member in value.items()}
    return [openx.text_of(member) for member in value] if isinstance(value, list) else value


@given(lines)
def test_the_job_reads_a_line_like_the_sandbox(line: bytes) -> None:
    """The standard library alone, and orjson before it, give the same texts."""
    assert shown(openx, line) == shown(with_orjson, line)
