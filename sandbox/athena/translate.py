"""Athena SQL to DuckDB SQL: parse, name the relations, rewrite what the two engines spell differently."""

from collections.abc import Callable

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, TokenError
from sqlglot.optimizer.scope import traverse_scope

from sandbox.athena.errors import MalformedQueryError

UNNAMED = "__unnamed_"  # the alias of an output column the query gives no name


def parse(sql: str) -> exp.Expression:
    """The one statement of a query text. Raises `MalformedQueryError` in Trino's words."""
    try:
        statements = [s for s in sqlglot.parse(sql, read="athena") if s is not None]
    except (ParseError, TokenError) as error:
        raise malformed(error) from None
    if len(statements) != 1:
        raise MalformedQueryError("Only one sql statement is allowed. Got: " + str(len(statements)))
    return statements[0]


def malformed(error: Exception) -> MalformedQueryError:
    """A parser's complaint with line and column."""
    details = getattr(error, "errors", None) or [{}]
    line, column = details[0].get("line"), details[0].get("col")
    found = details[0].get("highlight") or "<EOF>"
    where = f"line {line}:{column}: " if line else "line 1:1: "
    return MalformedQueryError(f"{where}mismatched input '{found}'")


def position(node: exp.Expression) -> str:
    """`line L:C`, where the node's first token stands."""
    for part in node.find_all(exp.Identifier):
        if "line" in part.meta:
            return f"line {part.meta['line']}:{part.meta['col'] - len(part.this) + 1}"
    return "line 1:1"


def table_references(statement: exp.Expression) -> list[exp.Table]:
    """The catalog tables a statement reads: every table that is not a common table expression's name."""
    found: dict[int, exp.Table] = {}
    for scope in traverse_scope(statement):
        for source in scope.sources.values():
            if isinstance(source, exp.Table):
                found[id(source)] = source
    return list(found.values())


def replace_tables(tables: list[exp.Table], relation: Callable[[exp.Table], exp.Expression]) -> None:
    """Put a relation in each table's place; a table without an alias keeps its own name as one."""
    for table in tables:
        alias = table.args.get("alias")
        replacement = relation(table)
        if alias is None:
            replacement = exp.alias_(replacement, exp.to_identifier(table.name, quoted=True), table=True)
        else:
            replacement.set("alias", alias.copy())
        for join in table.args.get("joins") or []:
            replacement.append("joins", join.copy())
        table.replace(replacement)


def name_outputs(statement: exp.Expression) -> None:
    """Give every unnamed output column a marker alias, so that the result can call it `_colN`."""
    select = statement
    while isinstance(select, exp.SetOperation | exp.Subquery):
        select = select.this
    if not isinstance(select, exp.Select):
        return
    for index, projection in enumerate(list(select.expressions)):
        if isinstance(projection, exp.Alias | exp.Column | exp.Star | exp.Dot):
            continue
        projection.replace(exp.alias_(projection.copy(), f"{UNNAMED}{index}", quoted=True))


def output_names(names: list[str]) -> list[str]:
    """The column names a result shows: `_colN` for those the query did not name."""
    return [f"_col{i}" if name.startswith(UNNAMED) else name for i, name in enumerate(names)]


def to_duckdb(statement: exp.Expression) -> str:
    """The statement in DuckDB's dialect."""
    return statement.sql(dialect="duckdb")
