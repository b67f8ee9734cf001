"""The tables and views in a statement, found in the catalog."""

import re
from typing import Any

from sandbox.athena.engine.query import Query
from sandbox.athena.errors import QueryError, UnsupportedError
from sandbox.athena.iceberg.table import is_iceberg

WRITERS = "Write the table with Spark or PyIceberg, or run the statement on AWS."


def named(query: Query, text: str) -> tuple[str, str]:
    """A possibly qualified, possibly quoted name as database and table."""
    parts = [part.strip('`"').lower() for part in re.findall(r'`[^`]+`|"[^"]+"|[^.]+', text)]
    if len(parts) == 3 and parts[0] != "awsdatacatalog":
        raise QueryError("CATALOG_NOT_FOUND", f"Catalog '{parts[0]}' not found")
    return (parts[-2] if len(parts) > 1 else query.database), parts[-1]


def existing(query: Query, text: str) -> tuple[str, str, dict[str, Any]]:
    """The table or view in a statement. Raises an error when it does not exist, as Athena does."""
    database, name = named(query, text)
    found = query.catalog.table(database, name)
    if found is None:
        raise QueryError("", f"FAILED: SemanticException [Error 10001]: Table not found {database}.{name}")
    return database, name, found


def existing_hive(query: Query, text: str, statement: str) -> tuple[str, str, dict[str, Any]]:
    """The same, without Iceberg tables: the sandbox's Athena does not change them."""
    database, name, found = existing(query, text)
    if is_iceberg(found):
        raise UnsupportedError(f"{statement} for an Iceberg table", WRITERS)
    return database, name, found
