"""Functions with functions as arguments: transform, filter, reduce and others."""

from collections.abc import Callable
from typing import Any

from sqlglot import exp

from sandbox.athena.errors import QueryError
from sandbox.athena.sql import trino_types as t
from sandbox.athena.sql.dialect import position
from sandbox.athena.sql.sql_text import Renderer, Sql
from sandbox.athena.sql.trino_types import Type

HigherBuild = Callable[[Renderer, list[Any], Any], Sql]


def _body(renderer: Renderer, node: Any, parameters: list[Sql]) -> Sql:
    """A lambda's body, with its parameters as written."""
    if not isinstance(node, exp.Lambda):
        raise QueryError(
            "FUNCTION_NOT_FOUND", f"{position(node)}this argument must be a lambda, as in x -> x + 1"
        )
    names = [parameter.name for parameter in node.expressions]
    saved = dict(renderer.variables)
    renderer.variables.update(zip(names, parameters, strict=False))
    try:
        return renderer.render(node.this)
    finally:
        renderer.variables.clear()
        renderer.variables.update(saved)


def _lambda(renderer: Renderer, node: Any, kinds: list[Type]) -> tuple[str, Type]:
    """A lambda with parameters of these types: its DuckDB text and the type of its result."""
    names = [parameter.name for parameter in node.expressions] if isinstance(node, exp.Lambda) else []
    body = _body(renderer, node, [Sql(t.quote(n), kind) for n, kind in zip(names, kinds, strict=False)])
    return f"lambda {', '.join(t.quote(name) for name in names)}: {body.text}", body.type


def _element(value: Sql, name: str, node: Any) -> Type:
    if value.type.base != "array":
        raise QueryError(
            "FUNCTION_NOT_FOUND", f"{position(node)}Unexpected parameters ({value.type}) for function {name}"
        )
    return value.type.args[0]  # type: ignore[no-any-return]


def _transform(renderer: Renderer, arguments: list[Any], node: Any) -> Sql:
    value = renderer.render(arguments[0])
    text, kind = _lambda(renderer, arguments[1], [_element(value, "transform", node)])
    return Sql(f"list_transform({value.text}, {text})", t.array(kind))


def _filter(renderer: Renderer, arguments: list[Any], node: Any) -> Sql:
    value = renderer.render(arguments[0])
    text, _ = _lambda(renderer, arguments[1], [_element(value, "filter", node)])
    return Sql(f"list_filter({value.text}, {text})", value.type)


def _match(name: str) -> HigherBuild:
    def build(renderer: Renderer, arguments: list[Any], node: Any) -> Sql:
        value = renderer.render(arguments[0])
        text, _ = _lambda(renderer, arguments[1], [_element(value, name, node)])
        hits = f"list_transform({value.text}, {text})"
        some_true, some_null = (
            f"list_contains({hits}, TRUE)",
            f"len(list_filter({hits}, lambda __h: __h IS NULL)) > 0",
        )
        if name == "any_match":
            answer = f"WHEN {some_true} THEN TRUE WHEN {some_null} THEN NULL ELSE FALSE"
        elif name == "none_match":
            answer = f"WHEN {some_true} THEN FALSE WHEN {some_null} THEN NULL ELSE TRUE"
        else:
            answer = f"WHEN list_contains({hits}, FALSE) THEN FALSE WHEN {some_null} THEN NULL ELSE TRUE"
        return Sql(f"(CASE WHEN {value.text} IS NULL THEN NULL {answer} END)", t.BOOLEAN)

    return build


def _reduce(renderer: Renderer, arguments: list[Any], node: Any) -> Sql:
    value, start = renderer.render(arguments[0]), renderer.render(arguments[1])
    element = _element(value, "reduce", node)
    step, kind = _lambda(renderer, arguments[2], [start.type, element])
    if kind != start.type and (merged := t.common(kind, start.type)) is not None:
        start = Sql(renderer.as_type(start, merged), merged)
        step, kind = _lambda(renderer, arguments[2], [merged, element])
    finish, result = _lambda(renderer, arguments[3], [kind])
    state = f"list_reduce({value.text}, {step}, {start.text})"
    return Sql(f"list_extract(list_transform([{state}], {finish}), 1)", result)


def _zip_with(renderer: Renderer, arguments: list[Any], node: Any) -> Sql:
    left, right = renderer.render(arguments[0]), renderer.render(arguments[1])
    kinds = [_element(left, "zip_with", node), _element(right, "zip_with", node)]
    parts = [Sql(f"struct_extract(__z, 'f{n}')", kind) for n, kind in enumerate(kinds, start=1)]
    body = _body(renderer, arguments[2], parts)
    pairs = f"list_transform(list_zip({left.text}, {right.text}), lambda __p: {{'f1': __p[1], 'f2': __p[2]}})"
    return Sql(f"list_transform({pairs}, lambda __z: {body.text})", t.array(body.type))


def _map_lambda(name: str) -> HigherBuild:
    def build(renderer: Renderer, arguments: list[Any], node: Any) -> Sql:
        value = renderer.render(arguments[0])
        if value.type.base != "map":
            raise QueryError(
                "FUNCTION_NOT_FOUND",
                f"{position(node)}Unexpected parameters ({value.type}) for function {name}",
            )
        key, item = value.type.args
        parts = [Sql("struct_extract(__e, 'key')", key), Sql("struct_extract(__e, 'value')", item)]
        body = _body(renderer, arguments[1], parts)
        entries = f"map_entries({value.text})"
        if name == "map_filter":
            return Sql(f"map_from_entries(list_filter({entries}, lambda __e: {body.text}))", value.type)
        keyed = name == "transform_keys"
        new_key, new_value = (body.text, "__e.value") if keyed else ("__e.key", body.text)
        pairs = f"list_transform({entries}, lambda __e: {{'k': {new_key}, 'v': {new_value}}})"
        result = t.map_of(body.type, item) if keyed else t.map_of(key, body.type)
        return Sql(f"map_from_entries({pairs})", result)

    return build


HIGHER: dict[str, Callable[[Renderer, list[Any], Any], "Sql"]] = {
    "transform": _transform,
    "filter": _filter,
    "reduce": _reduce,
    "zip_with": _zip_with,
    **{name: _match(name) for name in ("any_match", "all_match", "none_match")},
    **{name: _map_lambda(name) for name in ("map_filter", "transform_keys", "transform_values")},
}
