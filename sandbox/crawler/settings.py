"""A crawler's settings, from GetCrawler's answer; an unsupported setting raises an error with its name.

Source: Glue developer guide, "Customizing crawler behavior" (SchemaChangePolicy, Configuration,
RecrawlPolicy).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

CRAWL_EVERYTHING, CRAWL_NEW_FOLDERS_ONLY = "CRAWL_EVERYTHING", "CRAWL_NEW_FOLDERS_ONLY"
UPDATE, LOG = "UPDATE_IN_DATABASE", "LOG"


class CrawlError(Exception):
    """The crawl fails; LastCrawl has the message."""


@dataclass(frozen=True)
class Settings:
    """The settings of a crawler that a crawl uses."""

    name: str
    database: str
    prefix: str
    targets: tuple[tuple[str, tuple[str, ...]], ...]  # s3://bucket/prefix/ and its exclusions
    update: str
    recrawl: str
    merges: bool
    inherits: bool

    @classmethod
    def of(cls, crawler: Mapping[str, Any]) -> Settings:
        """The settings in GetCrawler's answer. Raises CrawlError for an unsupported setting."""
        targets = crawler.get("Targets") or {}
        others = [kind for kind, given in targets.items() if given and kind != "S3Targets"]
        if others:
            raise CrawlError(f"the sandbox crawls only S3 targets, not {', '.join(others)}")
        configuration = _configuration(crawler.get("Configuration"))
        grouping = (configuration.get("Grouping") or {}).get("TableGroupingPolicy")
        if grouping != "CombineCompatibleSchemas":
            raise CrawlError("the sandbox supports only the TableGroupingPolicy CombineCompatibleSchemas")
        output = configuration.get("CrawlerOutput") or {}
        recrawl = (crawler.get("RecrawlPolicy") or {}).get("RecrawlBehavior") or CRAWL_EVERYTHING
        policy = crawler.get("SchemaChangePolicy") or {}
        update = policy.get("UpdateBehavior") or UPDATE
        if recrawl not in {CRAWL_EVERYTHING, CRAWL_NEW_FOLDERS_ONLY}:
            raise CrawlError(f"the sandbox does not support RecrawlBehavior {recrawl}")
        if recrawl == CRAWL_NEW_FOLDERS_ONLY and {update, policy.get("DeleteBehavior")} != {LOG}:
            raise CrawlError("CRAWL_NEW_FOLDERS_ONLY requires both schema change behaviors to be LOG")
        if policy.get("DeleteBehavior", LOG) != LOG:
            raise CrawlError("the sandbox supports only DeleteBehavior LOG, which deletes nothing")
        return cls(
            name=crawler["Name"],
            database=crawler["DatabaseName"],
            prefix=crawler.get("TablePrefix") or "",
            targets=tuple(
                (target["Path"], tuple(target.get("Exclusions") or ()))
                for target in targets.get("S3Targets") or []
            ),
            update=update,
            recrawl=recrawl,
            merges=(output.get("Tables") or {}).get("AddOrUpdateBehavior") == "MergeNewColumns",
            inherits=(output.get("Partitions") or {}).get("AddOrUpdateBehavior") == "InheritFromTable",
        )


def _configuration(text: str | None) -> dict[str, Any]:
    try:
        document = json.loads(text or "{}")
    except ValueError as error:
        raise CrawlError("the crawler's Configuration is not JSON") from error
    return document if isinstance(document, dict) else {}
