"""The engine's catalog and store on MiniStack's Glue and S3, called with the caller's permissions."""

import json
from collections.abc import Iterable
from typing import Any

from ministack.core.responses import get_region, request_scope
from ministack.services import glue, s3

from sandbox.athena.api.access import Caller
from sandbox.athena.errors import AccessDeniedError, QueryError
from sandbox.athena.ports import GlueTable, StoredObject


class EmulatedStore:
    """MiniStack's buckets of all accounts, with the caller's permissions."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def _owner(self, bucket: str) -> str:
        owner = s3._bucket_owner_account(bucket)
        if owner is None:
            raise QueryError("HIVE_METASTORE_ERROR", f"The specified bucket does not exist: {bucket}")
        return str(owner)

    def list_objects(self, bucket: str, prefix: str) -> Iterable[StoredObject]:
        """Every current object under the prefix, in key order."""
        owner = self._owner(bucket)
        if not self._caller.may_s3("s3:ListBucket", bucket, prefix):
            raise _denied("s3:ListBucket", bucket, prefix)
        with request_scope(owner, get_region()):
            objects = dict(s3._buckets[bucket]["objects"])
        return [
            _stored(bucket, key, found) for key, found in sorted(objects.items()) if key.startswith(prefix)
        ]

    def head(self, bucket: str, key: str) -> StoredObject | None:
        """One object, or None. S3 tells only callers who may list the bucket that a key does not exist."""
        owner = self._owner(bucket)
        if not self._caller.may_s3("s3:GetObject", bucket, key):
            raise _denied("s3:GetObject", bucket, key)
        with request_scope(owner, get_region()):
            found = s3._buckets[bucket]["objects"].get(key)
        if found is None:
            if not self._caller.may_s3("s3:ListBucket", bucket, ""):
                raise _denied("s3:GetObject", bucket, key)
            return None
        return _stored(bucket, key, found)

    def read(self, stored: StoredObject) -> bytes:
        """The object's bytes as stored."""
        self.require_read(stored)
        with request_scope(self._owner(stored.bucket), get_region()):
            body = s3._get_object_data(stored.bucket, stored.key)
        if body is None:
            raise QueryError(
                "HIVE_CANNOT_OPEN_SPLIT", f"Error opening Hive split {stored.path}: it no longer exists"
            )
        return bytes(body)

    def require_read(self, stored: StoredObject) -> None:
        """Raise unless the caller may read the object."""
        if not self._caller.may_s3("s3:GetObject", stored.bucket, stored.key):
            raise _denied("s3:GetObject", stored.bucket, stored.key)

    def write(self, bucket: str, key: str, body: bytes, content_type: str) -> None:
        """Put one object with the bucket's encryption."""
        self.put(bucket, key, body, {"content-type": content_type})

    def put(self, bucket: str, key: str, body: bytes, headers: dict[str, str]) -> None:
        """Put one object with these request headers. Raises `AccessDeniedError` or `QueryError`."""
        owner = s3._bucket_owner_account(bucket)
        if owner is None:
            raise QueryError("", f"Unable to verify/create output bucket {bucket}")
        if not self._caller.may_s3("s3:PutObject", bucket, key, headers):
            raise _denied("s3:PutObject", bucket, key)
        with request_scope(str(owner), get_region()):
            status, _, answer = s3._put_object(
                bucket, key, body, {**headers, "content-length": str(len(body))}
            )
        if status >= 300:
            raise QueryError("", f"Could not write to s3://{bucket}/{key}: HTTP {status} {_code(answer)}")


def _stored(bucket: str, key: str, found: dict[str, Any]) -> StoredObject:
    return StoredObject(bucket, key, int(found["size"]), str(found["etag"]), str(found["last_modified"]))


def _code(answer: bytes) -> str:
    text = answer.decode("utf-8", "replace")
    return text.split("<Code>")[-1].split("</Code>")[0] if "<Code>" in text else ""


def _denied(action: str, bucket: str, key: str) -> AccessDeniedError:
    return AccessDeniedError(
        "PERMISSION_DENIED",
        f"Access Denied (Service: Amazon S3; Status Code: 403; Error Code: AccessDenied) on {action}, "
        f"Bucket: {bucket}, Key: {key}",
    )


class EmulatedCatalog:
    """MiniStack's Glue Data Catalog of the caller's account and Region, with the caller's permissions."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def database(self, name: str) -> dict[str, Any] | None:
        """The database, or None."""
        self._caller.require_glue("glue:GetDatabase", name)
        found = glue._databases.get(name)
        return dict(found) if found else None

    def databases(self) -> list[str]:
        """Names of every database."""
        return sorted(
            name for name in glue._databases if self._caller.may("glue:GetDatabases", self._arn(name))
        )

    def _arn(self, database: str) -> str:
        return f"arn:aws:glue:{self._caller.region}:{self._caller.account}:database/{database}"

    def table(self, database: str, name: str) -> GlueTable | None:
        """The table or view, or None."""
        self._caller.require_glue("glue:GetTable", database, name)
        found = glue._tables.get(f"{database}/{name}")
        return dict(found) if found else None

    def tables(self, database: str) -> list[GlueTable]:
        """Every table and view of the database."""
        self._caller.require_glue("glue:GetTables", database)
        return [dict(t) for key, t in glue._tables.items() if key.startswith(f"{database}/")]

    def partitions(self, database: str, name: str) -> list[dict[str, Any]]:
        """The registered partitions of a table."""
        self._caller.require_glue("glue:GetPartitions", database, name)
        return list(glue._partitions.get(f"{database}/{name}") or [])

    def put_table(self, database: str, table_input: dict[str, Any], *, replace: bool) -> None:
        """Create the table, or replace its definition."""
        action = "glue:UpdateTable" if replace else "glue:CreateTable"
        self._caller.require_glue(action, database, str(table_input["Name"]))
        call = glue._update_table if replace else glue._create_table
        _succeed(call({"DatabaseName": database, "TableInput": table_input}))

    def drop_table(self, database: str, name: str) -> None:
        """Delete the table or view."""
        self._caller.require_glue("glue:DeleteTable", database, name)
        _succeed(glue._delete_table({"DatabaseName": database, "Name": name}))

    def put_partitions(self, database: str, name: str, partitions: list[dict[str, Any]]) -> None:
        """Register partitions; existing ones stay unchanged."""
        self._caller.require_glue("glue:BatchCreatePartition", database, name)
        request = {"DatabaseName": database, "TableName": name, "PartitionInputList": partitions}
        _succeed(glue._batch_create_partition(request))

    def drop_partition(self, database: str, name: str, values: list[str]) -> None:
        """Delete one registered partition."""
        self._caller.require_glue("glue:DeletePartition", database, name)
        request = {"DatabaseName": database, "TableName": name, "PartitionValues": values}
        _succeed(glue._delete_partition(request))

    def create_database(self, name: str, description: str, location: str) -> None:
        """Create the database."""
        self._caller.require_glue("glue:CreateDatabase", name)
        database = {"Name": name, "Description": description, "LocationUri": location}
        _succeed(glue._create_database({"DatabaseInput": database}))

    def drop_database(self, name: str, *, cascade: bool) -> None:
        """Delete the database."""
        self._caller.require_glue("glue:DeleteDatabase", name)
        if not cascade and self.tables(name):
            raise QueryError("", f"Database {name} is not empty. One or more tables exist.")
        _succeed(glue._delete_database({"Name": name}))


def _succeed(response: tuple[Any, ...]) -> None:
    status, _, body = response[:3]
    if status >= 300:
        answer = json.loads(body)
        raise QueryError(
            "", str(answer.get("message") or answer.get("Message") or f"Glue answered HTTP {status}")
        )
