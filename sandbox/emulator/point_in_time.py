"""Point-in-time recovery (PITR): the earlier states of a table's items, and DescribeContinuousBackups.

AWS facts
- A table with PITR can be read as it was at any time of the last 35 days, or of the fewer days that its
  `RecoveryPeriodInDays` (1 to 35) states, but not before PITR was enabled (DynamoDB developer guide,
  "Point-in-time backups for DynamoDB").
- `EarliestRestorableDateTime` and `LatestRestorableDateTime` are in the response while PITR is enabled. The
  latest is typically 5 minutes before the current time (API reference, "PointInTimeRecoveryDescription").

MiniStack keeps no earlier state, and both of its times are the current time.

Each change costs the memory of its item's earlier state, only for tables with PITR. A table's history is
limited to `MOST_CHANGES` changes: older ones are dropped, and the earliest time moves forward with them. So
an export of a time that is no longer known is rejected, as outside of the window.
"""

import os
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, NamedTuple

from sandbox.emulator import change_records
from sandbox.emulator.seam import Seam

DESCRIBE = Seam("services.dynamodb", "_describe_continuous_backups", "ba81b08f309d3e7a")
UPDATE = Seam("services.dynamodb", "_update_continuous_backups", "4d306deca0a21e52")
SEAMS = (DESCRIBE, UPDATE)

Item = dict[str, Any]
Key = tuple[tuple[str, Any], ...]  # the type and value of each key attribute
MOST_CHANGES = 1_000_000
LONGEST_DAYS = 35
DAY_MICROSECONDS = 86_400_000_000
_LATEST_SECONDS = 300.0  # how long a change on AWS takes until the table can be restored to it


class Change(NamedTuple):
    """One change of an item: its time in microseconds since 1970, the item before and after."""

    at: int
    key: Key
    old: Item | None
    new: Item | None


class NetChange(NamedTuple):
    """All changes of one item in a period as one: the time of the last one, the item before and after all."""

    at: int
    old: Item | None
    new: Item | None


def key_of(table: Item, item: Item) -> Key:
    """The key of an item of this table, hashable."""
    return tuple(
        next(iter(item[name].items())) for name in (table["pk_name"], table["sk_name"]) if name is not None
    )


@dataclass(slots=True)
class History:
    """The changes of one table since PITR was enabled, in order of time."""

    table_id: str
    since: int  # the first microsecond from which every change is known
    days: int = LONGEST_DAYS
    most: int = MOST_CHANGES
    changes: list[Change] = field(default_factory=list)

    def record(self, change: Change) -> None:
        """Add the newest change, and drop the oldest tenth if there are too many."""
        self.changes.append(change)
        if len(self.changes) > self.most:
            dropped = max(self.most // 10, 1)
            self.since = self.changes[dropped - 1].at + 1
            del self.changes[:dropped]

    def earliest(self, now: int) -> int:
        """The earliest microsecond that the table can be restored to at `now`."""
        return max(self.since, now - self.days * DAY_MICROSECONDS)

    def after(self, when: int) -> list[Change]:
        """The changes later than `when`."""
        return self.changes[bisect_right(self.changes, when, key=attrgetter("at")) :]

    def between(self, start: int, end: int) -> list[Change]:
        """The changes from `start`, inclusive, to `end`, exclusive."""
        first = bisect_left(self.changes, start, key=attrgetter("at"))
        return self.changes[first : bisect_left(self.changes, end, key=attrgetter("at"))]


def undone(items: Iterable[Item], later: list[Change], key: Callable[[Item], Key]) -> list[Item]:
    """The items as they were before the changes `later`; `items` is the state after them."""
    if not later:
        return list(items)
    before: dict[Key, Item | None] = {}
    for change in reversed(later):
        before[change.key] = change.old
    kept = [item for item in items if key(item) not in before]
    return kept + [item for item in before.values() if item is not None]


def net_changes(changes: Iterable[Change]) -> dict[Key, NetChange]:
    """Changes in order of time, as one change per item."""
    net: dict[Key, NetChange] = {}
    for change in changes:
        earlier = net.get(change.key)
        net[change.key] = NetChange(change.at, earlier.old if earlier else change.old, change.new)
    return net


_histories: dict[str, History] = {}  # by the table's ARN


def history_of(table: Item) -> History | None:
    """The history of a table, or None without PITR."""
    found = _histories.get(table["TableArn"])
    return found if found is not None and found.table_id == table["TableId"] else None


def items_of(table: Item) -> list[Item]:
    """All items of a table now; MiniStack replaces a changed item and never changes it in place."""
    return [item for by_sort in table["items"].values() for item in by_sort.values()]


def _observe(table: Item, old: Item | None, new: Item | None) -> None:
    history = history_of(table)
    if history is not None:
        key = key_of(table, (old if new is None else new) or {})
        history.record(Change(change_records.now_microseconds(), key, old, new))


def _set_period(table: Item, specification: Item) -> None:
    if not specification.get("PointInTimeRecoveryEnabled"):
        _histories.pop(table["TableArn"], None)
        return
    history = history_of(table)
    if history is None:
        _drop_deleted_tables()
        history = History(table["TableId"], change_records.now_microseconds())
        _histories[table["TableArn"]] = history
    history.days = specification.get("RecoveryPeriodInDays", history.days)


def _drop_deleted_tables() -> None:
    from ministack.services import dynamodb  # noqa: PLC0415  only the emulator process loads MiniStack

    living = {table["TableId"] for table in dynamodb._tables.all_values()}
    for arn, history in list(_histories.items()):
        if history.table_id not in living:
            del _histories[arn]


def _description(table: Item, speed: float) -> Item:
    history = history_of(table)
    if history is None:
        return {"PointInTimeRecoveryStatus": "DISABLED"}
    now = change_records.now_microseconds()
    earliest = history.earliest(now)
    latest = max(earliest, now - round(_LATEST_SECONDS / speed * 1_000_000))
    return {
        "PointInTimeRecoveryStatus": "ENABLED",
        "RecoveryPeriodInDays": history.days,
        "EarliestRestorableDateTime": earliest / 1_000_000,
        "LatestRestorableDateTime": latest / 1_000_000,
    }


def install() -> None:
    """Record every change of tables with PITR, and answer with the times that they can be restored to."""
    from ministack.core.responses import error_response_json, json_response  # noqa: PLC0415
    from ministack.services import dynamodb  # noqa: PLC0415

    speed = float(os.environ.get("SANDBOX_SPEED", "1"))
    describe, update = DESCRIBE.check(), UPDATE.check()

    def answer(table: Item) -> Any:
        backups = {
            "ContinuousBackupsStatus": "ENABLED",
            "PointInTimeRecoveryDescription": _description(table, speed),
        }
        return json_response({"ContinuousBackupsDescription": backups})

    def describe_continuous_backups(request: Item) -> Any:
        found = describe(request)
        if found[0] != 200:
            return found
        return answer(dynamodb._tables[dynamodb._normalize_table_name(request["TableName"])])

    def update_continuous_backups(request: Item) -> Any:
        specification = request.get("PointInTimeRecoverySpecification") or {}
        days = specification.get("RecoveryPeriodInDays", LONGEST_DAYS)
        if type(days) is not int or not 1 <= days <= LONGEST_DAYS:
            message = f"RecoveryPeriodInDays must be between 1 and {LONGEST_DAYS}"
            return error_response_json("ValidationException", message, 400)
        done = update(request)
        if done[0] != 200:
            return done
        table = dynamodb._tables[dynamodb._normalize_table_name(request["TableName"])]
        _set_period(table, specification)
        return answer(table)

    DESCRIBE.replace(describe_continuous_backups)
    UPDATE.replace(update_continuous_backups)
    change_records.OBSERVERS.append(_observe)
