"""What a run decides without Spark: which objects, in which portions, for what the index counts."""

import gzip
import json
from datetime import date, timedelta
from typing import Any

import pytest

from glue.jobs.settle import arguments
from glue.jobs.settle.changes import _text, needed_columns
from glue.jobs.settle.errors import ConflictError, SettleError
from glue.jobs.settle.index import Entry, covers, last_entries
from glue.jobs.settle.items import gained, statement
from glue.jobs.settle.job import Summary
from glue.jobs.settle.lake_catalog import forgotten_by
from glue.jobs.settle.objects import RawObject, portions, unsettled
from glue.jobs.settle.reading import _ENDED, _parsed, _spread, _summed
from glue.jobs.settle.tables import Snapshot, check_columns, conflicts, unless
from settled.names import LEANS, OBJECT, TAG, TIES
from settled.unsettled import LEAST_OPEN_DAYS, MOST_NAME_BYTES, MOST_OPEN_DAYS, SettledObject, opening
from tests.unit.settle.scene import line

BASE = ("--database", "d", "--lake-bucket", "b", "--lake-region", "us-east-1")


def one(path: str, tag: str = "1", size: int = 10, day: str = "2026-11-20") -> RawObject:
    """A listed object."""
    return RawObject(day, f"s3://b/data/dt={day}/{path}", tag, size)


def test_an_object_is_taken_in_unless_it_was_settled_last_as_it_is_now() -> None:
    """Another ETag, an earlier one too, is taken in."""
    objects = [one("new"), one("same"), one("rewritten", "2"), one("early", day="2026-11-19")]
    settled = {objects[1].path: "1", objects[2].path: "1"}
    assert [found.key.rsplit("/", 1)[1] for found in unsettled(objects, settled)] == [
        "early",
        "new",
        "rewritten",
    ]


def test_the_last_entry_of_an_object_counts() -> None:
    """Whatever the order of the rows; entries of two objects do not mix."""
    entries = [
        Entry("a", "2", "2026-11-20T10:00:01"),
        Entry("a", "1", "2026-11-20T10:00:00"),
        Entry("b", "1", "x"),
    ]
    for order in (entries, entries[::-1]):
        assert {path: entry.tag for path, entry in last_entries(order).items()} == {"a": "2", "b": "1"}


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        ("", "", True),
        ("", "a", True),
        ("a", "", False),
        ("a,b", "b", True),
        ("a", "a,b", False),
        ("a", "b", False),
    ],
)
def test_an_index_counts_for_no_table_that_was_not_settled(before: str, now: str, expected: bool) -> None:
    """An empty text stands for all tables."""
    assert covers(before, now) is expected


@pytest.mark.parametrize(
    ("sizes", "expected"), [([4, 4, 4], [2, 1]), ([9, 1, 20, 1], [1, 1, 1, 1]), ([], [])]
)
def test_portions_have_about_one_size_and_all_objects(sizes: list[int], expected: list[int]) -> None:
    """An object that is larger than a portion has one of its own."""
    objects = [one(str(at), size=size) for at, size in enumerate(sizes)]
    found = list(portions(objects, 9))
    assert [len(portion) for portion in found] == expected
    assert [entry for portion in found for entry in portion] == objects


def test_tasks_have_every_object_once() -> None:
    """A hundred megabytes are four tasks of about one size."""
    objects = [one(str(at), size=1_000_000 * (at % 7 + 1)) for at in range(28)]
    tasks = list(_spread(objects))
    assert sorted(entry for task in tasks for entry in task) == sorted(objects)
    sizes = [sum(entry.size for entry in task) for task in tasks]
    assert len(tasks) == 4
    assert max(sizes) - min(sizes) <= 7_000_000


def history(*steps: tuple[int, int | None, str, int]) -> Any:
    """Snapshots by id."""
    found = {step[0]: Snapshot(*step) for step in steps}
    return found.get


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [(1, 3, 7), (2, 3, 0), (1, 1, 0), (0, 3, None), (4, 3, None), (1, 5, None), (6, 7, 2), (8, 9, None)],
)
def test_what_a_table_gained(start: int, end: int, expected: int | None) -> None:
    """Appends count, compactions do not. After a deletion, or an unknown parent, it is not known."""
    snapshots = history(
        (1, None, "append", 5),
        (2, 1, "append", 7),
        (3, 2, "replace", 12),
        (4, 3, "delete", 0),
        (5, 4, "append", 1),
        (7, 6, "append", 2),  # its parent has expired
        (9, 10, "append", 1),
    )
    assert gained(snapshots, start, end) == expected


def test_a_text_literal_ends_where_the_text_ends() -> None:
    """Quotes and backslashes of an object's name stay in it."""
    assert _text("a'b\\") == "'a\\'b\\\\'"


def test_a_statement_has_no_comment_and_nothing_to_fill_in() -> None:
    """A comment of the file could have a quote or a dollar sign."""
    text = statement("buckets", columns="`a`", buckets="4", touched="1, 2")
    assert "--" not in text
    assert "$" not in text
    with pytest.raises(KeyError):
        statement("buckets", columns="`a`")


@pytest.mark.parametrize(
    "have",
    [{"a": "string"}, {"a": "string", "dt": "date"}, {"a": "string", "dt": "string", "more": "bigint"}],
    ids=["missing", "another type", "a column of items"],
)
def test_columns_that_somebody_changed_are_named(have: dict[str, str]) -> None:
    """The message has the table, the column and the next step."""
    with pytest.raises(SettleError, match=r"settled_changes_x lacks (dt|more) .*Next: undo the change"):
        check_columns("settled_changes_x", have, {"a": "string", "dt": "string"})
    check_columns("x", {"a": "string", "dt": "string", "n": "bigint"}, {"a": "string", "n": "bigint"})


def test_the_columns_of_the_changes() -> None:
    """The metadata, the day, the object: all text; ties and leaning belong to the items."""
    columns = needed_columns(["change_id", "change_key"])
    assert list(columns) == ["change_id", "change_key", "dt", OBJECT, TAG]
    assert {TIES, LEANS}.isdisjoint(columns)


def test_a_refused_commit_is_a_conflict_and_another_error_is_not() -> None:
    """Iceberg's two exceptions; the message keeps its first line only."""
    for name in ("ValidationException", "CommitFailedException"):
        with pytest.raises(ConflictError, match=f"^{name}: x$"), conflicts():
            raise RuntimeError(f"{name}: x\n\tat org.apache")
    with pytest.raises(RuntimeError, match="AnalysisException"), conflicts():
        raise RuntimeError("AnalysisException")


def test_an_error_is_ignored_if_another_run_did_the_same() -> None:
    """And only then."""
    with unless(lambda: True):
        raise RuntimeError("exists")
    with pytest.raises(RuntimeError, match="exists"), unless(lambda: False):
        raise RuntimeError("exists")


def test_forgotten_names() -> None:
    """A name, or a beginning and a star."""
    assert forgotten_by(["secret", "private_*"], "private_note")
    assert not forgotten_by(["secret", "private_*"], "secret_2")


def test_the_arguments_of_a_run() -> None:
    """Glue's own arguments are ignored; an empty list of tables stands for all."""
    read = arguments.read(
        [*BASE, "--source-tables", " a, b,,", "--job-language", "python", "--JOB_RUN_ID", "jr_1"]
    )
    assert (read.tables, read.location, read.run, read.margin_minutes) == (("a", "b"), "s3://b/", "jr_1", 10)
    assert arguments.read(BASE).tables == ()


def test_the_last_line_has_every_count_and_the_outcome() -> None:
    """The alarms read it; it has no name of an object."""
    summary = Summary(objects=2, failures=["data/dt=2026-11-20/x.gz is not gzip"])
    found = json.loads(summary.line(1.25))
    assert (found["message"], found["objects"], found["failures"], found["seconds"]) == ("failed", 2, 1, 1.2)
    assert json.loads(Summary().line(0))["message"] == "settled"
    assert "x.gz" not in summary.line(0)


class Stored:
    """Objects by key, instead of S3."""

    def __init__(self, bodies: dict[str, bytes | None]) -> None:
        self._bodies = bodies

    def read(self, found: RawObject) -> bytes | None:
        """The bytes; None if the object is another one now."""
        return self._bodies[found.path.rsplit("/", 1)[1]]


def test_an_object_becomes_rows_of_its_tables() -> None:
    """Each row knows its object; what is no change counts as a line; a name of a settled column is moved."""
    body = gzip.compress(
        "\n".join([line("orders", settled_tag="x"), line("Orders"), line("no/table"), "junk"]).encode()
    )
    parsed = list(_parsed(Stored({"a.gz": body}), one("a.gz", "7"), ()))  # type: ignore[arg-type]
    rows = [row for kind, row in parsed if kind == "orders"]
    assert len(rows) == 2
    assert {(row[OBJECT], row[TAG], row["dt"]) for row in rows} == {(one("a.gz").path, "7", "2026-11-20")}
    assert rows[0]["attribute_settled_tag"] == "x"
    assert parsed[-1] == (_ENDED, {"object": (one("a.gz").path, {"orders": 2}), "lines": 4})


def test_an_object_that_is_gone_or_not_gzip_has_no_rows() -> None:
    """And no object is named as taken."""
    stored: Any = Stored(
        {"gone.gz": None, "broken.gz": b"text", "only.gz": gzip.compress(line("other").encode())}
    )
    lines = [found for name in ("gone.gz", "broken.gz") for found in _parsed(stored, one(name), ())]
    columns, rows, objects, counted, unreadable, gone = next(_summed(iter(lines)))
    assert (columns, rows, objects, counted, gone) == ({}, {}, [], 0, 1)
    assert "broken.gz is not a complete gzip file" in unreadable[0]
    assert list(_parsed(stored, one("only.gz"), ("orders",)))[-1][1] == {
        "object": (one("only.gz").path, {}),
        "lines": 1,
    }


def test_the_view_keeps_days_that_are_not_settled_and_leaves_out_what_fits() -> None:
    """With many objects, fewer days are open; the largest objects are left out first."""
    today = date(2026, 11, 28)
    few = [SettledObject(f"s3://b/{at}", "2026-11-27", at) for at in range(10)]
    opened = opening(today, few, ["2026-10-01", "2026-11-26"])
    assert opened.first_day == (today - timedelta(days=MOST_OPEN_DAYS)).isoformat()
    assert opened.reopened == ("2026-10-01",)
    assert len(opened.left_out) == 10
    name = "s3://b/" + "x" * 200
    many = [SettledObject(f"{name}{at}", "2026-11-28", at) for at in range(2 * MOST_NAME_BYTES // 200)]
    opened = opening(today, many)
    assert opened.first_day == (today - timedelta(days=LEAST_OPEN_DAYS)).isoformat()
    assert sum(len(path) + 4 for path in opened.left_out) <= MOST_NAME_BYTES
    assert many[-1].path in opened.left_out
    assert many[0].path not in opened.left_out
