"""The interfaces of the engine: a catalog of tables and a store of objects."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

GlueTable = dict[str, Any]  # a Table as glue:GetTable returns it


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One S3 object: `modified` is ISO 8601 text, `size` the stored (compressed) bytes."""

    bucket: str
    key: str
    size: int
    etag: str
    modified: str

    @property
    def path(self) -> str:
        """The value of `"$path"`."""
        return f"s3://{self.bucket}/{self.key}"


class Store(Protocol):
    """Objects, read and written with the query's permissions."""

    def list_objects(self, bucket: str, prefix: str) -> Iterable[StoredObject]:
        """Every current object under the prefix, in key order."""
        ...

    def head(self, bucket: str, key: str) -> StoredObject | None:
        """One object, or None. Raises `AccessDeniedError` unless the query may read it."""
        ...

    def read(self, stored: StoredObject) -> bytes:
        """The object's bytes as stored."""
        ...

    def require_read(self, stored: StoredObject) -> None:
        """Raise `AccessDeniedError` unless the query may read the object; for data that is cached."""
        ...

    def write(self, bucket: str, key: str, body: bytes, content_type: str) -> None:
        """Put one object."""
        ...


class Catalog(Protocol):
    """The Glue Data Catalog, read and written with the query's permissions."""

    def database(self, name: str) -> dict[str, Any] | None:
        """The database, or None."""
        ...

    def databases(self) -> list[str]:
        """Names of every database."""
        ...

    def table(self, database: str, name: str) -> GlueTable | None:
        """The table or view, or None."""
        ...

    def tables(self, database: str) -> list[GlueTable]:
        """Every table and view of the database."""
        ...

    def partitions(self, database: str, name: str) -> list[dict[str, Any]]:
        """The registered partitions of a table without projection."""
        ...

    def put_table(self, database: str, table_input: dict[str, Any], *, replace: bool) -> None:
        """Create the table, or replace its definition."""
        ...

    def drop_table(self, database: str, name: str) -> None:
        """Delete the table or view."""
        ...

    def put_partitions(self, database: str, name: str, partitions: list[dict[str, Any]]) -> None:
        """Register partitions; existing ones stay unchanged."""
        ...

    def drop_partition(self, database: str, name: str, values: list[str]) -> None:
        """Delete one registered partition."""
        ...

    def create_database(self, name: str, description: str, location: str) -> None:
        """Create the database."""
        ...

    def drop_database(self, name: str, *, cascade: bool) -> None:
        """Delete the database."""
        ...
