"""A stack is touched only when it is ddb-lake's: what `deploy` and `remove` refuse before anything else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scripts.core.console import CommandError
from scripts.core.marker import KIND, SECTION, kind_of
from scripts.core.stack import Stack


def check_stack(stack: Stack, found: Mapping[str, Any], where: str, kind: str | None = None) -> None:
    """Refuse a described stack that is not ddb-lake's, and with `kind` one of another kind.

    A stack in REVIEW_IN_PROGRESS has no template yet, only change sets: it is ours when all of them are.
    `where` names account and Region. Raises CommandError; nothing is changed.
    """
    if found["StackStatus"] == "REVIEW_IN_PROGRESS":
        if not all(
            one.is_ours or kind_of(stack.template(change_set=one.name)) is not None
            for one in stack.change_sets(str(found.get("StackId", "")))
        ):
            raise _foreign(stack.name, where, "somebody else's change set waits in it")
        return
    existing = kind_of(stack.template())
    if existing is None:
        raise _foreign(stack.name, where, "its template has no marker of ddb-lake")
    if kind not in (None, existing):
        raise CommandError(
            f"stack {stack.name} in {where} is a ddb-lake {existing} stack, "
            f"and this would make it a {kind} stack",
            f"Deploy {existing}, or name another stack with --stack-name.",
            stack=stack.name,
        )


def _foreign(name: str, where: str, why: str) -> CommandError:
    return CommandError(
        f"stack {name} in {where} is not a ddb-lake stack: {why}. Nothing was changed",
        "Correct the stack's name, --profile or --region. If it was launched from a changed copy of one of "
        f"our templates, put Metadata: {{{SECTION}: {{{KIND}: KIND}}}} into the copy and update the stack "
        "with it once, in the CloudFormation console.",
        stack=name,
    )
