"""Step 3: upload what was built, make the change set, show it, ask, carry it out.

The uploads come first, because the change set names their versions. A dry run uploads no artifact.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scripts.core.console import CommandError, Output, prompt
from scripts.core.deployment.planning import Plan
from scripts.core.deployment.prepare import Request
from scripts.core.template import BODY_LIMIT, Template, comparable
from scripts.stacks import version_parameter

if TYPE_CHECKING:
    from scripts.core.artifacts import ArtifactBucket
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
    """Show what the plan changes, ask, and carry it out. A dry run leaves nothing behind."""
    target, stack = plan.target, plan.target.stack
    large = target.template.size > BODY_LIMIT
    if request.dry_run and large and not target.bucket.exists():
        _show_template(target.template, out)
        out.say(f"dry run: nothing was changed; bucket {target.bucket.name} would be made")
        return Outcome({})
    versions = _versions(request, plan, out)
    with (
        _template(request, target.template, target.bucket, large=large) as template,
        stack.proposal(_change_set(request, plan, versions, template), update=target.update) as proposal,
    ):
        changes, change_set = proposal.changes, proposal.change_set
        if not change_set:
            out.say(f"stack {stack.name} is as the template and the parameters say: nothing to do", "green")
            return Outcome(stack.describe() or {})
        if large and stack.template(change_set) != comparable(target.template.body):
            raise CommandError(
                f"CloudFormation has read another template than {target.template.path}: somebody replaced "
                f"what was uploaded to bucket {target.bucket.name}",
                "Nothing was changed. See who may put objects into that bucket, then deploy again.",
            )
        _show_changes(changes, out)
        if not request.dry_run:
            _confirm(request, plan, changes)
            found = _execute(stack, change_set, request, target.update, out)
            return Outcome(found, changes, applied=True)
    out.say("dry run: nothing was changed")
    return Outcome(stack.describe() or {}, changes)


def _versions(request: Request, plan: Plan, out: Output) -> dict[str, str]:
    """Upload what was built: for each version parameter of the template the version that is to run.

    A dry run only looks for what is there; what would be uploaded has no version yet.
    """
    target, bucket = plan.target, plan.target.bucket
    versions: dict[str, str] = {}
    is_there = not request.dry_run or (bool(plan.built) and bucket.exists())
    for name, built in plan.built.items():
        parameter = version_parameter(name)
        runs = target.current.get(parameter, "") if target.current.get(name) == built.key else ""
        if not request.dry_run:
            version = bucket.put(built.key, built.content, version=runs).version
            if not version:
                out.say(
                    f"bucket {bucket.name} keeps no versions: that what AWS reads of it is what was "
                    "uploaded is seen only afterwards",
                    "yellow",
                )
        else:
            stored = bucket.stored(built.key, built.content, version=runs) if is_there else None
            version = stored.version if stored else ""
        if parameter in target.template.parameters:
            versions[parameter] = version
    return versions


@contextmanager
def _template(
    request: Request, template: Template, bucket: ArtifactBucket, *, large: bool
) -> Iterator[dict[str, str]]:
    """The template as a change set takes it: a large one by the address of its version in the bucket."""
    if not large:
        yield {"TemplateBody": template.body}
        return
    from scripts.core.artifacts import key_of  # noqa: PLC0415  boto3 is behind it

    content = template.body.encode()
    key = key_of("templates", template.path.name, content)
    if request.dry_run:
        with bucket.lent(key, content) as lent:
            yield {"TemplateURL": bucket.url(lent)}
    else:
        yield {"TemplateURL": bucket.url(bucket.put(key, content))}


def _change_set(
    request: Request, plan: Plan, versions: Mapping[str, str], template: Mapping[str, str]
) -> dict[str, Any]:
    """The change set that is asked for."""
    from scripts.core.stack import parameters  # noqa: PLC0415  boto3 is behind it

    capabilities = ["CAPABILITY_NAMED_IAM"]
    if plan.target.template.needs_macros:
        capabilities.append("CAPABILITY_AUTO_EXPAND")
    wanted: dict[str, Any] = {
        "Parameters": parameters({**plan.values, **versions}, plan.kept),
        "Capabilities": capabilities,
        **template,
    }
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
    perhaps = [change.logical_id for change in changes if change.may_lose]
    parts = [f"{len(lost)} removed or replaced: {', '.join(lost)}"] if lost else []
    parts += [f"{len(perhaps)} perhaps replaced: {', '.join(perhaps)}"] if perhaps else []
    loss = "; ".join(parts)
    if sys.stdin.isatty():
        connection = plan.target.connection
        prompt(
            f"{plan.target.stack.name} in account {connection.account}, {connection.region}"
            f"{f' ({loss})' if loss else ''}: go on? [y/N] "
        )
        if sys.stdin.readline().strip().lower() in ("y", "yes"):
            return
        raise CommandError(
            "not confirmed: the stack was not changed", "Run it again and answer y, or give --yes."
        )
    if loss:
        raise CommandError(
            f"not confirmed, for there is no terminal to ask at: {loss}. The stack was not changed",
            "Look through the plan above; if that is meant, run it again with --yes.",
        )


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
    except (KeyboardInterrupt, SystemExit):
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
