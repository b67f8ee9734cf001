"""Every golden case, on the sandbox's engine without a sandbox."""

import re
from pathlib import Path

import pytest

from sandbox.athena.sql.parameters import with_parameters
from sandbox.athena.statements.dispatch import kind_of
from tests.sql import cases
from tests.sql.answers import answer, lake_of
from tests.sql.lake import Lake
from transform_lambda.names import METADATA_COLUMNS

FOLDERS = cases.folders()
QUERIES = sorted(cases.QUERIES.glob("*.sql"))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: f"{folder.parent.name}/{folder.name}")
def test_case_answers_its_expected_rows(folder: Path) -> None:
    """The result object is the expected one, byte for byte: names, order, NULLs, empty texts."""
    case = cases.load(folder)
    lake = lake_of(case)
    own, *more = case.statements
    assert answer(lake, own) == own.expected
    assert {one.name: cases.shortened(answer(lake, one)) for one in more} == {
        one.name: one.expected for one in more
    }


def test_every_named_query_has_a_case() -> None:
    """A query nobody has seen answer is not shipped."""
    assert {path.stem for path in QUERIES} <= {folder.parent.name for folder in FOLDERS}


@pytest.mark.parametrize("path", QUERIES, ids=lambda path: path.stem)
def test_named_query_is_one_documented_statement(path: Path) -> None:
    """One SELECT a file; the comment before it says what it answers and which parameters it takes."""
    text = path.read_text(encoding="utf-8")
    head = re.match(r"(?:-- .+\n)+", text)
    assert head is not None
    placeholders = with_parameters(text, ["'x'"]).count("'x'") if "?" in text[head.end() :] else 0
    assert ("Takes no parameter." in head.group()) == (placeholders == 0)
    assert [f"Parameter {n + 1}:" in head.group() for n in range(placeholders)] == [True] * placeholders
    assert kind_of(text).substatement == "SELECT"
    assert text.endswith("\n")
    assert ";" not in text[head.end() :]


def test_every_kind_of_drift_is_put_to_every_query_and_view() -> None:
    """Drift never breaks a query: each kind has an answer of every query over rows and of every view."""
    rows = {path.stem for path in QUERIES if "FROM errors" not in path.read_text(encoding="utf-8")}
    asked = {
        folder.name: {one.name for one in cases.load(folder).statements if one.expected}
        for folder in FOLDERS
        if (folder / "answers.yaml").exists()
    }
    assert len(asked) >= 13
    for name, statements in asked.items():
        assert rows | {"current", "history", "gaps"} <= statements, name


def test_only_a_broken_gzip_fails_a_query() -> None:
    """What the lake cannot help is named so; nothing else may fail, not even in the sandbox."""
    failing = {
        folder.name
        for folder in FOLDERS
        for one in cases.load(folder).statements
        if one.expected.startswith("fails: ")
    }
    assert failing == {"a-broken-gzip-fails-until-it-is-left-out", "text-named-gz-fails-until-it-is-left-out"}


@pytest.mark.parametrize("path", QUERIES, ids=lambda path: path.stem)
def test_named_query_tells_our_rows_from_foreign_lines(path: Path) -> None:
    """A foreign line is no change: a query names the types, or the one it asks for, or counts the rest."""
    text = path.read_text(encoding="utf-8")
    guard = "IN ('INSERT', 'MODIFY', 'REMOVE', 'SNAPSHOT')"
    assert guard in text or "change_type = 'REMOVE'" in text or "FROM errors" in text


def test_new_columns_are_those_that_are_no_metadata() -> None:
    """The query leaves out exactly the names every row has."""
    text = (cases.QUERIES / "columns-that-appeared.sql").read_text(encoding="utf-8")
    (listed,) = re.findall(r"NOT lower\(name\) IN \(([^)]+)\)", text)
    assert re.findall(r"'(\w+)'", listed) == list(METADATA_COLUMNS)


@pytest.mark.parametrize("path", QUERIES, ids=lambda path: path.stem)
def test_named_query_answers_an_empty_lake(path: Path) -> None:
    """No object yet is no row, and no error."""
    text = path.read_text(encoding="utf-8")
    head = re.match(r"(?:-- .+\n)+", text)
    assert head is not None
    assert (
        Lake(more=cases.TABLES).ask(with_parameters(text, ["'{}'"] if "?" in text[head.end() :] else []))
        == []
    )


@pytest.mark.parametrize(
    "name", ["newest-changes", "changes-by-day-and-type", "delivery-latency", "columns-that-appeared"]
)
def test_named_query_reads_recent_days_alone(name: str) -> None:
    """The condition on `dt` is one the engine prunes by, so a long history costs nothing."""
    lake = Lake(more=cases.TABLES)
    lake.put('{"change_id":"1"}', day="2026-01-01")
    sql = (cases.QUERIES / f"{name}.sql").read_text(encoding="utf-8")
    assert lake.run(sql).scanned_bytes == 0
    assert lake.store.reads == []
