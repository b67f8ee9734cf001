"""The kind of a statement, the function that runs it, and Athena's name for it.

Source: Athena user guide, "DDL statements" and "DML queries, functions, and operators". Hive DDL is not Trino
SQL: its forms are recognised here by their first words, everything else is parsed as a query.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from sandbox.athena.engine import results
from sandbox.athena.engine.query import Query
from sandbox.athena.errors import QueryError, UnsupportedError
from sandbox.athena.sql import dialect
from sandbox.athena.statements import ddl, show, writing
from sandbox.athena.statements.names import existing_hive

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
    compiled = re.compile(pattern, re.IGNORECASE | re.DOTALL)
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
        rf"INSERT\s+INTO\s+{_NAME}(?:\s*(\([^()]*\)))?\s*((?:SELECT|WITH|VALUES|\().*?)",
        "DML",
        "INSERT",
        writing.insert,
        "",
    ),
    _form(r"UNLOAD\s*\((.*)\)\s*TO\s*'([^']+)'\s*WITH\s*\(([^()]*)\)", "DML", "UNLOAD", writing.unload, ""),
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
_NO_BLANK = re.compile(r"\S")
_QUERY = Kind("DML", "SELECT", ".csv")
_ROW_CHANGES = re.compile(r"\s*(?:DELETE|UPDATE|MERGE)\s", re.IGNORECASE)
_CHANGED_TABLE = re.compile(rf"\s*(DELETE\s+FROM|UPDATE|MERGE\s+INTO)\s+{_NAME}", re.IGNORECASE)
_OTHERS = re.compile(
    r"\s*(EXPLAIN|PREPARE|EXECUTE|DEALLOCATE|VACUUM|OPTIMIZE|ALTER|CREATE|SHOW|ANALYZE|USE|SET)\b",
    re.IGNORECASE,
)


def bare(sql: str) -> str:
    """The statement without comments before its first word, spaces and a semicolon.

    Hive's forms are recognised from it.
    """
    at = 0
    while found := _NO_BLANK.search(sql, at):
        at = found.start()
        opening = sql[at : at + 2]
        end = sql.find("\n" if opening == "--" else "*/", at + 2)
        if opening not in ("--", "/*") or (opening == "/*" and end < 0):
            return sql[at:].rstrip().removesuffix(";").rstrip()
        at = len(sql) if end < 0 else end + len("\n" if opening == "--" else "*/")
    return ""


def kind_of(sql: str) -> Kind:
    """The kind of a statement. Raises `MalformedQueryError` where StartQueryExecution rejects it."""
    text = bare(sql)
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
    """The result of a statement; a query runs one statement only. Raises `QueryError`, `CancelledError`."""
    try:
        return _run(query, sql)
    finally:
        query.close()


def _run(query: Query, sql: str) -> results.Result:
    text = bare(sql)
    for form in _FORMS:
        if match := form.pattern.fullmatch(text):
            return form.run(query, match)
    if _ROW_CHANGES.match(text):
        if match := _CHANGED_TABLE.match(text):
            existing_hive(query, match.group(2), match.group(1).split()[0].upper())
        raise QueryError(
            "NOT_SUPPORTED", "Modifying Hive table rows is only supported for transactional tables"
        )
    if match := _OTHERS.match(text):
        raise UnsupportedError(f"this {match.group(1).upper()} statement")
    return query.select(dialect.parse_query(sql))
