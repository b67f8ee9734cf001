"""The plan as people read it: a summary for a launch, a row per resource for an update."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from scripts.core.changes import Change, causes
from scripts.core.console import Output

ACTIONS = {"Add": "create", "Modify": "update", "Remove": "remove"}
STAYS = "leaves the stack, stays in the account"
REPLACED = {"True": "yes", "Conditional": "perhaps"}  # CloudFormation's Replacement, in words
PERHAPS = (
    "perhaps: CloudFormation compares the new value with the old one only while it applies the change. It "
    "replaces the resource only if they differ."
)
DIFFERENT = "A replaced resource is created anew; the old one is deleted, unless it is said to stay."


def show_changes(changes: Sequence[Change], out: Output, *, every: bool) -> None:
    """Print the change set. `every` prints one row per resource also where a summary would do."""
    count = f"{len(changes)} change{'' if len(changes) == 1 else 's'}"
    if not every and all(change.action == "Add" for change in changes):
        types = Counter(change.type for change in changes)
        rows = [(kind, str(number)) for kind, number in sorted(types.items())]
        out.table(f"{len(changes)} to create", ("type of resource", "number"), rows)
        out.say("--dry-run or --verbose lists each resource")
        return
    _rows(count, changes, out)
    if any(change.may_lose for change in changes):
        out.say(PERHAPS)
    if any(change.may_lose or change.replacement == "True" for change in changes):
        out.say(DIFFERENT)


def _rows(title: str, changes: Sequence[Change], out: Output) -> None:
    """One row per resource, without the columns that would be empty in every row."""
    columns = ("action", "resource", "type", "properties that change", "because of", "replaced")
    rows = [
        (
            _action(change),
            change.logical_id,
            change.type,
            ", ".join(change.properties),
            ", ".join(causes(change, changes)),
            _replaced(change),
        )
        for change in changes
    ]
    kept = [number for number in range(len(columns)) if number < 3 or any(row[number] for row in rows)]
    out.table(title, [columns[number] for number in kept], [[row[number] for number in kept] for row in rows])


def _action(change: Change) -> str:
    if change.action == "Remove" and change.stays_in_account:
        return STAYS
    return ACTIONS.get(change.action, change.action)


def _replaced(change: Change) -> str:
    if change.action != "Modify":
        return ""
    word = REPLACED.get(change.replacement, "")
    return f"{word}; the old one stays in the account" if word and change.stays_in_account else word


def summary(changes: Sequence[Change]) -> str:
    """What was applied, in words: `3 created, 1 updated`."""
    words = {"Add": "created", "Modify": "updated", "Remove": "removed"}
    counts = Counter(
        "left the stack and stayed in the account"
        if change.action == "Remove" and change.stays_in_account
        else "replaced"
        if change.replacement == "True"
        else words.get(change.action, "updated")
        for change in changes
    )
    return ", ".join(f"{number} {word}" for word, number in counts.items())
