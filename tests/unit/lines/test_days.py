"""Which folders are days, and which objects Athena reads."""

import pytest

from glue.jobs.lines.days import day_of, visible


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


@pytest.mark.parametrize(
    ("key", "seen"),
    [("a.gz", True), ("more/a.gz", True), ("_temporary/a.gz", False), (".a", False), ("a/_b/c", False)],
)
def test_hidden_objects_are_not_read(key: str, seen: bool) -> None:
    """Athena does not read them either."""
    assert visible(key) is seen
