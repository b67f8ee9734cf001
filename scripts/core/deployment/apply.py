"""Step 3: make the change set, show it, ask, carry it out."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scripts.core.console import CommandError, Output, prompt
from scripts.core.deployment.planning import Plan
from scripts.core.deployment.prepare import Request
from scripts.core.template import BODY_LIMIT, Template

if TYPE_CHECKING:
    from scripts.core.stack import Change, Event, Stack

DECLARED = "ChangesTable"  # the resource whose columns the catalog function adds, after the template
CRAWL = "CrawlNowCommand"  # and the output that has it look for them now
REPLACED = {"True": "yes", "Conditional": "perhaps", "False": "no"}  # CloudFormation's Replacement, in words


@dataclass(frozen=True)
class Outcome:
    """The stack's description afterwards ({} where nothing was made) and what was changed or would be."""

    found: Mapping[str, Any]
    changes: Sequence[Change] = ()
    applied: bool = False


def apply(request: Request, plan: Plan, out: Output) -> Outcome:
    """Show what the plan changes, ask, and carry it out. A dry run withdraws what it proposed."""
    target, stack = plan.target, plan.target.stack
    large = target.template.size > BODY_LIMIT
    if request.dry_run and large and not target.bucket.exists():
        _show_template(target.template, out)
        out.say(f"dry run: nothing was changed; bucket {target.bucket.name} would be made")
        return Outcome({})
    change_set, changes = stack.propose(_change_set(request, plan, large=large), update=target.update)
    if not change_set:
        out.say(f"stack {stack.name} is as the template and the parameters say: nothing to do", "green")
        return Outcome(stack.describe() or {})
    _show_changes(changes, out)
    if request.dry_run:
        stack.withdraw(change_set, update=target.update)
        out.say("dry run: nothing was changed")
        return Outcome(stack.describe() or {}, changes)
    try:
        _confirm(request, plan, changes)
        for key, content in plan.uploads.items():
            target.bucket.put(key, content)
    except BaseException:  # Ctrl-C at the question and a refused upload too: nothing half-made is left behind
        stack.withdraw(change_set, update=target.update)
        raise
    return Outcome(_execute(stack, change_set, request, target.update, out), changes, applied=True)


def _change_set(request: Request, plan: Plan, *, large: bool) -> dict[str, Any]:
    """The change set that is asked for; a large template goes through the artifact bucket."""
    from scripts.core.artifacts import key_of  # noqa: PLC0415  boto3 is behind it
    from scripts.core.stack import parameters  # noqa: PLC0415

    template, bucket = plan.target.template, plan.target.bucket
    capabilities = ["CAPABILITY_NAMED_IAM"]
    if template.needs_macros:
        capabilities.append("CAPABILITY_AUTO_EXPAND")
    wanted: dict[str, Any] = {
        "Parameters": parameters(plan.values, plan.kept),
        "Capabilities": capabilities,
        "Description": "python -m scripts.deploy",
    }
    if large:
        content = template.body.encode()
        key = bucket.put(key_of("templates", template.path.name, content), content)
        wanted["TemplateURL"] = bucket.url(key)
    else:
        wanted["TemplateBody"] = template.body
    if request.tags:
        wanted["Tags"] = [{"Key": key, "Value": value} for key, value in request.tags.items()]
    if request.role_arn:
        wanted["RoleARN"] = request.role_arn
    return wanted


def _show_changes(changes: Sequence[Change], out: Output) -> None:
    """The change set as a table; account and Region stand above it."""
    rows = [
        (
            change.action,
            change.logical_id,
            change.type,
            REPLACED.get(change.replacement, "") if change.action == "Modify" else "",
            change.scope,
        )
        for change in changes
    ]
    title = f"{len(changes)} change{'' if len(changes) == 1 else 's'}"
    out.table(title, ("action", "resource", "type", "replaced", "what"), rows)


def _show_template(template: Template, out: Output) -> None:
    """The resources of a template, where no change set can be made."""
    rows = [(name, str(resource.get("Type"))) for name, resource in template.resources.items()]
    out.table("resources of the template (those whose condition holds are made)", ("resource", "type"), rows)


def _confirm(request: Request, plan: Plan, changes: Sequence[Change]) -> None:
    """Go on by --yes, by answer, or because nobody is there to ask and nothing goes away."""
    if request.yes:
        return
    lost = [change.logical_id for change in changes if change.loses]
    if sys.stdin.isatty():
        connection = plan.target.connection
        loss = f" ({len(lost)} removed or replaced: {', '.join(lost)})" if lost else ""
        prompt(
            f"{plan.target.stack.name} in account {connection.account}, {connection.region}{loss}: "
            "go on? [y/N] "
        )
        if sys.stdin.readline().strip().lower() in ("y", "yes"):
            return
    elif not lost:
        return
    raise CommandError("not confirmed: nothing was changed", "Run it again and answer y, or give --yes.")


def _execute(stack: Stack, change_set: str, request: Request, update: bool, out: Output) -> Mapping[str, Any]:
    """Carry the change set out, a line an event; the stack's description afterwards."""
    from scripts.core.stack import outputs_of, show_event  # noqa: PLC0415  boto3 is behind it

    touched = set[str]()

    def show(event: Event) -> None:
        touched.add(event.logical_id)
        show_event(event, out)

    try:
        found = stack.execute(change_set, show)
    except CommandError as error:
        if update and DECLARED in touched:
            _columns_too(error, outputs_of(stack.describe() or {}), request.profile)
        raise
    except KeyboardInterrupt:
        out.say("CloudFormation goes on without this command; see the stack's events in the console")
        raise
    out.say(f"stack {stack.name} is {found['StackStatus']}", "green")
    return found


def _columns_too(error: CommandError, outputs: Mapping[str, str], profile: str | None) -> None:
    """Say how columns come back: a rollback of the table's definition takes them away.

    The template names no attribute. The catalog function declares all that the table ever had, after a crawl.
    """
    if crawl := outputs.get(CRAWL):
        option = f" --profile {profile}" if profile else ""
        error.next_step += f" Start the crawler too, for columns that went with the rollback: {crawl}{option}"
