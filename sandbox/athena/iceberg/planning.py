"""The files of a snapshot that a query reads, and the delete files that apply to each of them.

Source: Iceberg table spec, "Scan Planning". PyIceberg reads manifests and decides which files can contain
rows; its own plan rejects equality deletes, so they are assigned here.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

from pyiceberg.expressions import AlwaysTrue, BooleanExpression
from pyiceberg.manifest import (
    DataFile,
    DataFileContent,
    FileFormat,
    ManifestContent,
    ManifestEntry,
    ManifestFile,
)
from pyiceberg.table import ManifestGroupPlanner
from pyiceberg.table.delete_file_index import DeleteFileIndex
from pyiceberg.transforms import IdentityTransform

from sandbox.athena.errors import QueryError, UnsupportedError
from sandbox.athena.iceberg.table import IcebergTable


@dataclass(frozen=True)
class PlannedFile:
    """A data file, and the delete files that apply to it."""

    file: DataFile
    position_deletes: tuple[DataFile, ...]
    equality_deletes: tuple[DataFile, ...]

    @property
    def path(self) -> str:
        """The file's address."""
        return str(self.file.file_path)


def manifests_of(table: IcebergTable) -> list[ManifestFile]:
    """The manifests of the table's snapshot."""
    if table.snapshot is None:
        return []
    try:
        return table.snapshot.manifests(table.files)
    except FileNotFoundError as error:
        raise _missing_metadata(table, error) from None


def plan(table: IcebergTable, condition: BooleanExpression) -> list[PlannedFile]:
    """The files that can contain rows that fulfil the condition.

    Raises `QueryError` for a snapshot whose metadata is missing, and for files that are not Parquet.
    """
    try:
        return _plan(table, condition)
    except FileNotFoundError as error:
        raise _missing_metadata(table, error) from None


def live_files(table: IcebergTable) -> Iterator[DataFile]:
    """Every data and delete file of the snapshot."""
    try:
        for manifest in manifests_of(table):
            for entry in manifest.fetch_manifest_entry(table.files, discard_deleted=True):
                yield entry.data_file
    except FileNotFoundError as error:
        raise _missing_metadata(table, error) from None


def _missing_metadata(table: IcebergTable, error: FileNotFoundError) -> QueryError:
    return QueryError(
        "ICEBERG_INVALID_METADATA",
        f"Table {table.name}: the file {error} of its snapshot does not exist. If the snapshot expired "
        "meanwhile, run the query again",
    )


def _plan(table: IcebergTable, condition: BooleanExpression) -> list[PlannedFile]:
    manifests = manifests_of(table)
    data = _entries(table, (m for m in manifests if m.content == ManifestContent.DATA), condition)
    # The condition must not leave out a delete file by its statistics: it may have further columns.
    deletes = _entries(table, (m for m in manifests if m.content == ManifestContent.DELETES), AlwaysTrue())
    positions, equality = DeleteFileIndex(), []
    for entry in deletes:
        if entry.data_file.content == DataFileContent.POSITION_DELETES:
            positions.add_delete_file(entry, partition_key=entry.data_file.partition)
        else:
            equality.append(entry)
    planned = []
    for entry in data:
        file, sequence = entry.data_file, entry.sequence_number or 0
        at_positions = positions.for_data_file(sequence, file, partition_key=file.partition)
        by_value = [delete.data_file for delete in equality if _applies(table, delete, entry)]
        planned.append(PlannedFile(file, tuple(at_positions), tuple(by_value)))
    for one in planned:
        for file in (one.file, *one.position_deletes, *one.equality_deletes):
            if file.file_format != FileFormat.PARQUET:
                raise UnsupportedError(
                    f"Iceberg files in the format {file.file_format.value}",
                    "Write the table with 'write.format.default' = 'parquet'.",
                )
    return planned


def _entries(
    table: IcebergTable, manifests: Iterable[ManifestFile], condition: BooleanExpression
) -> list[ManifestEntry]:
    planner = ManifestGroupPlanner(table.metadata, table.files, condition, case_sensitive=True)
    return list(chain.from_iterable(planner.plan_manifest_entries(manifests)))


def _applies(table: IcebergTable, delete: ManifestEntry, data: ManifestEntry) -> bool:
    """Whether an equality delete applies: it is younger than the data, and of its partition or of no one."""
    if (delete.sequence_number or 0) <= (data.sequence_number or 0):
        return False
    spec_id = delete.data_file.spec_id
    if table.metadata.specs()[spec_id].is_unpartitioned():
        return True
    return bool(spec_id == data.data_file.spec_id and delete.data_file.partition == data.data_file.partition)


def identity_values(table: IcebergTable, planned: list[PlannedFile]) -> dict[str, list[Any]]:
    """The value of each column, per file, that is a partition column by identity for all of these files.

    Only columns of text and integers: their values print as the query writes them.
    """
    if not planned:
        return {}
    by_file: list[dict[int, Any]] = []
    specs = table.metadata.specs()
    for one in planned:
        fields = enumerate(specs[one.file.spec_id].fields)
        by_file.append(
            {
                field.source_id: one.file.partition[at]
                for at, field in fields
                if isinstance(field.transform, IdentityTransform)
            }
        )
    return {
        name: [values[column.field_id] for values in by_file]
        for name, column in table.columns.items()
        if str(column.kind) in ("string", "int", "long")
        and all(column.field_id in values for values in by_file)
    }
