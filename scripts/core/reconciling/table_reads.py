"""Consistent reads of a table within a budget of read capacity, with a server time for each read."""

from __future__ import annotations

import base64
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from repair.partitions import batches
from scripts.core.console import CommandError
from scripts.core.server_clock import server_time
from transform_lambda.canonical import canonical_json, image_digest
from transform_lambda.values import Image

UNIT_BYTES = (
    4096  # of a consistent read (DynamoDB Developer Guide, "Provisioned capacity mode", read requests)
)
BATCH_KEYS = 100  # API_BatchGetItem: at most 100 items
FIRST_LIMIT = 100  # items of the first page, when the size of an item is not known
THROTTLED = {
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ThrottlingException",
}
MOST_TRIES, MOST_PAUSE = 10, 32.0  # throttled requests in a row, and seconds between two of them


class Read(NamedTuple):
    """A key, the item or None, and a time of the server that is not later than the read."""

    key: str
    item: Image | None
    read_at: str

    @property
    def digest(self) -> str | None:
        """The digest that the lake has for this item."""
        return image_digest(self.item)


@dataclass
class Budget:
    """Read capacity units that may be used in a second. Unused seconds are not saved up."""

    units_per_second: float
    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    used: float = 0.0
    _next: float = 0.0

    def wait(self) -> None:
        """Wait until the next request is within the budget."""
        if (seconds := self._next - self.now()) > 0:
            self.sleep(seconds)

    def spend(self, units: float) -> None:
        """Count the units that a request has used."""
        self.used += units
        self._next = max(self._next, self.now()) + units / self.units_per_second


@dataclass
class TableReader:
    """A table of one account. `about` is its description."""

    client: Any
    name: str
    budget: Budget
    about: Mapping[str, Any] = field(init=False)
    server_time: str = field(init=False)  # of the last response

    def __post_init__(self) -> None:
        """Describe the table. Raises CommandError if it does not exist or is not usable."""
        from botocore.exceptions import ClientError  # noqa: PLC0415

        try:
            response = self.client.describe_table(TableName=self.name)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") != "ResourceNotFoundException":
                raise
            raise CommandError(
                f"there is no table {self.name} in this account and Region",
                "The stack still names it: restore the table, or remove the stack.",
            ) from None
        self._note_time(response)
        self.about = response["Table"]
        self.key_names = [each["AttributeName"] for each in self.about["KeySchema"]]

    @property
    def items(self) -> int:
        """The number of items, by DynamoDB's own count, which it updates about every six hours."""
        return int(self.about.get("ItemCount", 0))

    @property
    def scan_units(self) -> int:
        """The read capacity units of a consistent scan, by DynamoDB's own count of the bytes."""
        return math.ceil(int(self.about.get("TableSizeBytes", 0)) / UNIT_BYTES)

    def scan(self, progress: Callable[[int], None]) -> Iterator[Read]:
        """Every item, by consistent reads. A page costs about a second of the budget.

        :param progress: called with the number of items read so far, after every page
        """
        limit, count = self._first_limit(), 0
        start: dict[str, Any] = {}
        while True:
            read_at = self.server_time
            units = self.budget.used
            page = self._call(
                self.client.scan,
                TableName=self.name,
                ConsistentRead=True,
                ReturnConsumedCapacity="TOTAL",
                Limit=limit,
                **start,
            )
            for item in page["Items"]:
                yield Read(self._key(item), item, read_at)
            count += len(page["Items"])
            progress(count)
            if "LastEvaluatedKey" not in page:
                return
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
            limit = self._next_limit(len(page["Items"]), self.budget.used - units)

    def read(self, keys: Iterator[str]) -> Iterator[Read]:
        """The items of these keys (the form of `change_key`) as they are now, by consistent reads."""
        for batch in batches(keys, BATCH_KEYS):
            read_at = self.server_time
            found = self._batch(batch)
            for key in batch:
                yield Read(key, found.get(key), read_at)

    def _batch(self, keys: Sequence[str]) -> dict[str, Image]:
        found: dict[str, Image] = {}
        request: dict[str, Any] = {
            self.name: {"Keys": [_as_parameter(key) for key in keys], "ConsistentRead": True}
        }
        pause = 1.0
        while request:
            response = self._call(
                self.client.batch_get_item, RequestItems=request, ReturnConsumedCapacity="TOTAL"
            )
            for item in response["Responses"].get(self.name, []):
                found[self._key(item)] = item
            rest = response.get("UnprocessedKeys", {})
            if rest and not response["Responses"].get(self.name):
                self.budget.sleep(pause)
                pause = min(pause * 2, MOST_PAUSE)
            request = rest
        return found

    def _call(self, operation: Callable[..., Any], **request: Any) -> Any:
        """One request within the budget; a throttled one is repeated after a pause."""
        from botocore.exceptions import ClientError  # noqa: PLC0415

        pause = 1.0
        for _ in range(MOST_TRIES):
            self.budget.wait()
            try:
                response = operation(**request)
            except ClientError as error:
                if error.response.get("Error", {}).get("Code") not in THROTTLED:
                    raise
                self.budget.sleep(pause)
                pause = min(pause * 2, MOST_PAUSE)
                continue
            capacity = response.get("ConsumedCapacity") or []
            capacity = capacity if isinstance(capacity, list) else [capacity]
            self.budget.spend(sum(float(each["CapacityUnits"]) for each in capacity))
            self._note_time(response)
            return response
        raise CommandError(
            f"DynamoDB throttles the reads of table {self.name}",
            "Run the command again with a lower --read-capacity, or when the table has less traffic.",
        )

    def _note_time(self, response: Mapping[str, Any]) -> None:
        """Keep the server's time of a response: the start of its second, in the form of change_time."""
        self.server_time = f"{server_time(response):%Y-%m-%dT%H:%M:%S}.000000Z"

    def _key(self, item: Image) -> str:
        return canonical_json({name: item[name] for name in self.key_names}).decode()

    def _first_limit(self) -> int:
        items, units = self.items, self.scan_units
        return self._next_limit(items, units) if items and units else FIRST_LIMIT

    def _next_limit(self, items: int, units: float) -> int:
        """The items that cost about a second of the budget, if these items cost these units."""
        return max(1, math.floor(self.budget.units_per_second * max(items, 1) / max(units, 0.5)))


def _as_parameter(key: str) -> Image:
    """The key as a parameter of boto3's client: binary as bytes."""
    keys: Image = orjson.loads(key)
    return {
        name: {"B": base64.b64decode(value["B"])} if "B" in value else value for name, value in keys.items()
    }
