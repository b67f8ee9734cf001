"""The meaning of a function call: its signature determines the type, its template the DuckDB form.

A function that is in no table is rejected with its name: the sandbox never guesses. Trino's answers for every
group are recorded in tests/trino/expressions.json.
"""

from typing import Any

from sqlglot import exp

from sandbox.athena.errors import QueryError
from sandbox.athena.sql import trino_types as t
from sandbox.athena.sql.dialect import position
from sandbox.athena.sql.function_tables import AGGREGATES, WINDOWS
from sandbox.athena.sql.lambda_functions import HIGHER
from sandbox.athena.sql.overloads import overload
from sandbox.athena.sql.special_functions import SPECIAL
from sandbox.athena.sql.sql_text import Renderer, Sql

_AGGREGATE_NAMES = {line.split("(", 1)[0] for line in AGGREGATES}
_AGGREGATE_NAMES |= {"count", "sum", "avg", "approx_percentile"}
_WINDOW_NAMES = {line.split("(", 1)[0] for line in WINDOWS}


def call_node(renderer: Renderer, node: exp.Anonymous) -> Sql:
    """A call in a query, with its lambdas, DISTINCT and ORDER BY."""
    name = str(node.this).lower()
    if name == "try" and len(node.expressions) == 1:
        return attempt(renderer, node.expressions[0])
    distinct, order, arguments = False, "", list(node.expressions)
    if len(arguments) == 1 and isinstance(arguments[0], exp.Order):
        order = " ORDER BY " + ", ".join(renderer.ordered(item) for item in arguments[0].expressions)
        arguments = [arguments[0].this]
    if len(arguments) == 1 and isinstance(arguments[0], exp.Distinct):
        distinct, arguments = True, list(arguments[0].expressions)
    if (distinct or order) and name not in _AGGREGATE_NAMES:
        raise QueryError("FUNCTION_NOT_AGGREGATE", f"{position(node)}{name} is not an aggregation function")
    if name in HIGHER:
        return HIGHER[name](renderer, arguments, node)
    if name == "count" and len(arguments) == 1 and isinstance(arguments[0], exp.Star):
        return Sql("count(*)", t.BIGINT)
    values = [renderer.render(argument) for argument in arguments]
    return call(renderer, name, values, node, distinct=distinct, order=order)


def call(
    renderer: Renderer,
    name: str,
    values: list[Sql],
    node: Any,
    *,
    distinct: bool = False,
    order: str = "",
) -> Sql:
    """A call of a function by name. Raises `QueryError` FUNCTION_NOT_FOUND as Trino does."""
    built: Sql | None = None
    if name in SPECIAL:
        built = SPECIAL[name](renderer, values, node)
    else:
        built = overload(renderer, name, values, node)
    if distinct or order:
        head, tail = built.text.split("(", 1)
        if distinct:
            tail = "DISTINCT " + tail
        if order:
            tail = tail[: tail.rindex(")")] + order + ")"
        built.text = f"{head}({tail}"
    built.windowed = name in _WINDOW_NAMES and not isinstance(
        getattr(node, "parent", None), exp.Window | exp.IgnoreNulls
    )
    return built


def attempt(renderer: Renderer, node: Any) -> Sql:
    """TRY(expression): NULL where the expression would fail."""
    was, renderer.safe = renderer.safe, True
    try:
        value = renderer.render(node)
    finally:
        renderer.safe = was
    if (
        "trino_" in value.text and "error(" not in value.text
    ):  # DuckDB's TRY returns NULL where Python raises an error
        value.text = f"TRY({value.text})"
    return value
