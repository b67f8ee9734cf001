"""The two option stacks of a backfill: where exports land, and the role that exports the table."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from scripts.core.connection import Connection
from scripts.core.console import CommandError
from scripts.core.sides import LakeSide, Source
from scripts.core.stack import Stack, outputs_of
from scripts.stacks import STACKS

BACKFILL, EXPORT = "backfill", "export"  # kinds of stacks
_OF_BACKFILL = (
    "ExportBucketName",
    "ExportBucketAccountId",
    "ExportKeyArn",
    "ExportPrefix",
    "BackfillJobName",
)


@dataclass(frozen=True)
class Landing:
    """Where exports land, who may export, and the job that converts large exports."""

    bucket: str
    owner: str  # the account of the bucket
    key_arn: str
    prefix: str  # without a slash at the end
    role_arn: str
    job: str


def landing_of(
    source: Source, lake: LakeSide, backfill: str | None, export: str | None, *, otherwise: str = ""
) -> Landing:
    """The outputs of both stacks. Raises CommandError with the commands that deploy what is missing.

    :param backfill: the name of the stack in the lake's account; by default that of the registry
    :param export: the name of the stack in the table's account
    :param otherwise: what a user who wants neither stack can do, as a sentence
    """
    names = {BACKFILL: backfill or STACKS[BACKFILL].stack_name, EXPORT: export or STACKS[EXPORT].stack_name}
    of_backfill = _outputs(lake.connection, names[BACKFILL], _OF_BACKFILL)
    of_export = _outputs(source.connection, names[EXPORT], ("ExportRoleArn",))
    if of_backfill is None or of_export is None:
        sides = ((BACKFILL, lake.connection, of_backfill), (EXPORT, source.connection, of_export))
        missing = {kind: connection.account for kind, connection, found in sides if found is None}
        listed = " and ".join(f"{names[kind]} in account {account}" for kind, account in missing.items())
        raise CommandError(
            f"an export needs two option stacks, and there is no complete {listed}",
            f"{_deploy(source, lake, names, missing)} {otherwise}".rstrip(),
        )
    return Landing(
        of_backfill["ExportBucketName"],
        of_backfill["ExportBucketAccountId"],
        of_backfill["ExportKeyArn"],
        of_backfill["ExportPrefix"],
        of_export["ExportRoleArn"],
        of_backfill["BackfillJobName"],
    )


def _outputs(connection: Connection, name: str, needed: tuple[str, ...]) -> dict[str, str] | None:
    """The outputs of a complete stack; None if it is not there or lacks one."""
    description = Stack(connection.client("cloudformation"), name).describe()
    found = {} if description is None else outputs_of(description)
    return found if all(output in found for output in needed) else None


def _deploy(source: Source, lake: LakeSide, names: dict[str, str], missing: Iterable[str]) -> str:
    """The commands that deploy the missing stacks, in their order."""
    own = {
        kind: "" if name == STACKS[kind].stack_name else f" --stack-name {name}"
        for kind, name in names.items()
    }
    profile = lake.connection.session.profile_name
    other = f" --outputs-profile {profile}" if profile != source.connection.session.profile_name else ""
    options = {
        BACKFILL: f"{lake.connection.location}{own[BACKFILL]} --outputs-of {lake.stack}",
        EXPORT: f"{source.connection.location}{own[EXPORT]} --outputs-of {names[BACKFILL]}{other}",
    }
    deploy = ", then ".join(f"`python -m scripts.deploy {kind}{options[kind]}`" for kind in missing)
    return f"Deploy {deploy}."
