"""The three triggers: a crawl ended (EventBridge), the stack declares columns (custom resource), or the job
of the option stack `tables` tells the names that it has found in rows (a call that waits for the answer).
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from catalog_lambda.catalog import Catalog, CatalogError, Outcome, code_of, is_denial
from catalog_lambda.columns import Names
from catalog_lambda.response import Responder

# Time reserved for answering CloudFormation when the function is about to time out.
_RESERVE_MILLISECONDS = 5_000

# The template's default. It limits crawls even if an older template does not set this value.
_MOST = "200"

# The event when a schedule could not start the crawler. It has `errorMessage` and no `state`.
# Glue guide, "Automating AWS Glue with EventBridge".
_NOT_STARTED = "Glue Scheduled Crawler Invocation Failure"

# The source of the settle job's event (glue/jobs/settle/lake_catalog.py).
_SETTLE = "ddb-lake.settle"


class CrawlFailedError(Exception):
    """The crawler failed or could not start. It is raised to set off the function's error alarm."""


class DeclarationPostponedError(Exception):
    """Access to the Data Catalog was denied. It is raised after the answer, to set off the alarm."""


class EventError(Exception):
    """The settle job's event has another form. The message names the right one."""


class ConfigurationError(Exception):
    """A setting of the function or of its custom resource is missing or invalid. The message names it."""


@dataclass(frozen=True)
class Settings:
    """The table to extend, the crawler whose tables to read, and the limit of new columns per crawl."""

    database: str
    table: str
    crawled_prefix: str
    crawler: str
    most: int

    @classmethod
    def read(cls, environment: Mapping[str, str], properties: Mapping[str, Any]) -> Settings:
        """The settings. The custom resource's properties override the environment variables."""

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
        raise ConfigurationError(f"MaxNewColumnsPerCrawl is not a whole number: {text}")
    return int(text)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Lambda's entry point."""
    if "ResponseURL" in event and "RequestType" in event:
        return _stack(event, context)
    if event.get("source") == _SETTLE:
        return _settle(event)
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
    """Handle the end of a crawl and ignore other events. Errors are raised: Lambda retries, an alarm rings.

    The rule adds `itemColumns`, the stack's ItemColumns separated by commas, in case denied access postponed
    them. Raises CrawlFailedError if the crawl failed or could not start: new attributes do not become columns
    until a crawl succeeds.
    """
    settings = Settings.read(os.environ, {})
    detail = event.get("detail") or {}
    state = detail.get("state")
    ours = event.get("source") == "aws.glue" and detail.get("crawlerName") == settings.crawler
    if ours and event.get("detail-type") == _NOT_STARTED:
        _report("the crawl did not start", "ERROR", trigger="crawler", crawler=settings.crawler)
        raise CrawlFailedError(
            f"the schedule could not start the crawler {settings.crawler}, so no columns were declared: "
            f"{detail.get('errorMessage')}"
        )
    if not ours or state not in {"Succeeded", "Failed"}:
        _report("ignored", trigger="crawler")
        return {"added": 0}
    if state == "Failed":
        _report("the crawl failed", "ERROR", trigger="crawler", crawler=settings.crawler)
        raise CrawlFailedError(
            f"the crawler {settings.crawler} failed, so no columns were declared: "
            "aws glue get-crawler shows the reason under LastCrawl"
        )
    item_columns = str(event.get("itemColumns") or "").split(",")
    with _without_names():
        outcome = _declare(settings, item_columns)
    return _summary(outcome, trigger="crawler")


def _settle(event: Mapping[str, Any]) -> dict[str, Any]:
    """Handle the settle job's names: `columns` is a list of the columns that its rows have.

    They are declared like names that a crawl found: with the same limit, and without forgotten names. Raises
    EventError if the list has another form.
    """
    columns = event.get("columns")
    if not isinstance(columns, list) or not all(isinstance(name, str) for name in columns):
        raise EventError(
            "the event of the settle job has no list of names in `columns`: deploy the option stack tables "
            "and the lake's stack from the same release"
        )
    settings = Settings.read(os.environ, {})
    with _without_names():
        outcome = Catalog(settings.database).declare(settings.table, Names(found=columns), settings.most)
    return _summary(outcome, trigger="settle")


@contextmanager
def _without_names() -> Iterator[None]:
    """Lambda logs a raised error, and Glue's message may quote column names, which are users' data."""
    try:
        yield
    except ClientError as error:
        if is_denial(error):
            raise
        raise CatalogError(f"{error.operation_name} failed: {code_of(error)}") from None


def _stack(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Handle the custom resource. CloudFormation always gets an answer.

    Denied access to the Data Catalog does not fail the stack, at its creation or later: the answer is SUCCESS
    (decision 0009). Then DeclarationPostponedError is raised: the alarm rings, and Lambda retries twice,
    because the call is asynchronous (Lambda developer guide, "Using Lambda with CloudFormation").
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
            _report("access to the catalog was denied", "ERROR", trigger="stack", error=type(error).__name__)
            reason = f"the columns are not declared yet: access to the Data Catalog was denied: {error}"
            responder.answer("SUCCESS", reason, {"Added": "0"})
            raise DeclarationPostponedError(
                f"{reason}. Grant the access (docs/operations.md), then start the crawler: "
                "the columns are declared when it ends"
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
    """`ItemColumns` without blanks: CloudFormation sends an empty list as a list with one empty text."""
    return [name.strip() for name in properties.get("ItemColumns") or [] if name.strip()]


def _problem(outcome: Outcome, item_columns: Sequence[str]) -> str | None:
    """The message about names in ItemColumns that could not be declared, or None."""
    refused = [f"{name} ({why})" for name, why in outcome.plan.refused.items() if name in item_columns]
    if refused:
        return f"ItemColumns has names that cannot be columns: {', '.join(refused)}. Correct the parameter."
    left_out = [name for name in outcome.left_out if name in item_columns]
    if left_out:
        return (
            f"the table's definition is full: {len(left_out)} of ItemColumns do not fit. "
            "Name fewer columns, or lower FlattenMaxDepth of the producer stack."
        )
    return None


def _summary(outcome: Outcome, trigger: str) -> dict[str, Any]:
    """Write one log line, with counts only: names come from users' data.

    The stack's metric filter reads `undeclared`, and an alarm rings if it is not zero.
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
    """Write one line of pure JSON: a metric filter needs it, and a logger would add a prefix."""
    print(json.dumps({"message": message, "level": level, **fields}), flush=True)
