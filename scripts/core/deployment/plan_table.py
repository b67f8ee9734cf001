"""The plan as people read it: a summary for a launch, a row per resource for an update."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from scripts.core.changes import Change, causes
from scripts.core.console import Output

ACTIONS = {"Add": "create", "Modify": "update", "Remove": "remove"}
PERHAPS = (
    "perhaps replaced: CloudFormation decides this only while it applies the change, when it knows the new "
    "value. If it replaces a resource, it creates a new one and deletes the old one, unless the plan says "
    "that the old one stays."
)
BETWEEN_COLUMNS = 3  # characters


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


def _rows(title: str, changes: Sequence[Change], out: Output) -> None:
    """One row per resource: without columns that are empty in every row, and as lines where no table fits."""
    columns = ["action", "resource", "type", "properties that change", "because of", "effect"]
    rows = [
        [
            ACTIONS.get(change.action, change.action),
            change.logical_id,
            change.type,
            ", ".join(change.properties),
            ", ".join(causes(change, changes)),
            effect(change),
        ]
        for change in changes
    ]
    kept = [name for number, name in enumerate(columns) if number < 3 or any(row[number] for row in rows)]
    for names in (kept, [name for name in kept if name != "type"]):
        numbers = [columns.index(name) for name in names]
        cells = [[row[number] for number in numbers] for row in rows]
        widths = [max(len(row[place]) for row in [names, *cells]) for place in range(len(names))]
        if sum(widths) + BETWEEN_COLUMNS * len(names) <= out.console.width:
            out.table(title, names, cells)
            return
    out.say(title)
    for action, name, _, properties, parameters, what in rows:
        line = f"  {action} {name}{f': {properties}' if properties else ''}"
        out.say(f"{line}{f' because of {parameters}' if parameters else ''}{f' ({what})' if what else ''}")


def effect(change: Change) -> str:
    """What happens to the existing resource; "" if it only gets new properties, or is new."""
    stays = change.stays_in_account
    if change.action == "Remove":
        return "leaves the stack, stays in the account" if stays else "deleted"
    if change.action == "Dynamic" or change.replacement in ("True", "Conditional"):
        word = "replaced" if change.replacement == "True" else "perhaps replaced"
        return f"{word}; the old one stays in the account" if stays else word
    return ""


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
