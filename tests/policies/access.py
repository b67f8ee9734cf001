"""The access matrix: actor, resource, action, allowed or denied, and the statement that decides.

``python -m tests.policies.access`` (``make access``) prints it, from the verdicts of the policy
simulator on the access ledger. ``make generate`` writes docs/generated/access.md with ``--output markdown``.
The exit code is 1 if a verdict differs from the ledger, and 3 if a tool is missing (1 if ``CI`` is set).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any

from rich.console import Console
from rich.table import Table

from scripts.build.proofs import EXIT_TOOL_MISSING
from tests.ci import in_ci
from tests.policies import toolbox
from tests.policies.documents import LAYOUTS, Documents
from tests.policies.ledger import Ledger, LedgerError, Verdict
from tests.policies.simulation import SimulationError


@dataclass(frozen=True)
class Row:
    """Requests that differ only in one respect, joined."""

    title: str
    actors: tuple[str, ...]
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    circumstances: str
    allowed: bool
    decided: str

    @property
    def verdict(self) -> str:
        return "allowed" if self.allowed else "denied"

    @property
    def short_actions(self) -> str:
        """``s3:GetObject, PutObject``: the service is written once."""
        written: list[str] = []
        service = ""
        for action in self.actions:
            prefix, _, name = action.partition(":")
            written.append(name if prefix == service else action)
            service = prefix
        return ", ".join(written)


def rows(verdicts: Iterable[Verdict], actor: str = "") -> list[Row]:
    """The verdicts as rows. Requests that differ only in action are joined, then resource, then actor."""
    found = [
        Row(
            verdict.entry.title,
            (verdict.entry.parts[0].actor.name,),
            (verdict.entry.parts[0].action,),
            (verdict.entry.shown,),
            verdict.entry.circumstances,
            verdict.allowed,
            verdict.reason,
        )
        for verdict in verdicts
        if actor.lower() in verdict.entry.parts[0].actor.name.lower()
    ]
    for differing in ("actions", "resources", "actors"):
        joined: dict[Row, list[str]] = {}
        for row in found:
            joined.setdefault(_with(row, differing, ()), []).extend(getattr(row, differing))
        found = [_with(row, differing, tuple(dict.fromkeys(v))) for row, v in joined.items()]
    return found


def _with(row: Row, name: str, values: tuple[str, ...]) -> Row:
    member: dict[str, Any] = {name: values}
    return replace(row, **member)


def markdown(verdicts: Iterable[Verdict], actor: str = "") -> str:
    """One table per section, every cell in one line."""
    verdicts = list(verdicts)
    lines = [f"{summary(verdicts)}, in the layout of two accounts."]
    title = None
    for row in rows(verdicts, actor):
        if row.title != title:
            title = row.title
            lines += ["", f"## {title[0].upper()}{title[1:]}", ""]
            lines += [
                "| actor | action | resource | when | verdict | decided by |",
                "|---|---|---|---|---|---|",
            ]
        resources = ", ".join(f"`{resource}`" for resource in row.resources)
        verdict = "allowed" if row.allowed else "**denied**"
        cells = (", ".join(row.actors), row.short_actions, resources, row.circumstances, verdict, row.decided)
        lines.append("| " + " | ".join(cell.replace("|", "/") for cell in cells) + " |")
    return "\n".join(lines).strip() + "\n"


def document(verdicts: list[Verdict], actor: str = "") -> dict[str, Any]:
    """The matrix as data, for ``--output json``."""
    return {"summary": summary(verdicts), "rows": [asdict(row) for row in rows(verdicts, actor)]}


def summary(verdicts: list[Verdict]) -> str:
    allowed = sum(verdict.allowed for verdict in verdicts)
    wrong = sum(not verdict.right for verdict in verdicts)
    return f"{len(verdicts)} requests: {allowed} allowed, {len(verdicts) - allowed} denied, {wrong} wrong"


def _print(verdicts: list[Verdict], actor: str) -> None:
    console = Console(width=None if sys.stdout.isatty() else 200)
    title = None
    table = Table()
    for row in rows(verdicts, actor):
        if row.title != title:
            if title is not None:
                console.print(table)
            title = row.title
            table = Table(title=title, title_justify="left", expand=True)
            for name in ("actor", "action", "resource", "when", "verdict", "decided by"):
                table.add_column(name, overflow="fold")
        style = "green" if row.allowed else "red"
        verdict = f"[{style}]{row.verdict}[/{style}]"
        plain = (", ".join(row.actors), row.short_actions, ", ".join(row.resources), row.circumstances)
        table.add_row(*(cell.replace("[", "\\[") for cell in plain), verdict, row.decided)
    if title is not None:
        console.print(table)
    console.print(summary(verdicts))


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.policies.access", description=__doc__)
    parser.add_argument("--layout", choices=LAYOUTS, default=LAYOUTS[0])
    parser.add_argument("--actor", default="", help="only actors whose name holds this text")
    parser.add_argument("--output", choices=("text", "json", "markdown"), default="text")
    options = parser.parse_args(arguments)
    try:
        toolbox.install_simulator()
        verdicts = Ledger(Documents.of(options.layout)).verdicts()
    except toolbox.ToolMissingError as error:
        print(f"access: {error}", file=sys.stderr)
        return 1 if in_ci() else EXIT_TOOL_MISSING
    except (LedgerError, SimulationError) as error:
        print(f"access: {error}", file=sys.stderr)
        return 1
    if options.output == "json":
        print(json.dumps(document(verdicts, options.actor), indent=2, ensure_ascii=False))
    elif options.output == "markdown":
        sys.stdout.write(markdown(verdicts, options.actor))
    else:
        _print(verdicts, options.actor)
    if all(verdict.right for verdict in verdicts):
        return 0
    print(f"access: {summary(verdicts)}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
