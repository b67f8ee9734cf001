"""The roles that the shipped stacks make."""

from __future__ import annotations

from sandbox.emulator.refusals import refusals
from sandbox.lifecycle import Sandbox


def refused_roles(sandbox: Sandbox) -> list[str]:
    """What the stacks' own roles were refused so far: role, action and resource, each once."""
    found = (
        f"{line['principal'].split('/')[1]}: {line['action']} on {line['resource']}"
        for line in refusals(sandbox.folder)
        if ":assumed-role/ddb-lake-" in line["principal"]
    )
    return list(dict.fromkeys(found))
