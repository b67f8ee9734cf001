"""States by key on disk: joined by the whole key, whatever the partitions are."""

from __future__ import annotations

import zlib
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repair.partitions import Fields, Partitions, batches, joined, looked_up

KEYS = st.text(st.characters(codec="utf-8"), max_size=8)
SIDES = st.dictionaries(KEYS, st.tuples(st.none() | st.text("ab\n\t", max_size=3)), max_size=12)
FOLDERS = count()


def stored(
    folder: Path, states: dict[str, tuple[str | None]], *, partitions: int = 3, buffered: int = 40
) -> Partitions:
    """These states in a store of their own."""
    store = Partitions(folder / str(next(FOLDERS)), partitions=partitions, buffered_bytes=buffered)
    for key, fields in states.items():
        store.add(key, *fields)
    return store


@given(left=SIDES, right=SIDES)
def test_a_join_has_every_key_once_with_both_sides(
    tmp_path_factory: pytest.TempPathFactory,
    left: dict[str, tuple[str | None]],
    right: dict[str, tuple[str | None]],
) -> None:
    """As the same join of two dictionaries in memory."""
    folder = tmp_path_factory.mktemp("states")
    one, other = stored(folder, left), stored(folder, right)
    expected: dict[str, tuple[Fields | None, Fields | None]] = {
        key: (left.get(key), right.get(key)) for key in left | right
    }
    found = list(joined(one, other))
    assert {key: (a, b) for key, a, b in found} == expected
    assert len(found) == len(expected)
    assert {key: (a, b) for key, a, b in looked_up(one, other)} == {
        key: pair for key, pair in expected.items() if key in left
    }
    assert dict(iter(one)) == left
    assert (one.rows, one.key_bytes) == (len(left), sum(len(key.encode()) for key in left))


def test_keys_with_one_checksum_stay_apart(tmp_path: Path) -> None:
    """The checksum chooses only the partition."""
    key, twin = "plumless", "buckeroo"
    assert zlib.crc32(key.encode()) == zlib.crc32(twin.encode())
    one = stored(tmp_path, {key: ("a",), twin: ("b",)})
    other = stored(tmp_path, {key: ("b",)})
    assert {k: (a, b) for k, a, b in joined(one, other)} == {
        key: (("a",), ("b",)),
        twin: (("b",), None),
    }


def test_the_last_fields_of_a_key_count(tmp_path: Path) -> None:
    """A table may return an item twice in one scan."""
    store = stored(tmp_path, {"a": ("1",)})
    store.add("a", "2")
    assert list(store) == [("a", ("2",))]


def test_what_is_buffered_goes_to_disk(tmp_path: Path) -> None:
    """Before it is read, when the buffers have their size."""
    store = Partitions(tmp_path / "states", buffered_bytes=100)
    store.add("a", "1")
    assert not list((tmp_path / "states").iterdir())
    store.add("b", "x" * 100)
    assert len(list((tmp_path / "states").iterdir())) == 2


def test_different_partitions_are_refused(tmp_path: Path) -> None:
    """The same key would be in other places."""
    with pytest.raises(ValueError, match="different partitions"):
        list(joined(stored(tmp_path, {}), stored(tmp_path, {}, partitions=4)))


def test_batches_have_every_key() -> None:
    """In lists of the given length, the last perhaps shorter."""
    assert list(batches("abcde", 2)) == [["a", "b"], ["c", "d"], ["e"]]
    assert list(batches("", 2)) == []
