"""The table that a restore writes into: whether it may be used, how it is created, and its tags.

While a restore is unfinished, its table has the tag `ddb-lake:restore`, a digest of the source table and the
time. Another restore refuses such a table, and the same restore continues it. A finished restore removes the
tag, so that no later run overwrites what an application has written since.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from lake.waiting import WaitReport
from repair.objects import source_digest
from scripts.core.connection import Connection
from scripts.core.console import CommandError
from scripts.core.restoring.key_schema import KeySchema

UNFINISHED_TAG, SOURCE_TAG = "ddb-lake:restore", "ddb-lake:restored-from"
POLL_SECONDS = 2.0
CREATION_SECONDS, BACKUP_SECONDS = 600.0, 300.0
# UpdateContinuousBackups: "Backups have not yet been enabled for this table", for a while after its creation.
_NOT_YET = ("ContinuousBackupsUnavailableException", "TableNotFoundException", "ResourceNotFoundException")

Condition = Literal["absent", "empty", "unfinished"]


def restore_mark(source: str, moment: str) -> str:
    """The value of the tag of an unfinished restore."""
    return source_digest(f"{source}\n{moment}")


@dataclass
class Target:
    """A table to restore into, in one account."""

    connection: Connection
    name: str
    source: str
    moment: str
    keys: KeySchema
    client: Any
    say: Callable[[str], None]
    sleep: Callable[[float], None] = time.sleep

    @property
    def _origin(self) -> str:
        """The value of the tag that keeps the source and the moment."""
        return f"{self.source}@{self.moment}"

    def condition(self) -> Condition:
        """Whether the table does not exist, is empty, or is this restore's own unfinished table.

        Raises CommandError for any other table.
        """
        found = self.describe()
        if found is None:
            return "absent"
        if found["TableStatus"] not in ("ACTIVE", "UPDATING", "CREATING"):
            raise CommandError(
                f"table {self.name} is {found['TableStatus']}", "Wait, then run the command again."
            )
        own = KeySchema.of_table(found)
        if own != self.keys:
            raise CommandError(
                f"table {self.name} has the key schema {own}, and the items have {self.keys}",
                "Name another table with --into. If it does not exist, the command creates it.",
            )
        tags = self._tags(found["TableArn"])
        mark = tags.get(UNFINISHED_TAG)
        if mark == restore_mark(self.source, self.moment):
            return "unfinished"
        if mark is not None:
            raise CommandError(
                f"table {self.name} is the table of another restore that did not finish",
                "Finish that restore: run its command again, with the same TABLE and --as-of. Or name "
                "another table with --into.",
            )
        if found["TableStatus"] == "CREATING" or self._has_items():
            if tags.get(SOURCE_TAG) == self._origin:
                raise CommandError(
                    f"table {self.name} is the table of this restore, which is complete",
                    "Nothing is left to do. To restore the items once more, name another table with --into.",
                )
            raise CommandError(
                f"table {self.name} is not empty", "Name a table that is empty or does not exist with --into."
            )
        return "empty"

    def describe(self) -> dict[str, Any] | None:
        """The table's description; None if it does not exist."""
        try:
            found: dict[str, Any] = self.client.describe_table(TableName=self.name)["Table"]
        except self.client.exceptions.ResourceNotFoundException:
            return None
        return found

    def create(self, kms_key: str) -> None:
        """Create the table: on demand, encrypted, protected against deletion, with its tags."""
        tags = {
            UNFINISHED_TAG: restore_mark(self.source, self.moment),
            SOURCE_TAG: self._origin,
        }
        self.client.create_table(
            TableName=self.name,
            **self.keys.request(),
            BillingMode="PAY_PER_REQUEST",
            SSESpecification={"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": kms_key},
            DeletionProtectionEnabled=True,
            Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
        )

    def mark(self) -> None:
        """Tag an empty table that existed as an unfinished restore."""
        tag = {"Key": UNFINISHED_TAG, "Value": restore_mark(self.source, self.moment)}
        self.client.tag_resource(ResourceArn=self._arn(), Tags=[tag])

    def make_ready(self) -> None:
        """Wait until the table is active. Turn on point-in-time recovery if a restore created the table.

        Raises CommandError if that takes too long.
        """
        for _ in self._waits(CREATION_SECONDS, f"table {self.name} becomes active"):
            found = self.describe()
            if found is not None and found["TableStatus"] in ("ACTIVE", "UPDATING"):
                break
        else:
            raise CommandError(
                f"table {self.name} did not become active within {CREATION_SECONDS / 60:.0f} minutes",
                "Run the command again; it continues.",
            )
        if SOURCE_TAG in self._tags(found["TableArn"]):
            self._recover()

    def count_items(self) -> int:
        """The number of items in the table, by reading all of it."""
        pages = self.client.get_paginator("scan").paginate(TableName=self.name, Select="COUNT")
        return sum(int(page["Count"]) for page in pages)

    def finish(self) -> None:
        """Remove the tag of an unfinished restore."""
        self.client.untag_resource(ResourceArn=self._arn(), TagKeys=[UNFINISHED_TAG])

    def _recover(self) -> None:
        from botocore.exceptions import ClientError  # noqa: PLC0415

        for _ in self._waits(BACKUP_SECONDS, f"backups of table {self.name} become available"):
            try:
                self.client.update_continuous_backups(
                    TableName=self.name,
                    PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
                )
            except ClientError as error:
                if error.response.get("Error", {}).get("Code") not in _NOT_YET:
                    raise
            else:
                return
        raise CommandError(
            f"point-in-time recovery of table {self.name} could not be turned on",
            "Run the command again; it continues.",
        )

    def _waits(self, seconds: float, what: str) -> Iterator[None]:
        """One pass for each poll within this time."""
        report = WaitReport(self.say)
        yield
        for _ in range(int(seconds / POLL_SECONDS)):
            report.report(what, seconds)
            self.sleep(POLL_SECONDS)
            yield

    def _arn(self) -> str:
        return str(self.client.describe_table(TableName=self.name)["Table"]["TableArn"])

    def _tags(self, arn: str) -> dict[str, str]:
        tags: dict[str, str] = {}
        request: dict[str, str] = {"ResourceArn": arn}
        while True:
            page = self.client.list_tags_of_resource(**request)
            tags |= {tag["Key"]: tag["Value"] for tag in page.get("Tags", [])}
            if not page.get("NextToken"):
                return tags
            request["NextToken"] = page["NextToken"]

    def _has_items(self) -> bool:
        """Whether the table has an item; DescribeTable counts them only every six hours."""
        page = self.client.scan(TableName=self.name, Limit=1, ConsistentRead=True)
        return bool(page["Items"]) or "LastEvaluatedKey" in page
