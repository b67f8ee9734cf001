"""Trino's types: their names, their DuckDB types, and the common type of two of them.

Sources: Trino documentation, "Data types"; TypeCoercion rules as `SHOW FUNCTIONS`-level behaviour was
recorded from Trino 435 in tests/sql/answers.json. JSON is stored as its canonical text, so that no number
becomes a float.
"""

import re
from dataclasses import dataclass
from typing import Any

from sqlglot import exp

from sandbox.athena.errors import QueryError, UnsupportedError


@dataclass(frozen=True)
class Type:
    """One type. `args` are element types, or precision and scale; `names` a row's field names.

    `length` is a varchar literal's, shown in messages alone, or the digits of a timestamp's seconds when
    fewer than three; `zone` the time zone a `timestamptz` is shown in.
    """

    base: str
    args: tuple[Any, ...] = ()
    names: tuple[str | None, ...] = ()
    length: int | None = None
    zone: str = "UTC"

    def __str__(self) -> str:
        if self.base == "decimal":
            return f"decimal({self.args[0]},{self.args[1]})"
        if self.base == "row":
            fields = zip(self.names, self.args, strict=True)
            return "row(" + ", ".join(f"{n} {t}" if n else str(t) for n, t in fields) + ")"
        if self.base in ("array", "map"):
            return f"{self.base}({', '.join(map(str, self.args))})"
        if self.base == "varchar" and self.length is not None:
            return f"varchar({self.length})"
        if self.base in ("timestamp", "timestamptz") and self.length is not None:
            return _SPELT[self.base].replace("(3)", f"({self.length})")
        return _SPELT.get(self.base, self.base)

    @property
    def is_text(self) -> bool:
        return self.base in ("varchar", "char")

    @property
    def is_integer(self) -> bool:
        return self.base in INTEGERS

    @property
    def is_number(self) -> bool:
        return self.is_integer or self.base in ("double", "real", "decimal")

    @property
    def is_time(self) -> bool:
        return self.base in ("date", "timestamp", "timestamptz")

    def duckdb(self) -> str:
        """The DuckDB type of its values."""
        if self.base == "decimal":
            return f"DECIMAL({self.args[0]},{self.args[1]})"
        if self.base == "array":
            return f"{self.args[0].duckdb()}[]"
        if self.base == "map":
            return f"MAP({self.args[0].duckdb()}, {self.args[1].duckdb()})"
        if self.base == "row":
            fields = zip(self.field_names(), self.args, strict=True)
            return "STRUCT(" + ", ".join(f"{quote(n)} {t.duckdb()}" for n, t in fields) + ")"
        return _CARRIERS[self.base]

    def field_names(self) -> list[str]:
        """A row's field names; anonymous fields have a number."""
        return [name or f"field{i}" for i, name in enumerate(self.names)]

    def athena(self) -> str:
        """The name in result metadata (`float` for real; nested types without their element types)."""
        if self.base == "decimal":
            return str(self)
        known = {"real": "float", "timestamptz": "timestamp with time zone", "timestamp": "timestamp"}
        return known.get(self.base) or _SPELT.get(self.base, self.base)

    def shown(self) -> str:
        """The type as in DESCRIBE, views and messages."""
        return "varchar" if self.base == "varchar" else str(self)


_SPELT = {"timestamptz": "timestamp(3) with time zone", "timestamp": "timestamp(3)"}
_SPELT |= {"interval_day": "interval day to second", "interval_year": "interval year to month"}
INTEGERS = ("tinyint", "smallint", "integer", "bigint")
_CARRIERS = {
    "varchar": "VARCHAR",
    "char": "VARCHAR",
    "json": "VARCHAR",
    "unknown": "INTEGER",
    "boolean": "BOOLEAN",
    "tinyint": "TINYINT",
    "smallint": "SMALLINT",
    "integer": "INTEGER",
    "bigint": "BIGINT",
    "double": "DOUBLE",
    "real": "FLOAT",
    "date": "DATE",
    "time": "TIME",
    "timestamp": "TIMESTAMP",
    "timestamptz": "TIMESTAMPTZ",
    "varbinary": "BLOB",
    "interval_day": "INTERVAL",
    "interval_year": "INTERVAL",
}

VARCHAR, UNKNOWN, BOOLEAN = Type("varchar"), Type("unknown"), Type("boolean")
INTEGER, BIGINT, DOUBLE, REAL = Type("integer"), Type("bigint"), Type("double"), Type("real")
DATE, TIMESTAMP, TIMESTAMPTZ = Type("date"), Type("timestamp"), Type("timestamptz")
VARBINARY = Type("varbinary")
INTERVAL_DAY, INTERVAL_YEAR = Type("interval_day"), Type("interval_year")


def quote(name: str) -> str:
    """An identifier in double quotes."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text in single quotes."""
    return "'" + text.replace("'", "''") + "'"


def array(element: Type) -> Type:
    """`array(element)`."""
    return Type("array", (element,))


def map_of(key: Type, value: Type) -> Type:
    """`map(key, value)`."""
    return Type("map", (key, value))


def row_of(types: list[Type], names: list[str | None] | None = None) -> Type:
    """`row(...)`, anonymous fields by default."""
    return Type("row", tuple(types), tuple(names or [None] * len(types)))


def decimal(precision: int, scale: int) -> Type:
    """`decimal(p,s)`."""
    return Type("decimal", (precision, scale))


_INTEGER_DIGITS = {"tinyint": 3, "smallint": 5, "integer": 10, "bigint": 19}
_ORDER = ["tinyint", "smallint", "integer", "bigint"]


def as_decimal(kind: Type) -> Type:
    """The decimal type that fits an exact number."""
    return kind if kind.base == "decimal" else decimal(_INTEGER_DIGITS[kind.base], 0)


def common(left: Type, right: Type) -> Type | None:  # noqa: PLR0911  one return a pair of kinds
    """The type to which both convert implicitly, or None: Trino has none for text and numbers."""
    if left.base == right.base and left.base not in ("array", "map", "row", "decimal"):
        return left if left.length == right.length and left.zone == right.zone else Type(left.base, left.args)
    if left.base == "unknown":
        return right
    if right.base == "unknown":
        return left
    if left.is_number and right.is_number:
        return _common_number(left, right)
    if left.is_text and right.is_text:
        return VARCHAR
    if left.is_time and right.is_time:
        order = ["date", "timestamp", "timestamptz"]
        return max(left, right, key=lambda kind: order.index(kind.base))
    if left.base == right.base and len(left.args) == len(right.args):
        args = [common(a, b) for a, b in zip(left.args, right.args, strict=True)]
        known = tuple(a for a in args if a is not None)
        if len(known) == len(args):
            names = tuple(a if a == b else None for a, b in zip(left.names, right.names, strict=True))
            return Type(left.base, known, names)
    return None


def _common_number(left: Type, right: Type) -> Type:
    if "double" in (left.base, right.base):
        return DOUBLE
    if "real" in (left.base, right.base):
        return REAL
    if left.is_integer and right.is_integer:
        return max(left, right, key=lambda kind: _ORDER.index(kind.base))
    first, second = as_decimal(left), as_decimal(right)
    scale = max(first.args[1], second.args[1])
    whole = max(first.args[0] - first.args[1], second.args[0] - second.args[1])
    return decimal(min(38, whole + scale), scale)


_NAMES = {"int": "integer", "text": "varchar", "string": "varchar", "float": "real", "blob": "varbinary"}
_NAMES |= {"binary": "varbinary"}


def from_sql(node: exp.DataType) -> Type:  # noqa: PLR0911  one return a kind
    """The type in a CAST. Raises `QueryError` for a type that Trino does not have."""
    kind = node.this
    name = (kind.value if isinstance(kind, exp.DType) else str(kind)).lower()
    parameters = [p.name for p in node.expressions if isinstance(p, exp.DataTypeParam)]
    if name in ("array", "list"):
        return array(from_sql(node.expressions[0]) if node.expressions else UNKNOWN)
    if name == "map":
        return map_of(*[from_sql(inner) for inner in node.expressions])
    if name in ("struct", "row"):
        fields = [
            (f.name, from_sql(f.args["kind"])) if isinstance(f, exp.ColumnDef) else (None, from_sql(f))
            for f in node.expressions
        ]
        return row_of([t for _, t in fields], [n for n, _ in fields])
    if name == "decimal":
        precision, scale = [*(int(p) for p in parameters), 0][:2] if parameters else (38, 0)
        return decimal(precision, scale)
    if name in ("timestamp", "timestamptz", "timestampltz"):
        precision = int(parameters[0]) if parameters else 3
        if precision > 3:  # results of Athena show three digits; more would be lost silently here
            raise UnsupportedError(
                f"{name} with {precision} digits of a second", "Use at most three digits: timestamp(3)."
            )
        return Type(
            "timestamp" if name == "timestamp" else "timestamptz", length=precision if precision < 3 else None
        )
    if name in ("char", "nchar"):
        raise UnsupportedError("the type char", "Use varchar.")
    if name == "varchar":
        return Type("varchar", length=int(parameters[0]) if parameters else None)
    name = _NAMES.get(name, name)
    if name not in _CARRIERS:
        raise QueryError("TYPE_MISMATCH", f"Unknown type: {node.sql(dialect='trino').lower()}")
    return Type(name)


def from_hive(text: str) -> Type:
    """The Trino type of a Glue column type."""
    text = text.strip().lower()
    simple = {"string": "varchar", "int": "integer", "float": "real", "binary": "varbinary"}
    if match := re.fullmatch(r"decimal\((\d+),\s*(\d+)\)", text):
        return decimal(int(match.group(1)), int(match.group(2)))
    if text == "decimal":
        return decimal(10, 0)
    if match := re.fullmatch(r"(?:var)?char\((\d+)\)", text):
        return VARCHAR
    if match := re.fullmatch(r"(array|map|struct)<(.*)>", text):
        parts = _split(match.group(2))
        if match.group(1) == "struct":
            named = [part.split(":", 1) for part in parts]
            return row_of([from_hive(kind) for _, kind in named], [name.strip() for name, _ in named])
        return Type(match.group(1), tuple(from_hive(part) for part in parts))
    name = simple.get(text, text)
    return Type(name if name in _CARRIERS else "varchar")


def _split(text: str) -> list[str]:
    parts, depth, start = [], 0, 0
    for at, char in enumerate(text):
        if char in "<(":
            depth += 1
        elif char in ">)":
            depth -= 1
        elif char == "," and depth == 0:
            parts.append(text[start:at])
            start = at + 1
    return [*parts, text[start:]]
