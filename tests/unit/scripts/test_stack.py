"""What a stack's state allows, what a change set becomes, and what is said of a failure."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from scripts.core.changes import Change
from scripts.core.console import CommandError
from scripts.core.stack import Event, Stack, parameters
from tests.unit.scripts.edge import Pages, refused

ID = "arn:aws:cloudformation:us-east-1:111111111111:stack/lake/1"


def event(
    number: int, logical_id: str, status: str, reason: str = "", type_: str = "AWS::S3::Bucket"
) -> dict[str, Any]:
    """A stack event as the API gives it; the stack's own when it is called lake."""
    is_stack = logical_id == "lake"
    return {
        "EventId": str(number),
        "Timestamp": datetime(2026, 11, 20, tzinfo=UTC),
        "StackId": ID,
        "LogicalResourceId": logical_id,
        "PhysicalResourceId": ID if is_stack else logical_id.lower(),
        "ResourceType": "AWS::CloudFormation::Stack" if is_stack else type_,
        "ResourceStatus": status,
        "ResourceStatusReason": reason,
    }


class FakeCloudFormation:
    """A stack that goes through given events once its change set is executed, a few at every look."""

    def __init__(
        self,
        status: str | None = None,
        *,
        reason: str = "",
        change_set: tuple[str, str] = ("CREATE_COMPLETE", ""),
        changes: tuple[dict[str, str], ...] = (),
        events: tuple[dict[str, Any], ...] = (),
        at_once: int = 2,
        validations: tuple[dict[str, str], ...] = (),
        others: tuple[str, ...] = (),
    ) -> None:
        self.change_sets = list(others)
        self.status, self.reason = status, reason
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self._change_set, self._changes, self._at_once = change_set, changes, at_once
        self._to_come, self._validations = list(events), validations
        self._events = [event(0, "lake", "REVIEW_IN_PROGRESS")] if status else []
        self._executed = False
        self._looks = 0

    def describe_stacks(self, StackName: str) -> dict[str, Any]:
        """The stack, if there is one."""
        if self.status is None:
            raise refused("ValidationError", f"Stack with id {StackName} does not exist", "DescribeStacks")
        stack = {
            "StackStatus": self.status,
            "StackId": ID,
            "Outputs": [{"OutputKey": "A", "OutputValue": "1"}],
        }
        return {"Stacks": [stack | ({"StackStatusReason": self.reason} if self.reason else {})]}

    def create_change_set(self, **request: Any) -> dict[str, Any]:
        """Accept it; a first one makes a stack of which nothing else exists."""
        self.calls.append(("create_change_set", request))
        self.change_sets.append(request["ChangeSetName"])
        self.status = self.status or "REVIEW_IN_PROGRESS"
        return {"Id": "cs"}

    def describe_change_set(self, **request: Any) -> dict[str, Any]:
        """Under way at first; its changes on two pages."""
        self._looks += 1
        status, reason = self._change_set if self._looks > 1 else ("CREATE_IN_PROGRESS", "")
        half = len(self._changes) // 2
        page = self._changes[half:] if "NextToken" in request else self._changes[:half]
        more = {} if "NextToken" in request or self._looks < 3 else {"NextToken": "2"}
        return {
            "Status": status,
            "StatusReason": reason,
            "Changes": [{"ResourceChange": c} for c in page],
            **more,
        }

    def delete_change_set(self, ChangeSetName: str, **_: Any) -> None:
        """Gone, though a list may still have it."""
        assert ChangeSetName in self.change_sets
        self.calls.append(("delete_change_set", {}))

    def delete_stack(self, **_: Any) -> None:
        """Gone."""
        self.calls.append(("delete_stack", {}))

    def execute_change_set(self, **request: Any) -> None:
        """The events begin to come; the description goes on telling of the time before."""
        self.calls.append(("execute_change_set", request))
        self._executed = True

    def get_paginator(self, name: str) -> Pages:
        """Events, newest first, one a page; and what pre-deployment validation found."""
        if name == "list_stack_resources":
            kept = {"LogicalResourceId": "Group", "ResourceType": "AWS::EC2::SecurityGroup"}
            summary = {**kept, "PhysicalResourceId": "sg-1", "ResourceStatus": self.status}
            return Pages(lambda **_: [{"StackResourceSummaries": [summary]}])
        if name == "list_change_sets":
            listed = [
                {"ChangeSetName": one, "StackId": ID, "Description": "by hand"} for one in self.change_sets
            ]
            return Pages(lambda **_: [{"Summaries": listed}])
        if name == "describe_events":
            return Pages(lambda **_: [{"OperationEvents": list(self._validations)}])

        def events(**_: Any) -> list[dict[str, Any]]:
            if self._executed:
                self._events += [self._to_come.pop(0) for _ in range(min(self._at_once, len(self._to_come)))]
                own = [e["ResourceStatus"] for e in self._events if e["LogicalResourceId"] == "lake"]
                self.status = own[-1] if own else self.status
            return [{"StackEvents": [e]} for e in reversed(self._events)]

        return Pages(events)


def stack(client: FakeCloudFormation) -> Stack:
    """The stack, looked at without waiting."""
    return Stack(client, "lake", patience=0)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("status", "updates"),
    [
        (None, False),
        ("REVIEW_IN_PROGRESS", False),
        ("CREATE_COMPLETE", True),
        ("UPDATE_COMPLETE", True),
        ("UPDATE_ROLLBACK_COMPLETE", True),
        ("IMPORT_COMPLETE", True),
        ("IMPORT_ROLLBACK_COMPLETE", True),
    ],
)
def test_a_complete_stack_is_updated_and_a_missing_one_is_created(status: str | None, updates: bool) -> None:
    """A stack of which only a change set exists has not been created yet."""
    ours = stack(FakeCloudFormation(status))
    assert (ours.check_state(ours.describe(), "") is not None) == updates


@pytest.mark.parametrize(
    ("status", "way_out"),
    [
        ("ROLLBACK_COMPLETE", "`python -m scripts.remove lake --profile p`, then deploy again"),
        ("ROLLBACK_FAILED", "`python -m scripts.remove lake --profile p`"),
        ("CREATE_FAILED", "`python -m scripts.remove lake --profile p`"),
        ("DELETE_FAILED", "Group: Lambda's network interfaces may stay attached"),
        (
            "DELETE_FAILED",
            "delete-stack --stack-name lake --profile p --retain-resources Group`. Then deploy",
        ),
        (
            "UPDATE_ROLLBACK_FAILED",
            "aws cloudformation continue-update-rollback --stack-name lake --profile p",
        ),
        ("UPDATE_FAILED", "aws cloudformation rollback-stack --stack-name lake --profile p"),
        ("UPDATE_IN_PROGRESS", "Wait until it ends"),
        ("DELETE_IN_PROGRESS", "Wait until it ends"),
        ("ROLLBACK_IN_PROGRESS", "Wait until it ends"),
    ],
)
def test_a_stack_that_cannot_be_updated_is_refused_with_the_next_step(status: str, way_out: str) -> None:
    """State, reason and the command that leads on; nothing is changed."""
    client = FakeCloudFormation(status, reason="The following resource(s) failed to create: [Bucket].")
    with pytest.raises(CommandError) as refusal:
        stack(client).check_state(stack(client).describe(), " --profile p")
    assert refusal.value.message == f"stack lake is in {status}: {client.reason}"
    assert way_out in refusal.value.next_step
    assert client.calls == []


@pytest.mark.parametrize(
    "reason",
    [
        "The submitted information didn't contain changes. Submit different information.",
        "No updates are to be performed.",
    ],
)
def test_a_change_set_without_changes_is_not_an_error(reason: str) -> None:
    """It is taken back, and nothing is left to do."""
    client = FakeCloudFormation("CREATE_COMPLETE", change_set=("FAILED", reason))
    with stack(client).proposal({}, update=True) as proposal:
        assert (proposal.change_set, proposal.changes) == ("", [])
    assert [name for name, _ in client.calls] == ["create_change_set", "delete_change_set"]


def test_a_failed_change_set_of_a_new_stack_leaves_nothing() -> None:
    """Change set and empty stack go; the message has the validation's own words, which are kept apart."""
    found = {
        "LogicalResourceId": "Bucket",
        "ValidationStatus": "FAILED",
        "ValidationStatusReason": "name is taken",
    }
    client = FakeCloudFormation(
        change_set=("FAILED", "Call DescribeEvents for the reasons"), validations=(found,)
    )
    with (
        pytest.raises(CommandError, match="the change set failed: Bucket: name is taken"),
        stack(client).proposal({}, update=False),
    ):
        pass
    assert [name for name, _ in client.calls] == ["create_change_set", "delete_change_set", "delete_stack"]


def test_a_stack_with_change_sets_of_others_is_not_deleted() -> None:
    """REVIEW_IN_PROGRESS before us means somebody's change sets are in it."""
    client = FakeCloudFormation("REVIEW_IN_PROGRESS", others=("theirs",))
    with stack(client).proposal({}, update=False):
        pass
    assert [name for name, _ in client.calls] == ["create_change_set", "delete_change_set"]


@pytest.mark.parametrize("update", [True, False])
def test_a_change_set_that_is_not_executed_is_deleted(*, update: bool) -> None:
    """By a Ctrl-C while it is looked at as by the end of a dry run; the empty stack goes with it."""
    expected = ["create_change_set", "delete_change_set", *([] if update else ["delete_stack"])]
    for error in (None, KeyboardInterrupt, SystemExit):
        client = FakeCloudFormation("CREATE_COMPLETE" if update else None)
        with suppress(KeyboardInterrupt, SystemExit), stack(client).proposal({}, update=update):
            if error:
                raise error
        assert [name for name, _ in client.calls] == expected


def test_an_interrupted_wait_leaves_no_change_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does a Ctrl-C while AWS is still making it: it is known by the name that we gave it."""
    for where in ("describe_change_set", "create_change_set"):
        client = FakeCloudFormation()
        create = client.create_change_set

        def interrupted(create: Any = create, **request: Any) -> None:
            if "ChangeSetType" in request:
                create(**request)
            raise KeyboardInterrupt

        monkeypatch.setattr(client, where, interrupted)
        with pytest.raises(KeyboardInterrupt), stack(client).proposal({}, update=False):
            pass
        assert [name for name, _ in client.calls] == [
            "create_change_set",
            "delete_change_set",
            "delete_stack",
        ]


def test_a_change_set_that_is_executed_is_not_deleted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C then stops the watching alone; a stack that is being made must not be deleted with it."""
    client = FakeCloudFormation(events=(event(1, "lake", "CREATE_IN_PROGRESS"),))
    ours = stack(client)

    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), ours.proposal({}, update=False) as proposal:
        ours.execute(proposal.change_set, interrupted)
    assert [name for name, _ in client.calls] == ["create_change_set", "execute_change_set"]

    client = FakeCloudFormation()
    ours = stack(client)

    def denied(**_: Any) -> None:
        raise refused("AccessDenied", operation="ExecuteChangeSet")

    monkeypatch.setattr(client, "execute_change_set", denied)
    with pytest.raises(ClientError), ours.proposal({}, update=False) as proposal:
        ours.execute(proposal.change_set, lambda _: None)
    assert [name for name, _ in client.calls] == ["create_change_set", "delete_change_set", "delete_stack"]


def test_the_changes_of_all_pages_are_returned() -> None:
    """With what is lost: what is removed or replaced."""
    changes = (
        {"Action": "Add", "LogicalResourceId": "A", "ResourceType": "T"},
        {"Action": "Modify", "LogicalResourceId": "B", "ResourceType": "T", "Replacement": "False"},
        {"Action": "Modify", "LogicalResourceId": "C", "ResourceType": "T", "Replacement": "True"},
        {"Action": "Remove", "LogicalResourceId": "D", "ResourceType": "T"},
    )
    client = FakeCloudFormation("CREATE_COMPLETE", changes=changes)
    with stack(client).proposal({}, update=True) as proposal:
        told = proposal.changes
        assert [proposal.change_set] == client.change_sets
    assert [change.logical_id for change in told] == ["A", "B", "C", "D"]
    assert [change.logical_id for change in told if change.loses] == ["C", "D"]


GOOD = (
    event(1, "lake", "UPDATE_IN_PROGRESS"),
    event(2, "Bucket", "UPDATE_IN_PROGRESS"),
    event(3, "Bucket", "UPDATE_COMPLETE"),
    event(4, "lake", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"),
    event(5, "lake", "UPDATE_COMPLETE"),
)


@pytest.mark.parametrize("at_once", [1, 2, 5])
def test_every_event_is_shown_once_and_in_order(at_once: int) -> None:
    """However they come; those of earlier operations are not, and an early look's old state ends nothing."""
    client = FakeCloudFormation("CREATE_COMPLETE", events=GOOD, at_once=at_once)
    shown: list[Event] = []
    found = stack(client).execute("cs", shown.append)
    assert [e.id for e in shown] == ["1", "2", "3", "4", "5"]
    assert found["StackStatus"] == "UPDATE_COMPLETE"


def test_a_failed_launch_leaves_nothing_that_is_retained() -> None:
    """What a first launch made holds nothing yet: retained resources go with its rollback."""
    client = FakeCloudFormation("REVIEW_IN_PROGRESS", events=(event(1, "lake", "CREATE_COMPLETE"),))
    stack(client).execute("cs", lambda _: None)
    ((_, request),) = client.calls
    assert request["RetainExceptOnCreate"] is True


@pytest.mark.parametrize(
    ("reason", "next_step"),
    [
        (
            "Invalid principal in policy: arn:aws:iam::999999999999:root",
            "account id in the parameters does not exist",
        ),
        ("lake-x already exists in stack other", "choose another name"),
        ("User is not authorized to perform: s3:CreateBucket", "action granted"),
        ("Something else", "Correct the cause that it names"),
    ],
)
def test_the_first_failing_resource_is_named_with_its_reason(reason: str, next_step: str) -> None:
    """Not the ones that were merely cancelled because of it, nor the stack's own sum of them."""
    client = FakeCloudFormation(
        "REVIEW_IN_PROGRESS",
        events=(
            event(1, "lake", "CREATE_IN_PROGRESS"),
            event(2, "Stream", "CREATE_FAILED", "Resource creation cancelled"),
            event(3, "Bucket", "CREATE_FAILED", reason),
            event(4, "Key", "CREATE_FAILED", "another reason"),
            event(5, "lake", "ROLLBACK_IN_PROGRESS", "The following resource(s) failed to create: [Bucket]."),
            event(6, "lake", "ROLLBACK_COMPLETE"),
        ),
    )
    with pytest.raises(CommandError) as failure:
        stack(client).execute("cs", lambda _: None)
    assert (
        failure.value.message == f"stack lake ended in ROLLBACK_COMPLETE: Bucket (AWS::S3::Bucket): {reason}"
    )
    assert next_step in failure.value.next_step
    assert "python -m scripts.remove" in failure.value.next_step


def test_after_a_rolled_back_update_the_stack_is_as_before() -> None:
    """The next step says that nothing has to be deleted."""
    client = FakeCloudFormation(
        "CREATE_COMPLETE",
        events=(event(1, "Bucket", "UPDATE_FAILED", "no"), event(2, "lake", "UPDATE_ROLLBACK_COMPLETE")),
    )
    with pytest.raises(CommandError) as failure:
        stack(client).execute("cs", lambda _: None)
    assert "is as it was before" in failure.value.next_step


@pytest.mark.parametrize(
    ("status", "way_out"),
    [
        ("ROLLBACK_COMPLETE", "`python -m scripts.remove lake --profile p --region r`"),
        ("ROLLBACK_FAILED", "`python -m scripts.remove lake --profile p --region r`"),
        ("UPDATE_ROLLBACK_FAILED", "continue-update-rollback --stack-name lake --profile p --region r`"),
    ],
)
def test_after_a_failed_rollback_the_message_has_the_next_command(status: str, way_out: str) -> None:
    """A way back that failed as well leaves a stack that can be deployed only after another command."""
    client = FakeCloudFormation(
        "UPDATE_COMPLETE", events=(event(1, "Bucket", "UPDATE_FAILED", "no"), event(2, "lake", status))
    )
    ours = stack(client)
    ours.check_state(ours.describe(), " --profile p --region r")
    with pytest.raises(CommandError) as failure:
        ours.execute("cs", lambda _: None)
    assert way_out in failure.value.next_step
    assert "is as it was before" not in failure.value.next_step


def test_a_stack_that_fails_before_it_rolls_back_is_followed_to_its_end() -> None:
    """CREATE_FAILED of the whole stack is not the end when a rollback follows (pre-deployment validation)."""
    client = FakeCloudFormation(
        "REVIEW_IN_PROGRESS",
        events=(
            event(1, "lake", "CREATE_IN_PROGRESS"),
            event(2, "lake", "CREATE_FAILED", "Validation failed with 1 error(s). Call DescribeEvents"),
            event(3, "lake", "ROLLBACK_IN_PROGRESS"),
            event(4, "lake", "ROLLBACK_COMPLETE"),
        ),
        at_once=3,
        validations=(
            {"LogicalResourceId": "Bucket", "ValidationStatus": "FAILED", "ValidationStatusReason": "taken"},
        ),
    )
    with pytest.raises(CommandError, match=r"ended in ROLLBACK_COMPLETE: .*Bucket: taken"):
        stack(client).execute("cs", lambda _: None)


def test_parameters_that_are_not_given_keep_their_value() -> None:
    """An update does not fall back to defaults."""
    assert parameters({"A": "1"}, ["A", "B"]) == [
        {"ParameterKey": "A", "ParameterValue": "1"},
        {"ParameterKey": "B", "UsePreviousValue": True},
    ]


def test_a_change_that_may_replace_is_distinguished() -> None:
    """CloudFormation says Conditional of many harmless changes, and cannot say of which."""
    perhaps = Change("Modify", "A", "T", "Conditional")
    assert (perhaps.loses, perhaps.may_lose) == (False, True)
    surely = Change("Modify", "A", "T", "True")
    assert (surely.loses, surely.may_lose) == (True, False)
    assert not Change("Modify", "A", "T", "False").may_lose
