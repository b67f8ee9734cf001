"""The table of a backfill: its key schema, its size, and how far back its point-in-time recovery reaches."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from scripts.core.console import CommandError
from scripts.core.server_clock import server_time

RECOVERY_DAYS = 35  # the most that point-in-time recovery keeps (DynamoDB Developer Guide)


@dataclass(frozen=True)
class SourceTable:
    """A described table. DynamoDB updates `items` and `bytes` about every six hours (DescribeTable)."""

    name: str
    arn: str
    id: str
    schema: tuple[tuple[str, str], ...]  # key attributes and their types, the partition key first
    items: int
    bytes: int
    read_units: int  # provisioned; 0 for on-demand
    answered_at: datetime  # when DynamoDB described it, by its own clock, a whole second


@dataclass(frozen=True)
class Recovery:
    """Point-in-time recovery: whether it is on, and the earliest time that can be exported."""

    on: bool
    earliest: datetime | None


def describe(dynamodb: Any, table: str) -> SourceTable:
    """The table as it is. Raises CommandError if it is not there or not ready."""
    try:
        answer = dynamodb.describe_table(TableName=table)
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") != "ResourceNotFoundException":
            raise
        raise CommandError(
            f"table {table} does not exist in this account and Region", "Correct --profile or --region."
        ) from None
    found = answer["Table"]
    if found["TableStatus"] not in {"ACTIVE", "UPDATING"}:
        raise CommandError(f"table {table} is {found['TableStatus']}", "Wait until it is ACTIVE.")
    types = {each["AttributeName"]: each["AttributeType"] for each in found["AttributeDefinitions"]}
    keys = sorted(found["KeySchema"], key=lambda key: key["KeyType"] != "HASH")
    return SourceTable(
        table,
        found["TableArn"],
        found.get("TableId", ""),
        tuple((key["AttributeName"], types[key["AttributeName"]]) for key in keys),
        found.get("ItemCount", 0),
        found.get("TableSizeBytes", 0),
        found.get("ProvisionedThroughput", {}).get("ReadCapacityUnits", 0),
        server_time(answer),
    )


def recovery_of(dynamodb: Any, table: str) -> Recovery:
    """The table's point-in-time recovery."""
    found = dynamodb.describe_continuous_backups(TableName=table)["ContinuousBackupsDescription"]
    recovery = found.get("PointInTimeRecoveryDescription", {})
    on = recovery.get("PointInTimeRecoveryStatus") == "ENABLED"
    return Recovery(on, recovery.get("EarliestRestorableDateTime") if on else None)
