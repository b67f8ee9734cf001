"""A crawl from its start to its end, which must be a success."""

from __future__ import annotations

from typing import Any

from tests.sandbox.pipelines import wait_until


def idle(glue: Any, crawler: str) -> bool:
    """Whether no crawl is under way."""
    state: str = glue.get_crawler(Name=crawler)["Crawler"]["State"]
    return state == "READY"


def crawl(glue: Any, crawler: str) -> None:
    """Start it, wait for its end, and show the crawler's own words when it failed."""
    glue.start_crawler(Name=crawler)
    wait_until(
        lambda: idle(glue, crawler), "the crawler's end", 60, said=lambda: glue.get_crawler(Name=crawler)
    )
    last = glue.get_crawler(Name=crawler)["Crawler"]["LastCrawl"]
    assert last["Status"] == "SUCCEEDED", last
