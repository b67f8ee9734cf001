"""One crawl: a crawler's S3 targets become tables and partitions, with the crawler's role only.

Sources: Glue developer guide, "Using crawlers to populate the Data Catalog" (targets, partitions),
"Customizing crawler behavior" (SchemaChangePolicy, RecrawlPolicy).
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from sandbox.crawler.paths import glob_pattern, hidden, partition_of, table_name
from sandbox.crawler.schema_inference import Schema, merged
from sandbox.crawler.settings import CRAWL_NEW_FOLDERS_ONLY, LOG, CrawlError, Settings

_SERDE = "org.openx.data.jsonserde.JsonSerDe"
_PARTITION_BATCH = 100  # BatchCreatePartition and BatchUpdatePartition take at most 100


class CrawlStopped(Exception):
    """StopCrawler was called; everything written before that stays."""


@dataclass
class Result:
    """The changes of a crawl, as the state change event counts them."""

    tables_created: int = 0
    tables_updated: int = 0
    partitions_created: int = 0
    partitions_updated: int = 0


@dataclass
class _Folder:
    """The objects of one partition: its values, its schema."""

    values: tuple[str, ...]
    location: str
    schema: Schema = field(default_factory=Schema)


def lines_of(body: bytes) -> list[bytes]:
    """The lines of an object, decompressed according to its first bytes."""
    if body[:2] == b"\x1f\x8b":
        try:
            body = gzip.decompress(body)
        except (OSError, EOFError, zlib.error):
            return []
    return body.split(b"\n")


class Crawl:
    """One run with the clients of the crawler's role; `stopped` is checked between steps."""

    def __init__(
        self, settings: Settings, s3: Any, glue: Any, stopped: Callable[[], bool] = lambda: False
    ) -> None:
        self._settings = settings
        self._stopped = stopped
        self._s3 = s3
        self._glue = glue
        self.result = Result()

    def run(self) -> Result:
        """Crawl every target. Raises CrawlError, CrawlStopped or ClientError; written data stays."""
        self._glue.get_database(Name=self._settings.database)
        for path, exclusions in self._settings.targets:
            self._target(path, exclusions)
        return self.result

    def _go_on(self) -> None:
        if self._stopped():
            raise CrawlStopped

    def _objects(self, bucket: str, prefix: str, exclusions: Iterable[str]) -> Iterator[dict[str, Any]]:
        excluded = [glob_pattern(glob) for glob in exclusions]
        for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for stored in page.get("Contents") or []:
                relative = stored["Key"][len(prefix) :]
                if not stored["Size"] or hidden(relative):
                    continue
                if not any(pattern.fullmatch(relative) for pattern in excluded):
                    yield {**stored, "Relative": relative}

    def _target(self, path: str, exclusions: Iterable[str]) -> None:
        bucket, _, prefix = path.removeprefix("s3://").partition("/")
        if prefix and not prefix.endswith("/"):
            prefix += "/"
        name = table_name(path, self._settings.prefix)
        before = self._table(name)
        known = self._partitions(name) if before else {}
        folders: dict[tuple[tuple[str, str], ...], _Folder] = {}
        schema, objects, size = Schema(), 0, 0
        for stored in self._objects(bucket, prefix, exclusions):
            partition = partition_of(stored["Relative"])
            values = tuple(value for _, value in partition)
            if self._settings.recrawl == CRAWL_NEW_FOLDERS_ONLY and values in known:
                continue
            self._go_on()
            location = f"s3://{bucket}/{stored['Key'].rsplit('/', 1)[0]}/"
            folder = folders.setdefault(partition, _Folder(values, location))
            lines = lines_of(self._s3.get_object(Bucket=bucket, Key=stored["Key"])["Body"].read())
            schema.see(lines)
            if not self._settings.inherits:
                folder.schema.see(lines)
            objects, size = objects + 1, size + stored["Size"]
        if not schema.lines:
            return
        keys = max((tuple(key for key, _ in partition) for partition in folders), key=len)
        folders = {
            partition: folder
            for partition, folder in folders.items()
            if tuple(key for key, _ in partition) == keys
        }
        definition = self._definition(
            f"s3://{bucket}/{prefix}", schema, name=name, keys=keys, objects=objects, size=size
        )
        self._go_on()
        definition = self._write_table(before, definition)
        if keys:
            self._write_partitions(name, definition, list(folders.values()), known)

    def _definition(
        self, location: str, schema: Schema, *, name: str, keys: tuple[str, ...], objects: int, size: int
    ) -> dict[str, Any]:
        return {
            "Name": name,
            "Owner": "owner",
            "Retention": 0,
            "TableType": "EXTERNAL_TABLE",
            "Parameters": {
                "CrawlerSchemaDeserializerVersion": "1.0",
                "CrawlerSchemaSerializerVersion": "1.0",
                "UPDATED_BY_CRAWLER": self._settings.name,
                "averageRecordSize": str(size // schema.lines or 1),
                "classification": "json",
                "compressionType": "gzip",
                "objectCount": str(objects),
                "recordCount": str(schema.lines),
                "sizeKey": str(size),
                "typeOfData": "file",
            },
            "PartitionKeys": [{"Name": key, "Type": "string"} for key in keys],
            "StorageDescriptor": {
                "Columns": [column for column in schema.types() if column["Name"] not in keys],
                "Location": location,
                "InputFormat": "org.apache.hadoop.mapred.TextInputFormat",
                "OutputFormat": "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
                "Compressed": True,
                "NumberOfBuckets": -1,
                "SerdeInfo": {
                    "SerializationLibrary": _SERDE,
                    "Parameters": {"paths": ",".join(sorted(schema.columns))},
                },
                "BucketColumns": [],
                "SortColumns": [],
                "StoredAsSubDirectories": False,
            },
        }

    def _table(self, name: str) -> dict[str, Any] | None:
        try:
            table: dict[str, Any] = self._glue.get_table(DatabaseName=self._settings.database, Name=name)[
                "Table"
            ]
        except ClientError as error:
            if error.response["Error"]["Code"] == "EntityNotFoundException":
                return None
            raise
        return table

    def _write_table(self, before: dict[str, Any] | None, definition: dict[str, Any]) -> dict[str, Any]:
        """Create the table, or change it according to the crawler's settings; return the table."""
        settings = self._settings
        if before is None:
            self._glue.create_table(DatabaseName=settings.database, TableInput=definition)
            self.result.tables_created += 1
            return definition
        if settings.update == LOG and not settings.merges:
            return before
        storage = definition["StorageDescriptor"]
        old = before["StorageDescriptor"]["Columns"]
        if settings.merges:
            storage["Columns"] = merged(old, storage["Columns"])
        if storage["Columns"] != old or definition["PartitionKeys"] != before.get("PartitionKeys"):
            self._glue.update_table(DatabaseName=settings.database, TableInput=definition)
            self.result.tables_updated += 1
        return definition

    def _partitions(self, name: str) -> dict[tuple[str, ...], dict[str, Any]]:
        pages = self._glue.get_paginator("get_partitions").paginate(
            DatabaseName=self._settings.database, TableName=name
        )
        return {tuple(partition["Values"]): partition for page in pages for partition in page["Partitions"]}

    def _write_partitions(
        self,
        name: str,
        table: Mapping[str, Any],
        folders: list[_Folder],
        known: Mapping[tuple[str, ...], Mapping[str, Any]],
    ) -> None:
        """Create the new partitions; existing ones follow the table when they inherit from it."""

        def partition(folder: _Folder) -> dict[str, Any]:
            storage = {**table["StorageDescriptor"], "Location": folder.location}
            if not self._settings.inherits:
                storage["Columns"] = folder.schema.types()
            return {"Values": list(folder.values), "StorageDescriptor": storage, "Parameters": {}}

        where = {"DatabaseName": self._settings.database, "TableName": name}
        new = [partition(folder) for folder in folders if folder.values not in known]
        for start in range(0, len(new), _PARTITION_BATCH):
            self._go_on()
            batch = new[start : start + _PARTITION_BATCH]
            answer = self._glue.batch_create_partition(**where, PartitionInputList=batch)
            _require_none(answer.get("Errors"))
            self.result.partitions_created += len(batch)
        changed = [
            partition(folder)
            for folder in folders
            if folder.values in known and self._drifted(known[folder.values], partition(folder))
        ]
        for start in range(0, len(changed), _PARTITION_BATCH):
            self._go_on()
            batch = changed[start : start + _PARTITION_BATCH]
            entries = [{"PartitionValueList": entry["Values"], "PartitionInput": entry} for entry in batch]
            answer = self._glue.batch_update_partition(**where, Entries=entries)
            _require_none(answer.get("Errors"))
            self.result.partitions_updated += len(batch)

    def _drifted(self, before: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
        if self._settings.update == LOG and not self._settings.inherits:
            return False
        return bool(before["StorageDescriptor"]["Columns"] != now["StorageDescriptor"]["Columns"])


def _require_none(errors: Any) -> None:
    if errors:
        raise CrawlError(f"{len(errors)} partitions were rejected: {errors[0]}")
