"""Calls by signature: the overload that fits the arguments, and its DuckDB form."""

import re
from collections.abc import Callable
from typing import Any

from sandbox.athena.errors import QueryError, UnsupportedError
from sandbox.athena.sql.dialect import position
from sandbox.athena.sql.function_tables import AGGREGATES, KNOWN_BUT_MISSING, SCALARS, WINDOWS
from sandbox.athena.sql.signatures import Signature, fit, signature
from sandbox.athena.sql.sql_text import Renderer, Sql, unchanged
from sandbox.athena.sql.trino_types import Type

_PLACE = re.compile(r"\{(?:\*|\d)\}")
_OVERLOADS: dict[str, list[Signature]] = {}
for _line, _template in {**SCALARS, **AGGREGATES, **WINDOWS}.items():
    _OVERLOADS.setdefault(_line.split("(", 1)[0], []).append(signature(_line, _template))
# their first parameter is text or JSON; an untyped NULL could be either
_TEXT_OR_JSON = frozenset(
    ("json_extract", "json_extract_scalar", "json_array_length", "json_size", "json_array_get")
)


def overload(renderer: Renderer, name: str, values: list[Sql], node: Any) -> Sql:
    candidates = _OVERLOADS.get(name)
    if name in _TEXT_OR_JSON and values and values[0].type.base == "unknown":
        raise QueryError(
            "AMBIGUOUS_FUNCTION_CALL", f"{position(node)}Could not choose a best candidate for {name}"
        )
    if name in ("min", "max", "min_by", "max_by") and len(values) == _plain_arity(name) + 1:
        raise UnsupportedError(f"{name} with a number of values to return", "Use ORDER BY and LIMIT.")
    if candidates is None:
        if name in KNOWN_BUT_MISSING:
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
            template, _, around = candidate.template.partition(" ~ ")
            arguments = {"{*}": ", ".join(texts), **{f"{{{n}}}": text for n, text in enumerate(texts)}}
            text = _fill(template, arguments)
            zones = [v.type.zone for v in values if v.type.base == "timestamptz"]
            if zones and result.base == "timestamptz":
                result = Type("timestamptz", zone=zones[0])
            return Sql(text, result, wrap=_around(around))
    raise QueryError(
        "FUNCTION_NOT_FOUND",
        f"{position(node)}Unexpected parameters ({', '.join(map(str, kinds))}) for function {name}",
    )


def _plain_arity(name: str) -> int:
    """The number of arguments of min's or max's plain form."""
    return 2 if name.endswith("_by") else 1


def _fill(template: str, arguments: dict[str, str]) -> str:
    return _PLACE.sub(
        lambda place: arguments[place.group()], template
    )  # in one pass: an argument may contain `{0}`


def _around(template: str) -> Callable[[str], str]:
    return (lambda text: template.replace("{}", text)) if template else unchanged
