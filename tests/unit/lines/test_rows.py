"""Lines to changes: the texts by column name, or None for a line that is not a change."""

import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glue.jobs.lines import openx
from glue.jobs.lines.rows import Change, UnreadableObjectError, changes_of, lines_of
from sandbox.athena.formats import openx as with_orjson

GOOD = {"change_type": "INSERT", "change_key": '{"pk":{"S":"a"}}', "change_table": "orders", "pk": "a"}
KEY = "data/dt=2026-11-20/1"


def line(**changed: object) -> bytes:
    """A change's line; a changed member that is None is left out."""
    members = {**GOOD, **changed}
    return json.dumps({name: value for name, value in members.items() if value is not None}).encode()


def changes(*lines: bytes) -> list[Change | None]:
    """The changes of an object with these lines."""
    return list(changes_of(KEY, b"\n".join(lines)))


def test_a_change_has_the_texts_of_all_its_columns() -> None:
    """Names are lower case, `null` stays, numbers keep their digits, and objects are JSON."""
    written = line()[:-1] + b',"N":1.50,"Info":{"A":[1]},"nothing":null}'
    assert changes(written) == [{**GOOD, "n": "1.50", "info": '{"A":[1]}', "nothing": None}]


def test_of_names_that_differ_in_case_the_last_one_counts() -> None:
    """As on Trino (tests/trino/README.md)."""
    assert changes(line()[:-1] + b',"PK":"b"}') == [{**GOOD, "pk": "b"}]


def test_names_that_cannot_be_columns_are_left_out() -> None:
    """Athena cannot show them either. The longest name of a column has 255 characters."""
    others = dict.fromkeys(("a b", "", "ä", "a-b", "a.b", "n\n", "x" * 256), 1)
    assert changes(line(**others)) == [GOOD]
    assert changes(line(**{"x" * 255: 1, "_": 2})) == [{**GOOD, "x" * 255: "1", "_": "2"}]


@pytest.mark.parametrize("change_type", ["INSERT", "MODIFY", "REMOVE", "SNAPSHOT"])
def test_every_type_of_change_is_a_change(change_type: str) -> None:
    """A type that is left out here would be missing from the settled tables."""
    assert changes(line(change_type=change_type)) == [{**GOOD, "change_type": change_type}]


@pytest.mark.parametrize("name", ["abc", "a.b-C_1", "t" * 255])
def test_every_name_that_dynamodb_accepts_is_a_table(name: str) -> None:
    """3 to 255 characters: letters, digits, `_`, `-` and `.`."""
    assert changes(line(change_table=name)) == [{**GOOD, "change_table": name}]


@pytest.mark.parametrize(
    "written",
    [
        b"",
        b"garbage",
        b"null",
        b'"text"',
        b"{}",
        b"[" + line() + b"]",
        line()[:-1],
        *(line(change_type=value) for value in (None, "INSERTED", "insert", "")),
        line(change_type=["INSERT"]),
        line(change_key=None),
        line()[:-1] + b',"change_key":null}',
        *(line(change_table=value) for value in (None, "", "ab", "t" * 256, "a/b", "a b", "orders\n")),
        line(change_table={}),
    ],
)
def test_a_line_that_is_not_a_change_is_none_and_does_not_affect_the_next(written: bytes) -> None:
    """Malformed, foreign, an array, of another type, without a key, or of a table that cannot exist."""
    assert changes(written, line()) == [None, GOOD]


def test_a_cut_off_object_has_no_changes() -> None:
    """Not even those before the cut."""
    with pytest.raises(UnreadableObjectError):
        list(changes_of(KEY + ".gz", gzip.compress(line(), mtime=0)[:-1]))


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
    """The error states the next step, and no line of the object is read."""
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
