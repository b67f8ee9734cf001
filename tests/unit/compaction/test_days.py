"""Which days are closed, what changes a manifest, when a partition is stale, which versions are removed."""

import datetime as dt

import pytest

from glue.jobs.compaction.days import (
    LAYOUT,
    UNDECLARED_LIMIT,
    Registered,
    SourceObject,
    Version,
    closed,
    day_of,
    digest_of_names,
    manifest,
    removable,
    stale,
    undeclared_text,
    visible,
)

NOW = dt.datetime(2026, 11, 21, 4, 30, tzinfo=dt.UTC)
OBJECTS = [
    SourceObject("data/dt=2026-11-19/a.gz", 10, '"1"'),
    SourceObject("data/dt=2026-11-19/b.gz", 20, '"2"'),
]


@pytest.mark.parametrize(
    ("folder", "day"),
    [
        ("dt=2026-11-20/", "2026-11-20"),
        ("dt=2026-02-30/", None),
        ("dt=2026-11-20", None),
        ("dt=20261120/", None),
        ("dt=2026-11-20 /", None),
        ("x/", None),
    ],
)
def test_only_folders_that_the_raw_table_reads_are_days(folder: str, day: str | None) -> None:
    """The name must be a real date in the format of the projection."""
    assert day_of(folder) == day


def test_a_day_is_closed_some_hours_after_its_end() -> None:
    """In UTC, exact to the second."""
    assert closed("2026-11-20", NOW, 4.5)
    assert not closed("2026-11-20", NOW, 4.6)
    assert not closed("2026-11-21", NOW, 0)


@pytest.mark.parametrize(
    ("key", "seen"),
    [("a.gz", True), ("more/a.gz", True), ("_temporary/a.gz", False), (".a", False), ("a/_b/c", False)],
)
def test_hidden_objects_are_not_read(key: str, seen: bool) -> None:
    """Athena does not read them either."""
    assert visible(key) is seen


def test_the_manifest_depends_on_every_object_and_not_on_their_order() -> None:
    """It changes with a key, a size or an ETag, and with one object more or less."""
    plain = manifest(OBJECTS)
    assert manifest(OBJECTS[::-1]) == plain
    others = [
        OBJECTS[:1],
        [*OBJECTS, SourceObject("data/dt=2026-11-19/c.gz", 1, '"3"')],
        [OBJECTS[0], SourceObject(OBJECTS[1].key, 21, '"2"')],
        [OBJECTS[0], SourceObject(OBJECTS[1].key, 20, '"3"')],
        [OBJECTS[0], SourceObject(OBJECTS[1].key + "x", 20, '"2"')],
    ]
    assert len({plain, *map(manifest, others)}) == 1 + len(others)


def registered(**changed: str) -> Registered:
    """A partition that records two columns and two undeclared names."""
    recorded = {
        "layout": LAYOUT,
        "manifest": "m",
        "undeclared": "c,d",
        "columns": digest_of_names(["a", "b"]),
    }
    return Registered(
        "s3://b/x/", {f"ddb_lake.{name}": value for name, value in (recorded | changed).items()}
    )


@pytest.mark.parametrize(
    ("partition", "current", "columns", "why"),
    [
        (None, "m", ["a", "b"], "new"),
        (registered(), "m", ["a", "b"], None),
        (registered(), "n", ["a", "b"], "its objects changed"),
        (registered(), "m", ["a", "b", "e"], None),
        (registered(), "m", ["a", "b", "d"], "its attributes became columns"),
        (registered(undeclared=""), "m", ["a", "b", "d"], None),
        (registered(undeclared="*"), "m", ["b", "a"], None),
        (registered(undeclared="*"), "m", ["a", "b", "e"], "its attributes became columns"),
        (registered(layout="0"), "m", ["a", "b"], "written in another layout"),
        (Registered("s3://b/x/", {}), "m", ["a"], "written in another layout"),
    ],
)
def test_a_day_is_stale_for_a_reason(
    partition: Registered | None, current: str, columns: list[str], why: str | None
) -> None:
    """It is new, its objects changed, its attributes became columns, or its layout is another one."""
    assert stale(partition, current, columns) == why


def test_names_without_a_column_are_recorded_unless_they_are_too_many() -> None:
    """Glue's limit for a parameter is half a megabyte."""
    assert undeclared_text({"b", "a"}) == "a,b"
    assert undeclared_text(f"{number:0200}" for number in range(UNDECLARED_LIMIT // 200)) == "*"


def version(name: str, hours: float, day: str = "2026-11-19") -> Version:
    """A version whose newest object is this many hours old."""
    return Version(day, f"s3://b/columnar/dt={day}/{name}/", NOW - dt.timedelta(hours=hours), ("k",))


def test_only_versions_that_no_query_reads_are_removed() -> None:
    """Not the current one, not a young one, and not one that was replaced recently."""
    current = Registered(
        "s3://b/columnar/dt=2026-11-19/current",
        {"ddb_lake.switched": (NOW - dt.timedelta(hours=30)).isoformat()},
    )
    versions = [
        version("current", 99),
        version("young", 23),
        version("old", 99),
        version("left", 99, "2026-11-18"),
    ]
    kept = dt.timedelta(hours=24)
    found = removable(versions, {"2026-11-19": current}, NOW, kept)
    assert [each.location.split("/")[-2] for each in found] == ["old", "left"]
    just = {**current.parameters, "ddb_lake.switched": (NOW - dt.timedelta(hours=23)).isoformat()}
    found = removable(versions, {"2026-11-19": Registered(current.location, just)}, NOW, kept)
    assert [each.location.split("/")[-2] for each in found] == ["left"]
