"""The stack of the table, found from the lake: its settings shape the rows."""

from __future__ import annotations

import shlex

from scripts.core.connection import Connection
from scripts.core.console import EXIT_USAGE, CommandError
from scripts.core.sides import LakeSide, Source, source_of, stack_options

PROFILE = "producer"  # the README's name of the profile of the table's account


def redrive_options(source: Source, lake: LakeSide) -> str:
    """The options that name both sides of a redrive, for a command that a message shows."""
    own, other = source.connection.profile, lake.connection.profile
    named = f" --source-profile {shlex.quote(own)}" if own is not None and own not in {other, PROFILE} else ""
    return f"{lake.connection.location}{named}{stack_options(source, lake)}"


def source_for(lake: LakeSide, profile: str | None, stack: str | None) -> Source:
    """The side of the table that a lake belongs to.

    Without a profile: the lake's own stack or account if the table is there, else the profile `producer`.

    Raises CommandError if the table is in an account that no profile leads to.
    """
    own, admitted = lake.connection, lake.outputs["AdmittedAccountId"]
    if profile is not None:
        source_connection = Connection(profile, own.region, own.endpoint)
    elif admitted == own.account:
        if stack is None and "SourceTableName" in lake.outputs:  # the single-account stack
            return Source(own, lake.stack, lake.outputs)
        source_connection = own
    elif PROFILE in own.session.available_profiles:
        source_connection = Connection(PROFILE, own.region, own.endpoint)
    else:
        raise CommandError(
            f"the table is in account {admitted}, and no profile of that account is named",
            f"Name one with --source-profile. The rows need the settings of the stack in account {admitted}.",
            exit_code=EXIT_USAGE,
        )
    if source_connection.account != admitted:
        raise CommandError(
            f"profile {profile or PROFILE} is of account {source_connection.account}, and the lake of stack "
            f"{lake.stack} takes changes from account {admitted}",
            f"Name a profile of account {admitted} with --source-profile.",
            exit_code=EXIT_USAGE,
        )
    option = "--profile" if source_connection is own else "--source-profile"
    return source_of(source_connection, stack, profile=option)
