"""Step 3: upload the artifacts, create the change set, show it, ask, and execute it.

The uploads come first, because the change set contains their versions. A dry run uploads no artifact.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scripts.core.changes import named_by_cause
from scripts.core.console import CommandError, Output, prompt
from scripts.core.deployment.plan_table import show_changes, summary
from scripts.core.deployment.planning import Plan
from scripts.core.deployment.prepare import Request
from scripts.core.template import BODY_LIMIT, Template, comparable
from scripts.stacks import version_parameter

if TYPE_CHECKING:
    from scripts.core.artifacts import ArtifactBucket
    from scripts.core.changes import Change
    from scripts.core.stack import Event, Proposal, Stack

COLUMNS_OF = "ChangesTable"  # the resource to which the catalog function adds columns that no template has
CRAWL = "CrawlNowCommand"  # the output with the command that starts the crawler, and so that function
DRY_RUN = "dry run: nothing was changed. To apply this, run it without --dry-run"


@dataclass(frozen=True)
class Outcome:
    """The stack's description afterwards ({} if there is no stack) and its changes, applied or planned."""

    found: Mapping[str, Any]
    changes: Sequence[Change] = ()
    applied: bool = False


def apply(request: Request, plan: Plan, out: Output) -> Outcome:
    """Show the changes, ask, and apply them. A dry run leaves nothing behind."""
    target, stack = plan.target, plan.target.stack
    large = target.template.size > BODY_LIMIT
    if request.dry_run and large and not target.bucket.exists():
        _show_template(target.template, out)
        out.say(f"{DRY_RUN}; that creates bucket {target.bucket.name} too")
        return Outcome({})
    versions = _versions(request, plan, out)
    with (
        _template(request, target.template, target.bucket, large=large) as template,
        stack.proposal(_change_set(request, plan, versions, template), update=target.update) as proposal,
    ):
        changes, change_set = proposal.changes, proposal.change_set
        if not change_set:
            out.say(f"stack {stack.name} is already up to date: nothing to do", "green")
            return Outcome(stack.describe() or {})
        if large and stack.template(change_set) != comparable(target.template.body):
            raise CommandError(
                f"CloudFormation read a template that differs from {target.template.path}: somebody replaced "
                f"the uploaded copy in bucket {target.bucket.name}",
                "Nothing was changed. Check who may put objects into that bucket, then deploy again.",
            )
        show_changes(changes, out, every=request.dry_run or request.verbose)
        if not request.dry_run:
            _confirm(request, plan, changes)
            found = _execute(stack, proposal, request, update=target.update, out=out)
            return Outcome(found, changes, applied=True)
    out.say(DRY_RUN)
    return Outcome(stack.describe() or {}, changes)


def _versions(request: Request, plan: Plan, out: Output) -> dict[str, str]:
    """Upload the artifacts; return, for each version parameter of the template, the version to run.

    A dry run only looks for existing objects; an artifact that it would upload has no version yet.
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
                    f"bucket {bucket.name} keeps no versions, so the command can check only after the "
                    "deployment that AWS read the uploaded objects",
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
    """The template as CreateChangeSet takes it: a large one by the URL of its version in the bucket."""
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
    """The request for the change set."""
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


def _show_template(template: Template, out: Output) -> None:
    """The resources of a template, where no change set can be created."""
    rows = [(name, str(resource.get("Type"))) for name, resource in template.resources.items()]
    out.table("resources of the template (created if their condition is true)", ("resource", "type"), rows)


def _confirm(request: Request, plan: Plan, changes: Sequence[Change]) -> None:
    """Return if the plan is confirmed: by --yes, by an answer, or without a terminal if it loses nothing."""
    if request.yes:
        return
    if sys.stdin.isatty():
        connection = plan.target.connection
        loss = _loss(changes, causes=False)
        prompt(
            f"{plan.target.stack.name} in account {connection.account}, {connection.region}"
            f"{f' ({loss})' if loss else ''}: apply? [y/N] "
        )
        if sys.stdin.readline().strip().lower() in ("y", "yes"):
            return
        raise CommandError(
            "not confirmed: the stack was not changed", "Run it again and answer y, or give --yes."
        )
    if loss := _loss(changes, causes=True):
        raise CommandError(
            f"not confirmed, because there is no terminal to ask on: {loss}. The stack was not changed",
            "Check the plan above. If it is right, run the command again with --yes.",
        )


def _loss(changes: Sequence[Change], *, causes: bool) -> str:
    """The resources that the plan removes or replaces, or may replace; "" if there are none.

    `causes` adds the properties and the parameters, for a message that stands alone.
    """
    removed = [change for change in changes if change.action == "Remove"]
    groups = (
        ("removed", [one for one in removed if not one.stays_in_account]),
        ("removed from the stack but kept in the account", [c for c in removed if c.stays_in_account]),
        ("replaced", [change for change in changes if change.loses and change not in removed]),
        ("perhaps replaced", [change for change in changes if change.may_lose]),
    )
    return "; ".join(
        f"{len(some)} {word}: "
        f"{named_by_cause(some, changes) if causes else ', '.join(one.logical_id for one in some)}"
        for word, some in groups
        if some
    )


def _execute(
    stack: Stack, proposal: Proposal, request: Request, *, update: bool, out: Output
) -> Mapping[str, Any]:
    """Execute the change set and show its progress; return the stack's description afterwards."""
    from scripts.core.stack import outputs_of  # noqa: PLC0415  boto3 is behind it
    from scripts.core.stack_progress import StackProgress  # noqa: PLC0415

    touched = set[str]()
    progress = StackProgress(
        out,
        stack.name,
        "update" if update else "create",
        [(change.logical_id, change.type) for change in proposal.changes],
        every_event=request.verbose,
    )

    def show(event: Event) -> None:
        touched.add(event.logical_id)
        progress.show(event)

    try:
        with progress:
            found = stack.execute(proposal.change_set, show, progress.look)
    except CommandError as error:
        if update and COLUMNS_OF in touched:
            _add_crawl(error, outputs_of(stack.describe() or {}), request.profile)
        raise
    except (KeyboardInterrupt, SystemExit):
        if stack.is_under_way:
            out.interruption = (
                f"CloudFormation continues to {'update' if update else 'create'} stack {stack.name}. When it "
                "has ended, run the command again; see how far it is with "
                f"`aws cloudformation describe-stack-events --stack-name {stack.name}"
                f"{request.location_options}`."
            )
        raise
    out.interruption = (
        f"stack {stack.name} is deployed, but its code was not checked. Run the command again to check it."
    )
    out.say(
        f"stack {stack.name} is {found['StackStatus']}: {summary(proposal.changes)} in {progress.elapsed}",
        "green",
    )
    return found


def _add_crawl(error: CommandError, outputs: Mapping[str, str], profile: str | None) -> None:
    """Add the command that restores columns: the rollback of the table's definition removes them.

    The template contains no attribute. After a crawl, the catalog function declares all columns that the
    table ever had.
    """
    if crawl := outputs.get(CRAWL):
        option = f" --profile {profile}" if profile else ""
        error.next_step += f" Start the crawler too, for columns that the rollback removed: {crawl}{option}"
