"""One window: verify its export, ask the lake for the newest changes before its end, and write the rows.

Keys are on disk, in partitions of a temporary folder. One partition and one bit for each item of the export
are in memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from repair.exports.errors import CountError
from repair.exports.manifest import Manifest, check_files
from repair.exports.records import ChangedItem, KeySchema, changed_items
from repair.heal import KIND, Differences, Source, exported, to_ask
from repair.objects import parts
from repair.partitions import Partitions
from scripts.core.athena import quoted
from scripts.core.backfilling.export_objects import ExportObjects
from scripts.core.backfilling.progress import Progress
from scripts.core.console import Output
from scripts.core.lake_objects import LakeObjects
from scripts.core.reconciling.lake_states import LakeReader
from scripts.core.source_stream import Clock

PARTITIONS = 128  # of each store: the keys of 36 windows may be on disk at once
BUFFERED_BYTES = 1024 * 1024
CHANGES = "change_type IN ('INSERT', 'MODIFY', 'REMOVE')"


@dataclass(frozen=True)
class Healed:
    """The result for one window. `later` are keys with a change near the end: they are left as they are."""

    rows: int
    objects: int
    later: int


class Healing:
    """One window, its export, and the lake."""

    def __init__(
        self,
        source: Source,
        manifest: Manifest,
        schema: KeySchema,
        export: ExportObjects,
        folder: Path,
    ) -> None:
        """Keys are stored below `folder`, which exists."""
        self.source, self.manifest = source, manifest
        self._schema, self._export, self._folder = schema, export, folder
        self.keys = self._store("named")

    def _store(self, name: str) -> Partitions:
        folder = self._folder / f"{self.source.export_id}-{name}"
        return Partitions(folder, partitions=PARTITIONS, buffered_bytes=BUFFERED_BYTES)

    def _items(self, progress: Progress) -> Iterator[ChangedItem]:
        for file in self.manifest.files:
            if file.items:
                found = changed_items(self._export.open(file.key), file, self.manifest, self._schema)
                yield from progress.count(found)
            progress.file_done()

    def _progress(self, clock: Clock, out: Output, verb: str) -> Progress:
        return Progress(clock, out, verb, self.manifest.items, len(self.manifest.files))

    def verify(self, clock: Clock, out: Output) -> None:
        """Read the whole export. Raises ExportError if anything is wrong with it."""
        folders = {file.key.rpartition("/")[0] for file in self.manifest.files}
        existing = [key for folder in folders for key in self._export.listed(f"{folder}/")]
        check_files(self.manifest, existing)
        progress = self._progress(clock, out, "verified")
        for key, found in exported(self._items(progress), self.source, 0):
            self.keys.add(key, *found)
        if sum(1 for _ in self.keys) != self.manifest.items:
            raise CountError(f"export {self.source.export_id} names an item twice")
        out.say(progress.line())

    def ask(self, lake: LakeReader) -> None:
        """Add to `keys` those of changes that the lake has of the window, and the export does not name."""
        touched, asked = self._store("touched"), self._store("asked")
        for [key] in lake.workgroup.stream(self._touched(lake.table), lake.database):
            touched.add(key)
        to_ask(self.keys, touched, asked)
        self.keys = asked

    def compare(self, lake: LakeReader) -> Differences:
        """Find the keys that need a row, after `ask`. `lake` reads the rows of the table."""
        found = Differences(self.manifest.items, self._store("absent"))
        if self.keys.rows:
            newest = self._store("newest")
            before = replace(lake, among=self._before_the_end())
            before.newest(self.keys, newest)
            found.compare(self.keys, newest, self.source.window)
        return found

    def _before_the_end(self) -> str:
        """The lake's rows from before the end, without those that an interrupted run of this export wrote.

        A row of another heal or backfill that states the item at the end counts, too.
        """
        end, own = quoted(self.source.window.time), quoted(f"{self.source.export_id}-%")
        before = f"(change_time < {end} OR (change_time = {end} AND change_type = 'SNAPSHOT'))"
        return f"{before} AND change_id NOT LIKE {own}"

    def _touched(self, table: str) -> str:
        start, end = self.source.window.within
        # A row lies under the day of its change or of its delivery, which is later, if the clocks agree.
        first_day = f"{self.source.window.start - timedelta(days=1):%Y-%m-%d}"
        return f"""SELECT DISTINCT change_key
FROM changes
WHERE dt >= {quoted(first_day)} AND change_table = {quoted(table)} AND {CHANGES} AND change_key IS NOT NULL
  AND change_time >= {quoted(start)} AND change_time < {quoted(end)}"""  # noqa: S608

    def write(self, found: Differences, lake: LakeObjects, clock: Clock, out: Output) -> Healed:
        """Write the rows. A second run writes the same objects, if nothing else has reached the lake."""
        written = objects = 0
        if found.rows:
            progress = self._progress(clock, out, "read again")
            rows = found.rows_of(self._items(progress), self.source)
            for part in parts(KIND, self.source.export_id, rows):
                lake.put(part)
                written, objects = written + part.rows, objects + 1
        return Healed(written, objects, found.later)
