"""The rows of a full export: one SNAPSHOT row per item. Objects are named by the export and the data file.

The verb's local engine and the Glue job both write the objects of `objects_of_file`, so they write the same
bytes under the same names. A data file is in the lake when its last object is (`finished_files`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from repair.exports.errors import RecordError
from repair.exports.manifest import DataFile, Manifest
from repair.exports.records import Item
from repair.objects import DATA, PART_BYTES, PREFIX, Kind, Part, Row, parts, source_digest
from repair.rows import snapshot
from transform_lambda import errors as row_errors
from transform_lambda.change import change_day, line_of
from transform_lambda.flatten import RowSettings

KIND: Final[Kind] = "backfill"
_FILE_OF_END: Final = re.compile(r"([0-9a-f]{20})-[0-9]{5}-end\.gz")  # repair.objects.END


@dataclass(frozen=True)
class Source:
    """The origin of a backfill's rows: the id in their `change_id`, their time, table and settings."""

    id: str
    time: str  # as change_time
    table: str
    settings: RowSettings

    @property
    def objects_prefix(self) -> str:
        """The beginning of the keys of this backfill's objects in the lake."""
        return f"{DATA}dt={change_day(self.time)}/{PREFIX}{KIND}-{self.id}-"


def source_of(manifest: Manifest, settings: RowSettings) -> Source:
    """The source of a full export. Its rows have the second in which the export was taken."""
    if manifest.time is None:
        raise ValueError("an incremental export has no time")
    return Source(manifest.export_id, manifest.time, manifest.table, settings)


def rows(items: Iterable[Item], source: Source) -> Iterator[Row]:
    """A row per item.

    :raises RecordError: an item is not DynamoDB JSON
    """
    for keys, image in items:
        try:
            line = line_of(snapshot(source.id, source.time, source.table, keys, image), source.settings)
        except row_errors.RecordError as error:
            raise RecordError(f"an item cannot become a row: {error}") from None
        yield Row(line, source.time)


def objects_of_file(
    items: Iterable[Item], file: DataFile, source: Source, *, part_bytes: int = PART_BYTES
) -> Iterator[Part]:
    """The objects of one data file. A file without items has none."""
    return parts(
        KIND, source.id, rows(items, source), prefix=f"{source_digest(file.key)}-", part_bytes=part_bytes
    )


def finished_files(keys: Iterable[str], source: Source) -> frozenset[str]:
    """The digests of the data files whose last object is among the keys of the lake."""
    length = len(source.objects_prefix)
    found = (_FILE_OF_END.fullmatch(key[length:]) for key in keys if key.startswith(source.objects_prefix))
    return frozenset(match[1] for match in found if match)


def remaining_files(manifest: Manifest, finished: frozenset[str]) -> tuple[DataFile, ...]:
    """The data files with items that are not in the lake yet, in the manifest's order."""
    return tuple(file for file in manifest.files if file.items and source_digest(file.key) not in finished)
