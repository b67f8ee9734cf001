"""Which stacks belong to ddb-lake: those with this marker in the template, also when launched in the console.

    Metadata:
      DdbLake: {Kind: producer}

Templates of releases before the marker are recognised by the beginning of their Description and by a resource
that only that template has. No other stack belongs to ddb-lake, whatever its name.
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
)


def kind_of(template: object) -> str | None:
    """The kind of stack that a parsed template creates; None if the template is not ddb-lake's."""
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


def check_template(name: str, actual: str | None, kind: str) -> None:
    """Refuse a template file whose marker is missing or names another kind.

    `actual` is the kind in the template. Without the marker, no later command would recognise the stack.
    """
    if actual is None:
        raise CommandError(
            f"{name} has no ddb-lake marker, so later commands would not recognise its stack",
            f"Add to the template: Metadata: {{{SECTION}: {{{KIND}: {kind}}}}}.",
        )
    if actual != kind:
        raise CommandError(
            f"{name} is the template of a {actual} stack, and this command deploys a {kind} stack",
            f"Deploy {actual}, or name a template with {SECTION}: {{{KIND}: {kind}}}.",
        )
