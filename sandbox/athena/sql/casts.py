"""CAST and TRY_CAST with Trino's rules, as DuckDB SQL.

Differences: DuckDB reads '1.5' as an integer, 'yes' as a boolean, '1e3' as a bigint and rounds halves to
even; Trino does not (Trino documentation, "Conversion functions"; its answers are in
tests/sql/answers.json).
"""

from sandbox.athena.errors import QueryError, UnsupportedError
from sandbox.athena.sql.trino_types import VARCHAR, Type, literal

_SHOWN = {
    "integer": "INT",
    "bigint": "BIGINT",
    "smallint": "SMALLINT",
    "tinyint": "TINYINT",
    "double": "DOUBLE",
}
_SHOWN |= {"real": "REAL", "boolean": "BOOLEAN"}
_ANY_SPACE = r"[\x00-\x20]*"
_NUMBER = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_CLOCK = r"[0-9]{1,2}:[0-9]{1,2}(?::[0-9]{1,2}(?:\.[0-9]{1,12})?)?"
_ZONE = r" ?(?:[A-Za-z][A-Za-z_/]+|[+-][0-9]{2}:[0-9]{2})"
_TEXT_PATTERNS = {
    "integer": r"[+-]?[0-9]+",
    "double": rf"{_ANY_SPACE}(?:{_NUMBER}[dDfF]?|[+-]?(?:NaN|Infinity)){_ANY_SPACE}",
    "decimal": _NUMBER,
    "boolean": r"(?i:t|true|1|f|false|0)",
    "date": r" *[+-]?[0-9]+-[0-9]{1,2}-[0-9]{1,2} *",
    "timestamp": rf"[+-]?[0-9]+-[0-9]{{1,2}}-[0-9]{{1,2}}(?: {_CLOCK}(?:{_ZONE})?)?",
    "time": _CLOCK,
}


def failure(code: str, message_sql: str) -> str:
    """An expression that fails the query with this error when evaluated; its type NULL fits anywhere."""
    return f"error({literal(f'TRINO[{code}: ')} || {message_sql} || ']')"


def cast(  # noqa: PLR0911  one return a pair of kinds
    text: str, source: Type, target: Type, *, safe: bool
) -> str:
    """`text` cast to `target`; a value that does not convert fails the query, or is NULL when `safe`."""
    if source == target or (
        source.base == target.base and target.base not in ("decimal", "array", "map", "row")
    ):
        if target.base == "varchar" and target.length is not None:
            return f"substr({text}, 1, {target.length})"
        return text
    if source.base == "unknown":
        return f"CAST(NULL AS {target.duckdb()})"
    if source.base == "json" or target.base == "json":
        return _json(text, source, target, safe=safe)
    if source.is_text:
        return _from_text(text, target, safe=safe)
    if target.base == "varchar":
        shown = to_text(text, source)
        return shown if target.length is None else f"substr({shown}, 1, {target.length})"
    return _between(text, source, target, safe=safe)


def _from_text(text: str, target: Type, *, safe: bool) -> str:
    kind = "integer" if target.is_integer else "double" if target.base == "real" else target.base
    if target.base == "timestamptz":
        return f"trino_text_to_timestamptz({text}, {'true' if safe else 'false'})"
    if target.base == "varbinary":
        return f"encode({text})"
    pattern = _TEXT_PATTERNS.get(kind)
    if pattern is None:
        raise QueryError("TYPE_MISMATCH", f"Cannot cast varchar to {target.shown()}")
    value = text
    if kind == "double":
        value = f"regexp_replace(trim({text}, {_whitespace()}), '[dDfF]$', '')"
        value = f"replace(replace({value}, 'Infinity', 'inf'), 'NaN', 'nan')"
    if kind == "timestamp":  # a zone is parsed and ignored
        value = f"regexp_replace({text}, {literal(_ZONE + '$')}, '')"
    converted = f"TRY_CAST({value} AS {target.duckdb()})"
    if kind == "timestamp":
        converted = f"date_trunc('millisecond', {converted} + INTERVAL 500 MICROSECOND)"
    guarded = f"CASE WHEN regexp_full_match({text}, {literal(pattern)}) THEN {converted} END"
    if safe:
        return guarded
    if kind in ("date", "timestamp", "time"):
        shown = str(target).split("(", maxsplit=1)[0]
        error = failure("INVALID_CAST_ARGUMENT", f"'Value cannot be cast to {shown}: ' || {text}")
    elif kind == "decimal":
        message = f"'Cannot cast VARCHAR ''' || {text} || ''' to {str(target).upper().replace(',', ', ')}'"
        error = failure("INVALID_CAST_ARGUMENT", message + " || '. Value is not a number.'")
    else:
        shown = _SHOWN.get(target.base, target.base.upper())
        error = failure("INVALID_CAST_ARGUMENT", f"'Cannot cast ''' || {text} || ''' to {shown}'")
    return f"CASE WHEN {text} IS NULL THEN NULL ELSE coalesce({guarded}, {error}) END"


def _whitespace() -> str:
    return "'' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13) || ' '"


def to_text(text: str, source: Type) -> str:
    """The value as in CAST(… AS varchar)."""
    if source.base == "double":
        return f"trino_double_text({text})"
    if source.base == "real":
        return f"trino_real_text({text})"
    if source.base in ("timestamp", "timestamptz"):
        local = text if source.base == "timestamp" else local_time(text, source)
        shown = f"strftime({local}, '%Y-%m-%d %H:%M:%S.%g')"
        if source.length is not None:
            shown = f"left({shown}, {19 + (source.length + 1 if source.length else 0)})"
        return shown if source.base == "timestamp" else f"({shown} || {literal(' ' + source.zone)})"
    if source.base in ("array", "map", "row", "varbinary", "interval_day", "interval_year"):
        raise QueryError("TYPE_MISMATCH", f"Cannot cast {source} to varchar")
    return f"CAST({text} AS VARCHAR)"


def local_time(text: str, source: Type) -> str:
    """The local time (a DuckDB TIMESTAMP) of a `timestamptz` in its zone."""
    return f"timezone({literal(source.zone)}, {text})"


def _between(text: str, source: Type, target: Type, *, safe: bool) -> str:  # noqa: PLR0911  one return a pair
    if target.is_number and (source.is_number or source.base == "boolean"):
        return _to_number(text, source, target, safe=safe)
    if target.base == "boolean" and source.is_number:
        return f"({text} <> 0)"
    if target.is_time and source.is_time:
        if source.base == "timestamptz":
            return f"CAST({local_time(text, source)} AS {target.duckdb()})"
        if target.base == "timestamptz":
            return f"timezone({literal(target.zone)}, CAST({text} AS TIMESTAMP))"
        return f"CAST({text} AS {target.duckdb()})"
    if target.base == "time" and source.base in ("timestamp", "timestamptz"):
        return f"CAST({local_time(text, source) if source.base == 'timestamptz' else text} AS TIME)"
    if source.base == target.base == "array":
        item = cast("__x", source.args[0], target.args[0], safe=safe)
        return text if item == "__x" else f"list_transform({text}, lambda __x: {item})"
    if source.base == target.base == "map":
        key = cast("__e.key", source.args[0], target.args[0], safe=safe)
        value = cast("__e.value", source.args[1], target.args[1], safe=safe)
        pairs = f"list_transform(map_entries({text}), lambda __e: {{'k': {key}, 'v': {value}}})"
        return f"map_from_entries({pairs})"
    if source.base == target.base == "row" and len(source.args) == len(target.args):
        names = zip(source.field_names(), target.field_names(), source.args, target.args, strict=True)
        fields = ", ".join(
            f"{literal(new)}: {cast(f'struct_extract({text}, {literal(old)})', a, b, safe=safe)}"
            for old, new, a, b in names
        )
        return f"CASE WHEN {text} IS NULL THEN NULL ELSE {{{fields}}} END"
    raise QueryError("TYPE_MISMATCH", f"Cannot cast {source} to {target.shown()}")


def _to_number(text: str, source: Type, target: Type, *, safe: bool) -> str:
    rounded = text
    if target.is_integer and source.base in ("double", "real"):
        rounded = f"round({text})"  # half away from zero; DuckDB's own conversion rounds halves to even
    converted = f"TRY_CAST({rounded} AS {target.duckdb()})"
    widening = (source.is_integer and target.base in ("bigint", "double", "real")) or target.base == "double"
    if widening:
        return f"CAST({text} AS {target.duckdb()})"
    if safe:
        return converted
    code = "INVALID_CAST_ARGUMENT" if target.base == "decimal" or source.base in ("double", "real") else ""
    shown = _SHOWN.get(target.base, str(target).upper())
    message = (
        f"'Out of range for {shown.lower() if target.is_integer else shown}: ' || CAST({text} AS VARCHAR)"
    )
    error = failure(code or "NUMERIC_VALUE_OUT_OF_RANGE", message)
    return f"CASE WHEN {text} IS NULL THEN NULL ELSE coalesce({converted}, {error}) END"


def _json(text: str, source: Type, target: Type, *, safe: bool) -> str:
    if target.base == "json":
        return to_json(text, source)
    inner = f"trino_json_cast({text}, {literal(_json_kind(target))}, {'true' if safe else 'false'})"
    if target == VARCHAR or target.base == "varchar":
        return inner
    if target.base in ("array", "map", "row"):
        if target.base == "map":
            pairs = Type("array", (Type("row", target.args, ("k", "v")),))
            return f"map_from_entries(CAST({inner} AS JSON)::{pairs.duckdb()})"
        return f"CAST(CAST({inner} AS JSON) AS {target.duckdb()})"
    return cast(inner, VARCHAR, target, safe=safe)


def _json_kind(target: Type) -> str:
    """The target type for `trino_json_cast`: base names, nested in brackets."""
    if target.base in ("array", "map"):
        return f"{target.base}({','.join(_json_kind(inner) for inner in target.args)})"
    if target.base == "row":
        fields = zip(target.field_names(), target.args, strict=True)
        return (
            "row(" + ",".join(f"{name.replace(',', ' ')}:{_json_kind(kind)}" for name, kind in fields) + ")"
        )
    if target.base not in (
        "varchar",
        "json",
        "boolean",
        "double",
        "real",
        "bigint",
        "integer",
        "smallint",
        "tinyint",
    ) and (target.base != "decimal"):
        raise UnsupportedError(f"CAST from JSON to {target.shown()}")
    return "decimal" if target.base == "decimal" else target.base


def to_json(text: str, source: Type) -> str:  # noqa: PLR0911  one return a kind
    """CAST(value AS JSON): the JSON text of a value."""
    if source.base == "json":
        return text
    if source.is_text:
        return f"trino_json_quote({text})"
    if source.base == "boolean" or source.is_integer or source.base == "decimal":
        return f"CAST({text} AS VARCHAR)"
    if source.base in ("double", "real"):
        return f"trino_double_json({text})"
    if source.is_time:
        return f"trino_json_quote({to_text(text, source)})"
    if source.base == "array":
        item = f"coalesce({to_json('__x', source.args[0])}, 'null')"
        return f"('[' || array_to_string(list_transform({text}, lambda __x: {item}), ',') || ']')"
    if source.base == "map":
        key = "trino_json_quote(CAST(__e.key AS VARCHAR))"
        item = f"({key} || ':' || coalesce({to_json('__e.value', source.args[1])}, 'null'))"
        entries = f"list_sort(list_transform(map_entries({text}), lambda __e: {item}))"
        return f"('{{' || array_to_string({entries}, ',') || '}}')"
    if source.base == "row":
        items = [
            f"{literal(chr(34) + (name or '') + chr(34) + ':')} || "
            f"coalesce({to_json(f'struct_extract({text}, {literal(field)})', kind)}, 'null')"
            for name, field, kind in zip(source.names, source.field_names(), source.args, strict=True)
        ]
        return f"CASE WHEN {text} IS NULL THEN NULL ELSE '{{' || {' || chr(44) || '.join(items)} || '}}' END"
    raise UnsupportedError(f"CAST from {source} to JSON")
