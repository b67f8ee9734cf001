"""Partitions and objects that a query does not need, from its conditions on partition columns and `$path`.

Only conjuncts in the WHERE of the table itself are used. Trino prunes at least these.
"""

from collections.abc import Sequence

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
from sandbox.athena.sql.trino_types import Type, quote

_CANDIDATES = "pruning_candidates"


def kept_partitions(
    cursor: duckdb.DuckDBPyConnection, table: Table, conjuncts: list[exp.Expr], found: list[Partition]
) -> list[Partition]:
    """The partitions that can contain rows of the result."""
    kinds = {name: t.from_hive(kind.text) for name, kind in table.partition_columns.items()}
    texts = [dict(partition.values) for partition in found]
    columns = {name: [values[name] for values in texts] for name in kinds}
    return [found[index] for index in _kept(cursor, conjuncts, kinds, columns, len(found))]


def kept_paths(
    cursor: duckdb.DuckDBPyConnection, conjuncts: list[exp.Expr], paths: Sequence[str]
) -> set[str]:
    """The objects, by path, that can contain rows of the result."""
    kept = _kept(cursor, conjuncts, {"$path": t.VARCHAR}, {"$path": list(paths)}, len(paths))
    return {paths[index] for index in kept}


def _kept(
    cursor: duckdb.DuckDBPyConnection,
    conjuncts: list[exp.Expr],
    kinds: dict[str, Type],
    columns: dict[str, list[str]],
    count: int,
) -> list[int]:
    """Indices of the candidates for which no usable conjunct is false or NULL."""
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
        text = f"nullif({quote(names[column.name])}, '__HIVE_DEFAULT_PARTITION__')"
        return Sql(text if kind.base == "varchar" else f"CAST({text} AS {kind.duckdb()})", kind)

    def refuse(_: exp.Expr) -> tuple[str, list[Type]]:
        raise UnsupportedError("a subquery in a condition on partitions")

    renderer = Renderer(resolve, refuse)
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
