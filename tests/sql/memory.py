"""A catalog and a store in memory: the engine's ports without an emulator."""

import uuid
from collections.abc import Iterable, Iterator
from typing import Any

from sandbox.athena.ports import StoredObject

TABLE = dict[str, Any]


class MemoryStore:
    """Objects by bucket and key, each with the time it was written."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], tuple[bytes, str]] = {}
        self._etags: dict[tuple[str, str], str] = {}
        self.reads: list[str] = []

    def add(
        self, key: str, body: bytes, modified: str = "2026-11-20T12:00:00.000Z", bucket: str = "lake"
    ) -> None:
        """Put one object."""
        self.objects[bucket, key] = (body, modified)
        self._etags[bucket, key] = (
            uuid.uuid4().hex
        )  # unique, because the engine caches parsed objects by ETag

    def list_objects(self, bucket: str, prefix: str) -> Iterable[StoredObject]:
        """Every object under the prefix, in key order."""
        return list(self._under(bucket, prefix))

    def _under(self, bucket: str, prefix: str) -> Iterator[StoredObject]:
        for (its_bucket, key), (body, modified) in sorted(self.objects.items()):
            if its_bucket == bucket and key.startswith(prefix):
                yield StoredObject(bucket, key, len(body), self._etags[its_bucket, key], modified)

    def head(self, bucket: str, key: str) -> StoredObject | None:
        """One object, or None."""
        return next((s for s in self._under(bucket, key) if s.key == key), None)

    def read(self, stored: StoredObject) -> bytes:
        """The object's bytes. The read is recorded."""
        self.reads.append(stored.key)
        return self.objects[stored.bucket, stored.key][0]

    def require_read(self, stored: StoredObject) -> None:
        """Every caller may read."""

    def write(self, bucket: str, key: str, body: bytes, content_type: str) -> None:  # noqa: ARG002  part of the interface
        """Put one object."""
        self.add(key, body, bucket=bucket)


class MemoryCatalog:
    """One Glue catalog with the database `ddb_lake`."""

    def __init__(self) -> None:
        self.definitions: dict[str, dict[str, TABLE]] = {"ddb_lake": {}}
        self.registered: dict[tuple[str, str], list[dict[str, Any]]] = {}

    def database(self, name: str) -> dict[str, Any] | None:
        """The database, or None."""
        return {"Name": name} if name in self.definitions else None

    def databases(self) -> list[str]:
        """Names of every database."""
        return sorted(self.definitions)

    def table(self, database: str, name: str) -> TABLE | None:
        """The table or view, or None."""
        table = self.definitions.get(database, {}).get(name)
        return dict(table) if table else None

    def tables(self, database: str) -> list[TABLE]:
        """Every table and view of the database."""
        return list(self.definitions[database].values())

    def partitions(self, database: str, name: str) -> list[dict[str, Any]]:
        """The registered partitions."""
        return list(self.registered.get((database, name), []))

    def put_table(self, database: str, table_input: TABLE, *, replace: bool) -> None:
        """Create or replace a table."""
        assert (table_input["Name"] in self.definitions[database]) == replace
        self.definitions[database][table_input["Name"]] = {**table_input, "DatabaseName": database}

    def drop_table(self, database: str, name: str) -> None:
        """Delete a table."""
        del self.definitions[database][name]

    def put_partitions(self, database: str, name: str, partitions: list[dict[str, Any]]) -> None:
        """Register partitions."""
        self.registered.setdefault((database, name), []).extend(partitions)

    def drop_partition(self, database: str, name: str, values: list[str]) -> None:
        """Delete a partition."""
        partitions = self.registered[database, name]
        partitions[:] = [partition for partition in partitions if partition["Values"] != values]

    def create_database(self, name: str, description: str, location: str) -> None:  # noqa: ARG002  part of the interface
        """Create a database."""
        self.definitions[name] = {}

    def drop_database(self, name: str, *, cascade: bool) -> None:  # noqa: ARG002  part of the interface
        """Delete a database."""
        del self.definitions[name]
