"""A crawl from its start to its end, and the column that the catalog function then declares."""

from __future__ import annotations

from typing import Any

from tests.sandbox.waiting import wait_until


def idle(glue: Any, crawler: str) -> bool:
    """Whether no crawl is running."""
    state: str = glue.get_crawler(Name=crawler)["Crawler"]["State"]
    return state == "READY"


def last_crawl(glue: Any, crawler: str) -> dict[str, Any]:
    """Start it and wait for its end with any result; its LastCrawl."""
    glue.start_crawler(Name=crawler)
    wait_until(
        lambda: idle(glue, crawler), "the crawler's end", 60, said=lambda: glue.get_crawler(Name=crawler)
    )
    last: dict[str, Any] = glue.get_crawler(Name=crawler)["Crawler"]["LastCrawl"]
    return last


def crawl(glue: Any, crawler: str) -> None:
    """A crawl that must succeed; a failure shows the crawler's message."""
    last = last_crawl(glue, crawler)
    assert last["Status"] == "SUCCEEDED", last


def wait_for_column(glue: Any, database: str, column: str) -> None:
    """Wait until `changes` has the column."""

    def columns() -> list[str]:
        table = glue.get_table(DatabaseName=database, Name="changes")["Table"]
        return [declared["Name"] for declared in table["StorageDescriptor"]["Columns"]]

    wait_until(lambda: column in columns(), f"the column {column}:", 60, said=columns)
