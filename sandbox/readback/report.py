"""The list of what the emulator drops, as docs/generated/emulator-gaps.md shows it."""

from collections.abc import Sequence

from sandbox.errors import SandboxError
from sandbox.readback.compare import Dropped

# What follows from each loss, and where the property is proved instead.
CONSEQUENCES: dict[tuple[str, str], str] = {}


def render(found: Sequence[Dropped]) -> str:
    """The list as a Markdown table, one row for each type and property."""
    rows: dict[tuple[str, str, str], list[str]] = {}
    for one in found:
        rows.setdefault((one.kind, one.path, one.answer), []).append(one.logical_id)
    if not rows:
        return "Nothing: every property of every resource is answered as the template has it."
    unexplained = sorted({(kind, path) for kind, path, _ in rows} - CONSEQUENCES.keys())
    if unexplained:
        raise SandboxError(
            f"the emulator drops {unexplained}: have sandbox/emulator/ keep it, "
            "or say in sandbox/readback/report.py what follows"
        )
    lines = ["| type | property | resources | what is answered | what follows |", "|---|---|---|---|---|"]
    lines += [
        f"| `{kind}` | `{path}` | {', '.join(sorted(set(names)))} | {answer} | {CONSEQUENCES[kind, path]} |"
        for (kind, path, answer), names in sorted(rows.items())
    ]
    return "\n".join(lines)
