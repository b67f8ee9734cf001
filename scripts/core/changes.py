"""The changes of a change set: what CloudFormation would do to each resource, and which parameter causes it.

Source: CloudFormation API reference, ResourceChange, ResourceChangeDetail and ResourceTargetDefinition.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Detail:
    """One reason for a change: the property that changes, and where its new value comes from."""

    target: str  # a property, or an attribute such as Tags
    recreation: str  # Never, Conditionally or Always
    source: str  # ParameterReference, ResourceAttribute, ResourceReference, DirectModification or Automatic
    entity: str  # the parameter, or the resource with its attribute


@dataclass(frozen=True)
class Change:
    """One resource of a change set."""

    action: str
    logical_id: str
    type: str
    replacement: str = ""
    policy: str = ""  # what happens to the old resource: Delete, Retain, Snapshot, ReplaceAndRetain, …
    details: tuple[Detail, ...] = ()

    @classmethod
    def of(cls, change: Mapping[str, Any]) -> Change:
        """A change from the API's ResourceChange."""
        return cls(
            change.get("Action", ""),
            change.get("LogicalResourceId", ""),
            change.get("ResourceType", ""),
            change.get("Replacement", ""),
            change.get("PolicyAction", ""),
            tuple(
                Detail(
                    detail.get("Target", {}).get("Name") or detail.get("Target", {}).get("Attribute", ""),
                    detail.get("Target", {}).get("RequiresRecreation", "Never"),
                    detail.get("ChangeSource", ""),
                    detail.get("CausingEntity", ""),
                )
                for detail in change.get("Details", [])
            ),
        )

    @property
    def loses(self) -> bool:
        """Whether the stack loses the resource as it is now."""
        return self.action == "Remove" or self.replacement == "True"

    @property
    def may_lose(self) -> bool:
        """Whether CloudFormation decides about a replacement only while it applies the change."""
        return not self.loses and (self.action == "Dynamic" or self.replacement == "Conditional")

    @property
    def stays_in_account(self) -> bool:
        """Whether the old resource is retained in the account when it leaves the stack."""
        return self.policy in ("Retain", "ReplaceAndRetain")

    @property
    def properties(self) -> list[str]:
        """The properties that change, each once."""
        return list(dict.fromkeys(detail.target for detail in self.details if detail.target))


def causes(change: Change, changes: Sequence[Change]) -> list[str]:
    """The parameters that cause a change, directly or through other resources of the change set."""
    by_name = {one.logical_id: one for one in changes}
    found: list[str] = []
    seen, to_follow = {change.logical_id}, [change]
    while to_follow:
        for detail in to_follow.pop(0).details:
            if detail.source == "ParameterReference":
                found.append(detail.entity)
                continue
            resource = detail.entity.partition(".")[0]
            if resource in by_name and resource not in seen:
                seen.add(resource)
                to_follow.append(by_name[resource])
    return list(dict.fromkeys(name for name in found if name))


def named_by_cause(some: Sequence[Change], changes: Sequence[Change]) -> str:
    """Resources with the properties that may replace them, grouped by the parameters that cause it."""
    groups: dict[str, list[str]] = {}
    for change in some:
        replacing = dict.fromkeys(detail.target for detail in change.details if detail.recreation != "Never")
        name = f"{change.logical_id} ({', '.join(replacing)})" if replacing else change.logical_id
        groups.setdefault(", ".join(causes(change, changes)), []).append(name)
    return "; ".join(
        f"{', '.join(names)}{f' because of {parameters}' if parameters else ''}"
        for parameters, names in groups.items()
    )
