"""What a statement is, what runs it, and what Athena calls it.

Source: Athena user guide, "DDL statements" and "DML queries, functions, and operators". Hive DDL is not Trino
SQL: its forms are recognised here by their first words, everything else is parsed as a query.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import TokenType

from sandbox.athena import ddl, dialect, results, show, writing
from sandbox.athena.dialect import AthenaSql
from sandbox.athena.engine import Query
from sandbox.athena.errors import MalformedQueryError, QueryError, UnsupportedError

Run = Callable[[Query, re.Match[str]], results.Result]

_NAME = r'((?:[`"][^`"]+[`"]|[\w$-]+)(?:\.(?:[`"][^`"]+[`"]|[\w$-]+)){0,2})'


@dataclass(frozen=True)
class Kind:
    """How GetQueryExecution describes a statement: StatementType, SubstatementType, and its result object's
    ending.
    """

    type: str
    substatement: str
    extension: str


@dataclass(frozen=True)
class _Form:
    pattern: re.Pattern[str]
    kind: Kind
    run: Run


def _form(pattern: str, kind: str, substatement: str, run: Run, extension: str = ".txt") -> _Form:
    compiled = re.compile(rf"\s*{pattern}\s*;?\s*", re.IGNORECASE | re.DOTALL)
    return _Form(compiled, Kind(kind, substatement, extension), run)


_FORMS = (
    _form(rf"CREATE\s+(OR\s+REPLACE\s+)?VIEW\s+{_NAME}\s+AS\s+(.*?)", "DDL", "CREATE_VIEW", ddl.create_view),
    _form(rf"DROP\s+VIEW\s+(IF\s+EXISTS\s+)?{_NAME}", "DDL", "DROP_VIEW", ddl.drop_view),
    _form(rf"DROP\s+TABLE\s+(IF\s+EXISTS\s+)?{_NAME}", "DDL", "DROP_TABLE", ddl.drop_table),
    _form(r"(CREATE\s+EXTERNAL\s+TABLE\s.*)", "DDL", "CREATE_TABLE", ddl.create_external_table),
    _form(
        rf"CREATE\s+TABLE\s+(IF\s+NOT\s+EXISTS\s+)?{_NAME}\s*(?:WITH\s*\((.*?)\)\s*)?AS\s+(.*?)(\s+WITH\s+NO\s+DATA)?",
        "DDL",
        "CREATE_TABLE_AS_SELECT",
        writing.create_table_as,
        "",
    ),
    _form(
        rf"INSERT\s+INTO\s+{_NAME}\s*(\([^()]*\))?\s*((?:SELECT|WITH|VALUES|\().*?)",
        "DML",
        "INSERT",
        writing.insert,
        "",
    ),
    _form(r"UNLOAD\s*\((.*)\)\s*TO\s*'([^']+)'\s*WITH\s*\((.*?)\)", "DML", "UNLOAD", writing.unload, ""),
    _form(
        rf"CREATE\s+(?:DATABASE|SCHEMA)\s+(IF\s+NOT\s+EXISTS\s+)?{_NAME}(.*?)",
        "DDL",
        "CREATE_DATABASE",
        ddl.create_database,
    ),
    _form(
        rf"DROP\s+(?:DATABASE|SCHEMA)\s+(IF\s+EXISTS\s+)?{_NAME}(\s+CASCADE|\s+RESTRICT)?",
        "DDL",
        "DROP_DATABASE",
        ddl.drop_database,
    ),
    _form(
        rf"ALTER\s+TABLE\s+{_NAME}\s+ADD\s+(IF\s+NOT\s+EXISTS\s+)?(PARTITION\s*\(.*?)",
        "DDL",
        "ALTER_TABLE_ADD_PARTITION",
        ddl.add_partitions,
    ),
    _form(
        rf"ALTER\s+TABLE\s+{_NAME}\s+DROP\s+(IF\s+EXISTS\s+)?PARTITION\s*\((.*?)\)",
        "DDL",
        "ALTER_TABLE_DROP_PARTITION",
        ddl.drop_partition,
    ),
    _form(
        rf"ALTER\s+TABLE\s+{_NAME}\s+ADD\s+COLUMNS\s*\((.*)\)",
        "DDL",
        "ALTER_TABLE_ADD_COLUMN",
        ddl.add_columns,
    ),
    _form(
        rf"ALTER\s+TABLE\s+{_NAME}\s+SET\s+TBLPROPERTIES\s*\((.*)\)",
        "DDL",
        "ALTER_TABLE_SET_PROPERTIES",
        ddl.set_properties,
    ),
    _form(rf"MSCK\s+REPAIR\s+TABLE\s+{_NAME}", "DDL", "MSCK_REPAIR_TABLE", ddl.repair_table),
    _form(
        r"SHOW\s+(?:DATABASES|SCHEMAS)(?:\s+LIKE\s+'([^']*)')?", "UTILITY", "SHOW_DATABASES", show.databases
    ),
    _form(
        rf"SHOW\s+TABLES(?:\s+(?:IN|FROM)\s+{_NAME})?(?:\s+'([^']*)')?", "UTILITY", "SHOW_TABLES", show.tables
    ),
    _form(
        rf"SHOW\s+VIEWS(?:\s+(?:IN|FROM)\s+{_NAME})?(?:\s+(?:LIKE\s+)?'([^']*)')?",
        "UTILITY",
        "SHOW_VIEWS",
        show.views,
    ),
    _form(
        rf"SHOW\s+COLUMNS\s+(?:FROM|IN)\s+{_NAME}(?:\s+(?:FROM|IN)\s+{_NAME})?",
        "UTILITY",
        "SHOW_COLUMNS",
        show.columns,
    ),
    _form(rf"SHOW\s+PARTITIONS\s+{_NAME}", "UTILITY", "SHOW_PARTITIONS", show.partitions),
    _form(
        rf"SHOW\s+TBLPROPERTIES\s+{_NAME}(?:\s*\('([^']*)'\))?",
        "UTILITY",
        "SHOW_TBLPROPERTIES",
        show.properties,
    ),
    _form(rf"SHOW\s+CREATE\s+VIEW\s+{_NAME}", "UTILITY", "SHOW_CREATE_VIEW", show.create_view),
    _form(rf"SHOW\s+CREATE\s+TABLE\s+{_NAME}", "UTILITY", "SHOW_CREATE_TABLE", show.create_table),
    _form(
        rf"(?:DESCRIBE|DESC)\s+(?:(?:EXTENDED|FORMATTED)\s+)?{_NAME}",
        "UTILITY",
        "DESCRIBE_TABLE",
        show.describe,
    ),
)
_QUERY = Kind("DML", "SELECT", ".csv")
_ROW_CHANGES = re.compile(r"\s*(?:DELETE|UPDATE|MERGE)\s", re.IGNORECASE)
_OTHERS = re.compile(
    r"\s*(EXPLAIN|PREPARE|EXECUTE|DEALLOCATE|VACUUM|OPTIMIZE|ALTER|CREATE|SHOW|ANALYZE|USE|SET)\b",
    re.IGNORECASE,
)


def without_comments(sql: str) -> str:
    """The statement without the comments before its first word, where Hive's forms are recognised."""
    return re.sub(r"\A(?:\s*(?:--[^\n]*(?:\n|\Z)|/\*.*?\*/))+", "", sql, flags=re.DOTALL)


def kind_of(sql: str) -> Kind:
    """What a statement is. Raises `MalformedQueryError` where StartQueryExecution refuses it."""
    text = without_comments(sql)
    for form in _FORMS:
        if form.pattern.fullmatch(text):
            return form.kind
    if _ROW_CHANGES.match(text):
        return Kind("DML", text.split(maxsplit=1)[0].upper(), "")
    if _OTHERS.match(text):
        return Kind("UTILITY", text.split(maxsplit=1)[0].upper(), ".txt")
    dialect.parse(sql)
    return _QUERY


def run(query: Query, sql: str) -> results.Result:
    """The result of any statement text. Raises `QueryError`."""
    text = without_comments(sql)
    for form in _FORMS:
        if match := form.pattern.fullmatch(text):
            return form.run(query, match)
    if _ROW_CHANGES.match(text):
        raise QueryError(
            "NOT_SUPPORTED", "Modifying Hive table rows is only supported for transactional tables"
        )
    if match := _OTHERS.match(text):
        raise UnsupportedError(f"this {match.group(1).upper()} statement")
    return query.select(parse_query(sql))


def parse_query(sql: str) -> exp.Expr:
    """A SELECT, WITH or VALUES text as a query that can be translated.

    Raises `QueryError` in the engine's words when a `?` was given no value.
    """
    statement = dialect.parse(sql)
    if places := len(list(statement.find_all(exp.Placeholder))):
        raise QueryError(
            "INVALID_PARAMETER_USAGE", f"Incorrect number of parameters: expected {places} but found 0"
        )
    if isinstance(statement, exp.Values):
        first = statement.expressions[0]
        names = [f"_col{i}" for i in range(len(first.expressions) if isinstance(first, exp.Tuple) else 1)]
        alias = exp.TableAlias(this=exp.to_identifier("rows"), columns=[exp.to_identifier(n) for n in names])
        statement.set("alias", alias)
        return exp.select("*").from_(statement)
    if not isinstance(statement, exp.Query):
        raise UnsupportedError(f"the statement {type(statement).__name__}")
    return statement


def with_parameters(sql: str, parameters: list[str]) -> str:
    """The query text with each `?` replaced by its ExecutionParameters value, an SQL literal as Athena asks.

    Raises `MalformedQueryError` when their numbers differ or a value is not a literal.
    """
    places = [token for token in AthenaSql().tokenize(sql) if token.token_type == TokenType.PLACEHOLDER]
    if len(places) != len(parameters):
        raise MalformedQueryError(
            f"line 1:1: Incorrect number of parameters: expected {len(places)} but found {len(parameters)}"
        )
    for place, text in reversed(list(zip(places, parameters, strict=True))):
        where = f"line {place.line}:{place.col}"
        sql = f"{sql[: place.start]}{_parameter(text, where)}{sql[place.end + 1 :]}"
    return sql


def _parameter(text: str, where: str) -> str:
    """One value as it is put in: an expression over literals, in brackets unless it is one alone."""
    try:
        values = sqlglot.parse(text, read=AthenaSql)
    except SqlglotError:
        values = []
    value: Any = values[0] if len(values) == 1 else None
    if value is None or value.find(exp.Column, exp.Query, exp.Placeholder):
        raise MalformedQueryError(f"{where}: an execution parameter is not a literal")
    written = str(value.sql(dialect=AthenaSql, comments=False))
    return (
        written
        if isinstance(value, exp.Literal | exp.Neg | exp.Null | exp.Boolean | exp.Cast)
        else f"({written})"
    )
