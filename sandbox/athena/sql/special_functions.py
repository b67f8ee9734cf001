"""Functions whose type or DuckDB form does not fit into a table row."""

import re
from typing import Any
from zoneinfo import available_timezones

from sqlglot import exp

from sandbox.athena.errors import QueryError, UnsupportedError
from sandbox.athena.sql import casts
from sandbox.athena.sql import trino_types as t
from sandbox.athena.sql.arithmetic import arithmetic
from sandbox.athena.sql.dialect import position
from sandbox.athena.sql.overloads import overload
from sandbox.athena.sql.sql_text import Build, Renderer, Sql, unchanged
from sandbox.athena.sql.trino_types import Type, literal


def _texts(renderer: Renderer, values: list[Sql], name: str, node: Any) -> tuple[list[str], Type]:
    subject = {"coalesce": "All COALESCE operands", "[]": "Subscript"}.get(
        name, f"All {name.upper()} arguments"
    )
    return renderer.unify(values, subject, node)


def _coalesce(renderer: Renderer, values: list[Sql], node: Any) -> Sql:
    texts, kind = _texts(renderer, values, "coalesce", node)
    return Sql(f"coalesce({', '.join(texts)})", kind)


def _nullif(renderer: Renderer, values: list[Sql], node: Any) -> Sql:

    equal = renderer.compare(values[0], values[1], "=", node)
    return Sql(f"(CASE WHEN {equal} THEN NULL ELSE {values[0].text} END)", values[0].type)


def _greatest(name: str) -> Build:
    def build(renderer: Renderer, values: list[Sql], node: Any) -> Sql:
        texts, kind = _texts(renderer, values, name, node)
        any_null = " OR ".join(
            f"{text} IS NULL" for text in texts
        )  # NULL if one argument is NULL, unlike DuckDB
        return Sql(f"(CASE WHEN {any_null} THEN NULL ELSE {name}({', '.join(texts)}) END)", kind)

    return build


def _concat(renderer: Renderer, values: list[Sql], node: Any) -> Sql:
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
            return Sql(f"(CASE WHEN {any_null} THEN NULL ELSE {joined} END)", t.array(element))
    if values and all(value.type.base in ("varchar", "unknown") for value in values):
        if any(
            value.type.base == "unknown" for value in values
        ):  # Trino treats NULL as an array's element here
            return Sql("CAST(NULL AS VARCHAR[])", t.array(t.VARCHAR))
        if len(values) < 2:
            raise QueryError("INVALID_FUNCTION_ARGUMENT", "There must be two or more concatenation arguments")
        return Sql("(" + " || ".join(f"CAST({v.text} AS VARCHAR)" for v in values) + ")", t.VARCHAR)
    if values and all(value.type.base == "varbinary" for value in values):
        return Sql("(" + " || ".join(v.text for v in values) + ")", t.VARBINARY)
    kinds = ", ".join(str(value.type) for value in values)
    raise QueryError(
        "FUNCTION_NOT_FOUND", f"{position(node)}Unexpected parameters ({kinds}) for function concat"
    )


def _row(_: Renderer, values: list[Sql], __: Any) -> Sql:
    kind = t.row_of([value.type for value in values])
    fields = zip(kind.field_names(), values, strict=True)
    return Sql("{" + ", ".join(f"{literal(n)}: {v.text}" for n, v in fields) + "}", kind)


def _subscript(renderer: Renderer, values: list[Sql], node: Any) -> Sql:
    value, index = values
    if value.type.base == "array" and index.type.is_integer:
        if renderer.safe:
            return Sql(f"list_extract({value.text}, {index.text})", value.type.args[0])
        low = casts.failure("INVALID_FUNCTION_ARGUMENT", "'SQL array indices start at 1'")
        words = "'Array subscript must be less than or equal to array length: '"
        message = f"{words} || {index.text} || ' > ' || len({value.text})"
        high = casts.failure("INVALID_FUNCTION_ARGUMENT", message)
        text = (
            f"(CASE WHEN {index.text} < 1 THEN {low} WHEN {index.text} > len({value.text}) THEN {high} "
            f"ELSE list_extract({value.text}, {index.text}) END)"
        )
        return Sql(text, value.type.args[0])
    if value.type.base == "map":
        key = renderer.as_type(index, value.type.args[0])
        found = f"map_extract_value({value.text}, {key})"
        if renderer.safe:
            return Sql(found, value.type.args[1])
        missing = casts.failure(
            "INVALID_FUNCTION_ARGUMENT", f"'Key not present in map: ' || CAST({key} AS VARCHAR)"
        )
        text = f"(CASE WHEN NOT map_contains({value.text}, {key}) THEN {missing} ELSE {found} END)"
        return Sql(text, value.type.args[1])
    if value.type.base == "row" and index.type.is_integer:
        number = int(index.text) - 1
        if 0 <= number < len(value.type.args):
            name = value.type.field_names()[number]
            return Sql(f"struct_extract({value.text}, {literal(name)})", value.type.args[number])
    raise QueryError(
        "TYPE_MISMATCH", f"{position(node)}Cannot use {index.type} for subscript of {value.type}"
    )


def _element_at(renderer: Renderer, values: list[Sql], node: Any) -> Sql:
    value, index = values
    if value.type.base == "array" and index.type.is_integer:
        zero = casts.failure("INVALID_FUNCTION_ARGUMENT", "'SQL array indices start at 1'")
        zero = "NULL" if renderer.safe else zero
        found = f"list_extract({value.text}, {index.text})"
        return Sql(f"(CASE WHEN {index.text} = 0 THEN {zero} ELSE {found} END)", value.type.args[0])
    if value.type.base == "map":
        key = renderer.as_type(index, value.type.args[0])
        return Sql(f"map_extract_value({value.text}, {key})", value.type.args[1])
    return overload(renderer, "element_at", values, node)


def _typeof(_: Renderer, values: list[Sql], __: Any) -> Sql:
    return Sql(literal(str(values[0].type)), t.VARCHAR)


def _count(_: Renderer, values: list[Sql], __: Any) -> Sql:
    if not values:
        return Sql("count(*)", t.BIGINT)
    return Sql(f"count({values[0].text})", t.BIGINT)


def _as_real(text: str) -> str:
    return f"CAST({text} AS FLOAT)"


def _sum(_: Renderer, values: list[Sql], node: Any) -> Sql:
    value = values[0]
    if value.type.is_integer:
        return Sql(f"sum({value.text})", t.BIGINT, wrap=lambda found: f"CAST({found} AS BIGINT)")
    if value.type.base == "decimal":
        kind = t.decimal(38, value.type.args[1])
        return Sql(f"sum({value.text})", kind, wrap=lambda found: f"CAST({found} AS {kind.duckdb()})")
    if value.type.base in ("double", "real"):
        return Sql(
            f"sum({value.text})", value.type, wrap=_as_real if value.type.base == "real" else unchanged
        )
    if value.type.base == "interval_day":
        return Sql(f"sum({value.text})", value.type)
    raise QueryError(
        "FUNCTION_NOT_FOUND", f"{position(node)}Unexpected parameters ({value.type}) for function sum"
    )


def _avg(_: Renderer, values: list[Sql], node: Any) -> Sql:
    value = values[0]
    if value.type.base == "decimal":
        precision, scale = value.type.args
        text = (
            f"trino_avg([CAST(sum({value.text}) AS VARCHAR), CAST(count({value.text}) AS VARCHAR)], {scale})"
        )
        if isinstance(getattr(node, "parent", None), exp.Window | exp.Filter):
            raise UnsupportedError("avg of a decimal with OVER or FILTER", "Cast the argument to double.")
        return Sql(f"CAST({text} AS DECIMAL({precision},{scale}))", value.type)
    if value.type.is_number:
        kind = t.REAL if value.type.base == "real" else t.DOUBLE
        return Sql(f"avg({value.text})", kind, wrap=_as_real if kind == t.REAL else unchanged)
    raise QueryError(
        "FUNCTION_NOT_FOUND", f"{position(node)}Unexpected parameters ({value.type}) for function avg"
    )


def _round(renderer: Renderer, values: list[Sql], node: Any) -> Sql:
    value = values[0]
    digits = values[1].text if len(values) > 1 else "0"
    if value.type.base == "decimal":
        precision, scale = value.type.args
        if len(values) == 1:
            kind = t.decimal(min(38, precision - scale + (1 if scale else 0)) or 1, 0)
        else:
            kind = t.decimal(min(38, precision + 1), scale)
        return Sql(f"CAST(round({value.text}, {digits}) AS {kind.duckdb()})", kind)
    if value.type.is_integer and len(values) == 1:
        return value
    if value.type.is_integer:
        return Sql(f"CAST(round({value.text}, {digits}) AS {value.type.duckdb()})", value.type)
    if value.type.base in ("double", "real"):
        return Sql(f"CAST(round({value.text}, {digits}) AS {value.type.duckdb()})", value.type)
    return overload(renderer, "round", values, node)


def _approx_percentile(renderer: Renderer, values: list[Sql], _: Any) -> Sql:
    value, at = values[0], values[-1]
    if value.type.base == "unknown":
        value = Sql("CAST(NULL AS BIGINT)", t.BIGINT)
    if len(values) != 2 or not value.type.is_number:
        raise UnsupportedError("approx_percentile with weights or an accuracy")
    kind = value.type if value.type.base in ("bigint", "double", "real") else None
    if kind is None:
        kind = t.BIGINT if value.type.is_integer else t.REAL  # Trino's choice for a decimal
    text = f"list({renderer.as_type(value, kind)})"
    if at.type.base == "array":
        shares = renderer.as_type(at, t.array(t.DOUBLE))
        return Sql(text, t.array(kind), wrap=lambda found: f"trino_percentiles({found}, {shares})")
    share = renderer.as_type(at, t.DOUBLE)
    return Sql(text, kind, wrap=lambda found: f"trino_percentile({found}, {share})")


def _zone_name(text: str) -> str:
    """A zone that both engines have. Raises `QueryError` for others, `UnsupportedError` for an offset."""
    if text.upper() in ("UTC", "Z", "+00:00"):
        return "UTC"
    if text[:1] in ("+", "-"):
        raise UnsupportedError(
            "a time zone written as an offset", "Use the name of a zone, as in 'Europe/Paris'."
        )
    if text not in available_timezones():
        raise QueryError("INVALID_FUNCTION_ARGUMENT", f"'{text}' is not a valid time zone")
    return text


def _at_timezone(_: Renderer, values: list[Sql], node: Any) -> Sql:
    value, zone = values
    if zone.constant is None:
        raise UnsupportedError("a time zone that is not a literal", "Write the zone as text, as in 'UTC'.")
    name = _zone_name(zone.constant)
    kind = Type("timestamptz", zone=name, length=value.type.length if value.type.is_time else None)
    if value.type.base in ("timestamp", "date"):
        return Sql(f"timezone('UTC', CAST({value.text} AS TIMESTAMP))", kind)
    if value.type.base != "timestamptz":
        raise QueryError(
            "TYPE_MISMATCH",
            f"{position(node)}Type of value must be a time or timestamp (actual {value.type})",
        )
    # Only the instant counts here, so the text may have any offset.
    read = "trino_from_iso8601_timestamp("
    direct = value.text.startswith(read) and _called(node) == "from_iso8601_timestamp"
    return Sql(value.text.replace(read, "trino_from_iso8601_instant(", 1) if direct else value.text, kind)


def _called(node: Any) -> str:
    """The function, if any, whose result is converted to another zone."""
    inner = node.this if isinstance(node, exp.AtTimeZone) else node.expressions[0]
    return str(inner.name).lower() if isinstance(inner, exp.Anonymous) else inner.key


def _date(renderer: Renderer, values: list[Sql], _: Any) -> Sql:
    return Sql(casts.cast(values[0].text, values[0].type, t.DATE, safe=renderer.safe), t.DATE)


def _local(value: Sql, node: Any, name: str) -> str:
    """The local TIMESTAMP of a date or time."""
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
    def build(_: Renderer, values: list[Sql], node: Any) -> Sql:
        if values[0].type.base.startswith("interval"):
            return Sql(f"date_part('{_FIELDS[name]}', {values[0].text})", t.BIGINT)
        return Sql(f"date_part('{_FIELDS[name]}', {_local(values[0], node, name)})", t.BIGINT)

    return build


def _millisecond(_: Renderer, values: list[Sql], node: Any) -> Sql:
    local = _local(values[0], node, "millisecond")
    return Sql(f"(date_part('milliseconds', {local}) % 1000)", t.BIGINT)


_UNITS = ("millisecond", "second", "minute", "hour", "day", "week", "month", "quarter", "year")


def _unit(value: Sql) -> str:
    unit = (value.constant or "").lower()
    if value.constant is None:
        raise UnsupportedError("a date unit that is not a literal", "Write the unit as text, as in 'day'.")
    if unit not in _UNITS:
        raise QueryError("INVALID_FUNCTION_ARGUMENT", f"'{value.constant}' is not a valid TIMESTAMP field")
    return unit


def _back(text: str, kind: Type) -> Sql:
    """A local result in the type of the value."""
    if kind.base == "timestamptz":
        return Sql(f"timezone({literal(kind.zone)}, {text})", kind)
    return Sql(f"CAST({text} AS {kind.duckdb()})", kind)


def _date_trunc(_: Renderer, values: list[Sql], node: Any) -> Sql:
    local = _local(values[1], node, "date_trunc")
    return _back(f"date_trunc('{_unit(values[0])}', {local})", values[1].type)


def _date_add(_: Renderer, values: list[Sql], node: Any) -> Sql:
    unit, amount, value = values
    local = _local(value, node, "date_add")
    factor = 3 if _unit(unit) == "quarter" else 1
    name = "months" if factor == 3 else f"{_unit(unit)}s"
    moved = f"({local} + to_{name}(CAST({amount.text} * {factor} AS INTEGER)))"
    if value.type.length == 0 and name == "milliseconds":  # a type without fractions of a second rounds them
        moved = f"date_trunc('second', {moved} + INTERVAL 500 MILLISECOND)"
    return _back(moved, value.type)


def _date_diff(renderer: Renderer, values: list[Sql], node: Any) -> Sql:
    unit, start, end = values
    kind = t.common(start.type, end.type)
    if kind is None or not (kind.is_time or kind.base == "unknown"):
        kinds = ", ".join(str(value.type) for value in values)
        raise QueryError(
            "FUNCTION_NOT_FOUND", f"{position(node)}Unexpected parameters ({kinds}) for function date_diff"
        )
    if kind.base == "unknown":
        return Sql("CAST(NULL AS BIGINT)", t.BIGINT)
    operands = [Sql(renderer.as_type(value, kind), kind) for value in (start, end)]
    first, second = (_local(value, node, "date_diff") for value in operands)
    lengths = {"millisecond": 1_000, "second": 10**6, "minute": 6 * 10**7, "hour": 36 * 10**8}
    name = _unit(unit)
    if name in lengths:  # whole units that have passed, towards zero
        return Sql(f"((epoch_us({second}) - epoch_us({first})) // {lengths[name]})", t.BIGINT)
    return Sql(f"date_sub('{name}', {first}, {second})", t.BIGINT)


def _pattern_function(name: str, udf: str) -> Build:
    def build(_: Renderer, values: list[Sql], node: Any) -> Sql:
        value, pattern = values
        zone = value.type.zone if value.type.base == "timestamptz" else "UTC"
        local = _local(value, node, name)
        return Sql(f"{udf}(epoch_us({local}), {pattern.text}, {literal(zone)})", t.VARCHAR)

    return build


def _to_iso8601(_: Renderer, values: list[Sql], node: Any) -> Sql:
    value = values[0]
    if value.type.base == "date":
        return Sql(f"CAST({value.text} AS VARCHAR)", t.VARCHAR)
    local = _local(value, node, "to_iso8601")
    zone = literal(value.type.zone if value.type.base == "timestamptz" else "")
    digits = 3 if value.type.length is None else value.type.length
    return Sql(f"trino_to_iso8601(epoch_us({local}), {zone}, {digits})", t.VARCHAR)


def _with_timezone(_: Renderer, values: list[Sql], node: Any) -> Sql:
    value, zone = values
    if zone.constant is None:
        raise UnsupportedError("a time zone that is not a literal", "Write the zone as text, as in 'UTC'.")
    if value.type.base not in ("timestamp", "date"):
        raise QueryError(
            "FUNCTION_NOT_FOUND", f"{position(node)}Unexpected parameters for function with_timezone"
        )
    name = _zone_name(zone.constant)
    text = f"timezone({literal(name)}, CAST({value.text} AS TIMESTAMP))"
    return Sql(text, Type("timestamptz", zone=name))


def _sign(renderer: Renderer, values: list[Sql], node: Any) -> Sql:
    value = values[0]
    if value.type.is_integer:
        return Sql(f"CAST(sign({value.text}) AS {value.type.duckdb()})", value.type)
    if value.type.base == "decimal":
        return Sql(f"CAST(sign({value.text}) AS DECIMAL(1,0))", t.decimal(1, 0))
    return overload(renderer, "sign", values, node)


def _truncate(renderer: Renderer, values: list[Sql], node: Any) -> Sql:
    if values[0].type.base == "decimal" and len(values) == 2:
        kind = values[0].type
        scaled = f"trino_truncate(CAST({values[0].text} AS VARCHAR), CAST({values[1].text} AS INTEGER))"
        return Sql(f"CAST({scaled} AS {kind.duckdb()})", kind)
    return overload(renderer, "truncate", values, node)


def _to_unixtime(renderer: Renderer, values: list[Sql], _: Any) -> Sql:
    text = (
        renderer.as_type(values[0], t.TIMESTAMPTZ) if values[0].type.base != "timestamptz" else values[0].text
    )
    return Sql(f"(epoch_us({text}) / CAST(1000000 AS DOUBLE))", t.DOUBLE)


def _whole(name: str) -> Build:
    def build(renderer: Renderer, values: list[Sql], node: Any) -> Sql:
        value = values[0]
        if value.type.is_integer:
            return value
        if value.type.base == "decimal":
            precision, scale = value.type.args
            kind = t.decimal(min(38, precision - scale + (1 if scale else 0)) or 1, 0)
            return Sql(f"CAST({name}({value.text}) AS {kind.duckdb()})", kind)
        return overload(renderer, name, values, node)

    return build


def _mod(renderer: Renderer, values: list[Sql], node: Any) -> Sql:
    if len(values) == 2:
        left, right = values
        found = arithmetic(left.text, left.type, "%", right.text, right.type, safe=renderer.safe)
        if found is not None:
            return Sql(*found)
    return overload(renderer, "mod", values, node)


def _map(_: Renderer, values: list[Sql], node: Any) -> Sql:
    if not values:
        return Sql("CAST(MAP {} AS MAP(INTEGER, INTEGER))", t.map_of(t.UNKNOWN, t.UNKNOWN))
    kinds = [value.type for value in values]
    if len(values) != 2 or any(kind.base != "array" for kind in kinds):
        raise QueryError("FUNCTION_NOT_FOUND", f"{position(node)}Unexpected parameters for function map")
    return Sql(f"map({values[0].text}, {values[1].text})", t.map_of(kinds[0].args[0], kinds[1].args[0]))


def _regexp_replace(renderer: Renderer, values: list[Sql], node: Any) -> Sql:
    if len(values) == 3:
        if values[2].constant is None:
            raise UnsupportedError(
                "a replacement in regexp_replace that is not a literal", "Write the replacement as text."
            )
        replacement = re.sub(r"\$(\d)", r"\\\1", values[2].constant)
        values = [values[0], values[1], Sql(literal(replacement), t.VARCHAR)]
    return overload(renderer, "regexp_replace", values, node)


SPECIAL: dict[str, Build] = {
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
