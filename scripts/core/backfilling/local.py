"""Convert an export in this process: read everything once to verify it, then write the rows file by file.

Nothing is written if anything is wrong. Memory does not depend on the export's size: one data file is read at
a time, and one object of the lake is in memory. A run that is killed continues with the unfinished files.
"""

from __future__ import annotations

from dataclasses import dataclass

from repair.backfill import Source, finished_files, objects_of_file, remaining_files, rows
from repair.exports.manifest import Manifest, check_files
from repair.exports.records import KeySchema, items
from scripts.core.backfilling.export_objects import ExportObjects
from scripts.core.backfilling.progress import Progress
from scripts.core.console import Output
from scripts.core.lake_objects import LakeObjects
from scripts.core.source_stream import Clock


@dataclass(frozen=True)
class Conversion:
    """What is converted: an export, the key schema of its table, and the origin of its rows."""

    manifest: Manifest
    schema: KeySchema
    source: Source


@dataclass(frozen=True)
class Converted:
    """The result: rows and objects written by this run, and data files that an earlier run had finished."""

    rows: int
    objects: int
    files: int
    finished_before: int


def check_listing(manifest: Manifest, export: ExportObjects) -> None:
    """Compare the manifest with the files that exist. Raises ExportError."""
    if manifest.data_prefix is not None:
        check_files(manifest, export.listed(manifest.data_prefix))


def convert(
    work: Conversion, export: ExportObjects, lake: LakeObjects, clock: Clock, out: Output
) -> Converted:
    """Verify the data files that are not in the lake yet, then write their rows.

    :raises ExportError: anything is wrong with the export; then nothing was written by this run
    """
    manifest, schema, source = work.manifest, work.schema, work.source
    check_listing(manifest, export)
    finished = finished_files((each.key for each in lake.listed(source.objects_prefix)), source)
    left = remaining_files(manifest, finished)
    in_all = sum(1 for file in manifest.files if file.items)
    total = sum(file.items for file in left)
    if len(left) < in_all:
        out.say(f"{in_all - len(left):,} of {in_all:,} data files are in the lake already")

    verifying = Progress(clock, out, "verified", total, len(left))
    for file in left:
        # Rows are made here, too: an item that cannot become one must stop the run before it writes.
        for _ in rows(verifying.count(items(export.open(file.key), file, manifest, schema)), source):
            pass
        verifying.file_done()
    if left:
        out.say(verifying.line())

    writing = Progress(clock, out, "written", total, len(left))
    written = objects = 0
    for file in left:
        found = writing.count(items(export.open(file.key), file, manifest, schema))
        for part in objects_of_file(found, file, source):
            lake.put(part)
            written, objects = written + part.rows, objects + 1
        writing.file_done()
    if left:
        out.say(writing.line(), "green")
    return Converted(written, objects, len(left), in_all - len(left))
