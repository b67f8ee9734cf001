"""One heal: find out what exists, plan, export, verify every export, then compare and write each window.

Windows are compared in the order of their times: the rows of one are in the lake when the next is compared.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from repair.exports.errors import ExportError, IncompleteExportError, ManifestError
from repair.exports.manifest import Manifest, check_table, read_manifest
from repair.heal import SHORTEST, Source, Window, windows
from repair.partitions import Partitions
from scripts.core.answers import count
from scripts.core.athena import Workgroup
from scripts.core.backfilling.export_objects import ExportObjects
from scripts.core.backfilling.exports import Export, Exports
from scripts.core.backfilling.handover import check_first_day
from scripts.core.backfilling.option_stacks import Landing, landing_of
from scripts.core.backfilling.source_table import RECOVERY_DAYS, SourceTable, describe, recovery_of
from scripts.core.connection import open_client
from scripts.core.console import EXIT_USAGE, CommandError, Output
from scripts.core.draining import clock_of
from scripts.core.healing.comparing import PARTITIONS, Healing
from scripts.core.healing.planning import Plan, Step
from scripts.core.healing.remaining import Remaining, remaining
from scripts.core.lake_objects import LakeObjects
from scripts.core.reconciling.lake_states import LakeReader
from scripts.core.road_switch import kept_switch
from scripts.core.settling.writing import Settling
from scripts.core.sides import LakeSide, session_of_role, side_options
from scripts.core.sides import Source as SourceSide
from scripts.core.source_stream import Clock
from scripts.core.views import definitions, view_name
from transform_lambda.change import change_day

_T = TypeVar("_T")


class Heal:
    """The sides, the options, and what was found out about them."""

    def __init__(
        self,
        source: SourceSide,
        lake: LakeSide,
        args: argparse.Namespace,
        asked: Window,
        folder: Path,
        *,
        out: Output,
    ) -> None:
        """`asked` is the period of --from and --to. Keys are stored in `folder`, which must be empty."""
        self.source, self.lake = source, lake
        self._args, self._asked, self._folder, self._out = args, asked, folder, out

    @cached_property
    def _clock(self) -> Clock:
        return clock_of(self.source.connection)

    @cached_property
    def _objects(self) -> LakeObjects:
        return LakeObjects(self.lake)

    @cached_property
    def _landing(self) -> Landing:
        return landing_of(self.source, self.lake, self._args.backfill_stack, self._args.export_stack)

    @cached_property
    def _dynamodb(self) -> Any:
        """DynamoDB with the export role's credentials."""
        connection = self.source.connection
        return open_client(
            session_of_role(connection, self._landing.role_arn), "dynamodb", connection.endpoint
        )

    @cached_property
    def _table(self) -> SourceTable:
        return describe(self._dynamodb, self.source.table)

    @cached_property
    def _exports(self) -> Exports:
        return Exports(self._dynamodb, self._table, self.source.connection.location)

    @cached_property
    def _files(self) -> ExportObjects:
        return ExportObjects(self.lake.repair_client("s3"), self._landing.bucket, self._landing.owner)

    @cached_property
    def _reader(self) -> LakeReader:
        """The rows of the table in the lake."""
        workgroup, table = Workgroup(self.lake.connection, self.lake.workgroup), self.source.table
        names = [view.name for view in definitions(view_name(table), table, (), {})]
        switch = kept_switch(workgroup, self.lake.database, names, table)
        return LakeReader(workgroup, self.lake.database, table, switch)

    def plan(self) -> Plan:
        """The plan. Raises CommandError if the heal cannot begin."""
        _ = self.source.settings
        found = self._windows()
        check_first_day(self.lake, change_day(found[0].time))
        exports = self._exports.of_windows(self._landing, found)
        steps = tuple(self._step(window, exports.get(window)) for window in found)
        return Plan(self.source, self.lake, self._landing, self._asked, steps)

    def _windows(self) -> tuple[Window, ...]:
        """The windows. Raises CommandError if point-in-time recovery does not reach them."""
        now, recovery = self._table.answered_at, recovery_of(self._dynamodb, self._table.name)
        if self._asked.end > now:
            raise CommandError(
                f"--to {self._asked.end:%Y-%m-%dT%H:%M:%SZ} is in the future: an export ends in the past",
                "Give an earlier --to, or wait.",
                exit_code=EXIT_USAGE,
            )
        if not recovery.on:
            raise CommandError(
                f"point-in-time recovery of table {self._table.name} is off, and an export needs it",
                "Find what differs now, and write it into the lake: `python -m scripts.reconcile "
                f"{side_options(self.source, self.lake)} --repair`.",
            )
        earliest = max(recovery.earliest or now, now - timedelta(days=RECOVERY_DAYS))
        shortest = timedelta(seconds=-(-SHORTEST.total_seconds() // self._clock.speed))
        asked, found = self._asked, windows(self._asked.start, self._asked.end, shortest)
        if (
            found[0].start < earliest <= asked.start
        ):  # there is no room to begin earlier, perhaps to end later
            first = earliest.replace(microsecond=0) + timedelta(seconds=bool(earliest.microsecond))
            found = (Window(first, first + shortest),)
        if found[0].start < earliest or found[-1].end > now:
            raise CommandError(
                f"{found[0].text} cannot be exported: point-in-time recovery of table {self._table.name} "
                f"reaches back to {earliest:%Y-%m-%dT%H:%M:%SZ}, and to {RECOVERY_DAYS} days at most",
                "Give a later --from. For what changed before, find what differs now, and write it into the "
                f"lake: `python -m scripts.reconcile {side_options(self.source, self.lake)} --repair`.",
            )
        return found

    def _step(self, window: Window, export: Export | None) -> Step:
        if export is None or export.status != "COMPLETED":
            return Step(window, export)
        try:
            rows = self._source(window, self._manifest(window, export))
        except CommandError:
            return Step(window, None)  # its files were deleted or damaged: a new export replaces it
        return Step(window, export, self._is_finished(rows))

    def _is_finished(self, rows: Source) -> bool:
        return rows.finished(each.key for each in self._objects.listed(rows.objects_prefix))

    def _source(self, window: Window, manifest: Manifest) -> Source:
        return Source(manifest.export_id, window, self.source.table, self.source.settings)

    def run(self, plan: Plan, settling: Settling) -> dict[str, Any]:
        """Do the work; the members that it adds to the answer."""
        settling.check()
        self._out.interruption = (
            "DynamoDB continues the exports. Run the same command again: it continues with them."
        )
        exports = [step.export or self._start(step.window) for step in plan.steps]
        healings: list[Healing] = []
        for step, started in zip(plan.steps, exports, strict=True):
            export = self._exports.finished(started, self._clock, self._out)
            healings.append(self._verified(step.window, export))
        self._out.interruption = (
            "some rows may be in the lake. Run the same command again: it writes the rest."
        )
        identity = f"{self.source.table} {plan.period.text}"
        with settling.writing("heal", identity, plan.days) as write:
            objects = LakeObjects(self.lake, write.begin)
            documents = [self._heal(healing, objects) for healing in healings]
        left = self._remaining(plan.period, [healing.keys for healing in healings])
        return {
            "windows": documents,
            "rows": sum(document.get("rows", 0) for document in documents),
            "gap_rows": left.rows,
            "gap_keys": left.keys,
            "gap_keys_explained": left.explained,
            **settling.result(),
        }

    def _start(self, window: Window) -> Export:
        export = self._exports.start_window(self._landing, window)
        self._out.say(f"started export {export.arn}")
        return export

    def _verified(self, window: Window, export: Export) -> Healing:
        """The window with its export, all of which was read."""
        manifest = self._manifest(window, export)
        healing = Healing(
            self._source(window, manifest), manifest, self._table.schema, self._files, self._folder
        )
        self._refusing(lambda: healing.verify(self._clock, self._out))
        return healing

    def _heal(self, healing: Healing, objects: LakeObjects) -> dict[str, Any]:
        source = healing.source
        document: dict[str, Any] = {
            "from": source.window.start_time,
            "to": source.window.time,
            "export": healing.manifest.export_arn,
            "items": healing.manifest.items,
        }
        healing.ask(self._reader)
        if self._is_finished(source):
            self._out.say(f"{source.window.text}: the rows are in the lake already")
            return {**document, "finished_before": True}
        found = healing.compare(self._reader)
        done = self._refusing(lambda: healing.write(found, objects, self._clock, self._out))
        self._out.say(
            f"{source.window.text}: {count(healing.manifest.items, 'item')} changed, "
            f"{count(done.rows, 'row')} written",
            "green",
        )
        return {**document, "rows": done.rows, "objects": done.objects, "later": done.later}

    def _remaining(self, period: Window, healed: list[Partitions]) -> Remaining:
        self._out.say("asking the lake for the gaps that are left")
        store = Partitions(self._folder / "gaps", partitions=PARTITIONS)
        return remaining(self._reader, period, healed, store)

    def _manifest(self, window: Window, export: Export) -> Manifest:
        """The manifests of a completed export, of this table and window."""
        key = export.manifest_key or ""

        def read() -> Manifest:
            manifest = read_manifest(key, self._files.read)
            check_table(manifest, self._table.arn, self._table.id)
            if manifest.export_arn != export.arn:
                raise IncompleteExportError(
                    f"{key} is the manifest of {manifest.export_arn}, not of {export.arn}"
                )
            if (manifest.start, manifest.end) != (window.start_time, window.time):
                raise ManifestError(f"{key} is of {manifest.start} to {manifest.end}, not of {window.text}")
            return manifest

        return self._refusing(read)

    def _refusing(self, work: Callable[[], _T]) -> _T:
        """Do what may find that an export cannot be used. Raises CommandError with the reason's name."""
        try:
            return work()
        except ExportError as error:
            raise CommandError(
                f"the export is refused ({error.name}): {error.message}",
                f"{error.next_step} For a new export, begin a second earlier.",
                reason=error.name,
            ) from None
