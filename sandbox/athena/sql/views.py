"""Views in Glue as Athena stores them: TableType VIRTUAL_VIEW, the definition base64 in ViewOriginalText.

Source: views that Athena created, as `glue get-table` shows them; the JSON is Trino's
ConnectorViewDefinition. A view's columns are fixed when it is created. If its query returns other columns
later, the view is stale and the query fails.
"""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlglot import exp
from sqlglot.optimizer.scope import traverse_scope

from sandbox.athena.errors import QueryError, UnsupportedError
from sandbox.athena.ports import GlueTable
from sandbox.athena.sql import dialect
from sandbox.athena.sql.trino_types import Type

MAX_DEPTH = 20
_PREFIX, _SUFFIX = "/* Presto View: ", " */"


@dataclass(frozen=True)
class View:
    """A view's SQL, its database, and its fixed columns with their Trino types."""

    name: str
    sql: str
    database: str
    columns: tuple[tuple[str, str], ...]


def is_view(table: GlueTable) -> bool:
    """Whether a Glue table is a view."""
    return str(table.get("TableType")) == "VIRTUAL_VIEW"


def decode(table: GlueTable) -> View:
    """The view in a Glue table. Raises `QueryError` for a view that is not Athena's."""
    text = str(table.get("ViewOriginalText") or "")
    name = f"awsdatacatalog.{table['DatabaseName']}.{table['Name']}"
    try:
        if not (text.startswith(_PREFIX) and text.endswith(_SUFFIX)):
            raise ValueError(name)
        stored = json.loads(base64.b64decode(text[len(_PREFIX) : -len(_SUFFIX)]))
        columns = tuple((str(c["name"]), str(c["type"])) for c in stored["columns"])
        return View(
            name, str(stored["originalSql"]), str(stored.get("schema") or table["DatabaseName"]), columns
        )
    except (ValueError, KeyError, TypeError):
        raise QueryError("HIVE_INVALID_VIEW_DATA", f"Invalid view definition of '{name}'") from None


def table_input(name: str, sql: str, database: str, names: list[str], types: list[Type]) -> dict[str, Any]:
    """The argument of glue:CreateTable for a view, as Athena sends it."""
    definition = {
        "originalSql": sql,
        "catalog": "awsdatacatalog",
        "schema": database,
        "columns": [{"name": n, "type": kind.shown()} for n, kind in zip(names, types, strict=True)],
    }
    encoded = base64.b64encode(json.dumps(definition).encode()).decode()
    return {
        "Name": name,
        "TableType": "VIRTUAL_VIEW",
        "Parameters": {"comment": "Presto View", "presto_view": "true"},
        "ViewOriginalText": f"{_PREFIX}{encoded}{_SUFFIX}",
        "ViewExpandedText": "/* Presto View */",
        "PartitionKeys": [],
        "StorageDescriptor": {
            "Columns": [{"Name": n, "Type": hive_name(kind)} for n, kind in zip(names, types, strict=True)],
            "Location": "",
            "SerdeInfo": {},
        },
    }


def is_hive(kind: Type) -> bool:
    """Whether the type has a name in Glue: a view's columns have Hive types, as a table's do.

    Athena rejects a view with a time zone (aws-sdk-pandas issue 86; prestodb/presto issue 22702): cast
    to timestamp. JSON and intervals follow the same rule [unverified].
    """
    if kind.base in ("array", "map", "row"):
        return all(is_hive(inner) for inner in kind.args)
    return kind.base not in ("timestamptz", "json", "time", "interval_day", "interval_year")


def hive_name(kind: Type) -> str:
    """A Trino type's name in Glue."""
    if kind.base == "array":
        return f"array<{hive_name(kind.args[0])}>"
    if kind.base == "map":
        return f"map<{hive_name(kind.args[0])},{hive_name(kind.args[1])}>"
    if kind.base == "row":
        fields = zip(kind.field_names(), kind.args, strict=True)
        return "struct<" + ",".join(f"{name}:{hive_name(inner)}" for name, inner in fields) + ">"
    names = {"varchar": "string", "integer": "int", "real": "float", "varbinary": "binary", "json": "string"}
    names |= {"timestamptz": "timestamp", "unknown": "string"}
    return names.get(kind.base, str(kind) if kind.base == "decimal" else kind.base)


def expand(statement: exp.Expr, definition: Callable[[exp.Table], GlueTable], database: str) -> None:
    """Replace each view's name with its query, and views in views too."""
    _expand(statement, definition, database, 0)


def _expand(
    statement: exp.Expr, definition: Callable[[exp.Table], GlueTable], database: str, depth: int
) -> None:
    if depth > MAX_DEPTH:
        raise QueryError("INVALID_VIEW", "View is recursive")
    seen: set[int] = set()
    for scope in list(traverse_scope(statement)):
        for source in list(scope.sources.values()):
            if (
                not isinstance(source, exp.Table)
                or id(source) in seen
                or not isinstance(source.this, exp.Identifier)
            ):
                continue
            seen.add(id(source))
            if not source.db:
                source.set("db", exp.to_identifier(database))
            if source.db.lower() == "information_schema":
                continue
            found = definition(source)
            if is_view(found):
                if source.args.get("version"):
                    raise UnsupportedError(
                        f"FOR VERSION or FOR TIMESTAMP after the view {source.name}",
                        "Name the Iceberg table instead.",
                    )
                _put(source, decode(found), definition, depth)


def _put(table: exp.Table, view: View, definition: Callable[[exp.Table], GlueTable], depth: int) -> None:
    query = dialect.parse(view.sql)
    if not isinstance(query, exp.Query):
        raise QueryError("INVALID_VIEW", f"View '{view.name}' is not a query")
    _expand(query, definition, view.database, depth + 1)
    query.meta["view"] = view
    alias = table.args.get("alias") or exp.TableAlias(this=exp.to_identifier(table.name.lower(), quoted=True))
    table.replace(exp.Subquery(this=query, alias=alias.copy(), joins=table.args.get("joins")))


def check(view: View, names: list[str], types: list[Type]) -> None:
    """Raise an error when the view's query no longer returns the columns with which it was created."""
    where = f"View '{view.name}' is stale or in invalid state"
    if len(names) != len(view.columns):
        raise QueryError(
            "INVALID_VIEW",
            f"{where}: stored view column count ({len(view.columns)}) does not match column count derived "
            f"from the view query analysis ({len(names)})",
        )
    for number, ((name, stored), now, kind) in enumerate(zip(view.columns, names, types, strict=True)):
        if name != now or stored != kind.shown():
            raise QueryError(
                "INVALID_VIEW",
                f"{where}: column [{now}] of type {kind.shown()} projected from query view at position "
                f"{number} cannot be coerced to column [{name}] of type {stored} stored in view definition",
            )
