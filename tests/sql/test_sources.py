"""The shipped SQL reads only tables that the templates declare, never a table with a crawler's types."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlglot
from sqlglot import exp

from scripts.core.views import definitions
from tests.templates import launches

ROOT = Path(__file__).parents[2]
QUERIES = sorted((ROOT / "athena" / "queries").glob("*.sql"))
DECLARED = {"changes", "change_lines", "errors"}
# The places where the crawler's prefix may occur: its settings and permissions, and the catalog function's
# setting for the tables whose column names it reads.
ABOUT_THE_CRAWLER = {"Crawler", "CrawlerPolicy", "DeclaredColumns", "CatalogFunction"}


def tables(sql: str) -> set[str]:
    """The tables that a statement reads, without names defined in its WITH."""
    statement = sqlglot.parse_one(sql, dialect="athena")
    own = {cte.alias for cte in statement.find_all(exp.CTE)}
    return {table.name for table in statement.find_all(exp.Table)} - own


@pytest.mark.parametrize("path", QUERIES, ids=lambda path: path.stem)
def test_a_query_reads_declared_tables_only(path: Path) -> None:
    """The types of a crawled table can change, and then a query on it fails."""
    assert tables(path.read_text(encoding="utf-8")) <= DECLARED


def test_the_views_read_only_the_table() -> None:
    """For all columns that they show."""
    for view in definitions("orders", "orders", ["pk", "total"], {"total": "bigint"}):
        assert tables(view.select) == {"changes"}


def texts(value: object) -> Iterator[str]:
    """Every text in a resource."""
    yield from re.findall(r'"((?:[^"\\]|\\.)*)"', json.dumps(value, default=str))


def test_only_the_crawlers_resources_refer_to_crawled_tables() -> None:
    """Named queries, tables, and roles of people and jobs do not need the crawler's types."""
    stack = launches.consumer()
    paths = {
        name
        for name, resource in stack.template["Resources"].items()
        if any("crawled_" in text for text in texts(resource))
    }
    assert paths == ABOUT_THE_CRAWLER


def test_only_code_that_declares_or_forgets_columns_refers_to_crawled_tables() -> None:
    """It reads only their column names. Scripts, jobs and the transform function use `changes`."""
    folders = ("scripts", "glue", "*_lambda")
    paths = {
        path.relative_to(ROOT).as_posix()
        for folder in folders
        for path in ROOT.glob(f"{folder}/**/*")
        if path.suffix in {".py", ".sql", ".yaml"} and "crawled_" in path.read_text(encoding="utf-8")
    }
    assert paths == {"catalog_lambda/handler.py", "glue/crawler.yaml", "scripts/core/forgetting.py"}
