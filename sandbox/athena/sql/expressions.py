"""Expressions: each with Trino's type, and as the DuckDB SQL of the same value."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sqlglot import exp

from sandbox.athena.errors import QueryError, UnsupportedError
from sandbox.athena.sql import casts, functions
from sandbox.athena.sql import trino_types as t
from sandbox.athena.sql.arithmetic import arithmetic, zoned_literal
from sandbox.athena.sql.dialect import position
from sandbox.athena.sql.sql_text import Sql
from sandbox.athena.sql.trino_types import Type, literal

_COMPARISONS = {exp.EQ: "=", exp.NEQ: "<>", exp.LT: "<", exp.LTE: "<=", exp.GT: ">", exp.GTE: ">="}
_COMPARISONS |= {exp.NullSafeEQ: "IS NOT DISTINCT FROM", exp.NullSafeNEQ: "IS DISTINCT FROM"}
_ARITHMETIC = {exp.Add: "+", exp.Sub: "-", exp.Mul: "*", exp.Div: "/", exp.Mod: "%"}


Resolver = Callable[[exp.Column], Sql]


@dataclass
class Renderer:
    """Renders the expressions of one SELECT. `safe` is set inside TRY: a failing expression is NULL."""

    resolve: Resolver
    subquery: Callable[[exp.Expr], tuple[str, list[Type]]]
    safe: bool = False
    windows: dict[str, exp.Window] = field(default_factory=dict)  # those a WINDOW clause names
    variables: dict[str, Sql] = field(default_factory=dict)

    def render(self, node: Any) -> Sql:
        """The node as DuckDB SQL with its type. Raises `QueryError` where Trino or the sandbox rejects it."""
        core = self.core(node)
        if core.windowed:
            raise QueryError("MISSING_OVER", f"{position(node)}Window function requires an OVER clause")
        return core.whole()

    def core(self, node: Any) -> Sql:
        """The same, with aggregates still unwrapped."""
        handler = _HANDLERS.get(type(node))
        if handler is None:
            raise UnsupportedError(f"the expression {node.key.upper()}")
        unread = {name for name, value in node.args.items() if value} - _READ.get(type(node), _OPERANDS)
        if unread:  # a handler would silently omit parts that it does not read
            raise UnsupportedError(f"{node.key.upper()} with {', '.join(sorted(unread))}")
        return handler(self, node)

    def as_type(self, value: Sql, target: Type) -> str:
        """The value cast to a type that it is known to fit."""
        if value.type == target or (value.type.base == target.base and not target.args):
            return value.text
        return casts.cast(value.text, value.type, target, safe=self.safe)

    def boolean(self, node: Any, subject: str) -> str:
        """The text of a condition. `subject` names the condition in the error."""
        value = self.render(node)
        if value.type.base not in ("boolean", "unknown"):
            raise QueryError(
                "TYPE_MISMATCH",
                f"{position(node)}{subject} must evaluate to a boolean: actual type {value.type}",
            )
        return value.text if value.type.base == "boolean" else f"CAST({value.text} AS BOOLEAN)"

    def unify(self, values: list[Sql], subject: str, node: Any) -> tuple[list[str], Type]:
        """The values in their common type. Raises TYPE_MISMATCH as Trino does."""
        kind = t.UNKNOWN
        for value in values:
            merged = t.common(kind, value.type)
            if merged is None:
                raise QueryError(
                    "TYPE_MISMATCH",
                    f"{position(node)}{subject} must be the same type or coercible to a common type. "
                    f"Cannot find common type between {kind} and {value.type}",
                )
            kind = merged
        return [self.as_type(value, kind) for value in values], kind

    def compare(self, left: Sql, right: Sql, operator: str, node: Any) -> str:
        """A comparison of two values in their common type."""
        kind = t.common(left.type, right.type)
        if kind is None or (kind.base in ("json", "map") and operator in ("<", "<=", ">", ">=")):
            raise QueryError(
                "TYPE_MISMATCH", f"{position(node)}Cannot apply operator: {left.type} {operator} {right.type}"
            )
        return f"({self.as_type(left, kind)} {operator} {self.as_type(right, kind)})"

    def ordered(self, item: exp.Ordered) -> str:
        """One ORDER BY item; Trino puts NULLs last in either direction."""
        first = item.args.get("nulls_first")
        value = self.render(item.this)
        if value.type.base in ("map", "json"):
            raise QueryError("TYPE_MISMATCH", f"{position(item)}Type {value.type} is not orderable")
        return (
            f"{value.text} {'DESC' if item.args.get('desc') else 'ASC'} NULLS {'FIRST' if first else 'LAST'}"
        )


def _literal(_: Renderer, node: exp.Literal) -> Sql:
    if node.is_string:
        return Sql(literal(node.this), Type("varchar", length=len(node.this)), constant=node.this)
    text = str(node.this)
    if "e" in text.lower():
        return Sql(f"CAST({text} AS DOUBLE)", t.DOUBLE)
    if "." in text:
        whole, fraction = text.split(".")
        digits = len((whole + fraction).lstrip("0")) or 1
        kind = t.decimal(max(digits, len(fraction), 1), len(fraction))
        return Sql(f"CAST({literal(text)} AS {kind.duckdb()})", kind)
    number = int(text)
    if number >= 2**63:
        raise QueryError("INVALID_LITERAL", f"Invalid numeric literal: {text}")
    return Sql(text, t.INTEGER) if number < 2**31 else Sql(f"CAST({text} AS BIGINT)", t.BIGINT)


def _column(self: Renderer, node: exp.Column) -> Sql:
    if not node.table and node.name in self.variables:
        return _copy(self.variables[node.name])
    return self.resolve(node)


def _identifier(self: Renderer, node: exp.Identifier) -> Sql:
    if node.name not in self.variables:
        raise QueryError("COLUMN_NOT_FOUND", f"{position(node)}Column '{node.name}' cannot be resolved")
    return _copy(self.variables[node.name])


def _copy(value: Sql) -> Sql:
    return Sql(value.text, value.type)


def _dot(self: Renderer, node: exp.Dot) -> Sql:
    value = self.render(node.this)
    if isinstance(node.expression, exp.Identifier):
        return _field(value, node.expression)
    raise UnsupportedError("a dot that no field name follows")


def _field(value: Sql, name: exp.Identifier) -> Sql:
    if value.type.base == "row":
        for field_name, own, kind in zip(
            value.type.names, value.type.field_names(), value.type.args, strict=True
        ):
            if field_name is not None and field_name.lower() == name.name.lower():
                return Sql(f"struct_extract({value.text}, {literal(own)})", kind)
    raise QueryError("COLUMN_NOT_FOUND", f"{position(name)}Column '{name.name}' cannot be resolved")


def _comparison(self: Renderer, node: exp.Binary) -> Sql:
    left = self.render(node.this)
    if isinstance(node.expression, exp.All | exp.Any):
        return _quantified(self, left, node)
    return Sql(self.compare(left, self.render(node.expression), _COMPARISONS[type(node)], node), t.BOOLEAN)


def _quantified(self: Renderer, left: Sql, node: exp.Binary) -> Sql:
    inner: Any = node.expression
    word = "ALL" if isinstance(inner, exp.All) else "ANY"
    text, types = self.subquery(inner.this)
    operator = _COMPARISONS[type(node)]
    kind = t.common(left.type, types[0])
    if kind is None or kind.base != types[0].base:
        raise QueryError(
            "TYPE_MISMATCH", f"{position(node)}Cannot apply operator: {left.type} {operator} {types[0]}"
        )
    return Sql(f"({self.as_type(left, kind)} {operator} {word} ({text}))", t.BOOLEAN)


def _arithmetic(self: Renderer, node: exp.Binary) -> Sql:
    left, right = self.render(node.this), self.render(node.expression)
    operator = _ARITHMETIC[type(node)]
    found = arithmetic(left.text, left.type, operator, right.text, right.type, safe=self.safe)
    if found is None:
        raise QueryError(
            "TYPE_MISMATCH", f"{position(node)}Cannot apply operator: {left.type} {operator} {right.type}"
        )
    return Sql(*found)


def _negation(self: Renderer, node: exp.Neg) -> Sql:
    value = self.render(node.this)
    if not (value.type.is_number or value.type.base.startswith("interval")):
        raise QueryError("TYPE_MISMATCH", f"{position(node)}Cannot negate {value.type}")
    return Sql(f"(-{value.text})", value.type)


def _logic(self: Renderer, node: exp.Connector) -> Sql:
    word = "AND" if isinstance(node, exp.And) else "OR"
    parts = [self.boolean(part, "Logical expression term") for part in node.flatten()]
    return Sql("(" + f" {word} ".join(parts) + ")", t.BOOLEAN)


def _not(self: Renderer, node: exp.Not) -> Sql:
    return Sql(f"(NOT {self.boolean(node.this, 'Value of logical NOT expression')})", t.BOOLEAN)


def _is(self: Renderer, node: exp.Is) -> Sql:
    value = self.render(node.this)
    if isinstance(node.expression, exp.Null):
        return Sql(f"({value.text} IS NULL)", t.BOOLEAN)
    raise UnsupportedError("IS with a value other than NULL", "Write a comparison, as in x = TRUE.")


def _between(self: Renderer, node: exp.Between) -> Sql:
    value = self.render(node.this)
    low = self.compare(value, self.render(node.args["low"]), ">=", node)
    high = self.compare(value, self.render(node.args["high"]), "<=", node)
    return Sql(f"({low} AND {high})", t.BOOLEAN)


def _in(self: Renderer, node: exp.In) -> Sql:
    value = self.render(node.this)
    query = node.args.get("query")
    if query is not None:
        text, types = self.subquery(query.this if isinstance(query, exp.Subquery) else query)
        kind = t.common(value.type, types[0])
        if kind is None:
            raise QueryError(
                "TYPE_MISMATCH",
                f"{position(node)}value and result of subquery must be of the same type for IN expression: "
                f"{value.type} vs {types[0]}",
            )
        return Sql(f"({self.as_type(value, kind)} IN ({text}))", t.BOOLEAN)
    values = [value, *(self.render(item) for item in node.expressions)]
    texts, _ = self.unify(values, "IN value and list items", node)
    return Sql(f"({texts[0]} IN ({', '.join(texts[1:])}))", t.BOOLEAN)


def _like(self: Renderer, node: exp.Like) -> Sql:
    return _like_escape(self, node, None)


def _escape(self: Renderer, node: exp.Escape) -> Sql:
    if not isinstance(node.this, exp.Like):
        raise UnsupportedError("ESCAPE without LIKE")
    return _like_escape(self, node.this, self.render(node.expression).text)


def _like_escape(self: Renderer, node: exp.Like, escape: str | None) -> Sql:
    value, pattern = self.render(node.this), self.render(node.expression)
    for part, subject in ((value, "Left side of LIKE expression"), (pattern, "Pattern for LIKE expression")):
        if not (part.type.is_text or part.type.base == "unknown"):
            raise QueryError(
                "TYPE_MISMATCH", f"{position(node)}{subject} must evaluate to a varchar (actual: {part.type})"
            )
    ending = f" ESCAPE {escape}" if escape else ""
    word = "NOT LIKE" if node.args.get("negate") else "LIKE"
    return Sql(f"(CAST({value.text} AS VARCHAR) {word} CAST({pattern.text} AS VARCHAR){ending})", t.BOOLEAN)


def _pipe(self: Renderer, node: exp.DPipe) -> Sql:
    return functions.call(self, "concat", [self.render(node.this), self.render(node.expression)], node)


def _trim(self: Renderer, node: exp.Trim) -> Sql:
    name = {"LEADING": "ltrim", "TRAILING": "rtrim"}.get(str(node.args.get("position") or "").upper(), "trim")
    parts = [node.this] + ([node.expression] if node.args.get("expression") else [])
    return functions.call(self, name, [self.render(part) for part in parts], node)


def _substring(self: Renderer, node: exp.Substring) -> Sql:
    parts = [node.this, node.args["start"]] + ([node.args["length"]] if node.args.get("length") else [])
    return functions.call(self, "substr", [self.render(part) for part in parts], node)


def _str_position(self: Renderer, node: exp.StrPosition) -> Sql:
    return functions.call(self, "strpos", [self.render(node.this), self.render(node.args["substr"])], node)


def _merged_column(self: Renderer, node: exp.Coalesce) -> Sql:
    """The column that JOIN … USING makes from two."""
    return functions.call(
        self, "coalesce", [self.render(part) for part in [node.this, *node.expressions]], node
    )


def _case(self: Renderer, node: exp.Case) -> Sql:
    subject = self.render(node.this) if node.this is not None else None
    conditions, values = [], []
    for branch in node.args["ifs"]:
        if subject is None:
            conditions.append(self.boolean(branch.this, "CASE WHEN clause"))
        else:
            conditions.append(self.compare(subject, self.render(branch.this), "=", branch))
        values.append(self.render(branch.args["true"]))
    default = node.args.get("default")
    values.append(self.render(default) if default is not None else Sql("NULL", t.UNKNOWN))
    texts, kind = self.unify(values, "All CASE results", node)
    whens = " ".join(f"WHEN {c} THEN {v}" for c, v in zip(conditions, texts[:-1], strict=True))
    return Sql(f"(CASE {whens} ELSE {texts[-1]} END)", kind)


def _if(self: Renderer, node: exp.If) -> Sql:
    condition = self.boolean(node.this, "IF condition")
    other = node.args.get("false")
    values = [
        self.render(node.args["true"]),
        self.render(other) if other is not None else Sql("NULL", t.UNKNOWN),
    ]
    texts, kind = self.unify(values, "Result types for IF", node)
    return Sql(f"(CASE WHEN {condition} THEN {texts[0]} ELSE {texts[1]} END)", kind)


def _cast(self: Renderer, node: exp.Cast) -> Sql:
    safe = isinstance(node, exp.TryCast) or self.safe
    value = self.render(node.this)
    target = t.from_sql(node.to)
    if target.base == "timestamptz" and value.constant is not None:
        zoned = zoned_literal(value.constant)
        if zoned is not None:
            return Sql(*zoned)
    if target.base == "timestamptz" and value.type.base == "timestamptz":
        return value
    if target.base == "decimal" and value.constant is not None and not node.to.expressions:
        digits = value.constant.lstrip("+-")
        scale = len(digits.split(".")[1]) if "." in digits else 0
        target = t.decimal(max(len(digits.replace(".", "").lstrip("0")), scale, 1), scale)
    return Sql(casts.cast(value.text, value.type, target, safe=safe), target)


def _try(self: Renderer, node: exp.Expr) -> Sql:
    return functions.attempt(self, node.this)


def _extract(self: Renderer, node: exp.Extract) -> Sql:
    part = node.name.lower()
    names = {"dow": "day_of_week", "doy": "day_of_year", "yow": "year_of_week", "day_of_month": "day"}
    return functions.call(self, names.get(part, part), [self.render(node.expression)], node)


def _zone(self: Renderer, node: exp.AtTimeZone) -> Sql:
    return functions.call(self, "at_timezone", [self.render(node.this), self.render(node.args["zone"])], node)


def _interval(_: Renderer, node: exp.Interval) -> Sql:
    unit = str(node.args["unit"].name if node.args.get("unit") else "").upper().rstrip("S")
    if unit not in ("YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND") or not isinstance(
        node.this, exp.Literal
    ):
        raise UnsupportedError(
            "this form of INTERVAL", "Write one number and one unit, as in INTERVAL '3' DAY."
        )
    kind = t.INTERVAL_YEAR if unit in ("YEAR", "MONTH") else t.INTERVAL_DAY
    return Sql(f"(INTERVAL {literal(node.this.name)} {unit})", kind)


def _array(self: Renderer, node: exp.Array) -> Sql:
    texts, kind = self.unify([self.render(item) for item in node.expressions], "All ARRAY elements", node)
    if not texts:
        return Sql("CAST([] AS INTEGER[])", t.array(t.UNKNOWN))
    return Sql(f"CAST([{', '.join(texts)}] AS {t.array(kind).duckdb()})", t.array(kind))


def _bracket(self: Renderer, node: exp.Bracket) -> Sql:
    value, index = self.render(node.this), self.render(node.expressions[0])
    return functions.call(self, "[]", [value, index], node)


def _tuple(self: Renderer, node: exp.Tuple) -> Sql:
    return functions.call(self, "row", [self.render(item) for item in node.expressions], node)


def _subquery(self: Renderer, node: exp.Expr) -> Sql:
    query = node.this if isinstance(node, exp.Subquery) else node
    text, types = self.subquery(query)
    if len(types) != 1:
        raise QueryError(
            "SUBQUERY_MULTIPLE_COLUMNS", f"{position(node)}Multiple columns returned by subquery"
        )
    return Sql(f"({text})", types[0])


def _exists(self: Renderer, node: exp.Exists) -> Sql:
    query = node.this.this if isinstance(node.this, exp.Subquery) else node.this
    return Sql(f"EXISTS ({self.subquery(query)[0]})", t.BOOLEAN)


def _function(self: Renderer, node: exp.Anonymous) -> Sql:
    return functions.call_node(self, node)


def _window(self: Renderer, node: exp.Window) -> Sql:
    inner: Any = node.this
    nulls = ""
    if isinstance(inner, exp.IgnoreNulls | exp.RespectNulls):
        nulls = " IGNORE NULLS" if isinstance(inner, exp.IgnoreNulls) else ""
        inner = inner.this
    if isinstance(inner, exp.Filter):
        raise QueryError("NOT_SUPPORTED", f"{position(node)}FILTER is not yet supported for window functions")
    if alias := node.args.get("alias"):
        if alias.name not in self.windows:
            raise QueryError(
                "INVALID_WINDOW_REFERENCE", f"{position(node)}Cannot resolve WINDOW name {alias.name}"
            )
        node = self.windows[alias.name]
    function = self.core(inner)
    if nulls:
        if not function.text.endswith(")"):
            raise UnsupportedError("IGNORE NULLS with this function")
        function.text = function.text[:-1] + nulls + ")"
    parts = []
    if partition := node.args.get("partition_by"):
        parts.append("PARTITION BY " + ", ".join(self.render(item).text for item in partition))
    if order := node.args.get("order"):
        parts.append("ORDER BY " + ", ".join(self.ordered(item) for item in order.expressions))
    if spec := node.args.get("spec"):
        parts.append(_frame(self, spec))
    text = f"{function.text} OVER ({' '.join(parts)})"
    return Sql(text, function.type, wrap=function.wrap)


def _frame(self: Renderer, spec: exp.WindowSpec) -> str:
    def bound(value: Any, side: str | None) -> str:
        if isinstance(value, str):
            return f"{value} {side or ''}".strip()
        return f"{self.render(value).text} {side}"

    start = bound(spec.args["start"], spec.args.get("start_side"))
    end = bound(spec.args.get("end") or "CURRENT ROW", spec.args.get("end_side"))
    return f"{spec.args['kind']} BETWEEN {start} AND {end}"


def _filter(self: Renderer, node: exp.Filter) -> Sql:
    function = self.core(node.this)
    condition = self.boolean(node.expression.this, "Filter expression")
    return Sql(f"{function.text} FILTER (WHERE {condition})", function.type, wrap=function.wrap)


def _order_in_aggregate(_: Renderer, __: exp.Expr) -> Sql:
    raise UnsupportedError("ORDER BY inside this function")


def _now(_: Renderer, node: exp.Expr) -> Sql:
    if isinstance(node, exp.CurrentDate):
        return Sql("trino_today()", t.DATE)
    if isinstance(node, exp.Localtimestamp):
        return Sql("CAST(trino_now() AS TIMESTAMP)", t.TIMESTAMP)
    return Sql("trino_now()", t.TIMESTAMPTZ)


def _hex(_: Renderer, node: exp.HexString) -> Sql:
    return Sql(f"unhex({literal(str(node.this))})", t.VARBINARY)


def _json_literal(self: Renderer, node: exp.ParseJSON) -> Sql:
    return functions.call(self, "json_parse", [self.render(node.this)], node)


def _listagg(self: Renderer, node: exp.GroupConcat) -> Sql:
    inner, order = node.this, ""
    if isinstance(inner, exp.Order):
        order = " ORDER BY " + ", ".join(self.ordered(item) for item in inner.expressions)
        inner = inner.this
    distinct = ""
    if isinstance(inner, exp.Distinct):
        distinct, inner = "DISTINCT ", inner.expressions[0]
    value = self.render(inner)
    separator = node.args.get("separator")
    glue = self.render(separator).text if separator is not None else "''"
    return Sql(f"string_agg({distinct}{value.text}, {glue}{order})", t.VARCHAR)


_OPERANDS = frozenset({"this", "expression", "expressions"})
_READ: dict[type, frozenset[str]] = {
    exp.Literal: _OPERANDS | {"is_string"},
    exp.Column: _OPERANDS | {"table", "db", "catalog"},
    exp.Pseudocolumn: _OPERANDS | {"table", "db", "catalog"},
    exp.Identifier: _OPERANDS | {"quoted"},
    exp.Between: _OPERANDS | {"low", "high"},
    exp.In: _OPERANDS | {"query"},
    exp.Like: _OPERANDS | {"negate"},
    exp.DPipe: _OPERANDS | {"safe"},
    exp.Div: _OPERANDS | {"typed", "safe"},
    exp.Case: _OPERANDS | {"ifs", "default"},
    exp.If: _OPERANDS | {"true", "false"},
    exp.Cast: _OPERANDS | {"to"},
    exp.TryCast: _OPERANDS | {"to", "safe"},
    exp.AtTimeZone: _OPERANDS | {"zone"},
    exp.Interval: _OPERANDS | {"unit"},
    exp.Array: _OPERANDS | {"bracket_notation"},
    exp.Window: _OPERANDS | {"partition_by", "order", "spec", "over", "alias"},
    exp.GroupConcat: _OPERANDS | {"separator"},
    exp.Trim: _OPERANDS | {"position"},
    exp.Substring: _OPERANDS | {"start", "length"},
    exp.StrPosition: _OPERANDS | {"substr"},
    exp.ParseJSON: _OPERANDS | {"is_literal"},
    # a query in parentheses has its own scope
    exp.Subquery: frozenset(exp.Subquery.arg_types),
    exp.Select: frozenset(exp.Select.arg_types),
    exp.SetOperation: frozenset(exp.SetOperation.arg_types),
    exp.Union: frozenset(exp.SetOperation.arg_types),
}

_HANDLERS: dict[type, Callable[[Renderer, Any], Sql]] = {
    exp.Literal: _literal,
    exp.Null: lambda _, __: Sql("NULL", t.UNKNOWN),
    exp.Boolean: lambda _, node: Sql("TRUE" if node.this else "FALSE", t.BOOLEAN),
    exp.Column: _column,
    exp.Identifier: _identifier,
    exp.Dot: _dot,
    exp.Paren: lambda self, node: self.render(node.this),
    exp.Neg: _negation,
    exp.And: _logic,
    exp.Or: _logic,
    exp.Not: _not,
    exp.Is: _is,
    exp.Between: _between,
    exp.In: _in,
    exp.Like: _like,
    exp.Escape: _escape,
    exp.DPipe: _pipe,
    exp.Trim: _trim,
    exp.Substring: _substring,
    exp.StrPosition: _str_position,
    exp.Coalesce: _merged_column,
    exp.Pseudocolumn: _column,
    exp.Case: _case,
    exp.If: _if,
    exp.Cast: _cast,
    exp.TryCast: _cast,
    exp.Try: _try,
    exp.Extract: _extract,
    exp.AtTimeZone: _zone,
    exp.Interval: _interval,
    exp.Array: _array,
    exp.Bracket: _bracket,
    exp.Tuple: _tuple,
    exp.Subquery: _subquery,
    exp.Select: _subquery,
    exp.Union: _subquery,
    exp.Exists: _exists,
    exp.Anonymous: _function,
    exp.Window: _window,
    exp.Filter: _filter,
    exp.Order: _order_in_aggregate,
    exp.CurrentDate: _now,
    exp.CurrentTimestamp: _now,
    exp.Localtimestamp: _now,
    exp.HexString: _hex,
    exp.ParseJSON: _json_literal,
    exp.GroupConcat: _listagg,
    **dict.fromkeys(_COMPARISONS, _comparison),
    **dict.fromkeys(_ARITHMETIC, _arithmetic),
}
