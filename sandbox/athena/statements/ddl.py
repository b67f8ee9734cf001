"""DDL: views, external tables, partitions and databases, stored in Glue as Athena stores them.

Source: Athena user guide, "DDL statements", one page per statement.
"""

import re
from collections import Counter
from typing import Any

from sandbox.athena.engine import results
from sandbox.athena.engine.projection import is_projected
from sandbox.athena.engine.query import Query
from sandbox.athena.errors import MalformedQueryError, QueryError, UnsupportedError
from sandbox.athena.formats.hive_types import parse_type
from sandbox.athena.iceberg.table import is_iceberg
from sandbox.athena.locations import split_location
from sandbox.athena.sql import views
from sandbox.athena.sql.dialect import parse_query
from sandbox.athena.statements.names import existing_hive, named

DONE = results.Result(text=True)


def _database(query: Query, database: str) -> None:
    if query.catalog.database(database) is None:
        raise QueryError("SCHEMA_NOT_FOUND", f"Schema '{database}' does not exist")


def create_view(query: Query, match: re.Match[str]) -> results.Result:
    """CREATE [OR REPLACE] VIEW; its columns are the current columns of the query."""
    replace, (database, name), sql = (
        bool(match.group(1)),
        named(query, match.group(2)),
        match.group(3).strip(),
    )
    _database(query, database)
    found = query.catalog.table(database, name)
    if found is not None and not views.is_view(found):
        raise QueryError(
            "TABLE_ALREADY_EXISTS", f"line 1:1: Table already exists: 'awsdatacatalog.{database}.{name}'"
        )
    if found is not None and not replace:
        raise QueryError(
            "TABLE_ALREADY_EXISTS", f"line 1:1: View already exists: 'awsdatacatalog.{database}.{name}'"
        )
    translation = query.analyse(parse_query(sql))
    names = [column.lower() for column in translation.names]
    lowered, counted = sql.lower(), Counter(names)
    for number, column in enumerate(names):
        if re.fullmatch(r"_col\d+", column) and f" {column}" not in lowered:
            raise QueryError(
                "MISSING_COLUMN_NAME", f"line 1:1: Column name not specified at position {number + 1}"
            )
        if counted[column] > 1:
            raise QueryError(
                "DUPLICATE_COLUMN_NAME", f"line 1:1: Column name '{column}' specified more than once"
            )
        if not views.is_hive(translation.types[number]):
            raise QueryError("NOT_SUPPORTED", f"Unsupported Hive type: {translation.types[number]}")
        if translation.types[number].base == "unknown":
            raise QueryError("COLUMN_TYPE_UNKNOWN", f"line 1:1: Column type is unknown: {column}")
    definition = views.table_input(name, sql, query.database, names, translation.types)
    query.catalog.put_table(database, definition, replace=found is not None)
    return DONE


def drop_view(query: Query, match: re.Match[str]) -> results.Result:
    """DROP VIEW [IF EXISTS]."""
    database, name = named(query, match.group(2))
    found = query.catalog.table(database, name)
    if found is None or not views.is_view(found):
        if match.group(1) and found is None:
            return DONE
        raise QueryError(
            "TABLE_NOT_FOUND", f"line 1:1: View 'awsdatacatalog.{database}.{name}' does not exist"
        )
    query.catalog.drop_table(database, name)
    return DONE


def drop_table(query: Query, match: re.Match[str]) -> results.Result:
    """DROP TABLE [IF EXISTS]: the catalog's entry is deleted, the data stays."""
    database, name = named(query, match.group(2))
    found = query.catalog.table(database, name)
    if found is None:
        if match.group(1):
            return DONE
        raise QueryError("", f"FAILED: SemanticException [Error 10001]: Table not found {database}.{name}")
    if is_iceberg(found):  # on AWS this deletes the data too (Athena user guide, "DROP TABLE" of Iceberg)
        raise UnsupportedError("DROP TABLE for an Iceberg table", "Delete it with glue:DeleteTable.")
    query.catalog.drop_table(database, name)
    return DONE


def create_external_table(query: Query, match: re.Match[str]) -> results.Result:
    """CREATE EXTERNAL TABLE, read by the emulator's own Hive DDL parser."""
    from ministack.services import athena  # noqa: PLC0415  its parser needs no running emulator

    parsed = athena._parse_ddl(match.group(1))
    if not isinstance(parsed, athena._CreateTable):
        raise MalformedQueryError(
            "line 1:1: FAILED: ParseException: CREATE EXTERNAL TABLE has a syntax error. Compare it with "
            '"CREATE TABLE" in the Athena user guide.'
        )
    database, name = (parsed.database or query.database).lower(), parsed.table.lower()
    _database(query, database)
    if query.catalog.table(database, name) is not None:
        if parsed.if_not_exists:
            return DONE
        raise QueryError("", f"FAILED: Execution Error: AlreadyExistsException: Table {name} already exists")
    if not parsed.location:
        raise QueryError("", "FAILED: SemanticException table location must be specified")
    definition = athena._create_table_input(parsed)
    for column in definition["StorageDescriptor"]["Columns"] + definition.get("PartitionKeys", []):
        parse_type(str(column["Type"]))
    query.catalog.put_table(database, {**definition, "Name": name}, replace=False)
    return DONE


def create_database(query: Query, match: re.Match[str]) -> results.Result:
    """CREATE DATABASE [IF NOT EXISTS]."""
    _, name = named(query, match.group(2))
    if query.catalog.database(name) is not None:
        if match.group(1):
            return DONE
        raise QueryError(
            "", f"FAILED: Execution Error: AlreadyExistsException: Database {name} already exists"
        )
    rest = match.group(3)
    comment = re.search(r"COMMENT\s+'([^']*)'", rest, re.IGNORECASE)
    location = re.search(r"LOCATION\s+'([^']*)'", rest, re.IGNORECASE)
    query.catalog.create_database(
        name, comment.group(1) if comment else "", location.group(1) if location else ""
    )
    return DONE


def drop_database(query: Query, match: re.Match[str]) -> results.Result:
    """DROP DATABASE [IF EXISTS] [CASCADE]."""
    _, name = named(query, match.group(2))
    if query.catalog.database(name) is None:
        if match.group(1):
            return DONE
        raise QueryError("", f"FAILED: SemanticException [Error 10072]: Database does not exist: {name}")
    query.catalog.drop_database(name, cascade="CASCADE" in (match.group(3) or "").upper())
    return DONE


def _partition_values(text: str, definition: dict[str, Any]) -> list[str]:
    values = {
        key.strip('`" ').lower(): (quoted if quoted is not None else plain)
        for key, quoted, plain in re.findall(r"(?:^|[^`\"\w])([`\"\w]+)\s*=\s*(?:'([^']*)'|([\w-]+))", text)
    }
    keys = [str(key["Name"]).lower() for key in definition.get("PartitionKeys") or []]
    if set(values) != set(keys):
        raise QueryError(
            "", "FAILED: SemanticException: partition spec does not match the table's partition columns"
        )
    return [values[key] for key in keys]


def _quoted_pairs(text: str) -> dict[str, str]:
    return dict(re.findall(r"'([^']+)'\s*=\s*'([^']*)'", text))


def _partition(definition: dict[str, Any], values: list[str], location: str) -> dict[str, Any]:
    descriptor = {**definition["StorageDescriptor"], "Location": location}
    return {"Values": values, "StorageDescriptor": descriptor, "Parameters": {}}


def add_partitions(query: Query, match: re.Match[str]) -> results.Result:
    """ALTER TABLE … ADD [IF NOT EXISTS] PARTITION (…) [LOCATION '…'] …"""
    database, name, definition = existing_hive(query, match.group(1), "ALTER TABLE")
    known = {tuple(p["Values"]) for p in query.catalog.partitions(database, name)}
    wanted = []
    pattern = r"PARTITION\s*\(([^()]*)\)(?:\s*LOCATION\s+'([^']+)')?"
    for spec, location in re.findall(pattern, match.group(3), re.IGNORECASE):
        values = _partition_values(_with_plain_pairs(spec), definition)
        if tuple(values) in known:
            if match.group(2):
                continue
            raise QueryError("", "FAILED: Execution Error: AlreadyExistsException: Partition already exists")
        keys = [str(key["Name"]) for key in definition["PartitionKeys"]]
        folder = "/".join(f"{key}={value}" for key, value in zip(keys, values, strict=True))
        root = str(definition["StorageDescriptor"]["Location"]).rstrip("/")
        wanted.append(_partition(definition, values, location or f"{root}/{folder}/"))
    if wanted:
        query.catalog.put_partitions(database, name, wanted)
    return DONE


def _with_plain_pairs(spec: str) -> str:
    return spec.replace('"', "'")


def drop_partition(query: Query, match: re.Match[str]) -> results.Result:
    """ALTER TABLE … DROP [IF EXISTS] PARTITION (…)."""
    database, name, definition = existing_hive(query, match.group(1), "ALTER TABLE")
    values = _partition_values(_with_plain_pairs(match.group(3)), definition)
    if tuple(values) not in {tuple(p["Values"]) for p in query.catalog.partitions(database, name)}:
        if match.group(2):
            return DONE
        raise QueryError("", "FAILED: SemanticException [Error 10006]: Partition not found")
    query.catalog.drop_partition(database, name, values)
    return DONE


def add_columns(query: Query, match: re.Match[str]) -> results.Result:
    """ALTER TABLE … ADD COLUMNS (name type, …)."""
    database, _, definition = existing_hive(query, match.group(1), "ALTER TABLE")
    added = []
    for column, kind in re.findall(r"(?:^|,)\s*`?(\w+)`?\s+([\w<>:]+(?:\([\d, ]+\))?)", match.group(2)):
        added.append({"Name": column.lower(), "Type": parse_type(kind).text})
    descriptor = definition["StorageDescriptor"]
    known = {str(column["Name"]).lower() for column in descriptor["Columns"]}
    for column in added:
        if column["Name"] in known:
            raise QueryError("", f"FAILED: Execution Error: Duplicate column name: {column['Name']}")
    definition["StorageDescriptor"] = {**descriptor, "Columns": [*descriptor["Columns"], *added]}
    query.catalog.put_table(database, _input(definition), replace=True)
    return DONE


def set_properties(query: Query, match: re.Match[str]) -> results.Result:
    """ALTER TABLE … SET TBLPROPERTIES ('key'='value', …)."""
    database, _, definition = existing_hive(query, match.group(1), "ALTER TABLE")
    definition["Parameters"] = {**(definition.get("Parameters") or {}), **_quoted_pairs(match.group(2))}
    query.catalog.put_table(database, _input(definition), replace=True)
    return DONE


def _input(definition: dict[str, Any]) -> dict[str, Any]:
    """A Table as the TableInput for glue:UpdateTable."""
    kept = (
        "Name",
        "Description",
        "Owner",
        "Retention",
        "StorageDescriptor",
        "PartitionKeys",
        "TableType",
        "Parameters",
    )
    return {key: definition[key] for key in kept if definition.get(key) is not None}


def repair_table(query: Query, match: re.Match[str]) -> results.Result:
    """MSCK REPAIR TABLE: registers Hive-style folders; a projected table ignores registered ones."""
    database, name, definition = existing_hive(query, match.group(1), "MSCK REPAIR TABLE")
    keys = [str(key["Name"]).lower() for key in definition.get("PartitionKeys") or []]
    if not keys:
        raise QueryError("", f"FAILED: SemanticException: Table {database}.{name} is not a partitioned table")
    if is_projected(definition):
        return DONE
    root = str(definition["StorageDescriptor"]["Location"])
    bucket, prefix = split_location(root)
    known = {tuple(p["Values"]) for p in query.catalog.partitions(database, name)}
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    shape = re.compile("/?" + "/".join(rf"{re.escape(key)}=([^/]+)" for key in keys) + "/", re.IGNORECASE)
    for stored in query.store.list_objects(bucket, prefix):
        match_ = shape.match(stored.key[len(prefix) :])
        if match_ and match_.groups() not in known:
            location = f"s3://{bucket}/{prefix}{match_.group()}"
            found[match_.groups()] = _partition(definition, list(match_.groups()), location)
    if found:
        query.catalog.put_partitions(database, name, list(found.values()))
    added = [f"{name}:{'/'.join(f'{k}={v}' for k, v in zip(keys, values, strict=True))}" for values in found]
    lines = ["Partitions not in metastore:\t" + "\t".join(added)] if added else []
    lines += [f"Repair: Added partition to metastore {entry}" for entry in added]
    return results.Result([results.column_of("result", "varchar")], [[line] for line in lines], text=True)
