"""Which partitions and objects a query can do without: conditions on partition columns and `$path`, tried out.

Only conjuncts of the WHERE that stands on the table itself count. Trino prunes at least these.
"""

from collections.abc import Callable
from typing import Any

import duckdb
from sqlglot import exp

from sandbox.athena import trino_types as t
from sandbox.athena.dialect import position
from sandbox.athena.errors import QueryError, UnsupportedError
from sandbox.athena.expressions import Renderer, Sql
from sandbox.athena.tables import Table, partition_value
from sandbox.athena.trino_types import Type, literal

_UNSTABLE = (exp.CurrentDate, exp.CurrentTimestamp, exp.Localtimestamp)


def _no_subquery(_: exp.Expression) -> tuple[str, list[Type]]:
    raise UnsupportedError("a subquery here")


def _conditions(conjuncts: list[exp.Expression], columns: set[str]) -> list[exp.Expression]:
    return [
        conjunct
        for conjunct in conjuncts
        if {column.name for column in conjunct.find_all(exp.Column)} <= columns and conjunct.find(exp.Column)
    ]


def _evaluate(
    cursor: duckdb.DuckDBPyConnection, conjuncts: list[exp.Expression], values: dict[str, tuple[Any, Type]]
) -> bool:
    """Whether these conjuncts may hold for a row with these values; an error keeps the row for the query to meet."""

    def resolve(column: exp.Column) -> Sql:
        if column.name not in values:
            raise QueryError(
                "COLUMN_NOT_FOUND", f"{position(column)}Column '{column.name}' cannot be resolved"
            )
        value, kind = values[column.name]
        if value is None:
            return Sql(f"CAST(NULL AS {kind.duckdb()})", kind)
        return Sql(f"CAST({literal(str(value))} AS {kind.duckdb()})", kind)

    renderer = Renderer(resolve, _no_subquery)
    try:
        text = " AND ".join(f"({renderer.boolean(conjunct, 'WHERE clause')})" for conjunct in conjuncts)
        row = cursor.execute(f"SELECT {text}").fetchone()
    except (QueryError, duckdb.Error):
        return True
    return row is None or row[0] is True


def _tester(
    cursor: duckdb.DuckDBPyConnection, conjuncts: list[exp.Expression], kinds: dict[str, Type]
) -> Callable[[dict[str, Any]], bool]:
    plain = [_plain_comparison(conjunct) for conjunct in conjuncts]
    rest = [conjunct for conjunct, test in zip(conjuncts, plain, strict=True) if test is None]
    tests = [test for test in plain if test is not None]

    def keep(values: dict[str, Any]) -> bool:
        if not all(test(values) for test in tests if test is not None):
            return False
        if not rest:
            return True
        return _evaluate(cursor, rest, {name: (values.get(name), kind) for name, kind in kinds.items()})

    return keep


def _plain_comparison(conjunct: exp.Expression) -> Callable[[dict[str, Any]], bool] | None:
    """`dt >= '2026-11-01'` without asking the engine: text compares by code point in both."""
    operators: dict[type, Callable[[str, str], bool]] = {
        exp.EQ: lambda a, b: a == b,
        exp.GT: lambda a, b: a > b,
        exp.GTE: lambda a, b: a >= b,
        exp.LT: lambda a, b: a < b,
        exp.LTE: lambda a, b: a <= b,
    }
    test = operators.get(type(conjunct))
    if test is None or not isinstance(conjunct, exp.Binary):
        return None
    column, constant = conjunct.this, conjunct.expression
    if not isinstance(column, exp.Column) or not isinstance(constant, exp.Literal) or not constant.is_string:
        return None
    name, text = column.name, str(constant.this)
    return lambda values: isinstance(values.get(name), str) and test(values[name], text)


def partition_filter(
    cursor: duckdb.DuckDBPyConnection, table: Table, conjuncts: list[exp.Expression]
) -> Callable[[dict[str, str]], bool]:
    """Whether a partition, by its columns' texts, can hold rows the query wants."""
    names = set(table.partition_columns)
    usable = [c for c in _conditions(conjuncts, names) if not c.find(*_UNSTABLE) and not _calls_now(c)]
    if not usable:
        return lambda _: True
    kinds = {name: t.from_hive(kind.text) for name, kind in table.partition_columns.items()}
    if all(kind.base == "varchar" for kind in kinds.values()):
        return _tester(cursor, usable, kinds)

    def keep(values: dict[str, str]) -> bool:
        typed = {
            n: (partition_value(values[n], table.partition_columns[n]), kind) for n, kind in kinds.items()
        }
        return _evaluate(cursor, usable, typed)

    return keep


def path_filter(cursor: duckdb.DuckDBPyConnection, conjuncts: list[exp.Expression]) -> Callable[[str], bool]:
    """Whether an object, by its path, can hold rows the query wants."""
    usable = _conditions(conjuncts, {"$path"})
    if not usable:
        return lambda _: True
    keep = _tester(cursor, usable, {"$path": t.VARCHAR})
    return lambda path: keep({"$path": path})


def _calls_now(node: exp.Expression) -> bool:
    return any(
        str(call.this).lower() in ("now", "random", "rand", "uuid") for call in node.find_all(exp.Anonymous)
    )
