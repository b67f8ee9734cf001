"""Partitions and objects that a query does not need, from its conditions on partition columns and `$path`.

Only conjuncts in the WHERE of the table itself are used. Trino prunes at least these.
"""

from collections.abc import Sequence
from typing import Any

import duckdb
import pyarrow as pa
from sqlglot import exp

from sandbox.athena.engine.projection import Partition
from sandbox.athena.engine.tables import Table
from sandbox.athena.errors import QueryError, UnsupportedError
from sandbox.athena.sql import trino_types as t
from sandbox.athena.sql.dialect import position
from sandbox.athena.sql.expressions import Renderer
from sandbox.athena.sql.sql_text import Sql
from sandbox.athena.sql.trino_types import Type, literal, quote

_CANDIDATES = "pruning_candidates"
NULL_PARTITION = "__HIVE_DEFAULT_PARTITION__"
PATH_TYPE = t.VARCHAR


def kept_partitions(
    cursor: duckdb.DuckDBPyConnection, table: Table, conjuncts: list[exp.Expr], found: list[Partition]
) -> list[Partition]:
    """The partitions that can contain rows of the result."""
    kinds = {name: t.from_hive(kind.text) for name, kind in table.partition_columns.items()}
    texts = [dict(partition.values) for partition in found]
    columns = {name: [values[name] for values in texts] for name in kinds}
    return [found[index] for index in kept_rows(cursor, conjuncts, kinds, columns, len(found))]


def kept_paths(
    cursor: duckdb.DuckDBPyConnection, conjuncts: list[exp.Expr], paths: Sequence[str]
) -> set[str]:
    """The objects, by path, that can contain rows of the result."""
    kept = kept_rows(cursor, conjuncts, {"$path": t.VARCHAR}, {"$path": list(paths)}, len(paths))
    return {paths[index] for index in kept}


def kept_rows(
    cursor: duckdb.DuckDBPyConnection,
    conjuncts: list[exp.Expr],
    kinds: dict[str, Type],
    columns: dict[str, list[str]],
    count: int,
) -> list[int]:
    """Indices of the candidates, their columns as text, for which no usable conjunct is false or NULL."""
    usable = [
        conjunct
        for conjunct in conjuncts
        if conjunct.find(exp.Column)
        and {column.name for column in conjunct.find_all(exp.Column)} <= set(kinds)
    ]
    if not usable or not count:
        return list(range(count))
    names = {name: f"c{number}" for number, name in enumerate(kinds)}

    def resolve(column: exp.Column) -> Sql:
        if column.name not in kinds:
            raise QueryError(
                "COLUMN_NOT_FOUND", f"{position(column)}Column '{column.name}' cannot be resolved"
            )
        kind = kinds[column.name]
        text = f"nullif({quote(names[column.name])}, {literal(NULL_PARTITION)})"
        return Sql(text if kind.base == "varchar" else f"CAST({text} AS {kind.duckdb()})", kind)

    renderer = Renderer(resolve, _refuse)
    arrays = {"i": pa.array(range(count), pa.int64())}
    arrays |= {names[name]: pa.array(values, pa.string()) for name, values in columns.items()}
    try:
        condition = " AND ".join(renderer.boolean(conjunct, "WHERE clause") for conjunct in usable)
        cursor.register(_CANDIDATES, pa.table(arrays))
        statement = f"SELECT i FROM {_CANDIDATES} WHERE {condition} ORDER BY i"  # noqa: S608  rendered, not pasted
        rows = cursor.execute(statement).fetchall()
    except (QueryError, duckdb.Error):
        return list(range(count))  # an error in the condition is reported by the query itself
    finally:
        cursor.unregister(_CANDIDATES)
    return [int(row[0]) for row in rows]


def constant(cursor: duckdb.DuckDBPyConnection, node: exp.Expr) -> tuple[Type, Any] | None:
    """The type and the value of an expression without columns; None when it cannot be computed alone."""
    try:
        value = Renderer(_no_column, _refuse).render(node.copy())
        found = cursor.sql(f"SELECT {value.text}").to_arrow_table()
    except (QueryError, duckdb.Error):
        return None  # an error in the condition is reported by the query itself
    return value.type, found.column(0)[0].as_py()


def _no_column(column: exp.Column) -> Sql:
    raise QueryError("COLUMN_NOT_FOUND", f"{position(column)}Column '{column.name}' cannot be resolved")


def _refuse(_: exp.Expr) -> tuple[str, list[Type]]:
    raise UnsupportedError("a subquery in a condition on partitions")
