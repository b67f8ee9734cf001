"""The list of properties that the emulator loses, for docs/generated/emulator-gaps.md."""

from collections.abc import Sequence

from sandbox.errors import SandboxError
from sandbox.readback.compare import Dropped

# The consequence of each loss, and where the property is tested instead.
CONSEQUENCES: dict[tuple[str, str], str] = {}


def render(found: Sequence[Dropped]) -> str:
    """The list as a Markdown table, one row per type and property."""
    rows: dict[tuple[str, str, str], list[str]] = {}
    for lost in found:
        rows.setdefault((lost.kind, lost.path, lost.answer), []).append(lost.logical_id)
    if not rows:
        return "None: every service returns every property as in the template."
    unexplained = sorted({(kind, path) for kind, path, _ in rows} - CONSEQUENCES.keys())
    if unexplained:
        raise SandboxError(
            f"the emulator loses {unexplained}: keep it in sandbox/emulator/, "
            "or explain the consequence in sandbox/readback/report.py"
        )
    lines = ["| type | property | resources | answer | consequence |", "|---|---|---|---|---|"]
    lines += [
        f"| `{kind}` | `{path}` | {', '.join(sorted(set(names)))} | {answer} | {CONSEQUENCES[kind, path]} |"
        for (kind, path, answer), names in sorted(rows.items())
    ]
    return "\n".join(lines)
