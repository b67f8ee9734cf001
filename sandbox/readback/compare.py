"""Compare a template's properties with a service's answer."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Difference:
    """One property whose value in the service differs from the template."""

    path: str
    found: Any


@dataclass(frozen=True)
class Dropped:
    """One property of a resource that its service does not return as in the template."""

    kind: str
    logical_id: str
    path: str
    answer: str


def _plain(value: Any) -> Any:
    """A value as CloudFormation passes it on: numbers and booleans can be text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value) if isinstance(value, int | float) else value


def _identity(item: Any) -> Any:
    """The identity of a member in a list of objects, for lists whose order has no meaning."""
    names = (
        "Sid",
        "Key",
        "Id",
        "Name",
        "PolicyName",
        "AttributeName",
        "ParameterName",
        "Type",
        "Description",
    )
    return (
        next(((name, item[name]) for name in names if name in item), None) if isinstance(item, dict) else item
    )


def differences(wanted: Any, found: Any, path: str = "") -> Iterator[Difference]:
    """The properties of `wanted` that `found` lacks; the service may add others."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        for name, value in wanted.items():
            yield from differences(value, found.get(name), f"{path}.{name}" if path else name)
    elif isinstance(wanted, list) and isinstance(found, list) and len(found) >= len(wanted):
        by_identity = {str(_identity(item)): item for item in found}
        for index, item in enumerate(wanted):
            other = by_identity.get(str(_identity(item)), found[index])
            yield from differences(item, other, f"{path}[{index}]")
    elif isinstance(wanted, list) and len(wanted) == 1 and not isinstance(found, list):
        yield from differences(wanted[0], found, path)
    elif isinstance(found, list) and len(found) == 1 and not isinstance(wanted, list):
        yield from differences(wanted, found[0], path)
    elif _plain(wanted) != _plain(found):
        yield Difference(path, found)


def dropped(kind: str, logical_id: str, wanted: Any, found: Any) -> list[Dropped]:
    """The differences, without list positions and values, which change with every launch."""
    return [
        Dropped(
            kind,
            logical_id,
            re.sub(r"\[\d+\]", "[]", difference.path),
            "nothing" if difference.found in (None, "", [], {}) else "another value",
        )
        for difference in differences(wanted, found)
    ]
