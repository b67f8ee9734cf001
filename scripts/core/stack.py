"""One CloudFormation stack: what state it is in, what a change set would do, and how doing it goes."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from scripts.core import delete_failures
from scripts.core import template as templates
from scripts.core.console import CommandError, Output

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

# Where a stack can be taken on from; REVIEW_IN_PROGRESS is a stack of which only a change set exists.
UPDATABLE = frozenset(
    {
        "CREATE_COMPLETE",
        "UPDATE_COMPLETE",
        "UPDATE_ROLLBACK_COMPLETE",
        "IMPORT_COMPLETE",
        "IMPORT_ROLLBACK_COMPLETE",
    }
)
DESCRIPTION = "python -m scripts.deploy"  # of every change set that we make
CANCELLED = ("Resource creation cancelled", "Resource update cancelled", "Resource deletion cancelled")


@dataclass(frozen=True)
class Change:
    """One line of a change set."""

    action: str
    logical_id: str
    type: str
    replacement: str
    scope: str

    @property
    def loses(self) -> bool:
        """Whether the resource as it is goes away."""
        return self.action == "Remove" or self.replacement == "True"

    @property
    def may_lose(self) -> bool:
        """Whether CloudFormation can only tell while it carries the change out."""
        return not self.loses and (self.action == "Dynamic" or self.replacement == "Conditional")


@dataclass(frozen=True)
class ChangeSet:
    """A change set that waits in a stack; `is_ours` when its description says that `deploy` made it."""

    name: str
    is_ours: bool


@dataclass(frozen=True)
class Proposal:
    """A change set of ours and its changes; without changes there is nothing to execute, and no name."""

    change_set: str
    changes: Sequence[Change]


@dataclass(frozen=True)
class Event:
    """One stack event."""

    id: str
    time: Any
    logical_id: str
    type: str
    status: str
    reason: str
    physical_id: str = ""
    stack_id: str = "-"

    @property
    def is_failure(self) -> bool:
        """Whether this resource failed by itself, not because another did."""
        return self.status.endswith("_FAILED") and not self.reason.startswith(CANCELLED)

    @property
    def is_whole_stack(self) -> bool:
        """Whether it is about the stack itself, not about one nested in it."""
        return self.type == "AWS::CloudFormation::Stack" and self.physical_id == self.stack_id

    @property
    def is_under_way(self) -> bool:
        """Whether more must follow."""
        return self.status.endswith("_IN_PROGRESS")


class Stack:
    """A stack by name, through one client."""

    def __init__(self, client: CloudFormationClient, name: str, *, patience: float = 2.0) -> None:
        self._client, self.name = client, name
        self._patience = patience  # seconds between two looks, at most
        self._options = ""  # what leads a command to where the stack is
        self._under_way = ""  # the change set that CloudFormation carries out, or may have begun to

    def describe(self) -> Mapping[str, Any] | None:
        """The stack's description, or None when there is none."""
        try:
            return self._client.describe_stacks(StackName=self.name)["Stacks"][0]
        except ClientError as error:
            if "does not exist" in error.response.get("Error", {}).get("Message", ""):
                return None
            raise

    def template(self, change_set: str | None = None) -> Any:
        """The template that the stack was launched with, or that of a change set, as data."""
        of: dict[str, Any] = {"ChangeSetName": change_set} if change_set else {}
        found = self._client.get_template(StackName=self.name, TemplateStage="Original", **of)
        return templates.comparable(found.get("TemplateBody") or {})  # botocore gives JSON as a dictionary

    def physical_ids(self) -> dict[str, str]:
        """Logical id → physical id of the stack's resources."""
        pages = self._client.get_paginator("list_stack_resources").paginate(StackName=self.name)
        return {
            one["LogicalResourceId"]: one.get("PhysicalResourceId", "")
            for page in pages
            for one in page["StackResourceSummaries"]
        }

    def change_sets(self, stack_id: str) -> list[ChangeSet]:
        """The change sets that wait in the stack of that id."""
        pages = self._client.get_paginator("list_change_sets").paginate(StackName=self.name)
        return [
            ChangeSet(one["ChangeSetName"], one.get("Description") == DESCRIPTION)
            for page in pages
            for one in page["Summaries"]
            if one.get("StackId") == stack_id and not one.get("Status", "").startswith("DELETE_")
        ]

    def check_state(self, found: Mapping[str, Any] | None, options: str) -> Mapping[str, Any] | None:
        """Of a stack as described: its description when it is to be updated, None when it is to be created.

        `options` are those of every command that a message names. Raises CommandError with the way out when
        the stack can be neither updated nor created.
        """
        self._options = options
        status = found["StackStatus"] if found else ""
        if found is None or status == "REVIEW_IN_PROGRESS":
            return None
        if status in UPDATABLE:
            return found
        raise CommandError(
            f"stack {self.name} is in {status}: {found.get('StackStatusReason') or 'no reason was given'}",
            self._way_out(status),
            stack=self.name,
            status=status,
        )

    def _way_out(self, status: str) -> str:
        aws = f"aws cloudformation {{}} --stack-name {self.name}{self._options}"
        if status in ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED"):
            return (
                "It failed when it was first made and can only be deleted: "
                f"`python -m scripts.remove {self.name}{self._options}`, then deploy again."
            )
        if status == "DELETE_FAILED":
            try:
                failures = delete_failures.failures_of(self._client, self.name)
            except ClientError:  # it may be described, and its resources not listed
                failures = []
            return f"{delete_failures.way_out(self.name, failures, self._options)} Then deploy again."
        if status == "UPDATE_ROLLBACK_FAILED":
            return (
                "The way back failed as well: correct what it names, then "
                f"`{aws.format('continue-update-rollback')}`, and deploy again."
            )
        if status == "UPDATE_FAILED":
            return f"Roll it back with `{aws.format('rollback-stack')}`, and deploy again."
        return f"Wait until it has ended (`{aws.format('describe-stacks')}`), then deploy again."

    @contextmanager
    def proposal(self, request: Mapping[str, Any], *, update: bool) -> Iterator[Proposal]:
        """A change set, waited for, with its changes; it is taken back unless `execute` carries it out.

        However the block ends, and however the wait for the change set does, no change set of ours is left
        behind, nor the empty stack that a first one makes.
        """
        name = f"deploy-{uuid.uuid4().hex[:12]}"
        try:
            yield self._proposed(request, name, update=update)
        except BaseException as error:
            # What AWS refused to make is not there. In every other case the first error is the one to tell.
            if not (isinstance(error, ClientError) and error.operation_name == "CreateChangeSet"):
                with suppress(ClientError, BotoCoreError):
                    self._withdraw(name, update=update)
            raise
        self._withdraw(name, update=update)

    def _proposed(self, request: Mapping[str, Any], name: str, *, update: bool) -> Proposal:
        made = self._client.create_change_set(
            **request,
            StackName=self.name,
            ChangeSetName=name,
            ChangeSetType="UPDATE" if update else "CREATE",
            Description=DESCRIPTION,
        )
        for _ in self._looks():
            found = self._client.describe_change_set(ChangeSetName=made["Id"], StackName=self.name)
            if found["Status"] == "FAILED":
                reason = self._in_full(found.get("StatusReason", ""), ChangeSetName=made["Id"])
                if "didn't contain changes" in reason or "No updates are to be performed" in reason:
                    return Proposal("", [])
                raise CommandError(
                    f"the change set failed: {reason}", "Correct what it names and deploy again."
                )
            if found["Status"] == "CREATE_COMPLETE":
                break
        return Proposal(name, list(self._changes(made["Id"])))

    def _changes(self, change_set: str) -> Iterator[Change]:
        request: dict[str, Any] = {"ChangeSetName": change_set, "StackName": self.name}
        while True:
            page = self._client.describe_change_set(**request)
            for entry in page.get("Changes", []):
                change = entry.get("ResourceChange", {})
                yield Change(
                    change.get("Action", ""),
                    change.get("LogicalResourceId", ""),
                    change.get("ResourceType", ""),
                    change.get("Replacement", ""),
                    ", ".join(change.get("Scope", [])),
                )
            if "NextToken" not in page:
                return
            request["NextToken"] = page["NextToken"]

    def _withdraw(self, change_set: str, *, update: bool) -> None:
        """Take a change set back that is not carried out, and a stack that holds nothing, not even others."""
        if self._under_way == change_set:
            return
        self._client.delete_change_set(ChangeSetName=change_set, StackName=self.name)
        if update:
            return
        found = self.describe()
        if found and found["StackStatus"] == "REVIEW_IN_PROGRESS":
            others = self.change_sets(str(found.get("StackId", "")))
            if all(one.name == change_set for one in others):  # the list may still have it
                self._client.delete_stack(StackName=self.name)

    def execute(self, change_set: str, show: Callable[[Event], None]) -> Mapping[str, Any]:
        """Carry a change set out, show each event as it comes, and give the stack's last description.

        Raises CommandError with the first failing resource's reason.
        """
        seen = self.event_ids()
        self._under_way = change_set  # from here on a call that was cut off may have reached AWS
        try:
            # What a failed first launch made goes with it, what it retains too: it holds nothing yet.
            self._client.execute_change_set(
                ChangeSetName=change_set, StackName=self.name, RetainExceptOnCreate=True
            )
        except ClientError:
            self._under_way = ""
            raise
        status, first_failure = self.follow(seen, show)
        found = self.describe() or {}
        if status in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            return found
        if first_failure:
            reason = self._in_full(first_failure.reason, StackName=self.name)
            what = f"{first_failure.logical_id} ({first_failure.type}): {reason}"
        else:
            what = found.get("StackStatusReason") or "no resource's failure is among its events"
        raise CommandError(
            f"stack {self.name} ended in {status}: {what}", self._after_failure(what, status), status=status
        )

    def _after_failure(self, reason: str, status: str) -> str:
        """What to do about a failure, by what CloudFormation says of it and by what became of the stack."""
        if "Invalid principal in policy" in reason:
            hint = "An account id in the parameters does not exist: correct it"
        elif "already exists" in reason:
            hint = "Remove or adopt what has that name, or choose another name by parameter"
        elif "not authorized" in reason or "AccessDenied" in reason:
            hint = "Have the named action granted to the profile (or to --role-arn's role)"
        else:
            hint = "Correct what it names"
        if status == "UPDATE_ROLLBACK_COMPLETE":
            return f"{hint}, and deploy again: the stack stands as it was before."
        return f"{hint}. {self._way_out(status)}"

    def _in_full(self, reason: str, **scope: Any) -> str:
        """A reason; where it only points at DescribeEvents (pre-deployment validation), what that says."""
        if "DescribeEvents" not in reason and "Validation" not in reason:
            return reason
        pages = self._client.get_paginator("describe_events").paginate(
            **scope, Filters={"FailedEvents": True}
        )
        try:
            events = [event for page in pages for event in page["OperationEvents"]]
        except ClientError:
            return reason
        found = [
            f"{event.get('LogicalResourceId')}: {event['ValidationStatusReason']}"
            for event in events
            if event.get("ValidationStatus") == "FAILED" and event.get("ValidationStatusReason")
        ]
        return "; ".join(dict.fromkeys(found)) or reason

    def event_ids(self) -> set[str]:
        """The events so far."""
        return {event.id for event in self._events_since(frozenset())}

    def follow(self, seen: set[str], show: Callable[[Event], None]) -> tuple[str, Event | None]:
        """Show each event that is not among the seen until the stack's own says that it has ended.

        Gives that status and the first failure. The stack's description alone would not do: right after a
        change set is executed it may still tell of the time before.
        """
        first_failure, ended = None, ""
        for _ in self._looks():
            for event in self._events_since(frozenset(seen)):
                seen.add(event.id)
                show(event)
                if first_failure is None and event.is_failure:
                    first_failure = event
                if event.is_whole_stack and not event.is_under_way:
                    ended = event.status
            # A stack may fail first and roll back then: it has ended when its description says so too.
            if ended and (self.describe() or {}).get("StackStatus", ended) == ended:
                return ended, first_failure
        raise AssertionError("looks never end")

    def wait_until_gone(self) -> None:
        """Wait until a stack that held nothing is deleted; it may leave no event."""
        for _ in self._looks():
            if (self.describe() or {}).get("StackStatus", "DELETE_COMPLETE") == "DELETE_COMPLETE":
                return

    def _events_since(self, seen: frozenset[str]) -> list[Event]:
        """The events that are not among the seen, oldest first."""
        found = []
        pages = self._client.get_paginator("describe_stack_events").paginate(StackName=self.name)
        for entry in (entry for page in pages for entry in page["StackEvents"]):
            if entry["EventId"] in seen:
                break  # events come newest first: the rest is older
            found.append(
                Event(
                    entry["EventId"],
                    entry["Timestamp"],
                    entry.get("LogicalResourceId", ""),
                    entry.get("ResourceType", ""),
                    entry.get("ResourceStatus", ""),
                    entry.get("ResourceStatusReason", ""),
                    entry.get("PhysicalResourceId", ""),
                    entry["StackId"],
                )
            )
        return found[::-1]

    def _looks(self) -> Iterator[None]:
        """One turn a look, the first at once, then ever slower up to the patience."""
        wait = 0.1
        while True:
            yield
            time.sleep(wait)
            wait = min(wait * 1.5, self._patience)


def show_event(event: Event, out: Output) -> None:
    """One line of live progress."""
    if event.is_failure:
        style = "red"
    elif event.status.endswith("_COMPLETE"):
        style = "green"
    else:
        style = "dim"
    reason = f"  {event.reason}" if event.reason and event.status.endswith("_FAILED") else ""
    out.say(f"{event.time:%H:%M:%S} {event.status:<28} {event.logical_id} {event.type}{reason}", style)


def outputs_of(description: Mapping[str, Any]) -> dict[str, str]:
    """Output values by key of a stack's description."""
    return {output["OutputKey"]: output["OutputValue"] for output in description.get("Outputs", [])}


def parameters(values: Mapping[str, str], kept: Sequence[str]) -> list[dict[str, Any]]:
    """Parameters as the API takes them: new values, and those the stack keeps."""
    new = [{"ParameterKey": name, "ParameterValue": value} for name, value in values.items()]
    return new + [{"ParameterKey": name, "UsePreviousValue": True} for name in kept if name not in values]
