"""Function signatures as text (`element_at(array(T), bigint) T`), and the one that fits a call's types."""

import re
from dataclasses import dataclass
from functools import cache

from sandbox.athena.sql.trino_types import BIGINT, DOUBLE, Type, common

_VARIABLES = ("T", "K", "V", "U", "R")


@dataclass(frozen=True)
class Pattern:
    """A type with variables: `array(T)`."""

    name: str
    args: tuple["Pattern", ...] = ()


@dataclass(frozen=True)
class Signature:
    """A function's parameters (the last may repeat), its result, and its DuckDB form.

    In the template `{0}` is the first argument, `{*}` all of them.
    """

    name: str
    parameters: tuple[Pattern, ...]
    repeats: bool
    result: Pattern
    template: str


def _pattern(text: str) -> tuple[Pattern, str]:
    match = re.match(r"\s*([A-Za-z_]+)", text)
    if not match:
        raise ValueError(text)
    rest = text[match.end() :]
    args: list[Pattern] = []
    if rest.startswith("("):
        rest = rest[1:]
        while True:
            inner, rest = _pattern(rest)
            args.append(inner)
            rest = rest.lstrip()
            if rest[0] == ")":
                rest = rest[1:]
                break
            rest = rest[1:]
    return Pattern(match.group(1), tuple(args)), rest


@cache
def signature(text: str, template: str) -> Signature:
    """`name(type, type...) result` and its template; without a template the name is the same in DuckDB."""
    name, rest = text.split("(", 1)
    parameters: list[Pattern] = []
    repeats = False
    while not rest.lstrip().startswith(")"):
        pattern, rest = _pattern(rest)
        parameters.append(pattern)
        rest = rest.lstrip()
        if rest.startswith("..."):
            repeats, rest = True, rest[3:].lstrip()
        rest = rest.removeprefix(",")
    result, _ = _pattern(rest.lstrip()[1:])
    return Signature(name, tuple(parameters), repeats, result, template or f"{name}({{*}})")


def fit(candidate: Signature, arguments: list[Type]) -> tuple[list[Type], Type] | None:
    """The types to which arguments are cast, and the result's type, or None when the call does not fit."""
    parameters = list(candidate.parameters)
    if candidate.repeats:
        parameters += [parameters[-1]] * (len(arguments) - len(parameters))
    if len(parameters) != len(arguments):
        return None
    bound: dict[str, Type] = {}
    for pattern, kind in zip(parameters, arguments, strict=True):
        if not _bind(pattern, kind, bound):
            return None
    wanted = [_build(pattern, bound, kind) for pattern, kind in zip(parameters, arguments, strict=True)]
    return wanted, _build(candidate.result, bound, Type("unknown"))


def _bind(pattern: Pattern, kind: Type, bound: dict[str, Type]) -> bool:  # noqa: PLR0911  one return a form
    if pattern.name == "any" or kind.base == "unknown":
        if pattern.name in _VARIABLES:
            bound.setdefault(pattern.name, kind)
        return True
    if pattern.name == "number":
        return kind.is_number
    if pattern.name == "lambda":
        return kind.base == "lambda"
    if pattern.name in _VARIABLES:
        known = bound.get(pattern.name)
        merged = kind if known is None else common(known, kind)
        if merged is None:
            return False
        bound[pattern.name] = merged
        return True
    if pattern.args:
        return (
            kind.base == pattern.name
            and len(kind.args) == len(pattern.args)
            and all(_bind(p, k, bound) for p, k in zip(pattern.args, kind.args, strict=True))
        )
    if pattern.name == "array":
        return kind.base == "array"
    return _coerces(kind, pattern.name)


def _coerces(kind: Type, name: str) -> bool:
    if kind.base == name or (name == "varchar" and kind.is_text):
        return True
    if name in ("bigint", "integer"):  # casts to a smaller type are never implicit
        return kind.is_integer and (name == "bigint" or kind.base != "bigint")
    if name == "double":
        return kind.is_number
    if name == "timestamp":
        return kind.base == "date"
    if name == "timestamptz":
        return kind.base in ("date", "timestamp")
    return False


def _build(pattern: Pattern, bound: dict[str, Type], actual: Type) -> Type:
    if pattern.name in _VARIABLES:
        return bound.get(pattern.name, Type("unknown"))
    if pattern.name in ("any", "lambda", "number"):
        return actual
    if pattern.name in ("array", "map", "row"):
        if not pattern.args:
            return actual
        actuals = (
            actual.args if len(actual.args) == len(pattern.args) else (Type("unknown"),) * len(pattern.args)
        )
        args = tuple(_build(p, bound, a) for p, a in zip(pattern.args, actuals, strict=True))
        return Type(pattern.name, args, (None,) * len(args) if pattern.name == "row" else ())
    if pattern.name == "integer" and actual.is_integer:
        return actual
    return {"bigint": BIGINT, "double": DOUBLE}.get(pattern.name, Type(pattern.name))
