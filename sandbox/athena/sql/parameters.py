"""ExecutionParameters: the values in StartQueryExecution for the `?` of a query.

Source: Athena user guide, "Use parameterized queries".
"""

from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import TokenType

from sandbox.athena.errors import MalformedQueryError
from sandbox.athena.sql.dialect import AthenaSql


def with_parameters(sql: str, parameters: list[str]) -> str:
    """The query text with each `?` replaced by its ExecutionParameters value, as an SQL literal.

    Raises `MalformedQueryError` when their numbers differ or a value is not a literal.
    """
    placeholders = [token for token in AthenaSql().tokenize(sql) if token.token_type == TokenType.PLACEHOLDER]
    expected, found = len(placeholders), len(parameters)
    if expected != found:
        raise MalformedQueryError(
            f"line 1:1: Incorrect number of parameters: expected {expected} but found {found}"
        )
    for placeholder, text in reversed(list(zip(placeholders, parameters, strict=True))):
        where = f"line {placeholder.line}:{placeholder.col}"
        sql = f"{sql[: placeholder.start]}{_parameter(text, where)}{sql[placeholder.end + 1 :]}"
    return sql


def _parameter(text: str, where: str) -> str:
    """One value as inserted: an expression of literals, in brackets unless it is a single literal."""
    try:
        values = sqlglot.parse(text, read=AthenaSql)
    except SqlglotError:
        values = []
    value: Any = values[0] if len(values) == 1 else None
    if value is None or value.find(exp.Column, exp.Query, exp.Placeholder):
        raise MalformedQueryError(
            f"{where}: an execution parameter is not a literal. Pass an SQL literal: 10, 'text' or "
            "DATE '2026-11-01'."
        )
    written = str(value.sql(dialect=AthenaSql, comments=False))
    return (
        written
        if isinstance(value, exp.Literal | exp.Neg | exp.Null | exp.Boolean | exp.Cast)
        else f"({written})"
    )
