"""Compare a lake with its table key by key: pure functions of the table's items and the lake's changes."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import orjson

from glue.tables import METADATA_COLUMNS
from transform_lambda.canonical import canonical_json, image_digest
from transform_lambda.flatten import DEFAULT_SETTINGS, RowSettings, flatten
from transform_lambda.values import Image

# The only column that may differ if a change was delivered more than once: its place in the stream.
_OF_A_DELIVERY = "change_sequence"

# The type of a row that states what an item was at a time. It does not lead from one state to another.
_SNAPSHOT = "SNAPSHOT"

# One change as Athena returns it: every column's text, None for NULL.
Change = Mapping[str, str | None]


@dataclass(frozen=True)
class Difference:
    """One key for which lake and table differ; `key` has the format of `change_key`."""

    key: str
    what: str


@dataclass
class Comparison:
    """The counts for one table, and every difference."""

    table: str
    items: int = 0
    changes: int = 0
    duplicates: int = 0
    keys: int = 0
    deleted: int = 0
    older: int = 0
    columns: int = 0
    undeclared: int = 0
    differences: list[Difference] = field(default_factory=list)

    @property
    def agrees(self) -> bool:
        """Whether lake and table have no difference."""
        return not self.differences

    def figures(self) -> dict[str, int]:
        """The counts with labels, for people."""
        return {
            "items in the table": self.items,
            "changes in the lake": self.changes,
            "delivered more than once": self.duplicates,
            "keys in the lake": self.keys,
            "keys deleted in both": self.deleted,
            "keys older than the lake": self.older,
            "column values compared": self.columns,
            "values whose column is not declared yet": self.undeclared,
            "keys that differ": len(self.differences),
        }


def newest(changes: Sequence[Change]) -> Change:
    """The last change of one key: by time, then by the chain, then by sequence."""
    latest = max(str(change["change_time"]) for change in changes)
    tied = [change for change in changes if change["change_time"] == latest]
    if len(tied) > 1:
        continued = {
            change["change_before"]
            for change in tied
            if change["change_before"] != change["change_after"] and change["change_type"] != _SNAPSHOT
        }
        ends = [change for change in tied if change["change_after"] not in continued]
        tied = ends or tied
    return max(tied, key=lambda change: change["change_sequence"] or "")


def _is_absent(last: Change) -> bool:
    """Whether there is no item after a change."""
    return last["change_type"] == "REMOVE" or (last["change_type"] == _SNAPSHOT and not last["change_after"])


def chain_problem(changes: Sequence[Change], last: Change) -> tuple[str | None, bool]:
    """(the error in one key's chain of digests or None, whether the key is older than the lake).

    Every change leads from `change_before` to `change_after`. In any order, a complete chain leaves each
    state as often as it enters it, except for its two ends. A chain may also go on from a state that a
    SNAPSHOT row states: a backfill or a repair wrote the row because changes are missing before it.
    """
    steps = [change for change in changes if change["change_type"] != _SNAPSHOT]
    entered = Counter(change["change_after"] for change in steps)
    left = Counter(change["change_before"] for change in steps)
    left[last["change_after"]] += 1
    entered[None] += 1  # an item starts as nothing
    surplus, lacking = entered - left, left - entered
    for change in changes:
        if change["change_type"] == _SNAPSHOT:
            del lacking[change["change_after"]]
    if not lacking and (not surplus or len(steps) < len(changes)):
        return None, False
    if surplus == Counter([None]) and lacking.total() == 1:
        return None, True  # the first state is not nothing: the item is older than the stream
    return f"the chain of its {len(changes)} changes has a gap: a change is missing", False


def _shown(value: Any) -> str | None:
    """A column's value as a `string` column shows it."""
    if isinstance(value, orjson.Fragment):
        value = orjson.dumps(value).decode()
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return orjson.dumps(value).decode()


def _same(value: Any, shown: str | None) -> bool:
    """Whether a column's text is the value. Numbers and JSON are compared by meaning."""
    expected = _shown(value)
    if expected == shown:
        return True
    if expected is None or shown is None or isinstance(value, str | bool):
        return False
    try:
        return bool(_meaning(expected) == _meaning(shown))
    except ValueError:
        return False


def _meaning(text: str) -> Any:
    """JSON as Python values. A number never equals `true`, and keeps every digit."""

    def number(digits: str) -> tuple[Decimal]:
        return (Decimal(digits),)

    return json.loads(text, parse_int=number, parse_float=number)


def _compare_columns(
    result: Comparison, image: Image, change: Change, declared: frozenset[str], settings: RowSettings
) -> list[str]:
    """The columns in which the newest change and the item differ, each with its attribute.

    `change_names` is compared too, so a column that both have comes from the same attribute in both.
    """
    flat = flatten(image, settings)
    result.undeclared += len(flat.columns.keys() - declared)
    expected = {
        **dict.fromkeys(declared),
        **flat.columns,
        "change_levels": flat.levels,
        "change_names": flat.names,
        "change_image": flat.image,
        "change_rescued": flat.rescued,
    }
    wrong = []
    for name, value in expected.items():
        if name in change:
            result.columns += 1
            if not _same(value, change[name]):
                wrong.append(name)
    paths = json.loads(flat.names or "{}")
    return [
        f"{name} (the attribute {'.'.join(paths[name])})" if name in paths else name for name in sorted(wrong)
    ]


def compare(
    table: str,
    items: Iterable[tuple[Image, Image]],
    changes: Iterable[Change],
    item_columns: Iterable[str],
    settings: RowSettings = DEFAULT_SETTINGS,
) -> Comparison:
    """Compare a table's (keys, item) pairs with the lake's changes of that table.

    `item_columns` are the declared columns that hold attributes; other columns cannot be read.
    `settings` are the settings with which the rows were written.
    """
    result = Comparison(table)
    declared = frozenset(item_columns) - frozenset(METADATA_COLUMNS)
    by_key: dict[str, list[Change]] = defaultdict(list)
    seen: dict[str | None, Change] = {}

    def differs(key: str, what: str) -> None:
        result.differences.append(Difference(key, what))

    for change in changes:
        result.changes += 1
        first = seen.get(change["change_id"])
        if first is None:
            seen[change["change_id"]] = change
            by_key[str(change["change_key"])].append(change)
            continue
        result.duplicates += 1
        if wrong := sorted(name for name in first if first[name] != change[name] and name != _OF_A_DELIVERY):
            key, unlike = str(change["change_key"]), ", ".join(wrong)
            differs(key, f"change {change['change_id']} was delivered twice, unlike itself: {unlike}")
    result.keys = len(by_key)

    for keys, image in items:
        result.items += 1
        key = canonical_json(keys).decode()
        found = by_key.pop(key, None)
        if found is None:
            differs(key, "is in the table, not in the lake")
            continue
        last = newest(found)
        problem, older = chain_problem(found, last)
        result.older += older
        if last["change_after"] != image_digest(image):
            differs(key, f"the newest change ({last['change_time']}) is not the item's state")
        elif wrong := _compare_columns(result, image, last, declared, settings):
            differs(key, f"columns differ: {', '.join(wrong)}")
        elif problem:
            differs(key, problem)
    for key, found in by_key.items():
        last = newest(found)
        problem, older = chain_problem(found, last)
        result.older += older
        if not _is_absent(last):
            differs(key, "is in the lake, not in the table")
        elif problem:
            differs(key, problem)
        else:
            result.deleted += 1
    return result
