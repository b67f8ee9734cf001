"""The list of what the emulator drops, as docs/sandbox.md holds it."""

from collections.abc import Sequence

from sandbox.errors import SandboxError
from sandbox.readback.compare import Dropped

BEGIN = "<!-- what the emulator drops: written by python -m sandbox.readback -->"
END = "<!-- end of what the emulator drops -->"

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


def insert(document: str, rendered: str) -> str:
    """The document with the list between its markers."""
    head, begin, rest = document.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise SandboxError("docs/sandbox.md has lost the markers of its list: put them back")
    return f"{head}{BEGIN}\n{rendered}\n{END}{tail}"
