"""The option stack `tables` of a lake, found by its outputs, and errors that name its policy for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from botocore.exceptions import ClientError

from scripts.core.console import EXIT_USAGE, CommandError
from scripts.core.lake_objects import LakeObjects
from scripts.core.settling.options import TABLES_STACK
from scripts.core.sides import LakeSide
from scripts.core.source_stream import parameters_of
from scripts.core.stack import Stack, outputs_of
from scripts.stacks import STACKS
from settled.names import FOLDER, OBJECTS

TABLES = "tables"  # a kind of stacks
_JOB, _POLICY = "SettleJobName", "SettlerPolicyArn"
_BUCKET = "LakeBucketName"  # the parameter that ties the stack to a lake
DENIED = frozenset({"AccessDenied", "AccessDeniedException", "403", "UnauthorizedOperation"})


class NotPermittedError(CommandError):
    """AWS refused a call for which the user needs the stack's policy."""


@dataclass(frozen=True)
class SettleStack:
    """The stack that settles one lake: its name and its outputs."""

    lake: LakeSide
    name: str
    outputs: Mapping[str, str]

    @property
    def job(self) -> str:
        """The name of the Glue job."""
        return self.outputs[_JOB]

    @property
    def options(self) -> str:
        """The options of `scripts.settle` for this stack, for a command that a message shows."""
        named = "" if self.name == STACKS[TABLES].stack_name else f" {TABLES_STACK} {self.name}"
        default = {STACKS[kind].stack_name for kind in ("consumer", "single-account")}
        lake = "" if self.lake.stack in default else f" --lake-stack {self.lake.stack}"
        return f"{self.lake.connection.location}{lake}{named}"

    @contextmanager
    def permitted(self, purpose: str) -> Iterator[None]:
        """Do what needs the stack's policy. Raises NotPermittedError with its name if AWS refuses it.

        :param purpose: what the calls are for, as a verb phrase
        """
        try:
            yield
        except ClientError as error:
            refusal = error.response.get("Error", {})
            if refusal.get("Code") not in DENIED:
                raise
            call, reason = error.operation_name, refusal.get("Message") or refusal.get("Code", "")
        except CommandError as error:
            if "ccess" not in error.message or "enied" not in error.message:  # Athena's own words
                raise
            call, reason = "the statement", error.message
        else:
            return
        raise NotPermittedError(
            f"this profile may not {purpose}: {call} was refused: {reason}",
            f"Attach the policy {self.outputs.get(_POLICY, '')} to your role (output {_POLICY} of stack "
            f"{self.name}).",
        ) from None


def stack_of(lake: LakeSide, name: str | None) -> SettleStack:
    """The stack of this lake, by default under the registry's name. Raises CommandError if there is none."""
    stack = name or STACKS[TABLES].stack_name
    found = _described(lake, stack)
    if found is None:
        raise CommandError(
            f"{stack} in account {lake.connection.account} is not a complete stack for settled tables of "
            f"{lake.bucket}",
            f"Name it with {TABLES_STACK}, or deploy it: `python -m scripts.deploy {TABLES}"
            f"{lake.connection.location} --outputs-of {lake.stack}`.",
            exit_code=EXIT_USAGE,
        )
    return found


def stack_if_settled(lake: LakeSide, objects: LakeObjects, name: str | None) -> SettleStack | None:
    """The stack of this lake; None for a lake without settled tables, after one look into the bucket.

    Raises CommandError if the lake has settled tables and the stack is not found.
    """
    if name is not None:
        return stack_of(lake, name)
    if next(iter(objects.listed(FOLDER)), None) is None:
        return None
    stack = STACKS[TABLES].stack_name
    try:
        found = _described(lake, stack)
        if found is not None:
            return found
        if not has_tables(lake):
            return None
        why = f"stack {stack} is not theirs"
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") not in DENIED:
            raise
        why = f"this profile may not look for their stack: {error.operation_name} was refused"
    raise CommandError(
        f"the lake {lake.bucket} has settled tables, and {why}",
        f"Attach the policy in the output {_POLICY} of that stack to your role, or name the stack with "
        f"{TABLES_STACK}. If it was removed, remove its tables too (docs/settled-tables.md). Without the "
        "stack, queries would miss the rows.",
    )


def _described(lake: LakeSide, name: str) -> SettleStack | None:
    description = Stack(lake.connection.client("cloudformation"), name).describe()
    if description is None or parameters_of(description).get(_BUCKET) != lake.bucket:
        return None
    outputs = outputs_of(description)
    return SettleStack(lake, name, outputs) if _JOB in outputs else None


def has_tables(lake: LakeSide) -> bool:
    """Whether the lake's database has settled tables."""
    try:
        lake.connection.client("glue").get_table(DatabaseName=lake.database, Name=OBJECTS)
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") != "EntityNotFoundException":
            raise
        return False
    return True
