"""`deploy` and `remove` change only stacks of ddb-lake. This check refuses every other stack first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scripts.core.console import CommandError
from scripts.core.marker import KIND, SECTION, kind_of
from scripts.core.stack import Stack


def check_stack(
    stack: Stack, description: Mapping[str, Any], where: str, kind: str | None = None
) -> str | None:
    """Refuse a described stack that does not belong to ddb-lake, or, with `kind`, is of another kind.

    Returns the stack's kind; None if it has no template yet.

    A stack in REVIEW_IN_PROGRESS has no template yet, only change sets. It is ours if all of them are ours.
    `where` names account and Region. Raises CommandError; nothing is changed.
    """
    if description["StackStatus"] == "REVIEW_IN_PROGRESS":
        if not all(
            change_set.is_ours or kind_of(stack.template(change_set=change_set.name)) is not None
            for change_set in stack.change_sets(str(description.get("StackId", "")))
        ):
            raise _foreign(stack.name, where, "it has a change set that deploy did not create")
        return None
    existing = kind_of(stack.template())
    if existing is None:
        raise _foreign(stack.name, where, "its template has no ddb-lake marker")
    if kind not in (None, existing):
        raise CommandError(
            f"stack {stack.name} in {where} is a ddb-lake {existing} stack, "
            f"and this command would change it into a {kind} stack",
            f"Deploy {existing}, or name another stack with --stack-name.",
            stack=stack.name,
        )
    return existing


def _foreign(name: str, where: str, why: str) -> CommandError:
    return CommandError(
        f"stack {name} in {where} is not a ddb-lake stack: {why}. Nothing was changed",
        "Correct the stack's name, --profile or --region. If the stack comes from a changed copy of a "
        f"ddb-lake template, add Metadata: {{{SECTION}: {{{KIND}: KIND}}}} to the copy and update the stack "
        "with it once, in the CloudFormation console.",
        stack=name,
    )
