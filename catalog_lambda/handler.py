"""The two triggers: the crawler has ended (EventBridge), the stack declares columns (custom resource)."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from catalog_lambda.catalog import Catalog, CatalogError, Outcome, code_of, is_denial
from catalog_lambda.columns import Names
from catalog_lambda.response import Responder

# Time kept back to tell CloudFormation that the function ran out of it.
_RESERVE_MILLISECONDS = 5_000

# The template's default, so that no settings of an older template leave a crawl without a bound.
_MOST = "200"

# A schedule that could not start the crawler: `errorMessage`, and no `state`.
# Glue guide, "Automating AWS Glue with EventBridge".
_NOT_STARTED = "Glue Scheduled Crawler Invocation Failure"


class CrawlFailedError(Exception):
    """The crawler failed or could not start; raised so that the function's error alarm tells of it too."""


class DeclarationPostponedError(Exception):
    """The catalog is shut to the function; raised after the stack has its answer, so that the alarm rings."""


class ConfigurationError(Exception):
    """The function or its custom resource lacks a setting; the message names it."""


@dataclass(frozen=True)
class Settings:
    """Where to declare, whose tables to read, and how many columns that nobody named to add at most."""

    database: str
    table: str
    crawled_prefix: str
    crawler: str
    most: int

    @classmethod
    def read(cls, environment: Mapping[str, str], properties: Mapping[str, Any]) -> Settings:
        """The environment's settings; the custom resource's properties come first."""

        def setting(name: str, variable: str, default: str = "") -> str:
            value = properties.get(name) or environment.get(variable) or default
            if not value:
                raise ConfigurationError(f"the environment variable {variable} is not set")
            return str(value)

        return cls(
            database=setting("DatabaseName", "DATABASE_NAME"),
            table=setting("TableName", "TABLE_NAME"),
            crawled_prefix=setting("CrawledTablePrefix", "CRAWLED_TABLE_PREFIX"),
            crawler=setting("CrawlerName", "CRAWLER_NAME"),
            most=_whole_number(setting("MaxNewColumnsPerCrawl", "MAX_NEW_COLUMNS_PER_CRAWL", _MOST)),
        )


def _whole_number(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ConfigurationError(f"MaxNewColumnsPerCrawl is no whole number: {text}")
    return int(text)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Lambda's entry point."""
    if "ResponseURL" in event and "RequestType" in event:
        return _stack(event, context)
    return _crawler(event)


def _declare(settings: Settings, item_columns: Sequence[str]) -> Outcome:
    catalog = Catalog(settings.database)
    names = Names(
        earlier=[*catalog.earlier(settings.table)],
        named=item_columns,
        found=[*catalog.crawled(settings.crawled_prefix, settings.crawler)],
    )
    return catalog.declare(settings.table, names, settings.most)


def _crawler(event: Mapping[str, Any]) -> dict[str, Any]:
    """The crawler's end. A foreign event is left alone; an error is raised: Lambda retries, an alarm rings.

    The rule adds `itemColumns`, the stack's ItemColumns as text with commas: what a shut catalog postponed.
    Raises CrawlFailedError for a crawl that failed or could not start: until one succeeds, new attributes are
    no columns.
    """
    settings = Settings.read(os.environ, {})
    detail = event.get("detail") or {}
    state = detail.get("state")
    ours = event.get("source") == "aws.glue" and detail.get("crawlerName") == settings.crawler
    if ours and event.get("detail-type") == _NOT_STARTED:
        _report("the crawl did not start", "ERROR", trigger="crawler", crawler=settings.crawler)
        raise CrawlFailedError(
            f"the schedule of the crawler {settings.crawler} could not start it, so no column was declared: "
            f"{detail.get('errorMessage')}"
        )
    if not ours or state not in {"Succeeded", "Failed"}:
        _report("ignored", trigger="crawler")
        return {"added": 0}
    if state == "Failed":
        _report("the crawl failed", "ERROR", trigger="crawler", crawler=settings.crawler)
        raise CrawlFailedError(
            f"the crawler {settings.crawler} failed, so no column was declared: "
            "aws glue get-crawler says why, under LastCrawl"
        )
    item_columns = str(event.get("itemColumns") or "").split(",")
    try:
        outcome = _declare(settings, item_columns)
    except ClientError as error:
        if is_denial(error):
            raise
        # Lambda logs what is raised, and Glue's message may quote column names, which are users' data.
        raise CatalogError(f"{error.operation_name} was refused: {code_of(error)}") from None
    return _summary(outcome, trigger="crawler")


def _stack(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """The custom resource. Whatever happens, CloudFormation gets an answer.

    A catalog that is shut to the function fails no stack, at its creation or later: the answer is SUCCESS
    (decision 0009). Raises DeclarationPostponedError after it: the alarm rings, and Lambda tries twice more,
    for CloudFormation calls it asynchronously (Lambda developer guide, "Using Lambda with CloudFormation").
    """
    properties = event.get("ResourceProperties") or {}
    fallback = f"{properties.get('DatabaseName', '')}.{properties.get('TableName', '')}"
    responder = Responder(event, event.get("PhysicalResourceId") or fallback)
    if event["RequestType"] == "Delete":
        responder.answer("SUCCESS", "the columns stay with the table")
        return {"added": 0}
    remaining = context.get_remaining_time_in_millis() - _RESERVE_MILLISECONDS
    clock = threading.Timer(
        max(remaining, 0) / 1000,
        responder.answer,
        ["FAILED", "the catalog function ran out of time: update the stack again"],
    )
    clock.daemon = True
    clock.start()
    try:
        item_columns = _item_columns(properties)
        outcome = _declare(Settings.read(os.environ, properties), item_columns)
        summary = _summary(outcome, trigger="stack")
        problem = _problem(outcome, item_columns)
    except Exception as error:  # an unanswered stack hangs until its timeout
        if is_denial(error):
            _report("the catalog is shut", "ERROR", trigger="stack", error=type(error).__name__)
            reason = f"the columns are not declared yet, the Data Catalog is shut to the function: {error}"
            responder.answer("SUCCESS", reason, {"Added": "0"})
            raise DeclarationPostponedError(
                f"{reason}. Open it (docs/operations.md), then start the crawler: its end declares them"
            ) from error
        known = isinstance(error, (CatalogError, ConfigurationError))
        _report("failed", "ERROR", trigger="stack", error=type(error).__name__)
        responder.answer("FAILED", str(error) if known else f"{type(error).__name__}: {error}")
        return {"added": 0}
    finally:
        clock.cancel()
    if problem:
        responder.answer("FAILED", problem)
    else:
        responder.answer("SUCCESS", data={"Added": str(summary["added"])})
    return summary


def _item_columns(properties: Mapping[str, Any]) -> list[str]:
    """`ItemColumns` as CloudFormation hands it over: a list of texts, one of them empty for an empty list."""
    return [name.strip() for name in properties.get("ItemColumns") or [] if name.strip()]


def _problem(outcome: Outcome, item_columns: Sequence[str]) -> str | None:
    """What of the names the user asked for could not be declared, or None."""
    refused = [f"{name} ({why})" for name, why in outcome.plan.refused.items() if name in item_columns]
    if refused:
        return f"ItemColumns names what cannot be a column: {', '.join(refused)}. Correct the parameter."
    left_out = [name for name in outcome.left_out if name in item_columns]
    if left_out:
        return (
            f"the table's definition is full, {len(left_out)} of ItemColumns do not fit. "
            "Name fewer columns, or set FlattenMaxDepth of the producer stack lower."
        )
    return None


def _summary(outcome: Outcome, trigger: str) -> dict[str, Any]:
    """One line for the log: counts only, since names come from users' data.

    The stack's metric filter reads `undeclared`, and an alarm rings when it is not zero.
    """
    summary = {
        "added": len(outcome.added),
        "known": outcome.plan.known,
        "forgotten": outcome.plan.forgotten,
        "undeclared": outcome.undeclared,
        "waiting": outcome.plan.waiting,
        "refused": len(outcome.plan.refused),
        "left_out": len(outcome.left_out),
    }
    _report("declared", "WARNING" if outcome.undeclared else "INFO", trigger=trigger, **summary)
    return summary


def _report(message: str, level: str = "INFO", **fields: Any) -> None:
    """One line that is JSON from its first character on, which a metric filter needs; a logger's is not."""
    print(json.dumps({"message": message, "level": level, **fields}), flush=True)
