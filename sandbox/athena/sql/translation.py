"""A SELECT in Athena's SQL as DuckDB SQL: scopes resolved, every expression typed and rewritten.

The caller describes each table (`TableSource`) and has already expanded views.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sqlglot import exp
from sqlglot.errors import OptimizeError
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, traverse_scope

from sandbox.athena.errors import QueryError, UnsupportedError
from sandbox.athena.sql import trino_types as t
from sandbox.athena.sql.dialect import PSEUDOCOLUMNS, AthenaSql, position
from sandbox.athena.sql.expressions import Renderer
from sandbox.athena.sql.sql_text import Sql
from sandbox.athena.sql.trino_types import Type, quote
from sandbox.athena.sql.views import check

UNNAMED = "__unnamed_"  # the alias of an output column without a name in the query
_HIDDEN_TYPES = {"$path": t.VARCHAR, "$file_size": t.BIGINT, "$file_modified_time": t.TIMESTAMPTZ}
_TABLE_CLAUSES = {
    "sample": "TABLESAMPLE",
    "pivots": "PIVOT",
    "version": "FOR VERSION or FOR TIMESTAMP",
    "when": "FOR VERSION or FOR TIMESTAMP",
}
_REFUSED = (
    "sample",
    "pivots",
    "laterals",
    "qualify",
    "match",
    "kind",
    "into",
    "cluster",
    "distribute",
)


@dataclass
class TableSource:
    """A table of the query; `relation` is its name in DuckDB."""

    relation: str
    columns: dict[str, Type]
    uses: set[str] = field(default_factory=set)  # the columns the query names
    where: list[exp.Expr] = field(default_factory=list)  # conditions on partition columns alone
    refused: dict[str, QueryError] = field(default_factory=dict)  # the error of a column that cannot be read


@dataclass
class Translation:
    """The DuckDB SQL of a query, its output columns, and the tables it needs, by relation name."""

    sql: str
    names: list[str]
    types: list[Type]


class Translator:
    """Translates one statement; `lookup` returns the table of a name."""

    def __init__(self, lookup: Callable[[exp.Table], TableSource]) -> None:
        self._lookup = lookup
        self._sources: dict[str, TableSource] = {}
        self._types: dict[int, list[Type]] = {}  # by query expression: its output's types
        self._names: dict[int, list[str]] = {}

    def translate(self, statement: Any) -> Translation:
        """The whole query. Raises `QueryError` as Trino's analyzer does."""
        name_outputs(statement)
        spelt = {select.alias_or_name.lower(): select.alias_or_name for select in statement.selects}
        for values in statement.find_all(exp.Values):
            _rows_as_tuples(values)
        for join in statement.find_all(exp.Join):
            if join.method:
                raise QueryError("NOT_SUPPORTED", f"{join.method.capitalize()} join not supported")
        for table in _tables(statement):
            self._bind(table)
        statement = self._qualify(statement)
        for scope in traverse_scope(statement):
            self._scope(scope)
            if view := scope.expression.meta.get("view"):
                check(
                    view, output_names(self._names[id(scope.expression)]), self._types[id(scope.expression)]
                )
        names, types = self._names[id(statement)], self._types[id(statement)]
        shown = [spelt.get(name, name) for name in output_names(names)]  # an alias keeps its case
        return Translation(statement.sql(dialect="duckdb"), shown, types)

    def _bind(self, table: exp.Table) -> None:
        """Give the table its relation name, and keep its name in the query."""
        source = self._lookup(table)
        self._sources[source.relation] = source
        if table.args.get("alias") is None:
            table.set("alias", exp.TableAlias(this=exp.to_identifier(table.name.lower(), quoted=True)))
        for key, clause in _TABLE_CLAUSES.items():
            if table.args.get(key):
                raise UnsupportedError(f"{clause} after a table's name")
        table.set("this", exp.to_identifier(source.relation, quoted=True))
        table.set("db", None)
        table.set("catalog", None)

    def _qualify(self, statement: exp.Expr) -> exp.Expr:
        schema: dict[str, object] = {
            name: dict.fromkeys((*source.columns, *PSEUDOCOLUMNS), "VARCHAR")
            for name, source in self._sources.items()
        }
        try:
            return qualify(
                statement,
                schema=schema,
                dialect=AthenaSql,
                expand_alias_refs=False,
                identify=True,
                quote_identifiers=True,
            )
        except OptimizeError as error:
            raise _unresolved(str(error)) from None

    # -- one scope ------------------------------------------------------------------------------------------

    def _scope(self, scope: Scope) -> None:
        node = scope.expression
        if isinstance(node, exp.SetOperation):
            self._set_operation(node, scope)
        elif isinstance(node, exp.Select):
            self._select(node, scope)
        elif isinstance(node, exp.Values):
            self._values(node)
        elif isinstance(node, exp.Unnest | exp.Table | exp.Subquery):
            return
        else:
            raise UnsupportedError(f"{node.key.upper()} as a query")

    def _renderer(self, scope: Scope, aliases: dict[str, Sql] | None = None) -> Renderer:
        def resolve(column: exp.Column) -> Sql:
            if not column.table:
                if aliases and column.name in aliases:
                    return Sql(quote(column.name), aliases[column.name].type)
                self._add_table(scope, column)
            return Sql(f"{quote(column.table)}.{quote(column.name)}", self._column_type(scope, column))

        return Renderer(resolve, self._subquery)

    def _subquery(self, query: exp.Expr) -> tuple[str, list[Type]]:
        while isinstance(query, exp.Subquery):
            query = query.this
        return query.sql(dialect="duckdb"), self._types[id(query)]

    def _column_type(self, scope: Scope | None, column: exp.Column) -> Type:
        while scope is not None:
            source = scope.sources.get(column.table)
            if source is not None:
                return self._source_type(source, column, scope)
            scope = scope.parent
        raise QueryError("COLUMN_NOT_FOUND", f"{position(column)}Column '{column.sql()}' cannot be resolved")

    def _add_table(self, scope: Scope, column: exp.Column) -> None:
        """Give a column without a table the name of the only source in FROM that has it."""
        selected = scope.selected_sources  # `sources` has every query of WITH too
        holders = [
            name for name, (_, source) in selected.items() if self._has(source, column.name, scope, name)
        ]
        if len(holders) != 1:
            code, problem = (
                ("AMBIGUOUS_NAME", "is ambiguous") if holders else ("COLUMN_NOT_FOUND", "cannot be resolved")
            )
            raise QueryError(code, f"{position(column)}Column '{column.name}' {problem}")
        column.set("table", exp.to_identifier(holders[0], quoted=True))

    def _has(self, source: Any, name: str, scope: Scope, called: str) -> bool:
        if isinstance(source, exp.Table):
            return name in self._sources[source.name].columns or name in PSEUDOCOLUMNS
        if isinstance(source.expression, exp.Unnest):
            return name in self._unnested(source.expression, scope)
        names = _alias_columns(scope.references, called) or self._names[id(source.expression)]
        return name in names

    def _source_type(self, source: Any, column: exp.Column, scope: Scope) -> Type:
        if isinstance(source, exp.Table):
            known = self._sources[source.name]
            if column.name in known.refused:
                raise known.refused[column.name]
            known.uses.add(column.name)
            return _HIDDEN_TYPES.get(column.name) or known.columns[column.name]
        node = source.expression
        if isinstance(node, exp.Unnest):
            return self._unnested(node, scope)[column.name]
        outer = scope.references
        names = self._names[id(node)]
        alias_columns = _alias_columns(outer, column.table)
        if alias_columns:
            names = alias_columns
        if names.count(column.name) > 1:
            raise QueryError("AMBIGUOUS_NAME", f"{position(column)}Column '{column.name}' is ambiguous")
        if column.name not in names:
            raise QueryError(
                "COLUMN_NOT_FOUND", f"{position(column)}Column '{column.name}' cannot be resolved"
            )
        return self._types[id(node)][names.index(column.name)]

    # -- SELECT ---------------------------------------------------------------------------------------------

    def _select(self, node: exp.Select, scope: Scope) -> None:
        for key in _REFUSED:
            if node.args.get(key):
                raise UnsupportedError(f"{key.upper()} in a SELECT")
        renderer = self._renderer(scope)
        renderer.windows = {window.name: window for window in node.args.get("windows") or []}
        node.set("windows", None)
        self._partition_conditions(node, scope)
        self._joins(node, scope, renderer)
        names, values, shown = [], [], []
        for projection in node.expressions:
            inner = projection.this if isinstance(projection, exp.Alias) else projection
            value = renderer.render(inner)
            names.append(projection.alias_or_name)
            values.append(value)
            if value.type.base == "unknown":
                value.text = (
                    f"CAST({value.text} AS {value.type.duckdb()})" if value.text != "NULL" else "NULL"
                )
            shown.append(exp.alias_(raw(value.text), names[-1], quoted=True))
        node.set("expressions", shown)  # all at once: one by one, a thousand columns take seconds
        self._types[id(node)], self._names[id(node)] = [v.type for v in values], names
        for key, subject in (("where", "WHERE clause"), ("having", "HAVING clause")):
            clause = node.args.get(key)
            if clause is not None:
                clause.set("this", raw(renderer.boolean(clause.this, subject)))
        if group := node.args.get("group"):
            _replace_leaves(group, renderer)
        distinct = node.args.get("distinct")
        if distinct is not None and distinct.args.get("on") is not None:
            raise UnsupportedError("DISTINCT ON")
        self._order(node, self._renderer(scope, dict(zip(names, values, strict=True))))

    def _order(self, node: exp.Expr, renderer: Renderer) -> None:
        order = node.args.get("order")
        if order is not None:
            items = []
            for item in order.expressions:
                if isinstance(item.this, exp.Literal) and not item.this.is_string:
                    direction = "DESC" if item.args.get("desc") else "ASC"
                    nulls = "FIRST" if item.args.get("nulls_first") else "LAST"
                    items.append(raw(f"{item.this.name} {direction} NULLS {nulls}"))
                else:
                    items.append(raw(renderer.ordered(item)))
            order.set("expressions", items)
        for key in ("limit", "offset"):
            clause = node.args.get(key)
            if isinstance(clause, exp.Fetch):
                if clause.args.get("direction") not in ("FIRST", "NEXT") or _with_ties(clause):
                    raise UnsupportedError("FETCH with TIES or PERCENT", "Use ORDER BY and LIMIT.")
                clause = exp.Limit(expression=clause.args.get("count") or exp.Literal.number(1))
                node.set("limit", clause)
            value = clause.expression if clause is not None else None
            if value is not None and value.sql().upper() == "ALL":
                node.set(key, None)
            elif value is not None and not (isinstance(value, exp.Literal) and not value.is_string):
                raise QueryError("INVALID_ARGUMENTS", f"{key.upper()} must be a number")

    def _joins(self, node: exp.Select, scope: Scope, renderer: Renderer) -> None:
        from_ = node.args.get("from_") or node.args.get("from")
        sources = [from_.this] if from_ is not None else []
        for join in node.args.get("joins") or []:
            sources.append(join.this)
            if join.kind not in ("", "INNER", "CROSS", "OUTER") or join.args.get("match_condition"):
                raise UnsupportedError(f"{join.kind or join.method} JOIN")
            if join.args.get("using"):
                raise UnsupportedError("this JOIN … USING", "Write the condition with ON.")
            if (condition := join.args.get("on")) is not None:
                join.set("on", raw(renderer.boolean(condition, "JOIN ON clause")))
        for source in sources:
            if isinstance(source, exp.Unnest):
                self._unnest(source, scope, renderer)
            elif isinstance(source, exp.Lateral):
                raise UnsupportedError("LATERAL")

    # -- UNNEST ---------------------------------------------------------------------------------------------

    def _unnested(self, node: exp.Unnest, scope: Scope) -> dict[str, Type]:
        """The columns of an UNNEST: elements, keys and values, or a row's fields; then the ordinal."""
        cached = node.meta.get("columns")
        if cached is None:
            renderer = self._renderer(scope)
            found: list[tuple[str, Type]] = []
            for expression in node.expressions:
                found += _elements(renderer.render(expression), expression)
            alias = node.args.get("alias")
            names = [column.name for column in alias.columns] if alias is not None else []
            offset = node.args.get("offset")
            if offset:
                longest = ", ".join(f"len({text})" for text in _lists(renderer, node))
                found.append((f"unnest(range(1, 1 + greatest({longest})))", t.BIGINT))
                if isinstance(offset, exp.Identifier):
                    names.append(offset.name)
            if len(names) != len(found):
                raise QueryError(
                    "MISMATCHED_COLUMN_ALIASES",
                    f"{position(alias)}Column alias list has {len(names)} entries but relation has "
                    f"{len(found)} columns",
                )
            node.meta["texts"] = [text for text, _ in found]
            cached = node.meta["columns"] = {n: kind for n, (_, kind) in zip(names, found, strict=True)}
        return cached

    def _unnest(self, node: exp.Unnest, scope: Scope, _: Renderer) -> None:
        columns = self._unnested(node, scope)
        projections = ", ".join(
            f"{text} AS {quote(name)}" for text, name in zip(node.meta["texts"], columns, strict=True)
        )
        node.replace(raw(f"LATERAL (SELECT {projections}) AS {quote(node.alias)}"))

    # -- VALUES and set operations --------------------------------------------------------------------------

    def _values(self, node: exp.Values) -> None:
        renderer = Renderer(_no_columns, self._subquery)
        rows = [
            [renderer.render(item) for item in (row.expressions if isinstance(row, exp.Tuple) else [row])]
            for row in node.expressions
        ]
        if any(len(row) == 1 and row[0].type.base == "row" for row in rows):
            raise UnsupportedError(
                "VALUES whose rows are single expressions", "Write each row in brackets, as in (1, 2)."
            )
        kinds = []
        for column in zip(*rows, strict=True):
            texts, kind = renderer.unify(list(column), "All VALUES rows", node)
            kinds.append(kind)
            for value, text in zip(column, texts, strict=True):
                value.text = text
        node.set("expressions", [exp.Tuple(expressions=[raw(value.text) for value in row]) for row in rows])
        alias = node.args.get("alias")
        names = [column.name for column in alias.columns] if alias is not None and alias.columns else []
        if names and len(names) != len(kinds):
            raise QueryError(
                "MISMATCHED_COLUMN_ALIASES",
                f"Column alias list has {len(names)} entries but '{node.alias}' has {len(kinds)} columns "
                "available",
            )
        self._types[id(node)] = kinds
        self._names[id(node)] = names or [f"_col{i}" for i in range(len(kinds))]

    def _set_operation(self, node: exp.SetOperation, scope: Scope) -> None:
        sides = [_unwrap(node.left), _unwrap(node.right)]
        first, second = (self._types[id(side)] for side in sides)
        if len(first) != len(second):
            name = type(node).__name__.upper()
            raise QueryError(
                "TYPE_MISMATCH", f"{name} query has different number of fields: {len(first)}, {len(second)}"
            )
        kinds = []
        for number, (left, right) in enumerate(zip(first, second, strict=True), start=1):
            kind = t.common(left, right)
            if kind is None:
                name = type(node).__name__.upper()
                raise QueryError(
                    "TYPE_MISMATCH",
                    f"column {number} in {name} query has incompatible types: {left}, {right}",
                )
            kinds.append(kind)
        names = self._names[id(sides[0])]
        self._types[id(node)], self._names[id(node)] = kinds, names
        aliases = {name: Sql(quote(name), kind) for name, kind in zip(names, kinds, strict=True)}
        self._order(node, self._renderer(scope, aliases))

    # -- conditions on partitions ---------------------------------------------------------------------------

    def _partition_conditions(self, node: exp.Select, scope: Scope) -> None:
        """Store the conjuncts of WHERE on a single table: they may prune its partitions."""
        where = node.args.get("where")
        if where is None or any(
            join.side in ("LEFT", "RIGHT", "FULL") for join in node.args.get("joins") or []
        ):
            return
        tables = {name: source for name, source in scope.sources.items() if isinstance(source, exp.Table)}
        condition = where.this
        for conjunct in condition.flatten() if isinstance(condition, exp.And) else [condition]:
            for column in conjunct.find_all(exp.Pseudocolumn):
                if not column.table:
                    self._add_table(scope, column)
            named = {column.table for column in conjunct.find_all(exp.Column)}
            if len(named) == 1 and (name := named.pop()) in tables and not conjunct.find(exp.Query):
                where_of_table: list[Any] = self._sources[tables[name].name].where
                where_of_table.append(conjunct.copy())


def _rows_as_tuples(values: exp.Values) -> None:
    for row in list(values.expressions):
        inner = row.expressions[0] if isinstance(row, exp.Tuple) and len(row.expressions) == 1 else row
        if isinstance(inner, exp.Anonymous) and str(inner.this).lower() == "row":
            row.replace(exp.Tuple(expressions=inner.expressions))


def raw(text: str) -> exp.Var:
    """SQL text as a node that prints unchanged."""
    return exp.Var(this=text)


def _with_ties(fetch: exp.Fetch) -> bool:
    options = fetch.args.get("limit_options")
    return options is not None and bool(options.args.get("with_ties") or options.args.get("percent"))


def _no_columns(column: exp.Column) -> Sql:
    raise QueryError("COLUMN_NOT_FOUND", f"{position(column)}Column '{column.name}' cannot be resolved")


def _unwrap(node: Any) -> Any:
    while isinstance(node, exp.Subquery | exp.Paren):
        node = node.this
    return node


def _tables(statement: exp.Expr) -> list[exp.Table]:
    """The catalog tables that a statement reads: all tables except common table expressions."""
    found: dict[int, exp.Table] = {}
    for scope in traverse_scope(statement):
        for source in scope.sources.values():
            if isinstance(source, exp.Table):
                found[id(source)] = source
    return list(found.values())


def name_outputs(statement: exp.Expr) -> None:
    """Give every unnamed output column a marker alias, so that the result can name it `_colN`."""
    for select in statement.find_all(exp.Select):
        for index, projection in enumerate(list(select.expressions)):
            inner = projection.unalias()
            star = isinstance(inner, exp.Star) or (
                isinstance(inner, exp.Column) and isinstance(inner.this, exp.Star)
            )
            field = isinstance(inner, exp.Dot) and isinstance(inner.this, exp.Column | exp.Dot)
            if star or field or isinstance(projection, exp.Alias | exp.Column):
                continue
            projection.replace(exp.alias_(projection.copy(), f"{UNNAMED}{index}", quoted=True))


def output_names(names: list[str]) -> list[str]:
    """The column names of a result: `_colN` for unnamed columns."""
    return [f"_col{i}" if name.startswith(UNNAMED) else name for i, name in enumerate(names)]


def _unresolved(message: str) -> QueryError:
    located = re.search(r"Line: (\d+), Col: (\d+)", message)
    before, found, _ = message.partition(" could not be resolved")
    name = re.split(r"[Cc]olumn ", before)
    if found and len(name) > 1:
        short = name[-1].strip("'\"")
        column = int(located.group(2)) - len(short.split(".")[-1]) + 1 if located else 0
        where = f"line {located.group(1)}:{column}: " if located else ""
        return QueryError("COLUMN_NOT_FOUND", f"{where}Column '{short}' cannot be resolved")
    if match := re.search(r"Unknown column: (\S+)", message):
        return QueryError("COLUMN_NOT_FOUND", f"Column '{match.group(1)}' cannot be resolved")
    if "mbiguous" in message:
        return QueryError("AMBIGUOUS_NAME", message.split(".", maxsplit=1)[0])
    if match := re.search(r"Unknown output column: (\d+)", message):
        return QueryError(
            "INVALID_COLUMN_REFERENCE", f"ORDER BY position {match.group(1)} is not in select list"
        )
    return QueryError("SYNTAX_ERROR", message.split("\n", maxsplit=1)[0])


def _alias_columns(references: Any, name: str) -> list[str]:
    for reference, node in references:
        if reference == name:
            alias = node.args.get("alias")
            if alias is not None and alias.columns:
                return [column.name for column in alias.columns]
    return []


def _replace_leaves(group: exp.Group, renderer: Renderer) -> None:
    """Render the expressions of a GROUP BY; ROLLUP, CUBE and GROUPING SETS stay unchanged."""

    def visit(item: Any) -> Any:
        if isinstance(item, exp.Tuple | exp.Rollup | exp.Cube | exp.GroupingSets):
            item.set("expressions", [visit(inner) for inner in item.expressions])
            return item
        if isinstance(item, exp.Paren):
            return exp.Tuple(expressions=[visit(item.this)])
        return raw(renderer.render(item).text)

    for key in ("expressions", "rollup", "cube", "grouping_sets"):
        items = group.args.get(key)
        if isinstance(items, list):
            group.set(key, [visit(item) for item in items])


def _lists(renderer: Renderer, node: exp.Unnest) -> list[str]:
    texts = []
    for expression in node.expressions:
        value = renderer.render(expression)
        texts.append(f"map_keys({value.text})" if value.type.base == "map" else value.text)
    return texts


def _elements(value: Sql, node: exp.Expr) -> list[tuple[str, Type]]:
    if value.type.base == "map":
        key, item = value.type.args
        return [(f"unnest(map_keys({value.text}))", key), (f"unnest(map_values({value.text}))", item)]
    if value.type.base != "array":
        raise QueryError("TYPE_MISMATCH", f"{position(node)}Cannot unnest type: {value.type}")
    element = value.type.args[0]
    if element.base != "row":
        return [(f"unnest({value.text})", element)]
    return [
        (f"unnest(list_transform({value.text}, lambda __x: struct_extract(__x, {t.literal(name)})))", kind)
        for name, kind in zip(element.field_names(), element.args, strict=True)
    ]
