"""What each function call means: its signature decides the type, its template the DuckDB spelling.

A function that is in no table here is refused by name, so the sandbox never guesses. Trino's answers for
every group are recorded in tests/sql/functions.
"""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from sandbox.athena import casts
from sandbox.athena import trino_types as t
from sandbox.athena.dialect import position
from sandbox.athena.errors import QueryError, UnsupportedError
from sandbox.athena.function_tables import AGGREGATES, SCALARS, WINDOWS
from sandbox.athena.signatures import Signature, fit, signature
from sandbox.athena.trino_types import Type, literal

if TYPE_CHECKING:
    from sandbox.athena.expressions import Renderer, Sql

Build = Callable[["Renderer", list["Sql"], Any], "Sql"]

_OVERLOADS: dict[str, list[Signature]] = {}
for _line, _template in {**SCALARS, **AGGREGATES, **WINDOWS}.items():
    _OVERLOADS.setdefault(_line.split("(", 1)[0], []).append(signature(_line, _template))
_AGGREGATE_NAMES = {line.split("(", 1)[0] for line in AGGREGATES} | {
    "count",
    "sum",
    "avg",
    "array_agg",
    "map_agg",
}
_AGGREGATE_NAMES |= {
    "approx_percentile",
    "min",
    "max",
    "min_by",
    "max_by",
    "histogram",
    "arbitrary",
    "any_value",
}
_WINDOW_NAMES = {line.split("(", 1)[0] for line in WINDOWS}


def _sql(text: str, kind: Type, **more: Any) -> "Sql":
    from sandbox.athena.expressions import Sql  # noqa: PLC0415  the two modules call each other

    return Sql(text, kind, **more)


def call_node(renderer: "Renderer", node: exp.Anonymous) -> "Sql":
    """A call as it stands in the query, lambdas, DISTINCT and ORDER BY inside it included."""
    name = str(node.this).lower()
    if name == "try" and len(node.expressions) == 1:
        return attempt(renderer, node.expressions[0])
    distinct, order, arguments = False, "", list(node.expressions)
    if len(arguments) == 1 and isinstance(arguments[0], exp.Order):
        from sandbox.athena.expressions import ordered  # noqa: PLC0415

        order = " ORDER BY " + ", ".join(ordered(renderer, item) for item in arguments[0].expressions)
        arguments = [arguments[0].this]
    if len(arguments) == 1 and isinstance(arguments[0], exp.Distinct):
        distinct, arguments = True, list(arguments[0].expressions)
    if (distinct or order) and name not in _AGGREGATE_NAMES:
        raise QueryError("FUNCTION_NOT_AGGREGATE", f"{position(node)}{name} is not an aggregation function")
    if name in _HIGHER:
        return _HIGHER[name](renderer, arguments, node)
    if name == "count" and len(arguments) == 1 and isinstance(arguments[0], exp.Star):
        return _sql("count(*)", t.BIGINT)
    values = [renderer.render(argument) for argument in arguments]
    return call(renderer, name, values, node, distinct=distinct, order=order)


def call(
    renderer: "Renderer",
    name: str,
    values: list["Sql"],
    node: Any,
    *,
    distinct: bool = False,
    order: str = "",
) -> "Sql":
    """A call of a function by name. Raises `QueryError` FUNCTION_NOT_FOUND as Trino does."""
    built: Sql | None = None
    if name in _SPECIAL:
        built = _SPECIAL[name](renderer, values, node)
    else:
        built = _overload(renderer, name, values, node)
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


def _overload(renderer: "Renderer", name: str, values: list["Sql"], node: Any) -> "Sql":
    candidates = _OVERLOADS.get(name)
    if name in _TEXT_OR_JSON and values and values[0].type.base == "unknown":
        raise QueryError(
            "AMBIGUOUS_FUNCTION_CALL", f"{position(node)}Could not choose a best candidate for {name}"
        )
    if name in ("min", "max", "min_by", "max_by") and len(values) == candidates_arity(name) + 1:
        raise UnsupportedError(f"{name} of several values")
    if candidates is None:
        if name in _KNOWN_BUT_MISSING:
            raise UnsupportedError(f"the function {name}")
        raise QueryError("FUNCTION_NOT_FOUND", f"{position(node)}Function '{name}' not registered")
    kinds = [value.type for value in values]
    for candidate in candidates:
        if found := fit(candidate, kinds):
            wanted, result = found
            texts = [
                renderer.as_type(v, w) if w.base != "unknown" else v.text
                for v, w in zip(values, wanted, strict=True)
            ]
            template, _, wrap = candidate.template.partition(" ~ ")
            text = template.replace("{*}", ", ".join(texts))
            for index, argument in enumerate(texts):
                text = text.replace(f"{{{index}}}", argument)
            zones = [v.type.zone for v in values if v.type.base == "timestamptz"]
            if zones and result.base == "timestamptz":
                result = Type("timestamptz", zone=zones[0])
            return _sql(text, result, wrap=wrap or "{}")
    raise QueryError(
        "FUNCTION_NOT_FOUND",
        f"{position(node)}Unexpected parameters ({', '.join(map(str, kinds))}) for function {name}",
    )


def candidates_arity(name: str) -> int:
    """How many arguments the plain form of an extreme takes."""
    return 2 if name.endswith("_by") else 1


def attempt(renderer: "Renderer", node: Any) -> "Sql":
    """TRY(expression): NULL where the expression would fail."""
    was, renderer.safe = renderer.safe, True
    try:
        value = renderer.render(node)
    finally:
        renderer.safe = was
    if "trino_" in value.text and "error(" not in value.text:  # what Python refuses, DuckDB's TRY makes NULL
        value.text = f"TRY({value.text})"
    return value


# -- arithmetic --------------------------------------------------------------------------------------------------


def arithmetic(  # noqa: PLR0911  one return a kind of operands
    left: str, left_type: Type, operator: str, right: str, right_type: Type, *, safe: bool
) -> tuple[str, Type] | None:
    """`left operator right` with Trino's result type, or None where it has no such operator."""
    if left_type.base == "unknown" and right_type.base == "unknown":
        return "NULL", t.UNKNOWN
    if left_type.is_time or right_type.is_time or "interval" in left_type.base + right_type.base:
        return _moments(left, left_type, operator, right, right_type)
    if left_type.base == "unknown":
        left, left_type = f"CAST(NULL AS {right_type.duckdb()})", right_type
    if right_type.base == "unknown":
        right, right_type = f"CAST(NULL AS {left_type.duckdb()})", left_type
    kind = t.common(left_type, right_type)
    if kind is None or not kind.is_number:
        return None
    if kind.base == "decimal":
        return _decimals(left, t.as_decimal(left_type), operator, right, t.as_decimal(right_type), safe=safe)
    left, right = (
        casts.cast(text, own, kind, safe=safe) for text, own in ((left, left_type), (right, right_type))
    )
    if kind.is_integer:
        if operator in "/%":
            divisor = f"nullif({right}, 0)"
            if not safe:
                zero = casts.failure("DIVISION_BY_ZERO", "'Division by zero'")
                divisor = f"CASE WHEN {right} = 0 THEN {zero} ELSE {right} END"
            return f"({left} {'//' if operator == '/' else '%'} {divisor})", kind
        return f"({left} {operator} {right})", kind
    if operator == "%":
        return f"CASE WHEN {right} = 0 THEN CAST('nan' AS DOUBLE) ELSE fmod({left}, {right}) END", kind
    return f"({left} {operator} {right})", kind


def _decimals(left: str, one: Type, operator: str, right: str, two: Type, *, safe: bool) -> tuple[str, Type]:
    """Exact arithmetic; precision and scale as Trino's documentation, "Decimal functions and operators"."""
    (p1, s1), (p2, s2) = one.args, two.args
    if operator in "+-":
        scale = max(s1, s2)
        precision = max(p1 - s1, p2 - s2) + scale + 1
    elif operator == "*":
        scale, precision = s1 + s2, p1 + p2
    elif operator == "/":
        scale, precision = max(s1, s2), p1 + s2 + max(0, s2 - s1)
    else:
        scale = max(s1, s2)
        precision = min(p1 - s1, p2 - s2) + scale
    kind = t.decimal(max(1, min(t_max(), precision)), scale)
    if scale > t_max():
        raise QueryError(
            "TYPE_MISMATCH", f"DECIMAL scale must be in range [0, precision ({t_max()})]: {scale}"
        )
    text = f"trino_decimal(CAST({left} AS VARCHAR), {literal(operator)}, CAST({right} AS VARCHAR), {scale}, {_flag(safe)})"
    if operator in "+-" and precision <= 18:
        return f"CAST(({left} {operator} {right}) AS {kind.duckdb()})", kind
    return f"CAST({text} AS {kind.duckdb()})", kind


def t_max() -> int:
    """The most digits a decimal has."""
    return 38


def _flag(value: bool) -> str:
    return "TRUE" if value else "FALSE"


def _moments(left: str, one: Type, operator: str, right: str, two: Type) -> tuple[str, Type] | None:
    if operator == "+" and one.base.startswith("interval") and two.is_time:
        return _moments(right, two, operator, left, one)
    if operator in "+-" and one.is_time and two.base.startswith("interval"):
        if one.base == "date":
            return f"CAST({left} {operator} {right} AS DATE)", one
        if one.base == "timestamptz" and one.zone != "UTC":
            local = f"({casts.local_time(left, one)} {operator} {right})"
            return f"timezone({literal(one.zone)}, {local})", one
        return f"({left} {operator} {right})", one
    if operator == "-" and one.is_time and two.is_time:
        kind = t.common(one, two)
        if kind is not None and kind.base == "date":
            return f"to_days(CAST({left} - {right} AS INTEGER))", t.INTERVAL_DAY
        if kind is not None:
            a, b = (casts.cast(text, own, kind, safe=False) for text, own in ((left, one), (right, two)))
            return f"to_microseconds(epoch_us({a}) - epoch_us({b}))", t.INTERVAL_DAY
    if one.base == two.base and one.base.startswith("interval") and operator in "+-":
        return f"({left} {operator} {right})", one
    if one.base.startswith("interval") and two.is_number and operator in "*/":
        return f"({left} {operator} {right})", one
    if two.base.startswith("interval") and one.is_number and operator == "*":
        return f"({right} * {left})", two
    return None


def zoned_literal(text: str) -> tuple[str, Type] | None:
    """TIMESTAMP '2026-01-01 00:00 Europe/Paris' as an instant with its zone; None when it names no zone."""
    match = re.fullmatch(r"(\d+-\d+-\d+(?: [\d:.]+)?) ?([A-Za-z_/]+|[+-]\d\d:\d\d)", text.strip())
    if not match:
        return None
    zone = match.group(2)
    fraction = text.split(".")[1] if "." in text else ""
    digits = len(fraction) - len(fraction.lstrip("0123456789"))
    utc = zone.upper() in ("UTC", "Z", "+00:00")
    kind = Type("timestamptz", zone="UTC" if utc else zone, length=digits if digits < 3 else None)
    if zone[0] in "+-":
        return f"CAST({literal(text)} AS TIMESTAMPTZ)", kind
    local = casts.cast(literal(match.group(1)), t.VARCHAR, t.TIMESTAMP, safe=False)
    return f"timezone({literal(zone)}, {local})", kind


# -- calls whose type or spelling no table row can state ----------------------------------------------------------


def _texts(renderer: "Renderer", values: list["Sql"], name: str, node: Any) -> tuple[list[str], Type]:
    what = {"coalesce": "All COALESCE operands", "[]": "Subscript"}.get(name, f"All {name.upper()} arguments")
    return renderer.unify(values, what, node)


def _coalesce(renderer: "Renderer", values: list["Sql"], node: Any) -> "Sql":
    texts, kind = _texts(renderer, values, "coalesce", node)
    return _sql(f"coalesce({', '.join(texts)})", kind)


def _nullif(renderer: "Renderer", values: list["Sql"], node: Any) -> "Sql":
    from sandbox.athena.expressions import compare  # noqa: PLC0415

    equal = compare(renderer, values[0], values[1], "=", node)
    return _sql(f"(CASE WHEN {equal} THEN NULL ELSE {values[0].text} END)", values[0].type)


def _greatest(name: str) -> Build:
    def build(renderer: "Renderer", values: list["Sql"], node: Any) -> "Sql":
        texts, kind = _texts(renderer, values, name, node)
        any_null = " OR ".join(
            f"{text} IS NULL" for text in texts
        )  # one NULL makes it NULL; not so in DuckDB
        return _sql(f"(CASE WHEN {any_null} THEN NULL ELSE {name}({', '.join(texts)}) END)", kind)

    return build


def _concat(renderer: "Renderer", values: list["Sql"], node: Any) -> "Sql":
    arrays = [value for value in values if value.type.base == "array"]
    if arrays:
        element = arrays[0].type.args[0]
        parts = []
        for value in values:
            inner = value.type.args[0] if value.type.base == "array" else value.type
            merged = t.common(element, inner)
            if merged is None:
                break
            element = merged
        else:
            for value in values:
                is_array = value.type.base == "array"
                item = renderer.as_type(value, t.array(element) if is_array else element)
                parts.append(item if is_array else f"[{item}]")
            any_null = " OR ".join(f"{v.text} IS NULL" for v in arrays)
            joined = parts[0]
            for part in parts[1:]:
                joined = f"list_concat({joined}, {part})"
            return _sql(f"(CASE WHEN {any_null} THEN NULL ELSE {joined} END)", t.array(element))
    if values and all(value.type.base in ("varchar", "unknown") for value in values):
        if any(
            value.type.base == "unknown" for value in values
        ):  # Trino takes NULL for an array's element here
            return _sql("CAST(NULL AS VARCHAR[])", t.array(t.VARCHAR))
        if len(values) < 2:
            raise QueryError("INVALID_FUNCTION_ARGUMENT", "There must be two or more concatenation arguments")
        return _sql("(" + " || ".join(f"CAST({v.text} AS VARCHAR)" for v in values) + ")", t.VARCHAR)
    if values and all(value.type.base == "varbinary" for value in values):
        return _sql("(" + " || ".join(v.text for v in values) + ")", t.VARBINARY)
    kinds = ", ".join(str(value.type) for value in values)
    raise QueryError(
        "FUNCTION_NOT_FOUND", f"{position(node)}Unexpected parameters ({kinds}) for function concat"
    )


def _row(_: "Renderer", values: list["Sql"], __: Any) -> "Sql":
    kind = t.row_of([value.type for value in values])
    fields = zip(kind.field_names(), values, strict=True)
    return _sql("{" + ", ".join(f"{literal(n)}: {v.text}" for n, v in fields) + "}", kind)


def _subscript(renderer: "Renderer", values: list["Sql"], node: Any) -> "Sql":
    value, index = values
    if value.type.base == "array" and index.type.is_integer:
        if renderer.safe:
            return _sql(f"list_extract({value.text}, {index.text})", value.type.args[0])
        low = casts.failure("INVALID_FUNCTION_ARGUMENT", "'SQL array indices start at 1'")
        message = f"'Array subscript must be less than or equal to array length: ' || {index.text} || ' > ' || len({value.text})"
        high = casts.failure("INVALID_FUNCTION_ARGUMENT", message)
        text = (
            f"(CASE WHEN {index.text} < 1 THEN {low} WHEN {index.text} > len({value.text}) THEN {high} "
            f"ELSE list_extract({value.text}, {index.text}) END)"
        )
        return _sql(text, value.type.args[0])
    if value.type.base == "map":
        key = renderer.as_type(index, value.type.args[0])
        found = f"map_extract_value({value.text}, {key})"
        if renderer.safe:
            return _sql(found, value.type.args[1])
        missing = casts.failure(
            "INVALID_FUNCTION_ARGUMENT", f"'Key not present in map: ' || CAST({key} AS VARCHAR)"
        )
        text = f"(CASE WHEN NOT map_contains({value.text}, {key}) THEN {missing} ELSE {found} END)"
        return _sql(text, value.type.args[1])
    if value.type.base == "row" and index.type.is_integer:
        number = int(index.text) - 1
        if 0 <= number < len(value.type.args):
            name = value.type.field_names()[number]
            return _sql(f"struct_extract({value.text}, {literal(name)})", value.type.args[number])
    raise QueryError(
        "TYPE_MISMATCH", f"{position(node)}Cannot use {index.type} for subscript of {value.type}"
    )


def _element_at(renderer: "Renderer", values: list["Sql"], node: Any) -> "Sql":
    value, index = values
    if value.type.base == "array" and index.type.is_integer:
        zero = casts.failure("INVALID_FUNCTION_ARGUMENT", "'SQL array indices start at 1'")
        zero = "NULL" if renderer.safe else zero
        found = f"list_extract({value.text}, {index.text})"
        return _sql(f"(CASE WHEN {index.text} = 0 THEN {zero} ELSE {found} END)", value.type.args[0])
    if value.type.base == "map":
        key = renderer.as_type(index, value.type.args[0])
        return _sql(f"map_extract_value({value.text}, {key})", value.type.args[1])
    return _overload(renderer, "element_at", values, node)


def _typeof(_: "Renderer", values: list["Sql"], __: Any) -> "Sql":
    return _sql(literal(str(values[0].type)), t.VARCHAR)


def _count(_: "Renderer", values: list["Sql"], __: Any) -> "Sql":
    if not values:
        return _sql("count(*)", t.BIGINT)
    return _sql(f"count({values[0].text})", t.BIGINT)


def _sum(_: "Renderer", values: list["Sql"], node: Any) -> "Sql":
    value = values[0]
    if value.type.is_integer:
        return _sql(f"sum({value.text})", t.BIGINT, wrap="CAST({} AS BIGINT)")
    if value.type.base == "decimal":
        kind = t.decimal(38, value.type.args[1])
        return _sql(f"sum({value.text})", kind, wrap=f"CAST({{}} AS {kind.duckdb()})")
    if value.type.base in ("double", "real"):
        wrap = "{}" if value.type.base == "double" else "CAST({} AS FLOAT)"
        return _sql(f"sum({value.text})", value.type, wrap=wrap)
    if value.type.base == "interval_day":
        return _sql(f"sum({value.text})", value.type)
    raise QueryError(
        "FUNCTION_NOT_FOUND", f"{position(node)}Unexpected parameters ({value.type}) for function sum"
    )


def _avg(_: "Renderer", values: list["Sql"], node: Any) -> "Sql":
    value = values[0]
    if value.type.base == "decimal":
        precision, scale = value.type.args
        text = (
            f"trino_avg([CAST(sum({value.text}) AS VARCHAR), CAST(count({value.text}) AS VARCHAR)], {scale})"
        )
        if isinstance(getattr(node, "parent", None), exp.Window | exp.Filter):
            raise UnsupportedError("avg of a decimal with OVER or FILTER: cast the argument to double")
        return _sql(f"CAST({text} AS DECIMAL({precision},{scale}))", value.type)
    if value.type.is_number:
        kind = t.REAL if value.type.base == "real" else t.DOUBLE
        return _sql(f"avg({value.text})", kind, wrap="{}" if kind == t.DOUBLE else "CAST({} AS FLOAT)")
    raise QueryError(
        "FUNCTION_NOT_FOUND", f"{position(node)}Unexpected parameters ({value.type}) for function avg"
    )


def _round(renderer: "Renderer", values: list["Sql"], node: Any) -> "Sql":
    value = values[0]
    digits = values[1].text if len(values) > 1 else "0"
    if value.type.base == "decimal":
        precision, scale = value.type.args
        if len(values) == 1:
            kind = t.decimal(min(38, precision - scale + (1 if scale else 0)) or 1, 0)
        else:
            kind = t.decimal(min(38, precision + 1), scale)
        return _sql(f"CAST(round({value.text}, {digits}) AS {kind.duckdb()})", kind)
    if value.type.is_integer and len(values) == 1:
        return value
    if value.type.is_integer:
        return _sql(f"CAST(round({value.text}, {digits}) AS {value.type.duckdb()})", value.type)
    if value.type.base in ("double", "real"):
        return _sql(f"CAST(round({value.text}, {digits}) AS {value.type.duckdb()})", value.type)
    return _overload(renderer, "round", values, node)


def _approx_percentile(renderer: "Renderer", values: list["Sql"], _: Any) -> "Sql":
    value, at = values[0], values[-1]
    if value.type.base == "unknown":
        value = _sql("CAST(NULL AS BIGINT)", t.BIGINT)
    if len(values) != 2 or not value.type.is_number:
        raise UnsupportedError("approx_percentile with weights or accuracy")
    kind = value.type if value.type.base in ("bigint", "double", "real") else None
    if kind is None:
        kind = t.BIGINT if value.type.is_integer else t.DOUBLE
    text = f"list({renderer.as_type(value, kind)})"
    values_only = "list_filter({}, lambda x: x IS NOT NULL)"
    if at.type.base == "array":
        share = renderer.as_type(at, t.array(t.DOUBLE))
        each = f"list_transform({share}, lambda q: trino_percentile({values_only}, q))"
        wrap = f"CASE WHEN len({values_only}) = 0 THEN NULL ELSE {each} END"
        return _sql(text, t.array(kind), wrap=wrap.replace("{}", "{0}"))
    return _sql(text, kind, wrap=f"trino_percentile({values_only}, {renderer.as_type(at, t.DOUBLE)})")


def _at_timezone(_: "Renderer", values: list["Sql"], node: Any) -> "Sql":
    value, zone = values
    if zone.constant is None:
        raise UnsupportedError("a time zone that is not a literal")
    name = "UTC" if zone.constant.upper() in ("UTC", "Z", "+00:00") else zone.constant
    kind = Type("timestamptz", zone=name)
    if value.type.base in ("timestamp", "date"):
        return _sql(f"timezone('UTC', CAST({value.text} AS TIMESTAMP))", kind)
    if value.type.base != "timestamptz":
        raise QueryError(
            "TYPE_MISMATCH",
            f"{position(node)}Type of value must be a time or timestamp (actual {value.type})",
        )
    return _sql(value.text, kind)


def _date(renderer: "Renderer", values: list["Sql"], _: Any) -> "Sql":
    return _sql(casts.cast(values[0].text, values[0].type, t.DATE, safe=renderer.safe), t.DATE)


def _local(renderer: "Renderer", value: "Sql", node: Any, name: str) -> str:
    """The wall-clock TIMESTAMP of a date or time."""
    if value.type.base == "timestamptz":
        return casts.local_time(value.text, value.type)
    if value.type.base in ("date", "timestamp", "unknown"):
        return f"CAST({value.text} AS TIMESTAMP)"
    raise QueryError(
        "FUNCTION_NOT_FOUND", f"{position(node)}Unexpected parameters ({value.type}) for function {name}"
    )


_FIELDS = {
    "year": "year",
    "month": "month",
    "day": "day",
    "day_of_month": "day",
    "hour": "hour",
    "minute": "minute",
}
_FIELDS |= {"second": "second", "quarter": "quarter", "week": "week", "week_of_year": "week", "dow": "isodow"}
_FIELDS |= {
    "day_of_week": "isodow",
    "day_of_year": "dayofyear",
    "doy": "dayofyear",
    "year_of_week": "isoyear",
}
_FIELDS |= {"yow": "isoyear"}


def _field(name: str) -> Build:
    def build(renderer: "Renderer", values: list["Sql"], node: Any) -> "Sql":
        if values[0].type.base.startswith("interval"):
            return _sql(f"date_part('{_FIELDS[name]}', {values[0].text})", t.BIGINT)
        return _sql(f"date_part('{_FIELDS[name]}', {_local(renderer, values[0], node, name)})", t.BIGINT)

    return build


def _millisecond(renderer: "Renderer", values: list["Sql"], node: Any) -> "Sql":
    local = _local(renderer, values[0], node, "millisecond")
    return _sql(f"(date_part('milliseconds', {local}) % 1000)", t.BIGINT)


_UNITS = ("millisecond", "second", "minute", "hour", "day", "week", "month", "quarter", "year")


def _unit(value: "Sql") -> str:
    unit = (value.constant or "").lower()
    if value.constant is None:
        raise UnsupportedError("a date unit that is not a literal")
    if unit not in _UNITS:
        raise QueryError("INVALID_FUNCTION_ARGUMENT", f"'{value.constant}' is not a valid TIMESTAMP field")
    return unit


def _back(text: str, kind: Type) -> "Sql":
    """A wall-clock result as the type the value had."""
    if kind.base == "timestamptz":
        return _sql(f"timezone({literal(kind.zone)}, {text})", kind)
    return _sql(f"CAST({text} AS {kind.duckdb()})", kind)


def _date_trunc(renderer: "Renderer", values: list["Sql"], node: Any) -> "Sql":
    local = _local(renderer, values[1], node, "date_trunc")
    return _back(f"date_trunc('{_unit(values[0])}', {local})", values[1].type)


def _date_add(renderer: "Renderer", values: list["Sql"], node: Any) -> "Sql":
    unit, amount, value = values
    local = _local(renderer, value, node, "date_add")
    factor = 3 if _unit(unit) == "quarter" else 1
    name = "months" if factor == 3 else f"{_unit(unit)}s"
    moved = f"({local} + to_{name}(CAST({amount.text} * {factor} AS INTEGER)))"
    if value.type.length == 0 and name == "milliseconds":  # a type without fractions of a second rounds them
        moved = f"date_trunc('second', {moved} + INTERVAL 500 MILLISECOND)"
    return _back(moved, value.type)


def _date_diff(renderer: "Renderer", values: list["Sql"], node: Any) -> "Sql":
    unit, start, end = values
    kind = t.common(start.type, end.type)
    if kind is None or not (kind.is_time or kind.base == "unknown"):
        kinds = ", ".join(str(value.type) for value in values)
        raise QueryError(
            "FUNCTION_NOT_FOUND", f"{position(node)}Unexpected parameters ({kinds}) for function date_diff"
        )
    if kind.base == "unknown":
        return _sql("CAST(NULL AS BIGINT)", t.BIGINT)
    one, two = (_sql(renderer.as_type(value, kind), kind) for value in (start, end))
    first, second = (_local(renderer, value, node, "date_diff") for value in (one, two))
    lengths = {"millisecond": 1_000, "second": 10**6, "minute": 6 * 10**7, "hour": 36 * 10**8}
    name = _unit(unit)
    if name in lengths:  # whole units that have passed, towards zero
        return _sql(f"((epoch_us({second}) - epoch_us({first})) // {lengths[name]})", t.BIGINT)
    return _sql(f"date_sub('{name}', {first}, {second})", t.BIGINT)


def _pattern_function(name: str, udf: str) -> Build:
    def build(renderer: "Renderer", values: list["Sql"], node: Any) -> "Sql":
        value, pattern = values
        zone = value.type.zone if value.type.base == "timestamptz" else "UTC"
        local = _local(renderer, value, node, name)
        return _sql(f"{udf}(epoch_us({local}), {pattern.text}, {literal(zone)})", t.VARCHAR)

    return build


def _to_iso8601(renderer: "Renderer", values: list["Sql"], node: Any) -> "Sql":
    value = values[0]
    if value.type.base == "date":
        return _sql(f"CAST({value.text} AS VARCHAR)", t.VARCHAR)
    local = _local(renderer, value, node, "to_iso8601")
    zone = literal(value.type.zone if value.type.base == "timestamptz" else "")
    digits = 3 if value.type.length is None else value.type.length
    return _sql(f"trino_to_iso8601(epoch_us({local}), {zone}, {digits})", t.VARCHAR)


def _with_timezone(_: "Renderer", values: list["Sql"], node: Any) -> "Sql":
    value, zone = values
    if zone.constant is None:
        raise UnsupportedError("a time zone that is not a literal")
    if value.type.base not in ("timestamp", "date"):
        raise QueryError(
            "FUNCTION_NOT_FOUND", f"{position(node)}Unexpected parameters for function with_timezone"
        )
    text = f"timezone({literal(zone.constant)}, CAST({value.text} AS TIMESTAMP))"
    return _sql(text, Type("timestamptz", zone=zone.constant))


def _sign(renderer: "Renderer", values: list["Sql"], node: Any) -> "Sql":
    value = values[0]
    if value.type.is_integer:
        return _sql(f"CAST(sign({value.text}) AS {value.type.duckdb()})", value.type)
    if value.type.base == "decimal":
        return _sql(f"CAST(sign({value.text}) AS DECIMAL(1,0))", t.decimal(1, 0))
    return _overload(renderer, "sign", values, node)


def _truncate(renderer: "Renderer", values: list["Sql"], node: Any) -> "Sql":
    if values[0].type.base == "decimal" and len(values) == 2:
        kind = values[0].type
        scaled = f"trino_truncate(CAST({values[0].text} AS VARCHAR), CAST({values[1].text} AS INTEGER))"
        return _sql(f"CAST({scaled} AS {kind.duckdb()})", kind)
    return _overload(renderer, "truncate", values, node)


def _to_unixtime(renderer: "Renderer", values: list["Sql"], _: Any) -> "Sql":
    text = (
        renderer.as_type(values[0], t.TIMESTAMPTZ) if values[0].type.base != "timestamptz" else values[0].text
    )
    return _sql(f"(epoch_us({text}) / CAST(1000000 AS DOUBLE))", t.DOUBLE)


def _whole(name: str) -> Build:
    def build(renderer: "Renderer", values: list["Sql"], node: Any) -> "Sql":
        value = values[0]
        if value.type.is_integer:
            return value
        if value.type.base == "decimal":
            precision, scale = value.type.args
            kind = t.decimal(min(38, precision - scale + (1 if scale else 0)) or 1, 0)
            return _sql(f"CAST({name}({value.text}) AS {kind.duckdb()})", kind)
        return _overload(renderer, name, values, node)

    return build


def _mod(renderer: "Renderer", values: list["Sql"], node: Any) -> "Sql":
    if len(values) == 2:
        one, two = values
        found = arithmetic(one.text, one.type, "%", two.text, two.type, safe=renderer.safe)
        if found is not None:
            return _sql(*found)
    return _overload(renderer, "mod", values, node)


def _map(renderer: "Renderer", values: list["Sql"], node: Any) -> "Sql":
    if not values:
        return _sql("CAST(MAP {} AS MAP(INTEGER, INTEGER))", t.map_of(t.UNKNOWN, t.UNKNOWN))
    kinds = [value.type for value in values]
    if len(values) != 2 or any(kind.base != "array" for kind in kinds):
        raise QueryError("FUNCTION_NOT_FOUND", f"{position(node)}Unexpected parameters for function map")
    return _sql(f"map({values[0].text}, {values[1].text})", t.map_of(kinds[0].args[0], kinds[1].args[0]))


def _regexp_replace(renderer: "Renderer", values: list["Sql"], node: Any) -> "Sql":
    if len(values) == 3:
        if values[2].constant is None:
            raise UnsupportedError("a regexp_replace replacement that is not a literal")
        replacement = re.sub(r"\$(\d)", r"\\\1", values[2].constant)
        values = [values[0], values[1], _sql(literal(replacement), t.VARCHAR)]
    return _overload(renderer, "regexp_replace", values, node)


def _substring_node(renderer: "Renderer", arguments: list[Any], node: Any) -> "Sql":
    return call(renderer, "substr", [renderer.render(argument) for argument in arguments], node)


# an untyped NULL could be either of what their first parameter takes
_TEXT_OR_JSON = frozenset(
    ("json_extract", "json_extract_scalar", "json_array_length", "json_size", "json_array_get")
)

_SPECIAL: dict[str, Build] = {
    "coalesce": _coalesce,
    "nullif": _nullif,
    "greatest": _greatest("greatest"),
    "least": _greatest("least"),
    "concat": _concat,
    "row": _row,
    "[]": _subscript,
    "element_at": _element_at,
    "typeof": _typeof,
    "count": _count,
    "sum": _sum,
    "avg": _avg,
    "round": _round,
    "approx_percentile": _approx_percentile,
    "at_timezone": _at_timezone,
    "date": _date,
    "millisecond": _millisecond,
    "date_trunc": _date_trunc,
    "date_add": _date_add,
    "date_diff": _date_diff,
    "format_datetime": _pattern_function("format_datetime", "trino_format_datetime"),
    "date_format": _pattern_function("date_format", "trino_date_format"),
    "to_iso8601": _to_iso8601,
    "to_unixtime": _to_unixtime,
    "map": _map,
    "with_timezone": _with_timezone,
    "sign": _sign,
    "truncate": _truncate,
    "mod": _mod,
    "ceil": _whole("ceil"),
    "ceiling": _whole("ceil"),
    "floor": _whole("floor"),
    "regexp_replace": _regexp_replace,
    **{name: _field(name) for name in _FIELDS},
}


# -- functions of functions ---------------------------------------------------------------------------------------


def _lambda(renderer: "Renderer", node: Any, kinds: list[Type]) -> tuple[str, Type]:
    """A lambda with parameters of these types: its DuckDB text and its result's type."""
    if not isinstance(node, exp.Lambda):
        raise QueryError("FUNCTION_NOT_FOUND", f"{position(node)}a lambda expression is expected here")
    names = [parameter.name for parameter in node.expressions]
    saved = dict(renderer.variables)
    renderer.variables.update(zip(names, kinds, strict=False))
    try:
        body = renderer.render(node.this)
    finally:
        renderer.variables = saved
    return f"lambda {', '.join(t.quote(name) for name in names)}: {body.text}", body.type


def _element(value: "Sql", name: str, node: Any) -> Type:
    if value.type.base != "array":
        raise QueryError(
            "FUNCTION_NOT_FOUND", f"{position(node)}Unexpected parameters ({value.type}) for function {name}"
        )
    return value.type.args[0]  # type: ignore[no-any-return]


def _transform(renderer: "Renderer", arguments: list[Any], node: Any) -> "Sql":
    value = renderer.render(arguments[0])
    text, kind = _lambda(renderer, arguments[1], [_element(value, "transform", node)])
    return _sql(f"list_transform({value.text}, {text})", t.array(kind))


def _filter(renderer: "Renderer", arguments: list[Any], node: Any) -> "Sql":
    value = renderer.render(arguments[0])
    text, _ = _lambda(renderer, arguments[1], [_element(value, "filter", node)])
    return _sql(f"list_filter({value.text}, {text})", value.type)


def _match(name: str) -> Callable[["Renderer", list[Any], Any], "Sql"]:
    def build(renderer: "Renderer", arguments: list[Any], node: Any) -> "Sql":
        value = renderer.render(arguments[0])
        text, _ = _lambda(renderer, arguments[1], [_element(value, name, node)])
        hits = f"list_transform({value.text}, {text})"
        some_true, some_null = (
            f"list_contains({hits}, TRUE)",
            f"len(list_filter({hits}, lambda h: h IS NULL)) > 0",
        )
        if name == "any_match":
            answer = f"WHEN {some_true} THEN TRUE WHEN {some_null} THEN NULL ELSE FALSE"
        elif name == "none_match":
            answer = f"WHEN {some_true} THEN FALSE WHEN {some_null} THEN NULL ELSE TRUE"
        else:
            answer = f"WHEN list_contains({hits}, FALSE) THEN FALSE WHEN {some_null} THEN NULL ELSE TRUE"
        return _sql(f"(CASE WHEN {value.text} IS NULL THEN NULL {answer} END)", t.BOOLEAN)

    return build


def _reduce(renderer: "Renderer", arguments: list[Any], node: Any) -> "Sql":
    value, start = renderer.render(arguments[0]), renderer.render(arguments[1])
    element = _element(value, "reduce", node)
    step, kind = _lambda(renderer, arguments[2], [start.type, element])
    if kind != start.type and (merged := t.common(kind, start.type)) is not None:
        start = _sql(renderer.as_type(start, merged), merged)
        step, kind = _lambda(renderer, arguments[2], [merged, element])
    finish, result = _lambda(renderer, arguments[3], [kind])
    state = f"list_reduce({value.text}, {step}, {start.text})"
    return _sql(f"list_extract(list_transform([{state}], {finish}), 1)", result)


def _zip_with(renderer: "Renderer", arguments: list[Any], node: Any) -> "Sql":
    one, two = renderer.render(arguments[0]), renderer.render(arguments[1])
    kinds = [_element(one, "zip_with", node), _element(two, "zip_with", node)]
    node_lambda = arguments[2]
    text, kind = _lambda(renderer, node_lambda, kinds)
    names = [parameter.name for parameter in node_lambda.expressions]
    body = text.split(": ", 1)[1]
    for number, name in enumerate(names, start=1):
        body = body.replace(t.quote(name), f"z[{number}]" if False else f"struct_extract(z, 'f{number}')")
    pairs = f"list_transform(list_zip({one.text}, {two.text}), lambda p: {{'f1': p[1], 'f2': p[2]}})"
    return _sql(f"list_transform({pairs}, lambda z: {body})", t.array(kind))


def _map_lambda(name: str) -> Callable[["Renderer", list[Any], Any], "Sql"]:
    def build(renderer: "Renderer", arguments: list[Any], node: Any) -> "Sql":
        value = renderer.render(arguments[0])
        if value.type.base != "map":
            raise QueryError(
                "FUNCTION_NOT_FOUND",
                f"{position(node)}Unexpected parameters ({value.type}) for function {name}",
            )
        node_lambda = arguments[1]
        text, kind = _lambda(renderer, node_lambda, list(value.type.args))
        body = text.split(": ", 1)[1]
        for parameter, part in zip(node_lambda.expressions, ("key", "value"), strict=True):
            body = body.replace(t.quote(parameter.name), f"struct_extract(e, '{part}')")
        entries = f"map_entries({value.text})"
        if name == "map_filter":
            return _sql(f"map_from_entries(list_filter({entries}, lambda e: {body}))", value.type)
        keys = (body, "e.value") if name == "transform_keys" else ("e.key", body)
        made = f"list_transform({entries}, lambda e: {{'k': {keys[0]}, 'v': {keys[1]}}})"
        key, item = value.type.args
        result = t.map_of(kind, item) if name == "transform_keys" else t.map_of(key, kind)
        return _sql(f"map_from_entries({made})", result)

    return build


_HIGHER: dict[str, Callable[["Renderer", list[Any], Any], "Sql"]] = {
    "transform": _transform,
    "filter": _filter,
    "reduce": _reduce,
    "zip_with": _zip_with,
    **{name: _match(name) for name in ("any_match", "all_match", "none_match")},
    **{name: _map_lambda(name) for name in ("map_filter", "transform_keys", "transform_values")},
}

_KNOWN_BUT_MISSING = frozenset(
    [
        "approx_set",
        "from_iso8601_timestamp_nanos",
        "bing_tile",
        "classify",
        "combinations",
        "convex_hull_agg",
        "cosine_similarity",
        "features",
        "from_big_endian_64",
        "from_ieee754_64",
        "geometric_mean",
        "hmac_sha256",
        "json_query",
        "json_value",
        "json_exists",
        "kurtosis",
        "learn_classifier",
        "listagg",
        "map_zip_with",
        "merge",
        "multimap_agg",
        "multimap_from_entries",
        "ngrams",
        "normal_cdf",
        "numeric_histogram",
        "parse_data_size",
        "parse_presto_data_size",
        "qdigest_agg",
        "rand",
        "random",
        "reduce_agg",
        "regr_intercept",
        "regr_slope",
        "shuffle",
        "skewness",
        "soundex",
        "st_geometryfromtext",
        "tdigest_agg",
        "uuid",
        "value_at_quantile",
        "word_stem",
        "xxhash64",
        "timezone_hour",
        "timezone_minute",
        "approx_most_frequent",
        "checksum",
        "bitwise_and_agg",
        "bitwise_or_agg",
        "bitwise_xor_agg",
        "max_n",
        "min_n",
        "format",
        "human_readable_seconds",
        "grouping",
        "luhn_check",
        "murmur3",
        "spooky_hash_v2_32",
        "to_big_endian_64",
        "to_ieee754_64",
        "wilson_interval_lower",
        "date_parse_n",
        "array_histogram",
        "width_bucket",
        "inverse_normal_cdf",
        "beta_cdf",
        "t_pdf",
        "t_cdf",
    ]
)
