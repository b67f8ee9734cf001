"""Athena's SQL, parsed: functions keep their names, so that the sandbox defines each one."""

from typing import Any, ClassVar

import sqlglot
from sqlglot import exp
from sqlglot.dialects.trino import Trino
from sqlglot.errors import ParseError, TokenError
from sqlglot.parsers.trino import TrinoParser

from sandbox.athena.errors import MalformedQueryError, QueryError, UnsupportedError

PSEUDOCOLUMNS = ("$path", "$file_size", "$file_modified_time")
_SPECIAL_FORMS = ("CAST", "TRY_CAST", "EXTRACT", "TRIM", "SUBSTRING", "POSITION", "LISTAGG")


class AthenaSql(Trino):
    """Trino's grammar without its functions, subscripts as written, and Athena's hidden columns."""

    PSEUDOCOLUMNS = {  # noqa: RUF012  the base class declares it an instance variable
        name.upper() for name in PSEUDOCOLUMNS
    }
    EXCLUDES_PSEUDOCOLUMNS_FROM_STAR = True
    INDEX_OFFSET = 0

    class Parser(TrinoParser):
        """Every ordinary function call parses as `exp.Anonymous`."""

        FUNCTIONS: ClassVar[dict[str, Any]] = {}
        FUNCTION_PARSERS: ClassVar[dict[str, Any]] = {
            name: TrinoParser.FUNCTION_PARSERS[name]
            for name in _SPECIAL_FORMS
            if name in TrinoParser.FUNCTION_PARSERS
        }


def parse(sql: str) -> exp.Expr:
    """The single statement of a query text. Raises `MalformedQueryError` in Trino's words."""
    try:
        statements = [s for s in sqlglot.parse(sql, read=AthenaSql) if s is not None]
    except ParseError as error:
        details = error.errors[0] if error.errors else {}
        found = details.get("highlight") or "<EOF>"
        column = max(int(details.get("col") or 1) - len(str(found)) + 1, 1)
        where = f"line {details.get('line') or 1}:{column}"
        raise MalformedQueryError(f"{where}: mismatched input '{found}'") from None
    except TokenError as error:
        raise MalformedQueryError(f"line 1:1: {str(error).splitlines()[0]}") from None
    except RecursionError:
        raise MalformedQueryError("line 1:1: statement is too large (stack overflow while parsing)") from None
    if not statements:
        raise MalformedQueryError("line 1:1: mismatched input '<EOF>'")
    if len(statements) > 1:
        raise MalformedQueryError(f"Only one sql statement is allowed. Got: {sql.strip()[:80]}")
    for select in statements[0].find_all(exp.Select):
        if not select.expressions:
            raise MalformedQueryError(
                f"{position(select) or 'line 1:1: '}mismatched input: the SELECT has no columns. "
                "Name a column, an expression or * after SELECT."
            )
    return statements[0]


def parse_query(sql: str) -> exp.Expr:
    """A SELECT, WITH or VALUES text as a query that can be translated.

    Raises `QueryError` in the engine's words when a `?` has no value.
    """
    statement = parse(sql)
    if expected := len(list(statement.find_all(exp.Placeholder))):
        raise QueryError(
            "INVALID_PARAMETER_USAGE", f"Incorrect number of parameters: expected {expected} but found 0"
        )
    if isinstance(statement, exp.Values):
        first = statement.expressions[0]
        names = [f"_col{i}" for i in range(len(first.expressions) if isinstance(first, exp.Tuple) else 1)]
        alias = exp.TableAlias(this=exp.to_identifier("rows"), columns=[exp.to_identifier(n) for n in names])
        statement.set("alias", alias)
        return exp.select("*").from_(statement)
    if not isinstance(statement, exp.Query):
        raise UnsupportedError(f"the statement {statement.key.upper()}")
    return statement


def position(node: exp.Expr | None) -> str:
    """`line L:C: ` of the node's first token, as Trino writes it; empty when the parser has no position."""
    positions = [
        (part.meta["line"], max(part.meta["col"] - len(part.name) + 1, 1))
        for part in (node.find_all(exp.Identifier, exp.Anonymous, exp.Star) if node is not None else ())
        if "line" in part.meta
    ]
    return "line {}:{}: ".format(*min(positions)) if positions else ""
