"""Both sides of a lake: the stack of the source table, and the stack of the lake, with what they agree on.

The verbs that write rows beside the stream use these. The source side has the table and the settings of its
rows; the lake side has the bucket, the tables and the role that may add rows.
"""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from scripts.core.connection import Connection, open_client
from scripts.core.console import EXIT_USAGE, CommandError
from scripts.core.stack import Stack, outputs_of
from scripts.stacks import STACKS
from transform_lambda.configuration import ConfigurationError, row_settings
from transform_lambda.flatten import RowSettings

# The function's environment variables and the stack's outputs with their values.
_SETTINGS = {
    "FLATTEN_MAX_DEPTH": "FlattenMaxDepth",
    "KEEP_WHOLE": "KeepWhole",
    "EXCLUDE_ATTRIBUTES": "ExcludeAttributes",
    "KEEP_IMAGES": "KeepImages",
}
_ROLE_SESSION = "ddb-lake-repair"


@dataclass(frozen=True)
class Source:
    """The side of the table: its stack's outputs, and the connection to its account."""

    connection: Connection
    stack: str
    outputs: Mapping[str, str]

    @property
    def table(self) -> str:
        """The source table's name."""
        return self.outputs["SourceTableName"]

    @cached_property
    def settings(self) -> RowSettings:
        """The settings with which the function writes rows.

        Raises CommandError if the stack is of a release that does not state them.
        """
        if "FlattenMaxDepth" not in self.outputs or "KeepImages" not in self.outputs:
            raise CommandError(
                f"stack {self.stack} does not state how it flattens items",
                f"Update it first: `python -m scripts.deploy producer{self.connection.location}`.",
            )
        try:
            return row_settings({name: self.outputs.get(output, "") for name, output in _SETTINGS.items()})
        except ConfigurationError as error:
            raise CommandError(str(error), f"Deploy stack {self.stack} again.") from None

    def check_table(self, table: str) -> None:
        """Refuse a table that is not this stack's source."""
        if table != self.table:
            raise CommandError(
                f"stack {self.stack} delivers table {self.table}, not {table}",
                f"Name {self.table}, or the stack of {table} with --stack.",
                exit_code=EXIT_USAGE,
            )


@dataclass(frozen=True)
class LakeSide:
    """The side of the lake: its stack's outputs, and the connection to its account."""

    connection: Connection
    stack: str
    outputs: Mapping[str, str]
    _clients: dict[str, Any] = field(default_factory=dict, compare=False)

    @property
    def bucket(self) -> str:
        """The lake's bucket."""
        return self.outputs["LakeBucketName"]

    @property
    def database(self) -> str:
        """The lake's Glue database."""
        return self.outputs["DatabaseName"]

    @property
    def workgroup(self) -> str:
        """The lake's Athena workgroup."""
        return self.outputs["WorkgroupName"]

    def repair_client(self, service: str) -> Any:
        """A client with the credentials of RepairRole, renewed before they expire.

        Raises CommandError if the stack is of a release without the role.
        """
        if service not in self._clients:
            self._clients[service] = open_client(self._repair_session, service, self.connection.endpoint)
        return self._clients[service]

    @cached_property
    def _repair_session(self) -> Any:
        role = self.outputs.get("RepairRoleArn")
        if role is None:
            raise CommandError(
                f"stack {self.stack} has no RepairRole: it is of an earlier release",
                f"Update it first: `python -m scripts.deploy consumer{self.connection.location}`.",
            )
        return session_of_role(self.connection, role)


def session_of_role(connection: Connection, role_arn: str) -> Any:
    """A session with the credentials of a role of the connection's account, renewed before they expire."""
    import boto3  # noqa: PLC0415  it takes a third of a second, which `--help` need not wait for
    import botocore.session  # noqa: PLC0415
    from botocore.credentials import DeferredRefreshableCredentials  # noqa: PLC0415

    sts = connection.client("sts")

    def assume() -> dict[str, str]:
        credentials = sts.assume_role(RoleArn=role_arn, RoleSessionName=_ROLE_SESSION)["Credentials"]
        return {
            "access_key": credentials["AccessKeyId"],
            "secret_key": credentials["SecretAccessKey"],
            "token": credentials["SessionToken"],
            "expiry_time": credentials["Expiration"].isoformat(),
        }

    core = botocore.session.Session(profile=connection.session._session.profile)
    core._credentials = DeferredRefreshableCredentials(assume, "assume-role")  # type: ignore[attr-defined]
    return boto3.Session(botocore_session=core, region_name=connection.region)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that name both sides to a verb that has --profile for the source's account."""
    parser.add_argument(
        "--lake-profile", metavar="NAME", help="the profile of the lake's account (default: --profile)"
    )
    parser.add_argument(
        "--stack", metavar="NAME", help="the stack of the table (default: ddb-lake-producer, else ddb-lake)"
    )
    parser.add_argument(
        "--lake-stack",
        metavar="NAME",
        help="the stack of the lake (default: ddb-lake-consumer, else ddb-lake)",
    )


def both_sides(args: argparse.Namespace) -> tuple[Source, LakeSide]:
    """The two sides that the options name.

    Raises CommandError if a stack is missing or is not of ddb-lake, or if the lake admits another account.
    """
    own = Connection.of(args)
    source = source_of(own, args.stack)
    other = own if args.lake_profile is None else Connection(args.lake_profile, own.region, args.endpoint_url)
    lake = lake_of(other, args.lake_stack)
    check_pair(source, lake)
    return source, lake


def check_pair(source: Source, lake: LakeSide) -> None:
    """Refuse two stacks that do not belong together."""
    admitted, account = lake.outputs.get("AdmittedAccountId"), source.connection.account
    if admitted != account:
        raise CommandError(
            f"the lake of stack {lake.stack} takes changes from account {admitted}, "
            f"and stack {source.stack} is in account {account}",
            "Name the lake's account with --lake-profile, and its stack with --lake-stack.",
        )


def side_options(source: Source, lake: LakeSide) -> str:
    """The table and the options that name both sides, for a command that a message shows."""
    own, other = source.connection, lake.connection
    options = own.location
    if other.profile is not None and other.profile != own.profile:
        options += f" --lake-profile {shlex.quote(other.profile)}"
    return f"{shlex.quote(source.table)}{options}{stack_options(source, lake)}"


def stack_options(source: Source, lake: LakeSide) -> str:
    """The options that name the stacks, for a command that a message shows: empty for the default names."""
    return "".join(
        f" {side.option} {shlex.quote(stack)}"
        for side, stack in ((_SOURCE, source.stack), (_LAKE, lake.stack))
        if stack not in side.stacks
    )


def source_of(connection: Connection, stack: str | None, *, profile: str = "--profile") -> Source:
    """The source side in this account. `profile` is the verb's option for this account."""
    return Source(connection, *_outputs(connection, stack, replace(_SOURCE, profile=profile)))


def lake_of(connection: Connection, stack: str | None, *, profile: str = "--lake-profile") -> LakeSide:
    """The lake side in this account. `profile` is the verb's option for this account."""
    return LakeSide(connection, *_outputs(connection, stack, replace(_LAKE, profile=profile)))


@dataclass(frozen=True)
class _Side:
    """How a stack is found: the kinds, an output that only these have, and the options that name it."""

    kinds: tuple[str, ...]
    output: str
    option: str
    profile: str

    @property
    def stacks(self) -> list[str]:
        """The names that are looked for when no option names the stack."""
        return [STACKS[kind].stack_name for kind in self.kinds]


_SOURCE = _Side(("producer", "single-account"), "SourceTableName", "--stack", "--profile")
_LAKE = _Side(("consumer", "single-account"), "AdmittedAccountId", "--lake-stack", "--lake-profile")


def _outputs(connection: Connection, stack: str | None, side: _Side) -> tuple[str, dict[str, str]]:
    """The name and outputs of the stack: the named one, or the first of the default names that exists.

    The outputs decide what a stack is, because people who repair a lake may not read templates.
    """
    client = connection.client("cloudformation")
    names = [stack] if stack else side.stacks
    for name in names:
        description = Stack(client, name).describe()
        if description is None:
            continue
        outputs = outputs_of(description)
        if side.output in outputs:
            return name, outputs
        if stack:
            raise CommandError(
                f"stack {name} in account {connection.account} has no output {side.output} "
                f"({description['StackStatus']})",
                f"Name a complete {' or '.join(side.kinds)} stack of ddb-lake with {side.option}.",
            )
    raise CommandError(
        f"account {connection.account}, Region {connection.region} has no stack {' or '.join(names)}",
        f"Correct {side.option}, {side.profile} or --region.",
    )
