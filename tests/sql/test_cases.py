"""Every golden case on the sandbox's engine, without a sandbox."""

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
def test_case_returns_its_expected_rows(folder: Path) -> None:
    """The result object is equal byte for byte: names, order, NULLs, empty texts."""
    case = cases.load(folder)
    lake = lake_of(case)
    own, *more = case.statements
    assert answer(lake, own) == own.expected
    assert {statement.name: cases.shortened(answer(lake, statement)) for statement in more} == {
        statement.name: statement.expected for statement in more
    }


def test_every_named_query_has_a_case() -> None:
    """A query without a tested result is not shipped."""
    assert {path.stem for path in QUERIES} <= {folder.parent.name for folder in FOLDERS}


@pytest.mark.parametrize("path", QUERIES, ids=lambda path: path.stem)
def test_named_query_is_one_documented_statement(path: Path) -> None:
    """One SELECT per file. The comment before it describes the result and the parameters."""
    text = path.read_text(encoding="utf-8")
    head = re.match(r"(?:-- .+\n)+", text)
    assert head is not None
    placeholders = with_parameters(text, ["'x'"]).count("'x'") if "?" in text[head.end() :] else 0
    assert ("Takes no parameter." in head.group()) == (placeholders == 0)
    assert [f"Parameter {n + 1}:" in head.group() for n in range(placeholders)] == [True] * placeholders
    assert kind_of(text).substatement == "SELECT"
    assert text.endswith("\n")
    assert ";" not in text[head.end() :]


def test_every_kind_of_drift_is_tested_with_every_query_and_view() -> None:
    """Each kind of drift has the result of every query on rows and of every view."""
    rows = {path.stem for path in QUERIES if "FROM errors" not in path.read_text(encoding="utf-8")}
    answers = {
        folder.name: {statement.name for statement in cases.load(folder).statements if statement.expected}
        for folder in FOLDERS
        if (folder / "answers.yaml").exists()
    }
    assert len(answers) >= 13
    for name, statements in answers.items():
        assert rows | {"current", "history", "gaps"} <= statements, name


def test_only_a_broken_gzip_fails_a_query() -> None:
    """Cases whose queries must fail have it in their names. No other query may fail."""
    failing = {
        folder.name
        for folder in FOLDERS
        for statement in cases.load(folder).statements
        if statement.expected.startswith("fails: ")
    }
    assert failing == {"a-broken-gzip-fails-until-it-is-left-out", "text-named-gz-fails-until-it-is-left-out"}


@pytest.mark.parametrize("path", QUERIES, ids=lambda path: path.stem)
def test_named_query_distinguishes_our_rows_from_foreign_lines(path: Path) -> None:
    """A foreign line is not a change.

    A query lists the change types, with or without copies (SNAPSHOT), or one, or counts the other lines.
    """
    text = path.read_text(encoding="utf-8")
    guard = re.search(r"IN \('INSERT', 'MODIFY', 'REMOVE'(, 'SNAPSHOT')?\)", text)
    assert guard or "change_type = 'REMOVE'" in text or "FROM errors" in text


def test_new_columns_are_those_that_are_not_metadata() -> None:
    """The query leaves out exactly the names that every row has."""
    text = (cases.QUERIES / "columns-that-appeared.sql").read_text(encoding="utf-8")
    (listed,) = re.findall(r"NOT lower\(name\) IN \(([^)]+)\)", text)
    assert re.findall(r"'(\w+)'", listed) == list(METADATA_COLUMNS)


@pytest.mark.parametrize("path", QUERIES, ids=lambda path: path.stem)
def test_named_query_works_on_an_empty_lake(path: Path) -> None:
    """Without objects there are no rows and no error."""
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
def test_named_query_reads_only_recent_days(name: str) -> None:
    """The engine prunes by the condition on `dt`, so a long history costs nothing."""
    lake = Lake(more=cases.TABLES)
    lake.put('{"change_id":"1"}', day="2026-01-01")
    sql = (cases.QUERIES / f"{name}.sql").read_text(encoding="utf-8")
    assert lake.run(sql).scanned_bytes == 0
    assert lake.store.reads == []


def unguarded(text: str) -> list[str]:
    """The conversions of a time in SQL whose text is not checked first for a year of four digits."""
    return re.findall(
        r"(?<!IF\(regexp_like\(change_time, '\^\[0-9\]\{4\}-\.\*Z\$'\), try\()"
        r"from_iso8601_timestamp\((?!regexp_extract\()[^)]*\)",
        re.sub(r'"\s*f?"', "", text),  # one text in several literals
    )


def test_no_foreign_time_can_fail_a_query() -> None:
    """Trino's from_iso8601_timestamp fails for a year of nine digits, also within try."""
    assert unguarded("try(from_iso8601_timestamp(change_time))") == ["from_iso8601_timestamp(change_time)"]
    root = Path(__file__).parents[2]
    paths = [*root.glob("athena/**/*.sql"), *root.glob("scripts/core/**/*.py")]
    texts = {str(path.relative_to(root)): path.read_text(encoding="utf-8") for path in paths}
    assert sum("from_iso8601_timestamp(" in text for text in texts.values()) >= 4
    assert {name: found for name, text in texts.items() if (found := unguarded(text))} == {}
