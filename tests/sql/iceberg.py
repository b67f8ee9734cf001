"""Iceberg tables for the tests, made by PyIceberg's own writer through its Glue catalog.

`memory_catalog(lake)` writes into a lake in memory, `emulator_catalog(session)` into the emulator:

    catalog = memory_catalog(lake)
    table = catalog.create_table("ddb_lake.t", schema, location="s3://lake/settled/t")
    table.append(pa.table({"pk": ["a"]}))
    lake.ask("SELECT pk FROM t")
"""

import io
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError
from pyiceberg.catalog.glue import GlueCatalog
from pyiceberg.io import FileIO, InputFile, OutputFile
from pyiceberg.manifest import (
    DataFile,
    DataFileContent,
    FileFormat,
    ManifestContent,
    ManifestEntry,
    ManifestEntryStatus,
    ManifestFile,
    ManifestWriterV2,
    write_manifest_list,
)
from pyiceberg.partitioning import PartitionSpec
from pyiceberg.table import Table
from pyiceberg.table.refs import SnapshotRefType
from pyiceberg.table.snapshots import Operation, Snapshot, Summary
from pyiceberg.table.update import AddSnapshotUpdate, SetSnapshotRefUpdate
from pyiceberg.typedef import Record

from sandbox.athena.locations import split_location
from tests.sql.lake import Lake

Get = Callable[[str, str], bytes | None]
Put = Callable[[str, str, bytes], None]


class Catalog(GlueCatalog):
    """PyIceberg's Glue catalog, with files that these functions read and write."""

    def __init__(self, glue: Any, files: "ObjectFiles") -> None:
        super().__init__("tests", client=glue)
        self.files = files

    def _load_file_io(self, properties: Any = None, location: str | None = None) -> FileIO:  # noqa: ARG002  part of the interface
        return self.files


def memory_catalog(lake: Lake) -> Catalog:
    """The catalog of a lake in memory."""

    def get(bucket: str, key: str) -> bytes | None:
        found = lake.store.objects.get((bucket, key))
        return found[0] if found else None

    def put(bucket: str, key: str, body: bytes) -> None:
        lake.store.add(key, body, bucket=bucket)

    return Catalog(_MemoryGlue(lake), ObjectFiles(get, put))


def emulator_catalog(session: Any) -> Catalog:
    """The Glue catalog of an account in the emulator; its files are objects written by the session."""
    s3 = session.client("s3")

    def get(bucket: str, key: str) -> bytes | None:
        try:
            return bytes(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
        except ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchKey":
                return None
            raise

    def put(bucket: str, key: str, body: bytes) -> None:
        s3.put_object(Bucket=bucket, Key=key, Body=body)

    return Catalog(session.client("glue"), ObjectFiles(get, put))


class ObjectFiles(FileIO):
    """PyIceberg's files as objects."""

    def __init__(self, get: Get, put: Put) -> None:
        super().__init__()
        self._get, self._put = get, put

    def body(self, location: str) -> bytes:
        """An object's bytes."""
        found = self._get(*split_location(location))
        if found is None:
            raise FileNotFoundError(location)
        return found

    def put(self, location: str, body: bytes) -> None:
        """Write one object."""
        self._put(*split_location(location), body)

    def new_input(self, location: str) -> InputFile:
        """A file to read."""
        return _Input(location, self)

    def new_output(self, location: str) -> OutputFile:
        """A file to write."""
        return _Output(location, self)

    def delete(self, location: Any) -> None:
        """Files stay: other snapshots may need them."""


class _Input(InputFile):
    def __init__(self, location: str, files: ObjectFiles) -> None:
        super().__init__(location)
        self._files = files

    def __len__(self) -> int:
        return len(self._files.body(self.location))

    def exists(self) -> bool:
        try:
            return bool(self._files.body(self.location))
        except FileNotFoundError:
            return False

    def open(self, seekable: bool = True) -> Any:  # noqa: ARG002  part of the interface
        return io.BytesIO(self._files.body(self.location))


class _Output(OutputFile):
    def __init__(self, location: str, files: ObjectFiles) -> None:
        super().__init__(location)
        self._files = files

    def __len__(self) -> int:
        return len(self.to_input_file())

    def exists(self) -> bool:
        return self.to_input_file().exists()

    def to_input_file(self) -> InputFile:
        return _Input(self.location, self._files)

    def create(self, overwrite: bool = False) -> Any:  # noqa: ARG002  part of the interface
        return _Stream(self.location, self._files)


class _Stream(io.BytesIO):
    """Written when it is closed."""

    def __init__(self, location: str, files: ObjectFiles) -> None:
        super().__init__()
        self._location, self._files = location, files

    def close(self) -> None:
        if not self.closed:
            self._files.put(self._location, self.getvalue())
        super().close()


class _MemoryGlue:
    """The calls of boto3's Glue client that PyIceberg makes, on a catalog in memory."""

    class exceptions:
        EntityNotFoundException = type("EntityNotFoundException", (Exception,), {})
        AlreadyExistsException = type("AlreadyExistsException", (Exception,), {})
        ConcurrentModificationException = type("ConcurrentModificationException", (Exception,), {})

    def __init__(self, lake: Lake) -> None:
        self._catalog = lake.catalog
        self._versions: dict[str, int] = {}

    def get_database(self, Name: str) -> dict[str, Any]:
        return {"Database": self._catalog.database(Name)}

    def get_table(self, DatabaseName: str, Name: str) -> dict[str, Any]:
        found = self._catalog.table(DatabaseName, Name)
        if found is None:
            raise self.exceptions.EntityNotFoundException
        return {"Table": {**found, "VersionId": str(self._versions[Name])}}

    def create_table(self, DatabaseName: str, TableInput: dict[str, Any]) -> None:
        self._catalog.put_table(DatabaseName, TableInput, replace=False)
        self._versions[TableInput["Name"]] = 1

    def update_table(
        self,
        DatabaseName: str,
        TableInput: dict[str, Any],
        SkipArchive: bool,  # noqa: ARG002
        VersionId: str,
    ) -> None:
        if VersionId != str(self._versions[TableInput["Name"]]):
            raise self.exceptions.ConcurrentModificationException
        self._catalog.put_table(DatabaseName, TableInput, replace=True)
        self._versions[TableInput["Name"]] += 1


# -- delete files: PyIceberg reads position deletes but writes neither kind ------------------------


class _DeleteManifestWriter(ManifestWriterV2):
    def content(self) -> ManifestContent:
        return ManifestContent.DELETES

    @property
    def _meta(self) -> dict[str, str]:
        return {**super()._meta, "content": "deletes"}


def delete_file(
    table: Table,
    path: str,
    rows: int,
    size: int,
    *,
    equality_ids: list[int] | None = None,
    partition: Record | None = None,
    spec_id: int | None = None,
    file_format: FileFormat = FileFormat.PARQUET,
    **statistics: Any,
) -> DataFile:
    """The manifest's description of a delete file; `statistics` such as `lower_bounds` by field id."""
    content = DataFileContent.EQUALITY_DELETES if equality_ids else DataFileContent.POSITION_DELETES
    found = DataFile.from_args(
        content=content,
        file_path=path,
        file_format=file_format,
        partition=partition or Record(),
        record_count=rows,
        file_size_in_bytes=size,
        equality_ids=equality_ids,
        **statistics,
    )
    found.spec_id = table.metadata.default_spec_id if spec_id is None else spec_id
    return found


def data_file(path: str, rows: int, size: int, partition: Record) -> DataFile:
    """The manifest's description of a data file that something else wrote, without statistics."""
    return DataFile.from_args(
        content=DataFileContent.DATA,
        file_path=path,
        file_format=FileFormat.PARQUET,
        partition=partition,
        record_count=rows,
        file_size_in_bytes=size,
    )


def commit_deletes(table: Table, *files: DataFile) -> None:
    """Add delete files in a snapshot of their own, as a merge-on-read writer does."""
    assert isinstance(table.catalog, Catalog)
    base, output = table.metadata, table.catalog.files
    parent = base.current_snapshot()
    assert parent is not None
    snapshot_id = parent.snapshot_id + 1
    sequence = base.next_sequence_number()
    specs: dict[int, PartitionSpec] = base.specs()
    manifests: list[ManifestFile] = list(parent.manifests(output))
    for spec_id in {file.spec_id for file in files}:
        location = f"{base.location}/metadata/{snapshot_id}-d{spec_id}.avro"
        with _DeleteManifestWriter(
            specs[spec_id], base.schema(), output.new_output(location), snapshot_id, "deflate"
        ) as writer:
            for file in files:
                if file.spec_id == spec_id:
                    writer.add_entry(
                        ManifestEntry.from_args(
                            status=ManifestEntryStatus.ADDED, snapshot_id=snapshot_id, data_file=file
                        )
                    )
        manifests.append(writer.to_manifest_file())
    listed = f"{base.location}/metadata/snap-{snapshot_id}.avro"
    with write_manifest_list(
        2, output.new_output(listed), snapshot_id, parent.snapshot_id, sequence, "deflate"
    ) as writer_of_list:
        writer_of_list.add_manifests(manifests)
    snapshot = Snapshot.model_validate(
        {
            "snapshot-id": snapshot_id,
            "parent-snapshot-id": parent.snapshot_id,
            "sequence-number": sequence,
            "timestamp-ms": max(base.last_updated_ms, parent.timestamp_ms) + 1,
            "manifest-list": listed,
            "summary": Summary(Operation.DELETE),
            "schema-id": base.current_schema_id,
        }
    )
    main = {"ref-name": "main", "type": SnapshotRefType.BRANCH, "snapshot-id": snapshot_id}
    updates = (AddSnapshotUpdate(snapshot=snapshot), SetSnapshotRefUpdate.model_validate(main))
    table._do_commit(updates=updates, requirements=())
