"""A deployed lake: write objects, declare tables, read the sandbox's answers."""

import gzip
from collections.abc import Iterable, Sequence
from typing import Any

from sandbox.lifecycle import Sandbox
from tests.sandbox.executions import TextRow, answer, ended

# The fields of glue:GetTable's answer that glue:CreateTable accepts (Glue API reference, TableInput).
_TABLE_INPUT = ("Name", "TableType", "Parameters", "PartitionKeys", "StorageDescriptor")
_VIEW_INPUT = (*_TABLE_INPUT, "ViewOriginalText", "ViewExpandedText")


class AthenaError(Exception):
    """A failed execution's StateChangeReason, or the error for a statement that does not parse."""


class Lake:
    """The lake of a sandbox, used by the account of `profile`."""

    def __init__(self, sandbox: Sandbox, profile: str = "consumer") -> None:
        self.sandbox = sandbox
        self.bucket = sandbox.outputs["LakeBucketName"]
        self.database = sandbox.outputs["DatabaseName"]
        session = sandbox.session(profile)
        self._s3, self.glue = session.client("s3"), session.client("glue")
        self._athena = session.client("athena")
        self._workgroup = sandbox.outputs["WorkgroupName"]
        self.scanned_bytes = 0  # by the last query, in Athena's count
        self.longest_query = 120.0  # seconds

    def put(
        self, lines: Iterable[str | bytes], day: str, name: str = "ddb-lake-1.gz", root: str = "data"
    ) -> str:
        """Write lines as one object of a day, compressed if the name ends in .gz; returns its `"$path"`."""
        body = b"".join((line if isinstance(line, bytes) else line.encode()) + b"\n" for line in lines)
        key = f"{root}/dt={day}/{name}"
        self.put_bytes(key, gzip.compress(body, mtime=0) if name.endswith(".gz") else body)
        return f"s3://{self.bucket}/{key}"

    def put_bytes(self, key: str, body: bytes) -> None:
        """Write one object unchanged."""
        self._s3.put_object(Bucket=self.bucket, Key=key, Body=body)

    def declare(
        self,
        table: str,
        columns: Sequence[str] = (),
        first_day: str = "",
        last_day: str = "NOW+1DAY",
        database: str = "",
        *,
        like: str = "changes",
        root: str = "",
    ) -> str:
        """A table like a declared one with additional `columns`, on separate objects; returns their root.

        `first_day` shortens the projected range: without it, a query without a day lists every
        day since 2020. `root` puts it on the objects of another table.
        """
        declared: Any = self.glue.get_table(DatabaseName=self.database, Name=like)["Table"]
        definition: Any = {name: declared[name] for name in _TABLE_INPUT}
        root = root or f"tables/{database or self.database}/{table}"
        location = f"s3://{self.bucket}/{root}/"
        descriptor = definition["StorageDescriptor"]
        more = [{"Name": column, "Type": "string"} for column in columns]
        parameters = dict(definition["Parameters"])
        template = parameters["storage.location.template"]
        parameters["storage.location.template"] = template.replace(descriptor["Location"], location)
        if first_day:
            parameters["projection.dt.range"] = f"{first_day},{last_day}"
        definition |= {
            "Name": table,
            "Parameters": parameters,
            "StorageDescriptor": {
                **descriptor,
                "Location": location,
                "Columns": [*descriptor["Columns"], *more],
            },
        }
        self.glue.create_table(DatabaseName=database or self.database, TableInput=definition)
        return root

    def declare_others(
        self, root: str, database: str, first_day: str = "", last_day: str = "NOW+1DAY"
    ) -> str:
        """The other declared tables: `change_lines` on the objects at `root`, `errors`; returns its root."""
        days = {"first_day": first_day, "last_day": last_day, "database": database}
        self.declare("change_lines", like="change_lines", root=root, **days)
        return self.declare("errors", like="errors", **days)

    def share_views(self, database: str = "") -> None:
        """Let Trino read Athena's views: it requires a view's owner, which Athena does not store.

        Seen on AWS: trinodb/trino issue 18573, "Run-as identity must be set for a run-as definer view".
        """
        database = database or self.database
        pages: Any = self.glue.get_paginator("get_tables").paginate(DatabaseName=database)
        for page in pages:
            for table in page["TableList"]:
                if table.get("TableType") == "VIRTUAL_VIEW" and not table.get("Owner"):
                    view: Any = {name: table[name] for name in _VIEW_INPUT} | {"Owner": "analyst"}
                    self.glue.update_table(DatabaseName=database, TableInput=view)

    def create_database(self, name: str) -> str:
        """A separate database, for tables and views with fixed names."""
        self.glue.create_database(DatabaseInput={"Name": name})
        return name

    def query(
        self, sql: str, database: str = "", parameters: Sequence[str] = ()
    ) -> tuple[list[tuple[str, str]], list[TextRow]]:
        """Athena's answer: (name, type) of every column, and the rows. Raises `AthenaError`.

        `parameters` are SQL literals for the question marks.
        """
        more: dict[str, Any] = {"ExecutionParameters": list(parameters)} if parameters else {}
        try:
            started = self._athena.start_query_execution(
                QueryString=sql,
                QueryExecutionContext={"Catalog": "AwsDataCatalog", "Database": database or self.database},
                WorkGroup=self._workgroup,
                **more,
            )["QueryExecutionId"]
        except self._athena.exceptions.InvalidRequestException as error:  # it does not parse
            raise AthenaError(f"SYNTAX_ERROR: {error.response['Error']['Message']}") from error
        execution = ended(self._athena, started, self.longest_query)
        status = execution["Status"]
        if status["State"] != "SUCCEEDED":
            raise AthenaError(status.get("StateChangeReason", status["State"]))
        self.scanned_bytes = int(execution["Statistics"]["DataScannedInBytes"])
        return answer(self._athena, started)
