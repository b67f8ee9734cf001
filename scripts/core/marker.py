"""Which stacks are ddb-lake's: the marker in their template, which a launch in the console carries as well.

    Metadata:
      DdbLake: {Kind: producer}

A stack of a release before the marker is known by how its template's Description begins and by a resource
that only that template has. Every other stack is somebody else's, whatever it is called.
"""

from __future__ import annotations

from collections.abc import Mapping

from scripts.core.console import CommandError

SECTION, KIND = "DdbLake", "Kind"
# Templates without the marker: how their Description began, a resource of theirs, and their kind.
EARLIER = (
    ("ddb-lake, consumer account: launch this stack first.", "ChangesTable", "consumer"),
    ("ddb-lake, producer account: launch this stack second,", "DeliveryStream", "producer"),
    ("ddb-lake in one account.", "ChangesTable", "single-account"),
    ("ddb-lake, option: closed days as Parquet.", "CompactionJob", "columnar"),
)


def kind_of(template: object) -> str | None:
    """The kind of stack that a parsed template makes; None for a template that is not ddb-lake's."""
    if not isinstance(template, Mapping):
        return None
    metadata = template.get("Metadata")
    marker = metadata.get(SECTION) if isinstance(metadata, Mapping) else None
    if isinstance(marker, Mapping):
        kind = marker.get(KIND)
        return kind if isinstance(kind, str) and kind else None
    description = " ".join(str(template.get("Description", "")).split())
    resources = template.get("Resources") or {}
    for beginning, resource, kind in EARLIER:
        if description.startswith(beginning) and resource in resources:
            return kind
    return None


def check_template(name: str, found: str | None, kind: str) -> None:
    """Refuse a template file whose stack no later command would know, or would take for another kind.

    `found` is the kind that the template makes.
    """
    if found is None:
        raise CommandError(
            f"{name} has no marker of ddb-lake: no later command would know its stack",
            f"Write into it: Metadata: {{{SECTION}: {{{KIND}: {kind}}}}}.",
        )
    if found != kind:
        raise CommandError(
            f"{name} is the template of a {found} stack, and this would deploy a {kind} stack",
            f"Deploy {found}, or name a template with {SECTION}: {{{KIND}: {kind}}}.",
        )
