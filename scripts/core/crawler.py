"""The crawler of a lake: the command that starts it, for messages that send a user there."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scripts.core.connection import Connection


def crawl_step(connection: Connection, database: str) -> str:
    """What to do so that new attributes become columns: the crawler's command, with the profile in use."""
    name = _crawler_of(connection, database)
    if name is None:
        return "Start the crawler: run the consumer stack's output CrawlNowCommand, with its --profile."
    location = connection.location
    return (
        f"Start the crawler: `aws glue start-crawler --name {name}{location}`. It has finished when "
        f"`aws glue get-crawler --name {name} --query Crawler.State{location}` prints READY."
    )


def _crawler_of(connection: Connection, database: str) -> str | None:
    """The name of the one crawler that writes into a database; None if it cannot be found."""
    from botocore.exceptions import ClientError  # noqa: PLC0415

    try:
        names = [
            str(crawler["Name"])
            for page in connection.client("glue").get_paginator("get_crawlers").paginate()
            for crawler in page["Crawlers"]
            if crawler.get("DatabaseName") == database
        ]
    except ClientError:
        return None
    return names[0] if len(names) == 1 else None
