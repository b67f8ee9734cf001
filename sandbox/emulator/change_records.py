"""Kinesis Data Streams for DynamoDB: change records in AWS's format, for every way to write an item.

AWS facts
- The record: `awsRegion, eventID, eventName, userIdentity, recordFormat, tableName, dynamodb, eventSource`,
  and in `dynamodb`: `ApproximateCreationDateTime, Keys, NewImage, OldImage, SizeBytes,
  ApproximateCreationDateTimePrecision`; compact JSON, both images with any stream view type of the table
  (records published from us-east-1 of July 2024; MILLISECOND or MICROSECOND names the unit).
- `userIdentity` is null, or `{"type":"Service","principalId":"dynamodb.amazonaws.com"}` for a TTL delete
  (DynamoDB developer guide, "DynamoDB Streams and Time to Live").
- `SizeBytes` is the size of keys and images together, by the guide's item sizes: 99 in the records above.
- A write that changes no data has no record: documented for DynamoDB Streams, [unverified] for Kinesis. It
  has none here, because the guide has records for "item-level modifications".
- The Kinesis partition key is 32 upper-case hex digits, seen in Firehose events. They are a digest of the
  item's key [unverified].
- TTL deletes items whose attribute is a number of epoch seconds in the past, not more than five years ago
  (developer guide, "Using time to live (TTL) in DynamoDB").

MiniStack sends a DynamoDB Streams record instead, and none for PartiQL or TTL. This module acts where items
are stored, and so covers every operation.
"""

import contextvars
import hashlib
import json
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sandbox.emulator.seam import Seam

SET_ITEM = Seam("services.dynamodb", "_set_item", "4e78ad492132cdba")
REMOVE_ITEM = Seam("services.dynamodb", "_remove_item", "5cce50c99688dab8")
FAN_OUT = Seam("services.dynamodb", "_fan_out_to_kinesis", "966528d6747acd7a")
PARTIQL_TRANSACTION = Seam("services.dynamodb", "_execute_transaction", "1f50148b67a4bfd1")
REAPER = Seam("services.dynamodb", "_ttl_reaper", "66841bfd60279dd7")
SEAMS = (SET_ITEM, REMOVE_ITEM, FAN_OUT, PARTIQL_TRANSACTION, REAPER)

Item = dict[str, Any]
Observer = Callable[[Item, Item | None, Item | None], None]  # table, item before, item after
# Called for every change before its record is sent; other modules add theirs.
OBSERVERS: list[Observer] = []
_TTL_IDENTITY = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}
_TTL_HORIZON_SECONDS = 5 * 365 * 86_400
_TTL_PERIOD_SECONDS = 60.0
_REAPER_THREAD = "dynamodb-ttl-reaper"  # MiniStack's own

_deleted_by_ttl: contextvars.ContextVar[bool] = contextvars.ContextVar("deleted_by_ttl", default=False)
_held_back: contextvars.ContextVar[list[tuple[Item, Item | None, Item | None]] | None] = (
    contextvars.ContextVar("held_back", default=None)
)
_last_microsecond = 0


def now_microseconds() -> int:
    """The time, later at every call: no two changes have the same microsecond."""
    global _last_microsecond  # noqa: PLW0603  one clock for the process
    _last_microsecond = max(_last_microsecond + 1, time.time_ns() // 1000)
    return _last_microsecond


def _comparable(value: Any) -> Any:
    """An attribute value in which the order of a set's members does not matter."""
    if isinstance(value, dict):
        return {
            name: frozenset(member)
            if name in {"SS", "NS", "BS"} and isinstance(member, list)
            else _comparable(member)
            for name, member in value.items()
        }
    return [_comparable(member) for member in value] if isinstance(value, list) else value


def _unchanged(old: Item, new: Item) -> bool:
    return old == new or (old.keys() == new.keys() and _comparable(old) == _comparable(new))


def change_record(table: Item, old: Item | None, new: Item | None, *, by_ttl: bool, sizes: Any) -> Item:
    """The record of one change, without its times; `sizes` measures an item in bytes."""
    image = old if new is None else new
    keys = {name: (image or {})[name] for name in (table["pk_name"], table["sk_name"]) if name}
    change: Item = {"ApproximateCreationDateTime": 0, "Keys": keys}
    if new is not None:
        change["NewImage"] = new
    if old is not None:
        change["OldImage"] = old
    change["SizeBytes"] = sum(sizes(part) for part in (keys, new, old) if part is not None)
    change["ApproximateCreationDateTimePrecision"] = ""
    return {
        "awsRegion": table["TableArn"].split(":")[3],
        "eventID": str(uuid.uuid4()),
        "eventName": "REMOVE" if new is None else "INSERT" if old is None else "MODIFY",
        "userIdentity": _TTL_IDENTITY if by_ttl else None,
        "recordFormat": "application/json",
        "tableName": table["TableName"],
        "dynamodb": change,
        "eventSource": "aws:dynamodb",
    }


def _encode(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace")


def _emit(table: Item, old: Item | None, new: Item | None) -> None:
    from ministack.core.responses import request_scope  # noqa: PLC0415  only the emulator process loads MiniStack
    from ministack.services import dynamodb, kinesis  # noqa: PLC0415

    _, _, _, region, account, _ = table["TableArn"].split(":", 5)
    destinations = dynamodb._kinesis_destinations.get_scoped(account, region, table["TableName"]) or []
    active = [found for found in destinations if found["DestinationStatus"] == "ACTIVE"]
    if not active:
        return
    record = change_record(table, old, new, by_ttl=_deleted_by_ttl.get(), sizes=dynamodb._item_size_bytes)
    change = record["dynamodb"]
    partition_key = hashlib.md5(_encode(change["Keys"]), usedforsecurity=False).hexdigest().upper()
    now = now_microseconds()
    for destination in active:
        precision = destination["ApproximateCreationDateTimePrecision"]
        change["ApproximateCreationDateTime"] = now if precision == "MICROSECOND" else now // 1000
        change["ApproximateCreationDateTimePrecision"] = precision
        with request_scope(account, region):
            kinesis.put_record_internal(destination["StreamArn"], partition_key, _encode(record))


def _changed(table: Item, old: Item | None, new: Item | None) -> None:
    """Tell the observers of a change and send its record; a write that changes nothing is no change."""
    if old is not None and new is not None and _unchanged(old, new):
        return
    waiting = _held_back.get()
    if waiting is not None:
        waiting.append((table, old, new))
        return
    for observe in OBSERVERS:
        observe(table, old, new)
    _emit(table, old, new)


@contextmanager
def _holding_back() -> Iterator[list[tuple[Item, Item | None, Item | None]]]:
    changes: list[tuple[Item, Item | None, Item | None]] = []
    token = _held_back.set(changes)
    try:
        yield changes
    finally:
        _held_back.reset(token)


def expire_items(now: float) -> int:
    """Delete items that have expired at `now` (epoch seconds) in tables with TTL; return their number."""
    from ministack.services import dynamodb  # noqa: PLC0415

    expired = 0
    token = _deleted_by_ttl.set(True)
    try:
        for (account, region, name), setting in dynamodb._ttl_settings.all_items():
            table = dynamodb._tables.get_scoped(account, region, name)
            if setting.get("TimeToLiveStatus") != "ENABLED" or not table:
                continue
            for partition, by_sort in list(table["items"].items()):
                for sort, item in list(by_sort.items()):
                    value = item.get(setting["AttributeName"], {}).get("N")
                    if value is not None and now - _TTL_HORIZON_SECONDS < float(value) <= now:
                        dynamodb._remove_item(table, partition, sort)
                        expired += 1
    finally:
        _deleted_by_ttl.reset(token)
    return expired


def _expire_forever(period: float) -> None:
    from ministack import app  # noqa: PLC0415

    while True:
        time.sleep(period)
        if app._MAIN_LOOP is not None:  # on the server's loop, as writes are
            app._MAIN_LOOP.call_soon_threadsafe(expire_items, time.time())


def install() -> None:
    """Send AWS's change record for every stored or removed item, and expire items at the sandbox's speed."""
    speed = float(os.environ.get("SANDBOX_SPEED", "1"))
    REAPER.check()
    store, remove, execute = SET_ITEM.check(), REMOVE_ITEM.check(), PARTIQL_TRANSACTION.check()

    def set_item(table: Item, partition: Any, sort: Any, item: Item) -> Item | None:
        old: Item | None = store(table, partition, sort, item)
        _changed(table, old, item)
        return old

    def remove_item(table: Item, partition: Any, sort: Any) -> Item | None:
        if threading.current_thread().name == _REAPER_THREAD:
            return None  # ours replaces MiniStack's reaper, which races the server's loop and sends no record
        old: Item | None = remove(table, partition, sort)
        if old is not None:
            _changed(table, old, None)
        return old

    def execute_transaction(request: Item) -> Any:
        with _holding_back() as changes:  # a rollback restores a snapshot, after records were sent
            answer = execute(request)
        if answer[0] == 200:
            for change in changes:
                _changed(*change)
        return answer

    SET_ITEM.replace(set_item)
    REMOVE_ITEM.replace(remove_item)
    PARTIQL_TRANSACTION.replace(execute_transaction)
    FAN_OUT.replace(lambda *_: None)
    threading.Thread(
        target=_expire_forever, args=(max(_TTL_PERIOD_SECONDS / speed, 0.2),), name="ttl", daemon=True
    ).start()
