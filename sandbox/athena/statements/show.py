"""SHOW and DESCRIBE, with Athena's tab-separated answers.

Source: Athena user guide, "DDL statements".
"""

import re
from typing import Any

from sandbox.athena.engine import results
from sandbox.athena.engine.projection import is_projected
from sandbox.athena.engine.query import Query
from sandbox.athena.engine.tables import data_columns
from sandbox.athena.errors import QueryError, UnsupportedError
from sandbox.athena.iceberg.table import is_iceberg
from sandbox.athena.sql import views as glue_views
from sandbox.athena.statements.names import existing, named


def _lines(names: str, lines: list[str]) -> results.Result:
    """Lines of text; tabs separate columns within a line, which is one value in GetQueryResults."""
    columns = [results.column_of(name, "string") for name in names.split()]
    return results.Result(columns, [[line] for line in lines], text=True)


def _filter(names: list[str], pattern: str | None) -> list[str]:
    """SHOW's pattern: `*` is any text, `|` an alternative, the rest a regular expression."""
    if not pattern:
        return names
    compiled = re.compile(pattern.replace("*", ".*"), re.IGNORECASE)
    return [name for name in names if compiled.fullmatch(name)]


def databases(query: Query, match: re.Match[str]) -> results.Result:
    """SHOW DATABASES."""
    return _lines("database_name", _filter(query.catalog.databases(), match.group(1)))


def _of(query: Query, text: str | None) -> str:
    database = named(query, text)[1] if text else query.database
    if query.catalog.database(database) is None:
        raise QueryError("", f"FAILED: SemanticException [Error 10072]: Database does not exist: {database}")
    return database


def tables(query: Query, match: re.Match[str]) -> results.Result:
    """SHOW TABLES: tables and views."""
    found = [str(table["Name"]) for table in query.catalog.tables(_of(query, match.group(1)))]
    return _lines("tab_name", _filter(sorted(found), match.group(2)))


def views(query: Query, match: re.Match[str]) -> results.Result:
    """SHOW VIEWS."""
    found = [
        str(t["Name"]) for t in query.catalog.tables(_of(query, match.group(1))) if glue_views.is_view(t)
    ]
    return _lines("views", _filter(sorted(found), match.group(2)))


def columns(query: Query, match: re.Match[str]) -> results.Result:
    """SHOW COLUMNS."""
    text = match.group(1) if not match.group(2) else f"{match.group(2)}.{match.group(1)}"
    _, _, table = existing(query, text)
    names = [str(c["Name"]).ljust(20) for c in [*data_columns(table), *(table.get("PartitionKeys") or [])]]
    return _lines("field", names)


def partitions(query: Query, match: re.Match[str]) -> results.Result:
    """SHOW PARTITIONS: the partitions in the catalog; none for a projected table."""
    database, name, table = existing(query, match.group(1))
    keys = [str(key["Name"]) for key in table.get("PartitionKeys") or []]
    if not keys:
        raise QueryError(
            "", f"FAILED: SemanticException [Error 10241]: Table {name} is not a partitioned table"
        )
    found = [] if is_projected(table) else query.catalog.partitions(database, name)
    lines = ["/".join(f"{k}={v}" for k, v in zip(keys, p["Values"], strict=True)) for p in found]
    return _lines("partition", sorted(lines))


def properties(query: Query, match: re.Match[str]) -> results.Result:
    """SHOW TBLPROPERTIES."""
    _, _, table = existing(query, match.group(1))
    wanted = match.group(2)
    pairs = sorted((table.get("Parameters") or {}).items())
    return _lines(
        "prpt_name prpt_value", [f"{key}\t{value}" for key, value in pairs if wanted in (None, key)]
    )


def create_view(query: Query, match: re.Match[str]) -> results.Result:
    """SHOW CREATE VIEW."""
    database, name, table = existing(query, match.group(1))
    if not glue_views.is_view(table):
        raise QueryError("", f"Relation 'awsdatacatalog.{database}.{name}' is a table, not a view")
    return _lines("create_view", [f"CREATE VIEW {name} AS", *glue_views.decode(table).sql.splitlines()])


def create_table(query: Query, match: re.Match[str]) -> results.Result:
    """SHOW CREATE TABLE."""
    database, name, table = existing(query, match.group(1))
    if glue_views.is_view(table):
        raise QueryError("", f"Relation 'awsdatacatalog.{database}.{name}' is a view, not a table")
    if is_iceberg(table):
        raise UnsupportedError("SHOW CREATE TABLE for an Iceberg table", "Use DESCRIBE.")
    descriptor = table.get("StorageDescriptor") or {}
    serde = descriptor.get("SerdeInfo") or {}
    lines = [f"CREATE EXTERNAL TABLE `{database}.{name}`("]
    lines += _listed([f"  `{c['Name']}` {c['Type']}" + _comment(c) for c in data_columns(table)])
    if keys := table.get("PartitionKeys"):
        lines += ["PARTITIONED BY ( ", *_listed([f"  `{k['Name']}` {k['Type']}" + _comment(k) for k in keys])]
    lines += ["ROW FORMAT SERDE ", f"  '{serde.get('SerializationLibrary', '')}' "]
    if serde.get("Parameters"):
        lines += ["WITH SERDEPROPERTIES ( "]
        lines += _listed([f"  '{key}'='{value}'" for key, value in sorted(serde["Parameters"].items())])
    lines += ["STORED AS INPUTFORMAT ", f"  '{descriptor.get('InputFormat', '')}' "]
    lines += ["OUTPUTFORMAT ", f"  '{descriptor.get('OutputFormat', '')}'"]
    lines += ["LOCATION", f"  '{descriptor.get('Location', '')}'"]
    if parameters := table.get("Parameters"):
        lines.append("TBLPROPERTIES (")
        lines += _listed([f"  '{key}'='{value}'" for key, value in sorted(parameters.items())])
    return _lines("createtab_stmt", lines)


def _comment(column: dict[str, Any]) -> str:
    text = column.get("Comment")
    return f" COMMENT '{text}'" if text else ""


def _listed(lines: list[str]) -> list[str]:
    return [line + (", " if number < len(lines) else ")") for number, line in enumerate(lines, start=1)]


def describe(query: Query, match: re.Match[str]) -> results.Result:
    """DESCRIBE table: columns, then partition columns."""
    _, _, table = existing(query, match.group(1))
    keys = table.get("PartitionKeys") or []
    lines = [_described(column) for column in [*data_columns(table), *keys]]
    if keys:
        lines += ["", "# Partition Information", "# col_name\tdata_type\tcomment", ""]
        lines += [_described(key) for key in keys]
    return _lines("col_name data_type comment", lines)


def _described(column: dict[str, Any]) -> str:
    name, kind, comment = str(column["Name"]), str(column["Type"]), str(column.get("Comment") or "")
    return f"{name.ljust(20)}\t{kind.ljust(20)}\t{comment.ljust(20)}"
