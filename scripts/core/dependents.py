"""The stacks that use the outputs of another stack. They are removed before it.

Example: without its lake, a producer cannot deliver, and the job of a backfill stack fails.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from scripts.core.console import CommandError
from scripts.core.marker import kind_of
from scripts.core.stack import Stack, outputs_of
from scripts.stacks import KINDS, STACKS, StackKind

if TYPE_CHECKING:
    from scripts.core.console import Output

DENIED = ("AccessDenied", "AccessDeniedException")


@dataclass(frozen=True)
class Dependent:
    """A stack of the same account that uses the outputs."""

    stack: str
    kind: str
    status: str


@dataclass(frozen=True)
class Dependents:
    """The stacks to remove before a stack, in that order.

    `elsewhere` are accounts, by the kind of stack that each may have: this account cannot see them.
    """

    stacks: Sequence[Dependent]
    elsewhere: Mapping[str, str]

    @classmethod
    def of(
        cls, kind: str | None, description: Mapping[str, Any], formation: Any, account: str, out: Output
    ) -> Dependents:
        """Find the dependents of a described stack.

        Without permission to list all stacks, only the usual names are looked for, and a line says so.
        """
        users = [user for user in reversed(KINDS) if kind in (*user.outputs_of, *user.beside)]
        outputs = outputs_of(description)
        if kind is None or not users or not outputs:
            return cls([], {})
        named = _parameters(description).get(STACKS[kind].other_account or "", "")
        elsewhere = {
            user.name: named
            for user in users
            if user.account not in (None, STACKS[kind].account) and named not in ("", account)
        }
        candidates = [
            one for one in _stacks(users, formation, out) if one["StackId"] != description["StackId"]
        ]
        return cls(
            [
                Dependent(one["StackName"], user.name, one["StackStatus"])
                for user in users
                for one in candidates
                if _takes(user, outputs, one) and _is_kind(user, one, formation, out)
            ],
            elsewhere,
        )

    def show(self, out: Output) -> None:
        """Print what has to be removed first."""
        if self.stacks:
            out.say(f"remove first ({len(self.stacks)}):", "bold")
        for each in self.stacks:
            out.say(f"  {each.stack}  {each.kind} stack ({each.status})")
        for kind, account in self.elsewhere.items():
            out.say(
                f"account {account} may have a {kind} stack that uses this one, which this command cannot "
                f"see. Remove that {kind} stack first: without this stack it delivers nothing",
                "yellow",
            )

    def refuse(self, stack: str, location: str) -> None:
        """Refuse to remove `stack` while stacks of the same account use it; `location` as in a command."""
        if not self.stacks:
            return
        names = ", ".join(f"{each.stack} ({each.kind})" for each in self.stacks)
        commands = [f"`python -m scripts.remove {name}{location}`" for name in (*self.names, stack)]
        raise CommandError(
            f"stack {stack} is still used by {names}. Nothing was deleted",
            f"Remove the stacks in this order: {', then '.join(commands)}.",
            remove_first=self.document(),
        )

    @property
    def names(self) -> list[str]:
        """The names of the stacks."""
        return [each.stack for each in self.stacks]

    def document(self) -> list[dict[str, str]]:
        """The stacks as fields for `--output json`."""
        return [{"stack": each.stack, "kind": each.kind, "status": each.status} for each in self.stacks]


def _takes(user: StackKind, outputs: Mapping[str, str], candidate: Mapping[str, Any]) -> bool:
    """Whether a stack's parameters have the values of the outputs that the kind takes."""
    parameters = _parameters(candidate)
    takes = (*user.takes, *user.takes_beside)
    taken = [name for name in takes if name in outputs and name in parameters]
    return bool(taken) and all(parameters[name] == outputs[name] for name in taken)


def _stacks(users: Sequence[StackKind], formation: Any, out: Output) -> list[Mapping[str, Any]]:
    """All stacks of the account; those with the kinds' usual names if the profile may not list them."""
    try:
        pages = formation.get_paginator("describe_stacks").paginate()
        return [stack for page in pages for stack in page["Stacks"]]
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") not in DENIED:
            raise
    names = [user.stack_name for user in users]
    listed = " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
    out.say(
        f"no permission to list all stacks: of those that use this one, only {listed} "
        f"{'was' if len(names) == 1 else 'were'} looked for"
    )
    found = [Stack(formation, name).describe() for name in names]
    return [stack for stack in found if stack]


def _is_kind(user: StackKind, found: Mapping[str, Any], formation: Any, out: Output) -> bool:
    """Whether a stack's template has the marker of that kind."""
    try:
        return kind_of(Stack(formation, found["StackName"]).template()) == user.name
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") not in DENIED:
            raise
        out.say(f"the kind of stack {found['StackName']} was not checked: GetTemplate is not granted there")
        return False


def _parameters(description: Mapping[str, Any]) -> dict[str, str]:
    return {
        each["ParameterKey"]: each.get("ParameterValue", "") for each in description.get("Parameters", [])
    }
