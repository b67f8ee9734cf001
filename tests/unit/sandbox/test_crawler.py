"""Types as the crawler infers them, and its small rules."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from sandbox.crawler import service
from sandbox.crawler.crawl import Result, lines_of
from sandbox.crawler.paths import glob_pattern, hidden, partition_of, table_name
from sandbox.crawler.schema_inference import Schema, merged
from sandbox.crawler.settings import CrawlError, Settings
from sandbox.running import RunningSandbox


def types(*values: Any) -> str:
    """The type of a column seen with these values."""
    schema = Schema()
    schema.see([json.dumps({"c": value}).encode() for value in values])
    return schema.types()[0]["Type"]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, 2], "bigint"),
        ([1, 2.5], "double"),
        ([True, None], "boolean"),
        ([1, True], "string"),
        (["a", 1], "string"),
        ([None], "string"),
        ([[1, None], []], "array<bigint>"),
        ([[]], "array<string>"),
        ([[1], "x"], "string"),
        ([{}], "string"),
        ([{"a": 1}, {"b": ["x"], "A": 2.5}], "struct<a:double,b:array<string>>"),
        ([[{"a": 1}]], "array<struct<a:bigint>>"),
        ([{"a": 1}, [1]], "string"),
        ([10**40], "double"),
    ],
)
def test_column_has_one_type_for_all_its_values(values: list[Any], expected: str) -> None:
    """Glue's type names; a mixture is a string."""
    assert types(*values) == expected


def test_columns_are_in_order_of_appearance_and_lower_case() -> None:
    """Hive ignores case."""
    schema = Schema()
    schema.see([b'{"B": 1, "a": 1}', b"", b"no json", b"[1]", b'{"b": "x", "c": 1}'])
    assert [(column["Name"], column["Type"]) for column in schema.types()] == [
        ("b", "string"),
        ("a", "bigint"),
        ("c", "bigint"),
    ]
    assert schema.lines == 2


def test_merging_keeps_existing_columns() -> None:
    """Add new columns only."""
    before = [{"Name": "a", "Type": "string", "Comment": "kept"}]
    now = [{"Name": "a", "Type": "bigint"}, {"Name": "b", "Type": "bigint"}]
    assert merged(before, now) == [before[0], now[1]]


@pytest.mark.parametrize(
    ("glob", "matching", "other"),
    [
        ("errors/**", "errors/a/b", "data/errors"),
        ("*.tmp", "a.tmp", "a/b.tmp"),
        ("**.tmp", "a/b.tmp", "a.tmpx"),
        ("a?c", "abc", "a/c"),
        ("{a,b}/*", "b/x", "c/x"),
        ("[!a]*", "b", "a"),
        ("a\\*", "a*", "ab"),
    ],
)
def test_exclusion_is_a_glob_below_the_target(glob: str, matching: str, other: str) -> None:
    """Glue's include and exclude patterns."""
    assert glob_pattern(glob).fullmatch(matching)
    assert not glob_pattern(glob).fullmatch(other)


def test_folders_become_partition_keys() -> None:
    """key=value folders are named, others numbered."""
    assert partition_of("dt=2026-11-20/x/object.gz") == (("dt", "2026-11-20"), ("partition_1", "x"))
    assert partition_of("object.gz") == ()


def test_table_is_named_after_the_last_folder() -> None:
    """Prefix in front, lower case, other characters as underscores."""
    assert table_name("s3://lake/data/", "crawled_") == "crawled_data"
    assert table_name("s3://My-Lake", "") == "my_lake"


def test_hidden_files_and_folders_are_skipped() -> None:
    """Names beginning with an underscore or a dot."""
    assert [hidden(name) for name in ("a/b", "_a/b", "a/.b", "a_b/c.d")] == [False, True, True, False]


def test_damaged_archive_has_no_lines() -> None:
    """An incomplete or damaged object does not end the crawl, nor leave the crawler RUNNING for ever."""
    whole = gzip.compress(b"a" * 100)
    assert lines_of(gzip.compress(b"a\nb")) == [b"a", b"b"]
    assert lines_of(whole[:20]) == []
    assert lines_of(whole[:10] + b"\xff" * len(whole[10:])) == []


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"Targets": {"JdbcTargets": [{}]}}, "JdbcTargets"),
        ({"Configuration": "{"}, "not JSON"),
        ({"Configuration": ""}, "CombineCompatibleSchemas"),
        ({"RecrawlPolicy": {"RecrawlBehavior": "CRAWL_EVENT_MODE"}}, "CRAWL_EVENT_MODE"),
        ({"RecrawlPolicy": {"RecrawlBehavior": "CRAWL_NEW_FOLDERS_ONLY"}}, "LOG"),
        ({"SchemaChangePolicy": {"DeleteBehavior": "DELETE_FROM_DATABASE"}}, "DeleteBehavior"),
    ],
)
def test_unsupported_setting_fails_with_its_name(change: dict[str, Any], reason: str) -> None:
    """It is never ignored."""
    crawler = {
        "Name": "c",
        "DatabaseName": "d",
        "Configuration": '{"Grouping": {"TableGroupingPolicy": "CombineCompatibleSchemas"}}',
        **change,
    }
    with pytest.raises(CrawlError, match=reason):
        Settings.of(crawler)


def test_crawl_with_an_unexpected_error_ends_as_failed(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """Our bug must not leave the crawler RUNNING for ever; the log has it."""

    def broken(*_: Any) -> Result:
        raise ZeroDivisionError

    monkeypatch.setenv("SANDBOX_STATE", str(tmp_path))
    monkeypatch.setattr(RunningSandbox, "read", lambda _: None)
    monkeypatch.setattr(service, "run", broken)
    outcome, message, _ = service.crawled("111111111111", {"Name": "c"}, lambda: False)

    assert (outcome, "emulator.log" in message) == ("Failed", True)
    assert "ZeroDivisionError" in caplog.text
