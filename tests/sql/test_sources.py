"""What the shipped SQL reads: what the templates declare, and never a table that a crawler types."""

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
# Where the crawler's prefix may stand: its settings and permissions, and what tells the catalog function
# which tables' column names to look at.
ABOUT_THE_CRAWLER = {"Crawler", "CrawlerPolicy", "DeclaredColumns", "CatalogFunction"}


def tables(sql: str) -> set[str]:
    """The tables a statement reads; a WITH's own names are none."""
    statement = sqlglot.parse_one(sql, dialect="athena")
    own = {cte.alias for cte in statement.find_all(exp.CTE)}
    return {table.name for table in statement.find_all(exp.Table)} - own


@pytest.mark.parametrize("path", QUERIES, ids=lambda path: path.stem)
def test_a_query_reads_declared_tables_only(path: Path) -> None:
    """A crawled table has the types of the day; a query on it works until an attribute changes its."""
    assert tables(path.read_text(encoding="utf-8")) <= DECLARED


def test_the_views_read_the_table_alone() -> None:
    """Whatever columns they show."""
    for view in definitions("orders", "orders", ["pk", "total"], {"total": "bigint"}):
        assert tables(view.select) == {"changes"}


def texts(value: object) -> Iterator[str]:
    """Every text in a resource."""
    yield from re.findall(r'"((?:[^"\\]|\\.)*)"', json.dumps(value, default=str))


def test_no_resource_but_the_crawlers_speaks_of_crawled_tables() -> None:
    """Named queries, tables, roles of people and jobs: none of them needs what a crawler inferred."""
    stack = launches.consumer()
    found = {
        name
        for name, resource in stack.template["Resources"].items()
        if any("crawled_" in text for text in texts(resource))
    }
    assert found == ABOUT_THE_CRAWLER


def test_only_what_declares_or_forgets_columns_speaks_of_crawled_tables() -> None:
    """And reads their columns' names alone: scripts, jobs and the transform function know `changes`."""
    folders = ("scripts", "glue", "*_lambda")
    found = {
        path.relative_to(ROOT).as_posix()
        for folder in folders
        for path in ROOT.glob(f"{folder}/**/*")
        if path.suffix in {".py", ".sql", ".yaml"} and "crawled_" in path.read_text(encoding="utf-8")
    }
    assert found == {"catalog_lambda/handler.py", "glue/crawler.yaml", "scripts/core/forgetting.py"}
