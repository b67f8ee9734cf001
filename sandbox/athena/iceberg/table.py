"""An Iceberg table of the Glue Data Catalog: its metadata file, its columns, and one of its snapshots.

Source: Athena user guide, "Query Apache Iceberg tables" (only format version 2) and "Perform time travel and
version travel queries"; the error names are those of Trino's Iceberg connector.
"""

import gzip
import json
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any

from pyiceberg.schema import Schema
from pyiceberg.table.metadata import TableMetadata, TableMetadataUtil
from pyiceberg.table.snapshots import Snapshot
from pyiceberg.types import IcebergType

from sandbox.athena.errors import QueryError, UnsupportedError
from sandbox.athena.iceberg.files import StoreFiles
from sandbox.athena.iceberg.types import lower_case, trino_type
from sandbox.athena.ports import GlueTable, Store
from sandbox.athena.sql.trino_types import Type

FORMAT_VERSION = 2
_KEPT = 8  # parsed metadata files


@dataclass(frozen=True)
class Column:
    """A column: the id of its field, which never changes, and its type with nested names in lower case."""

    field_id: int
    name: str  # as in the schema
    kind: IcebergType


@dataclass(frozen=True)
class IcebergTable:
    """A table in the state of one snapshot, or of none when nothing was ever written.

    `metadata` has one schema, that of this state: a table gets a schema with each column that is added, and
    PyIceberg needs seconds for a thousand columns in many schemas.
    """

    name: str  # database.table
    location: str  # of the metadata file
    metadata: TableMetadata
    snapshot: Snapshot | None
    files: StoreFiles

    @cached_property
    def columns(self) -> dict[str, Column]:
        """The columns by lower-case name, in order. Raises `QueryError` when two have the same."""
        found: dict[str, Column] = {}
        for field in self.metadata.schema().fields:
            name = field.name.lower()
            if name in found:
                message = f"Table {self.name} has the columns {found[name].name} and {field.name}"
                raise QueryError("ICEBERG_INVALID_METADATA", f"{message}, which Athena cannot tell apart")
            found[name] = Column(field.field_id, field.name, lower_case(field.field_type))
        return found

    def types(self) -> tuple[dict[str, Type], dict[str, UnsupportedError]]:
        """The types of the columns, and the error for each column of a type that queries cannot read."""
        kinds: dict[str, Type] = {}
        refused: dict[str, UnsupportedError] = {}
        for name, column in self.columns.items():
            try:
                kinds[name] = trino_type(column.kind)
            except UnsupportedError as error:
                kinds[name] = Type("unknown")
                refused[name] = error
        return kinds, refused

    def earlier_field(self, field_id: int) -> IcebergType | None:
        """The type of a top-level field that any schema of the table has or had, or None."""
        schemas = json.loads(_text(self.files.read(self.location)))["schemas"]
        for document in schemas:
            if any(field["id"] == field_id for field in document["fields"]):
                return Schema.model_validate(document).find_type(field_id)
        return None

    # -- time travel ----------------------------------------------------------------------------------------

    def at_snapshot(self, snapshot_id: int) -> "IcebergTable":
        """The state of this snapshot, with its columns."""
        snapshot = self.metadata.snapshot_by_id(snapshot_id)
        if snapshot is None:
            raise QueryError("INVALID_ARGUMENTS", f"Iceberg snapshot ID does not exists: {snapshot_id}")
        metadata = _parsed(self.name, self.location, self.files, snapshot.schema_id)
        return replace(self, metadata=metadata, snapshot=snapshot)

    def at_reference(self, name: str) -> "IcebergTable":
        """The state that a branch or a tag names."""
        if name not in self.metadata.refs:
            raise QueryError("INVALID_ARGUMENTS", f"Cannot find snapshot with reference name: {name}")
        return self.at_snapshot(self.metadata.refs[name].snapshot_id)

    def at_time(self, millis: int) -> "IcebergTable":
        """The state at a time: the snapshot that was the current one."""
        past = [entry for entry in self.metadata.snapshot_log if entry.timestamp_ms <= millis]
        if not past:
            raise QueryError(
                "INVALID_ARGUMENTS",
                f"No version history table {self.name} at or before the time of FOR TIMESTAMP AS OF. "
                f'Query "{self.name.split(".")[-1]}$snapshots" for the times of its snapshots',
            )
        return self.at_snapshot(past[-1].snapshot_id)


def is_iceberg(definition: GlueTable) -> bool:
    """Whether a Glue table is an Iceberg table."""
    return str((definition.get("Parameters") or {}).get("table_type", "")).upper() == "ICEBERG"


def open_table(database: str, definition: GlueTable, store: Store) -> IcebergTable:
    """The table in its current state. Raises `QueryError` when its metadata cannot be read."""
    name = f"{database}.{str(definition['Name']).lower()}"
    location = str((definition.get("Parameters") or {}).get("metadata_location") or "")
    if not location:
        raise QueryError("ICEBERG_INVALID_METADATA", f"Table is missing [metadata_location] property: {name}")
    files = StoreFiles(store)
    metadata = _parsed(name, location, files, None)
    return IcebergTable(name, location, metadata, metadata.current_snapshot(), files)


def _parsed(name: str, location: str, files: StoreFiles, schema_id: int | None) -> TableMetadata:
    """The metadata with this schema, by default the current one, alone."""
    try:
        version, metadata = _document(files.read(location), schema_id)
    except FileNotFoundError:
        raise QueryError(
            "ICEBERG_MISSING_METADATA",
            f"Metadata not found in metadata location for table {name}: {location}",
        ) from None
    except (ValueError, KeyError, TypeError, OSError, EOFError) as error:
        raise QueryError(
            "ICEBERG_INVALID_METADATA",
            f"Invalid metadata file for table {name}: {location} ({type(error).__name__})",
        ) from None
    if metadata is None:
        raise UnsupportedError(
            f"format version {version} of the Iceberg table {name}",
            f"Athena operates on version {FORMAT_VERSION}: write the table with 'format-version' = '2'.",
        )
    return metadata


@lru_cache(maxsize=_KEPT)
def _document(body: bytes, schema_id: int | None) -> tuple[Any, TableMetadata | None]:
    """The format version in a metadata file and, for a supported one, its content, which nobody changes."""
    document = json.loads(_text(body))
    version = document["format-version"]
    if version != FORMAT_VERSION:
        return version, None
    ids = [schema["schema-id"] for schema in document["schemas"]]
    wanted = schema_id if schema_id in ids else document["current-schema-id"]
    document["schemas"] = [schema for schema in document["schemas"] if schema["schema-id"] == wanted]
    document["current-schema-id"] = wanted
    return version, TableMetadataUtil.parse_obj(document)


def _text(body: bytes) -> bytes:
    return gzip.decompress(body) if body.startswith(b"\x1f\x8b") else body
