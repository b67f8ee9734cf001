"""The objects of repairs: names and bytes that depend on nothing but the source."""

import gzip

import pytest

from repair.objects import Row, compressed, object_name, parts, source_digest

TIME = "2026-11-20T09:15:02.000000Z"


def _rows(count: int, time: str = TIME) -> list[Row]:
    return [Row(f'{{"n":{number}}}\n'.encode(), time) for number in range(count)]


def test_same_rows_give_the_same_objects() -> None:
    """A second run writes equal bytes under equal names."""
    first = list(parts("backfill", "e1", _rows(10), part_bytes=30))
    assert first == list(parts("backfill", "e1", _rows(10), part_bytes=30))
    assert len(first) > 1


def test_parts_have_every_row_once_and_in_order() -> None:
    """Joined, the parts are the rows; only the last key ends in `-end.gz`."""
    objects = list(parts("backfill", "e1", _rows(10), prefix="f0-", part_bytes=30))
    lines = b"".join(gzip.decompress(part.body) for part in objects)
    assert lines == b"".join(row.line for row in _rows(10))
    assert sum(part.rows for part in objects) == 10
    assert [part.key.endswith("-end.gz") for part in objects] == [False] * (len(objects) - 1) + [True]
    assert objects[0].key == "data/dt=2026-11-20/repair-backfill-e1-f0-00000.gz"


def test_row_longer_than_a_part_is_a_part() -> None:
    """No row is dropped for its length, and no object is empty."""
    objects = list(parts("heal", "e1", _rows(3), part_bytes=1))
    assert [part.rows for part in objects] == [1, 1, 1]


def test_no_rows_give_no_object() -> None:
    """An empty data file leaves nothing in the lake."""
    assert list(parts("backfill", "e1", [])) == []


def test_rows_of_two_days_are_refused() -> None:
    """An object lies in one day's folder, so its rows are of that day."""
    rows = _rows(1) + _rows(1, "2026-11-21T00:00:00.000000Z")
    with pytest.raises(ValueError, match="2026-11-21"):
        list(parts("backfill", "e1", rows))


@pytest.mark.parametrize(("source", "day"), [("../x", "2026-11-20"), ("a b", "2026-11-20"), ("e", "today")])
def test_unsafe_name_is_refused(source: str, day: str) -> None:
    """A source from outside cannot leave its folder."""
    with pytest.raises(ValueError, match="name"):
        object_name("redrive", source, "0", day)


def test_digest_of_a_key_is_a_safe_part_of_a_name() -> None:
    """Any S3 key can be the source of a repair."""
    assert object_name("redrive", source_digest("errors/x y/ü"), "00000", "2026-11-20").startswith("data/dt=")


def test_gzip_has_no_time() -> None:
    """Bytes 4 to 7 of the header are the time: zero (RFC 1952)."""
    assert compressed([b"x\n"])[4:8] == bytes(4)
