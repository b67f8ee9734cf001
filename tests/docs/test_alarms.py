"""docs/operations.md lists the alarms of the templates, in their own words.

To write the table anew: `python -m tests.docs.test_alarms`.
"""

from __future__ import annotations

import re
from pathlib import Path

from scripts.core.template import parse
from scripts.stacks import KINDS

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "operations.md"
REGION = re.compile(r"(<!-- alarms:.*?-->\n).*?(<!-- end of alarms -->)", re.DOTALL)


def table() -> str:
    """One line an alarm: its stack, its logical id, its description."""
    lines = ["| stack | alarm | what it says |", "|---|---|---|"]
    for kind in KINDS:
        if kind.unites:  # its alarms are those of the stacks it unites
            continue
        resources = parse(kind.template.read_text())["Resources"]
        lines += [
            f"| {kind.name} | `{name}` | {resource['Properties']['AlarmDescription'].strip()} |"
            for name, resource in resources.items()
            if resource["Type"] == "AWS::CloudWatch::Alarm"
        ]
    return "".join(f"{line}\n" for line in lines)


def written(page: str) -> str:
    """The page with its table as the templates have it."""
    return REGION.sub(lambda found: found[1] + table() + found[2], page)


def test_the_page_lists_the_templates_alarms() -> None:
    """An alarm that comes, goes or says something else changes the page in the same commit."""
    page = PAGE.read_text()
    assert written(page) == page


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text()))
