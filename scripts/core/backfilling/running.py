"""One run of a backfill: find out what exists, plan, and do the work."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, TypeVar

from botocore.exceptions import ClientError

from repair.backfill import finished_files, remaining_files, source_of
from repair.exports.errors import ExportError, IncompleteExportError
from repair.exports.manifest import Manifest, check_table, read_manifest
from scripts.core.backfilling import glue_job, local
from scripts.core.backfilling.export_objects import ExportObjects
from scripts.core.backfilling.exports import Export, Exports
from scripts.core.backfilling.handover import check_first_day, check_streaming, meeting
from scripts.core.backfilling.option_stacks import Landing, landing_of
from scripts.core.backfilling.planning import Choice, Plan, choose
from scripts.core.backfilling.scanning import Scan, Scanner
from scripts.core.backfilling.source_table import RECOVERY_DAYS, SourceTable, describe, recovery_of
from scripts.core.connection import open_client
from scripts.core.console import EXIT_USAGE, CommandError, Output
from scripts.core.lake_objects import LakeObjects
from scripts.core.settling.writing import Settling, Write
from scripts.core.sides import LakeSide, Source, session_of_role
from scripts.core.source_stream import Clock
from transform_lambda.change import change_day

_T = TypeVar("_T")
_PAUSE = 0.3  # seconds
_DENIED = frozenset({"AccessDenied", "AccessDeniedException"})
_SHOWN = "%Y-%m-%dT%H:%M:%S.000000Z"  # as change_time


class Backfill:
    """The sides, the options, and what was found out about them."""

    def __init__(
        self,
        source: Source,
        lake: LakeSide,
        args: argparse.Namespace,
        time: datetime | None,
        out: Output,
        *,
        clock: Clock | None = None,
    ) -> None:
        """`time` is the second of --export-time."""
        self.source, self.lake = source, lake
        self.warning = ""
        self._args, self._time, self._out = args, time, out
        self._clock = clock or Clock()

    @cached_property
    def _objects(self) -> LakeObjects:
        return LakeObjects(self.lake)

    @cached_property
    def _landing(self) -> Landing | None:
        """Where exports land. None for a scan, and for an existing export without the option stacks."""
        if self._args.scan:
            return None
        try:
            return landing_of(
                self.source,
                self.lake,
                self._args.backfill_stack,
                self._args.export_stack,
                otherwise="A small table needs neither: add --scan.",
            )
        except CommandError:
            if self._args.export is None:
                raise
            return None

    @property
    def _required_landing(self) -> Landing:
        if self._landing is None:
            raise CommandError("no option stacks", "Leave out --scan and --export.")
        return self._landing

    @cached_property
    def _dynamodb(self) -> Any:
        """DynamoDB with the export role's credentials, or without the role with the caller's own."""
        connection = self.source.connection
        if self._landing is None:
            return connection.client("dynamodb")
        session = session_of_role(connection, self._landing.role_arn)
        return open_client(session, "dynamodb", connection.endpoint)

    @cached_property
    def _table(self) -> SourceTable:
        return describe(self._dynamodb, self.source.table)

    @cached_property
    def _exports(self) -> Exports:
        return Exports(self._dynamodb, self._table, self.source.connection.location)

    def plan(self) -> Plan:
        """The plan. Raises CommandError if the backfill cannot begin."""
        _ = self.source.settings
        self._check_streaming()
        if self._args.scan:
            time = self._table.answered_at.strftime(_SHOWN)
            check_first_day(self.lake, change_day(time))
            scan = Scan.of(self._table, self._args.read_capacity)
            choice = Choice("local", "a scan is read by this process")
            return Plan(self.source, self.lake, self._table, None, None, time, choice, scan)
        export = self._existing()
        if export is None:
            when = self._table.answered_at if self._time is None else self._time
            self._check_recovery(when)
        else:
            when = self._time_of(export)
        check_first_day(self.lake, f"{when:%Y-%m-%d}")
        if export is not None or self._time is not None:
            self._warn(when)
        items, size = self._table.items, self._table.bytes
        if export is not None and export.status == "COMPLETED":
            items, size = export.items, export.billed_bytes
        return Plan(
            self.source,
            self.lake,
            self._table,
            self._landing,
            export,
            when.strftime(_SHOWN),
            choose(self._args.engine, items, size),
            finished=export is not None and self._finished(export),
        )

    def _check_streaming(self) -> None:
        try:
            check_streaming(self.source)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") not in _DENIED:
                raise
            self._out.say(
                f"this profile may not see whether the changes of {self.source.table} stream into the lake "
                "(dynamodb:DescribeKinesisStreamingDestination): not checked",
                "yellow",
            )

    def _existing(self) -> Export | None:
        """The export that this command works with, if it exists: the named one, or that of an earlier run."""
        if self._args.export is not None:
            return self._exports.of_arn(self._args.export)
        landed = self._exports.landed(self._required_landing)
        if self._time is not None:
            return next((export for export in landed if export.time == self._time), None)
        newest = next(landed, None)
        if newest is None or newest.status != "COMPLETED":
            return newest
        try:
            self._finished(newest)
        except CommandError:
            return None  # its files were deleted or damaged: a new export replaces it
        return newest

    def _finished(self, export: Export) -> bool:
        """Whether every row of a completed export is in the lake."""
        if export.status != "COMPLETED":
            return False
        manifest = self._manifest(export)
        rows = source_of(manifest, self.source.settings)
        keys = (each.key for each in self._objects.listed(rows.objects_prefix))
        return not remaining_files(manifest, finished_files(keys, rows))

    def _time_of(self, export: Export) -> datetime:
        if export.time is None:
            raise CommandError(
                f"{export.arn} is an incremental export: it has changes, and not every item",
                "Name a full export, or leave out --export.",
            )
        return export.time

    def _check_recovery(self, time: datetime) -> None:
        """Refuse a time that point-in-time recovery does not reach."""
        now, recovery = self._table.answered_at, recovery_of(self._dynamodb, self._table.name)
        if not recovery.on:
            raise CommandError(
                f"point-in-time recovery of table {self._table.name} is off, and an export needs it",
                f"Turn it on: `aws dynamodb update-continuous-backups --table-name {self._table.name}"
                f"{self.source.connection.location} --point-in-time-recovery-specification "
                "PointInTimeRecoveryEnabled=true`. A small table needs no export: add --scan.",
            )
        if time > now:
            raise CommandError(
                f"{time:%Y-%m-%dT%H:%M:%SZ} is in the future", "Correct --export-time.", exit_code=EXIT_USAGE
            )
        earliest = max(recovery.earliest or now, now - timedelta(days=RECOVERY_DAYS))
        if time < earliest and self._time is not None:
            raise CommandError(
                f"{time:%Y-%m-%dT%H:%M:%SZ} cannot be exported: point-in-time recovery of table "
                f"{self._table.name} reaches back to {earliest:%Y-%m-%dT%H:%M:%SZ}, and to "
                f"{RECOVERY_DAYS} days at most",
                "Give a later --export-time, or leave it out.",
            )

    def _warn(self, time: datetime) -> None:
        """Remember a warning if changes between the export and the stream may be missing."""
        found = meeting(self.lake, self._objects, self.source.table, time)
        if found.may_miss:
            self.warning = found.message(self.source.table)

    def run(self, plan: Plan, settling: Settling) -> dict[str, Any]:
        """Do the work; the members that it adds to the answer."""
        settling.check()
        if plan.scan is not None:
            return self._scan(plan.scan, settling)
        export = plan.export
        if export is None:
            export = self._exports.start(self._required_landing, self._time or self._next_second())
            self._out.say(f"started export {export.arn}")
        self._out.interruption = (
            "DynamoDB continues the export. Run the same command again: it continues with this export."
        )
        export = self._exports.finished(export, self._clock, self._out)
        manifest = self._manifest(export)
        rows = source_of(manifest, self.source.settings)
        check_first_day(self.lake, change_day(rows.time))
        choice = choose(self._args.engine, manifest.items, manifest.billed_bytes)
        if choice.engine != plan.choice.engine:
            self._out.say(f"engine {choice.engine}: {choice.why}")
        document = {
            "export": export.arn,
            "time": rows.time,
            "items": manifest.items,
            "files": len(manifest.files),
            "engine": choice.engine,
        }
        self._out.interruption = (
            "some rows may be in the lake. Run the same command again: it writes the rest."
        )
        with settling.writing("backfill", f"{rows.table} {rows.id}", [change_day(rows.time)]) as write:
            if choice.engine == "glue":
                document |= self._by_glue(export, manifest, write)
            else:
                document |= self._locally(local.Conversion(manifest, self._table.schema, rows), export, write)
        return document | settling.result()

    def _locally(self, work: local.Conversion, export: Export, write: Write) -> dict[str, Any]:
        objects = LakeObjects(self.lake, write.begin)
        done = self._refusing(
            lambda: local.convert(work, self._export_objects(export), objects, self._clock, self._out)
        )
        return {"rows": done.rows, "objects": done.objects, "files_finished_before": done.finished_before}

    def _next_second(self) -> datetime:
        """A second of DynamoDB's clock that began after the stream was seen to be on."""
        while (now := describe(self._dynamodb, self._table.name).answered_at) <= self._table.answered_at:
            self._clock.sleep(_PAUSE)
        return now

    def _scan(self, scan: Scan, settling: Settling) -> dict[str, Any]:
        self._out.interruption = (
            "some rows may be in the lake. Run the command again: it scans the whole table."
        )
        scanner = Scanner(self._dynamodb, self._table, scan, self.source.settings, self._clock)
        with settling.writing("backfill", scan.id) as write:
            objects = LakeObjects(self.lake, write.begin)
            done = self._refusing(lambda: scanner.run(objects, self._out))
        document = {"rows": done.rows, "objects": done.objects, "read_units": round(done.units, 1)}
        return document | settling.result()

    def _by_glue(self, export: Export, manifest: Manifest, write: Write) -> dict[str, Any]:
        if self._landing is None or export.bucket != self._landing.bucket:
            raise CommandError(
                f"the Glue job reads exports in the option stack's bucket only, and not in {export.bucket}",
                "Use --engine local, or leave out --export: a new export lands in that bucket.",
            )
        rows = source_of(manifest, self.source.settings)
        self._refusing(lambda: local.check_listing(manifest, self._export_objects(export)))
        values = glue_job.arguments(manifest, self._table.schema, rows, self.lake.bucket)
        client = self.lake.repair_client("glue")
        write.begin()
        run_id = glue_job.run(client, self._landing.job, values, self._clock, self._out)
        keys = (each.key for each in self._objects.listed(rows.objects_prefix))
        left = remaining_files(manifest, finished_files(keys, rows))
        if left:
            raise CommandError(
                f"run {run_id} ended, and the rows of {len(left):,} of {len(manifest.files):,} data files "
                f"are not in the lake; the first is {left[0].key}",
                "Read the job's log (docs/operations/repair-backfill.md), or run the command again with "
                "--engine local.",
                run=run_id,
            )
        return {"rows": manifest.items, "run": run_id}

    def _export_objects(self, export: Export) -> ExportObjects:
        """The export's bucket: the option stack's through the repair role, any other as the caller."""
        landing = self._landing
        if landing is not None and export.bucket == landing.bucket:
            return ExportObjects(self.lake.repair_client("s3"), landing.bucket, landing.owner)
        connection = self.source.connection
        return ExportObjects(connection.client("s3"), export.bucket, export.owner or connection.account)

    def _manifest(self, export: Export) -> Manifest:
        """The manifests of a completed export, of this table."""
        key = export.manifest_key or ""

        def read() -> Manifest:
            manifest = read_manifest(key, self._export_objects(export).read)
            check_table(manifest, self._table.arn, self._table.id)
            if manifest.export_arn != export.arn:
                raise IncompleteExportError(
                    f"{key} is the manifest of {manifest.export_arn}, not of {export.arn}"
                )
            return manifest

        return self._refusing(read)

    def _refusing(self, work: Callable[[], _T]) -> _T:
        """Do what may find that the export cannot be used. Raises CommandError with the reason's name."""
        try:
            return work()
        except ExportError as error:
            again = "" if self._args.export or self._args.scan else " For a new export, name a --export-time."
            raise CommandError(
                f"the export is refused ({error.name}): {error.message}",
                error.next_step + again,
                reason=error.name,
            ) from None
