"""A lake in memory with the declared tables, queried with the sandbox's engine."""

import datetime as dt
import gzip
from collections.abc import Iterable, Sequence
from typing import Any

from glue.tables import declared as declared_as_data
from sandbox.athena.engine.query import Query
from sandbox.athena.engine.results import Result
from sandbox.athena.statements.dispatch import run
from tests.sql.memory import TABLE, MemoryCatalog, MemoryStore

NOW = dt.datetime(2026, 11, 21, 9, 30, tzinfo=dt.UTC)


def declared_table(item_columns: Sequence[str] = (), name: str = "changes", file: str = "changes") -> TABLE:
    """A table as declared in glue/tables/`file`.yaml, with these additional columns."""
    declared = declared_as_data(file)
    columns = [{"Name": column["name"], "Type": column["type"]} for column in declared["columns"]]
    columns += [{"Name": column, "Type": "string"} for column in item_columns]
    location = f"s3://lake/{declared['location'].rstrip('/')}/"
    template = location + declared["location_template"].removeprefix(declared["location"])
    return {
        "Name": name,
        "DatabaseName": "ddb_lake",
        "TableType": declared["table_type"],
        "PartitionKeys": [{"Name": key["name"], "Type": key["type"]} for key in declared["partition_keys"]],
        "Parameters": {**declared["parameters"], "storage.location.template": template},
        "StorageDescriptor": {
            "Columns": columns,
            "Location": location,
            "InputFormat": declared["input_format"],
            "OutputFormat": declared["output_format"],
            "SerdeInfo": {
                "SerializationLibrary": declared["serde"]["library"],
                "Parameters": dict(declared["serde"]["parameters"]),
            },
        },
    }


class Lake:
    """One lake: put lines or objects, run statements. `more` are tables of glue/ beside `changes`."""

    def __init__(self, item_columns: Sequence[str] = ("pk", "n"), more: Sequence[str] = ()) -> None:
        self.catalog, self.store = MemoryCatalog(), MemoryStore()
        tables = self.catalog.definitions["ddb_lake"]
        tables["changes"] = declared_table(item_columns)
        for name in more:
            tables[name] = declared_table(name=name, file=name)

    def put(self, *lines: str, day: str = "2026-11-20", name: str = "ddb-lake-1.gz", **more: Any) -> str:
        """Write lines as one object of a day; returns its `"$path"`."""
        body = "".join(f"{line}\n" for line in lines).encode()
        return self.put_bytes(gzip.compress(body, mtime=0), day=day, name=name, **more)

    def put_bytes(
        self, body: bytes, *, day: str = "2026-11-20", name: str = "ddb-lake-1.gz", **more: Any
    ) -> str:
        """Write one object unchanged."""
        self.store.add(f"data/dt={day}/{name}", body, **more)
        return f"s3://lake/data/dt={day}/{name}"

    def query(self, **settings: Any) -> Query:
        """A query that has not started."""
        return Query(self.catalog, self.store, database="ddb_lake", now=lambda: NOW, **settings)

    def run(self, sql: str, **settings: Any) -> Result:
        """A statement's whole result."""
        return run(self.query(**settings), sql)

    def ask(self, sql: str, **settings: Any) -> list[list[str | None]]:
        """A statement's rows."""
        rows = self.run(sql, **settings).rows
        assert rows is not None
        return rows


def table_of(columns: dict[str, str], **more: Any) -> TABLE:
    """A JSON table of these columns and types at `s3://lake/typed/`, by default without partitions."""
    return {
        "Name": "typed",
        "DatabaseName": "ddb_lake",
        "TableType": "EXTERNAL_TABLE",
        "PartitionKeys": [],
        "Parameters": {},
        "StorageDescriptor": {
            "Columns": [{"Name": name, "Type": kind} for name, kind in columns.items()],
            "Location": "s3://lake/typed/",
            "SerdeInfo": {
                "SerializationLibrary": "org.openx.data.jsonserde.JsonSerDe",
                "Parameters": {"ignore.malformed.json": "TRUE"},
            },
        },
        **more,
    }


def column(rows: Iterable[Sequence[str | None]], index: int = 0) -> list[str | None]:
    """One column of the rows."""
    return [row[index] for row in rows]
