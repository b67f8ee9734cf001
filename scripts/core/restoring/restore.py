"""One restore: read the options, plan, confirm, apply, report."""

from __future__ import annotations

import argparse
import re
from datetime import datetime

from repair.restoration import Rebuilder, RowError
from scripts.core.answers import count
from scripts.core.athena import Workgroup
from scripts.core.connection import Connection
from scripts.core.console import EXIT_USAGE, CommandError, Output, confirm
from scripts.core.restoring.checking import Check, Reader
from scripts.core.restoring.history import History, Overview
from scripts.core.restoring.key_schema import KeySchema
from scripts.core.restoring.moment import change_time_of
from scripts.core.restoring.plan import Plan
from scripts.core.restoring.target import Condition, Target
from scripts.core.restoring.writing import write
from scripts.core.road_switch import read_switch
from scripts.core.sides import Source, check_pair, lake_of, source_of
from scripts.put_items.table import Table
from scripts.put_items.table import describe as describe_table

_TABLE = re.compile(r"[A-Za-z0-9_.-]{3,255}")  # API_CreateTable, TableName


class Restore:
    """The restore that the options name. Raises CommandError for options that cannot be right."""

    def __init__(self, args: argparse.Namespace, out: Output, now: datetime) -> None:
        self._args, self._out = args, out
        moment = change_time_of(args.as_of, now)
        _check(args)
        keys = KeySchema.parse(args.key_schema) if args.key_schema else None
        switched_at = None if args.switched_at is None else read_switch(args.switched_at)
        own = Connection.of(args)
        lake_account = _connection(args.lake_profile, own)
        into = _connection(args.into_profile, own)
        self._source = _source(own, args)
        lake = lake_of(lake_account, args.lake_stack)
        if self._source is not None:
            check_pair(self._source, lake)
        keys = keys or _keys_of_table(own, args.table)
        self._target = Target(into, args.into, args.table, moment, keys, into.client("dynamodb"), out.say)
        workgroup = Workgroup(lake_account, lake.workgroup)
        self._history = History(workgroup, lake.database, args.table, moment, switched_at)
        self._rebuilder = _rebuilder(self._source, args.names)

    def plan(self) -> tuple[Plan, Reader]:
        """Check the target, read the lake, and show the plan. Raises CommandError for what cannot be done."""
        args, out, target, history = self._args, self._out, self._target, self._history
        condition = target.condition()
        if condition == "absent":
            self._key()  # refused before Athena reads anything
        where = f"account {target.connection.account}, Region {target.connection.region}"
        out.say(f"{where}: restore {args.table} as of {target.moment} into {args.into}", "bold")
        if args.switched_at is None:
            history.find_switch()
        overview = history.overview()
        self._say_overview(overview)
        gaps = history.gaps()
        reader, check = self._read(condition)
        plan = Plan(target, condition, overview, gaps, check, history.queries, history.bytes_scanned)
        plan.show(out)
        plan.stop_if_wrong(inexact=args.inexact, accept_gaps=args.accept_gaps)
        return plan, reader

    def end_dry_run(self, plan: Plan) -> None:
        """Report that nothing was written."""
        self._out.say("dry run: nothing was created or written")
        self._out.answer({**plan.document(), "status": "dry run"})

    def confirm(self) -> None:
        """Return if --yes is given or the user types the table's name. Raises CommandError otherwise."""
        purpose = "write into this table"
        confirm(self._args.yes, self._target.name, purpose, "nothing was written")

    def apply(self, plan: Plan, reader: Reader) -> None:
        """Create the table if necessary, write the items, and report."""
        out, target, expected = self._out, self._target, plan.check.items
        out.interruption = f"table {target.name} is not complete. Run the command again; it continues."
        if plan.condition == "absent":
            target.create(self._key())
            out.say(f"table {target.name} created: on demand, encrypted, protected against deletion")
        elif plan.condition == "empty":
            target.mark()
        target.make_ready()
        reader.table = describe_table(target.client, target.name, target.connection.region)
        written = Check()
        resume = plan.condition == "unfinished"
        budget = self._args.write_capacity
        done = write(target.client, reader.table, reader.items(written), expected, budget, resume=resume)
        if done.items + done.already != expected:
            raise CommandError(
                f"{done.items + done.already:,} items were restored, and the plan had {expected:,}",
                "Run the command again; it continues.",
            )
        if resume and (found := target.count_items()) > expected:
            # changes that were delivered since the first run removed items that it had written
            raise CommandError(
                f"table {target.name} has {found:,} items, and the plan had {expected:,}: the lake changed "
                "since the restore began",
                "Delete the table, or name another one with --into. Then run the command again.",
            )
        target.finish()
        out.interruption = "the restore is complete."
        already = f", {done.already:,} were there already" if done.already else ""
        out.say(f"{count(done.items, 'item')} written into {target.name}{already}", "green")
        out.say("indexes, TTL, streams and other settings of the source table are not restored")
        result = {"written": done.items, "already_there": done.already, "sent_again": done.retried}
        out.answer({**plan.document(), **result, "written_inexact": written.inexact, "status": "restored"})

    def _say_overview(self, overview: Overview) -> None:
        """Say how far back and how far forward the lake goes."""
        out, history = self._out, self._history
        copies = (
            f"{count(overview.copies, 'row')} of backfills" if overview.copies else "no row of a backfill"
        )
        out.say(
            f"the lake begins at {overview.begins}; items older than that are in it only if a backfill wrote "
            f"them ({copies})"
        )
        if overview.newest <= history.moment:
            out.say(
                f"the newest change in the lake is of {overview.newest}: later changes may be on their way",
                "yellow",
            )
        if overview.both_roads and history.switched_at is None:
            out.say(
                f"changes of {history.table} came by Kinesis and by DynamoDB Streams: give the second of the "
                "switch with --switched-at",
                "yellow",
            )

    def _read(self, condition: Condition) -> tuple[Reader, Check]:
        """Query the items and count them."""
        history, target = self._history, self._target
        connection, schema = target.connection, dict(target.keys.keys)
        roles = dict(zip(schema, ("HASH", "RANGE"), strict=False))
        table = Table(target.name, connection.account, connection.region, roles, schema)
        if condition != "absent":
            table = describe_table(target.client, target.name, connection.region)
        reader = Reader(
            history.workgroup, history.states(), None, self._rebuilder, target.keys, table, self._out.say
        )
        without, check = reader.without_image(), Check()
        if without:
            self._out.say(f"{count(without, 'item')} without change_image: reading the rows")
            reader.lines = history.lines()
        try:
            reader.learn()
            for _ in reader.items(check):
                pass
        except RowError as error:
            raise CommandError(
                str(error), "Find the row and repair it: docs/operations/repair-a-query.md."
            ) from None
        return reader, check

    def _key(self) -> str:
        """The KMS key of a table that is created. Raises CommandError if none is known."""
        source, target = self._source, self._target
        if self._args.kms_key:
            return str(self._args.kms_key)
        if source is not None and source.connection.account == target.connection.account:
            return source.outputs["ProducerKeyArn"]
        raise CommandError(
            f"no KMS key is known for table {target.name}: account {target.connection.account} does not have "
            f"the stack of {target.source}",
            "Name one with --kms-key, such as alias/aws/dynamodb.",
            exit_code=EXIT_USAGE,
        )


def _check(args: argparse.Namespace) -> None:
    """Refuse table names and a write capacity that cannot be right."""
    for name in (args.table, args.into):
        if not _TABLE.fullmatch(name):
            raise CommandError(
                f"{name} is not a table name",
                "A name has 3 to 255 letters, digits, `_`, `-` and `.`.",
                exit_code=EXIT_USAGE,
            )
    if args.write_capacity is not None and args.write_capacity < 1:
        raise CommandError(
            f"--write-capacity {args.write_capacity} is not a number of write units",
            "Give 1 or more.",
            exit_code=EXIT_USAGE,
        )


def _rebuilder(source: Source | None, names: str) -> Rebuilder:
    """What rebuilds items. Raises CommandError if two names of --names differ only in capital letters."""
    exclude = () if source is None else source.settings.exclude
    try:
        return Rebuilder(exclude, [name.strip() for name in names.split(",") if name.strip()])
    except ValueError as error:
        raise CommandError(
            f"--names: {error} and another name differ only in capital letters",
            "Spell each name in one way.",
            exit_code=EXIT_USAGE,
        ) from None


def _connection(profile: str | None, own: Connection) -> Connection:
    """The connection through another profile, in the same Region; the own one without a profile."""
    return own if profile is None else Connection(profile, own.region, own.endpoint)


def _source(own: Connection, args: argparse.Namespace) -> Source | None:
    """The stack of the table; None if it is gone and --key-schema replaces it."""
    try:
        source = source_of(own, args.stack)
    except CommandError as error:
        if args.stack or not args.key_schema:
            hint = f"{error.next_step} If the stack is gone, give --key-schema and --kms-key."
            raise CommandError(error.message, hint) from None
        return None
    if source.table != args.table and args.key_schema and not args.stack:
        return None  # another table's stack
    source.check_table(args.table)
    return source


def _keys_of_table(own: Connection, table: str) -> KeySchema:
    client = own.client("dynamodb")
    try:
        return KeySchema.of_table(client.describe_table(TableName=table)["Table"])
    except client.exceptions.ResourceNotFoundException:
        raise CommandError(
            f"table {table} does not exist, so its key schema is not known",
            "Give it with --key-schema, such as pk:S or pk:S,sk:N: the column change_key shows the keys.",
        ) from None
