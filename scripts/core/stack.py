"""One CloudFormation stack: its state, its change sets and its events."""

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
from scripts.core.changes import Change
from scripts.core.console import CommandError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

# States from which a stack can be updated. A stack in REVIEW_IN_PROGRESS has only a change set.
UPDATABLE = frozenset(
    {
        "CREATE_COMPLETE",
        "UPDATE_COMPLETE",
        "UPDATE_ROLLBACK_COMPLETE",
        "IMPORT_COMPLETE",
        "IMPORT_ROLLBACK_COMPLETE",
    }
)
DESCRIPTION = "python -m scripts.deploy"  # of every change set that `deploy` creates
CANCELLED = ("Resource creation cancelled", "Resource update cancelled", "Resource deletion cancelled")


@dataclass(frozen=True)
class ChangeSet:
    """A change set that is not executed yet; `is_ours` if its description shows that `deploy` created it."""

    name: str
    is_ours: bool


@dataclass(frozen=True)
class Proposal:
    """Our change set and its changes. Without changes it has no name, and there is nothing to execute."""

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
        """Whether this resource failed itself and was not cancelled because another one failed."""
        return self.status.endswith("_FAILED") and not self.reason.startswith(CANCELLED)

    @property
    def is_whole_stack(self) -> bool:
        """Whether the event is about the stack itself and not about a nested stack."""
        return self.type == "AWS::CloudFormation::Stack" and self.physical_id == self.stack_id

    @property
    def is_under_way(self) -> bool:
        """Whether more events must follow."""
        return self.status.endswith("_IN_PROGRESS")


class Stack:
    """A stack by its name, accessed through one client."""

    def __init__(self, client: CloudFormationClient, name: str, *, patience: float = 2.0) -> None:
        self._client, self.name = client, name
        self._patience = patience  # the longest time between two requests, in seconds
        self._options = ""  # --profile and --region, for commands that a message shows
        self._under_way = ""  # the change set that CloudFormation executes, or may have begun to
        self._ended = False  # whether that has ended

    @property
    def is_under_way(self) -> bool:
        """Whether CloudFormation executes a change set of ours, or may have begun to."""
        return bool(self._under_way) and not self._ended

    def describe(self) -> Mapping[str, Any] | None:
        """The stack's description; None if the stack does not exist."""
        try:
            return self._client.describe_stacks(StackName=self.name)["Stacks"][0]
        except ClientError as error:
            if "does not exist" in error.response.get("Error", {}).get("Message", ""):
                return None
            raise

    def template(self, change_set: str | None = None) -> Any:
        """The template of the stack, or of one of its change sets, as data."""
        scope: dict[str, Any] = {"ChangeSetName": change_set} if change_set else {}
        found = self._client.get_template(StackName=self.name, TemplateStage="Original", **scope)
        return templates.comparable(found.get("TemplateBody") or {})  # botocore returns JSON as a dictionary

    def physical_ids(self) -> dict[str, str]:
        """The physical ids of the stack's resources, by logical id."""
        pages = self._client.get_paginator("list_stack_resources").paginate(StackName=self.name)
        return {
            one["LogicalResourceId"]: one.get("PhysicalResourceId", "")
            for page in pages
            for one in page["StackResourceSummaries"]
        }

    def change_sets(self, stack_id: str) -> list[ChangeSet]:
        """The change sets of the stack with that id that are not executed yet."""
        pages = self._client.get_paginator("list_change_sets").paginate(StackName=self.name)
        return [
            ChangeSet(one["ChangeSetName"], one.get("Description") == DESCRIPTION)
            for page in pages
            for one in page["Summaries"]
            if one.get("StackId") == stack_id and not one.get("Status", "").startswith("DELETE_")
        ]

    def check_state(self, found: Mapping[str, Any] | None, options: str) -> Mapping[str, Any] | None:
        """The given description if the stack can be updated, None if it has to be created.

        `options` (--profile and --region) are added to every command that a message shows. Raises
        CommandError with the next step if the stack can be neither updated nor created.
        """
        self._options = options
        status = found["StackStatus"] if found else ""
        if found is None or status == "REVIEW_IN_PROGRESS":
            return None
        if status in UPDATABLE:
            return found
        raise CommandError(
            f"stack {self.name} is in {status}: {found.get('StackStatusReason') or 'no reason given'}",
            self._way_out(status),
            stack=self.name,
            status=status,
        )

    def _way_out(self, status: str) -> str:
        aws = f"aws cloudformation {{}} --stack-name {self.name}{self._options}"
        if status in ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED"):
            return (
                "Its first launch failed, so it can only be deleted: "
                f"`python -m scripts.remove {self.name}{self._options}`, then deploy again."
            )
        if status == "DELETE_FAILED":
            try:
                failures = delete_failures.failures_of(self._client, self.name)
            except ClientError:  # the profile may describe the stack but not list its resources
                failures = []
            return f"{delete_failures.way_out(self.name, failures, self._options)} Then deploy again."
        if status == "UPDATE_ROLLBACK_FAILED":
            return (
                "The rollback failed too. Correct the cause that it names, run "
                f"`{aws.format('continue-update-rollback')}`, then deploy again."
            )
        if status == "UPDATE_FAILED":
            return f"Roll it back with `{aws.format('rollback-stack')}`, then deploy again."
        return f"Wait until it ends (`{aws.format('describe-stacks')}` shows its status), then deploy again."

    @contextmanager
    def proposal(self, request: Mapping[str, Any], *, update: bool) -> Iterator[Proposal]:
        """Create a change set, wait for it and yield its changes. Delete it unless `execute` executes it.

        However the block or the wait ends, neither our change set nor the empty stack that a first change
        set creates is left behind.
        """
        name = f"deploy-{uuid.uuid4().hex[:12]}"
        try:
            yield self._proposed(request, name, update=update)
        except BaseException as error:
            # If CreateChangeSet was refused, there is nothing to delete. Otherwise report this error, not an
            # error of the deletion.
            if not (isinstance(error, ClientError) and error.operation_name == "CreateChangeSet"):
                with suppress(ClientError, BotoCoreError):
                    self._withdraw(name, update=update)
            raise
        self._withdraw(name, update=update)

    def _proposed(self, request: Mapping[str, Any], name: str, *, update: bool) -> Proposal:
        created = self._client.create_change_set(
            **request,
            StackName=self.name,
            ChangeSetName=name,
            ChangeSetType="UPDATE" if update else "CREATE",
            Description=DESCRIPTION,
        )
        for _ in self._looks():
            found = self._client.describe_change_set(ChangeSetName=created["Id"], StackName=self.name)
            if found["Status"] == "FAILED":
                reason = self._in_full(found.get("StatusReason", ""), ChangeSetName=created["Id"])
                if "didn't contain changes" in reason or "No updates are to be performed" in reason:
                    return Proposal("", [])
                raise CommandError(
                    f"the change set failed: {reason}", "Correct the cause that it names, then deploy again."
                )
            if found["Status"] == "CREATE_COMPLETE":
                break
        return Proposal(name, list(self._changes(created["Id"])))

    def _changes(self, change_set: str) -> Iterator[Change]:
        request: dict[str, Any] = {"ChangeSetName": change_set, "StackName": self.name}
        while True:
            page = self._client.describe_change_set(**request)
            for entry in page.get("Changes", []):
                yield Change.of(entry.get("ResourceChange", {}))
            if "NextToken" not in page:
                return
            request["NextToken"] = page["NextToken"]

    def _withdraw(self, change_set: str, *, update: bool) -> None:
        """Delete a change set that is not executed; also its stack if that has nothing else."""
        if self._under_way == change_set:
            return
        self._client.delete_change_set(ChangeSetName=change_set, StackName=self.name)
        if update:
            return
        found = self.describe()
        if found and found["StackStatus"] == "REVIEW_IN_PROGRESS":
            others = self.change_sets(str(found.get("StackId", "")))
            if all(one.name == change_set for one in others):  # the list may still contain it
                self._client.delete_stack(StackName=self.name)

    def execute(
        self, change_set: str, show: Callable[[Event], None], look: Callable[[], None] = lambda: None
    ) -> Mapping[str, Any]:
        """Execute a change set, show each event when it arrives, and return the stack's last description.

        `look` is called after every request for events. Raises CommandError with the reason of the first
        resource that failed.
        """
        seen = self.event_ids()
        self._under_way = change_set  # from here on, an interrupted call may have reached AWS
        try:
            # After a failed first launch, delete everything, retained resources too: they are empty.
            self._client.execute_change_set(
                ChangeSetName=change_set, StackName=self.name, RetainExceptOnCreate=True
            )
        except ClientError:
            self._under_way = ""
            raise
        status, first_failure = self.follow(seen, show, look)
        self._ended = True
        found = self.describe() or {}
        if status in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            return found
        if first_failure:
            reason = self._in_full(first_failure.reason, StackName=self.name)
            cause = f"{first_failure.logical_id} ({first_failure.type}): {reason}"
        else:
            cause = found.get("StackStatusReason") or "its events contain no failure of a resource"
        raise CommandError(
            f"stack {self.name} ended in {status}: {cause}", self._after_failure(cause, status), status=status
        )

    def _after_failure(self, reason: str, status: str) -> str:
        """The next step after a failure, by its reason and the stack's status."""
        if "Invalid principal in policy" in reason:
            hint = "An account id in the parameters does not exist: correct it"
        elif "already exists" in reason:
            hint = "Remove or adopt the resource of that name, or choose another name by parameter"
        elif "not authorized" in reason or "AccessDenied" in reason:
            hint = "Have the named action granted to the profile (or to the role of --role-arn)"
        else:
            hint = "Correct the cause that it names"
        if status == "UPDATE_ROLLBACK_COMPLETE":
            return f"{hint}, then deploy again. The stack is as it was before."
        return f"{hint}. {self._way_out(status)}"

    def _in_full(self, reason: str, **scope: Any) -> str:
        """The reason; if it only refers to DescribeEvents (pre-deployment validation), those from there."""
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
        """The ids of the events so far."""
        return {event.id for event in self._events_since(frozenset())}

    def follow(
        self, seen: set[str], show: Callable[[Event], None], look: Callable[[], None] = lambda: None
    ) -> tuple[str, Event | None]:
        """Show each event that is not in `seen`, until an event of the stack itself ends the operation.

        Returns the stack's status and the first failure. The stack's description is not enough: right after
        a change set is executed, it may still have the old status.
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
            look()
            # A stack may fail and then roll back: it has ended when its description has that status too.
            if ended and (self.describe() or {}).get("StackStatus", ended) == ended:
                return ended, first_failure
        raise AssertionError("_looks never ends")

    def wait_until_gone(self) -> None:
        """Wait until a stack without resources is deleted; it may leave no event."""
        for _ in self._looks():
            if (self.describe() or {}).get("StackStatus", "DELETE_COMPLETE") == "DELETE_COMPLETE":
                return

    def _events_since(self, seen: frozenset[str]) -> list[Event]:
        """The events that are not in `seen`, oldest first."""
        found = []
        pages = self._client.get_paginator("describe_stack_events").paginate(StackName=self.name)
        for entry in (entry for page in pages for entry in page["StackEvents"]):
            if entry["EventId"] in seen:
                break  # the API returns the newest first: the rest is older
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
        """Yield once per request: at once, then after growing pauses up to `patience`."""
        wait = 0.1
        while True:
            yield
            time.sleep(wait)
            wait = min(wait * 1.5, self._patience)


def outputs_of(description: Mapping[str, Any]) -> dict[str, str]:
    """The output values in a stack's description, by key."""
    return {output["OutputKey"]: output["OutputValue"] for output in description.get("Outputs", [])}


def parameters(values: Mapping[str, str], kept: Sequence[str]) -> list[dict[str, Any]]:
    """Parameters in the API's form: new values, and those that the stack keeps."""
    new = [{"ParameterKey": name, "ParameterValue": value} for name, value in values.items()]
    return new + [{"ParameterKey": name, "UsePreviousValue": True} for name in kept if name not in values]
