"""An item becomes columns: one per attribute, or `change_rescued` if several attributes claim one column."""

from typing import Any

import orjson

from transform_lambda.errors import AttributeValueError, RecordError
from transform_lambda.names import METADATA_COLUMNS, SEPARATOR, Names, is_listed, joined, top_names
from transform_lambda.values import (
    MAX_LEVELS,
    NUMBERS,
    SHAPE_ERRORS,
    Image,
    plain_list,
    plain_map,
    plain_value,
)

# A row's columns: plain JSON values, numbers as orjson.Fragment of the text DynamoDB sent.
Columns = dict[str, Any]
# Column → the names of the attribute's path, for the columns that `change_names` lists.
Paths = dict[str, tuple[str, ...]]


def with_columns(row: Columns, item: Image, levels: int, keep_whole: frozenset[str]) -> tuple[Columns, Paths]:
    """The row with the columns of item, without a limit on its length.

    :param row: all METADATA_COLUMNS and nothing else, null if the item decides the value; do not use it again
    :param levels: most names that a column may consist of; with 0 the whole item is in `change_rescued`
    :param keep_whole: columns of maps that stay one JSON value
    :raises AttributeValueError: item is not a map of AttributeValues
    :raises DepthError: item is nested more than MAX_LEVELS deep
    """
    if type(item) is not dict:
        raise AttributeValueError("an image is not an object")
    paths: Paths = {}
    try:
        if levels:
            attributes = _fill(row, item, top_names(keep_whole), 1, min(levels, MAX_LEVELS), paths)
            if len(row) == len(METADATA_COLUMNS) + attributes and "" not in row:
                return row, paths
        columns, paths, rescued = _resolve(item, levels, keep_whole)
    except RecordError:
        raise
    except SHAPE_ERRORS:
        raise AttributeValueError("not one of DynamoDB's types") from None
    return {name: row[name] for name in METADATA_COLUMNS} | columns | {"change_rescued": rescued}, paths


def names_text(paths: Paths) -> str | None:
    """The text of `change_names`."""
    return orjson.dumps(paths, option=orjson.OPT_SORT_KEYS).decode() if paths else None


def without(item: Image, exclude: frozenset[str]) -> Image:
    """The item without the attributes whose columns are in exclude. Unchanged values are not copied."""
    return _without(item, exclude, top_names(frozenset()))


def _without(item: Image, exclude: frozenset[str], names: Names) -> Image:
    kept: Image = {}
    for name, value in item.items():
        if names[name] in exclude:
            continue
        inner = value.get("M")
        if inner:
            below = names.inner.get(name) or names.below(name)
            value = {"M": _without(inner, exclude, below)}  # noqa: PLW2901 - a copy in its place
        kept[name] = value
    return kept


def _fill(  # noqa: PLR0912, PLR0917 - a branch per type; keywords cost time
    row: Columns, image: Image, names: Names, level: int, levels: int, paths: Paths
) -> int:
    """Write the columns of a map into row; returns how many were written, overwritten ones included.

    Like the loops in `values`, it runs for every value of every record, and it is written like them.
    """
    attributes = len(image)
    for name, value in image.items():
        [tag] = value
        content = value[tag]
        if tag == "S":
            if type(content) is not str:
                raise AttributeValueError("S is not text")
            row[names[name]] = content
        elif tag == "N":
            row[names[name]] = NUMBERS[content]
        elif tag == "M" and content and level < levels:
            inner = names.inner.get(name)
            if inner is None:
                inner = names.below(name)
            if inner.whole:
                row[names[name]] = plain_map(content, level + 1)
            else:
                attributes += _fill(row, content, inner, level + 1, levels, paths) - 1
        elif tag == "L":
            row[names[name]] = plain_list(content, level + 1)
        else:
            row[names[name]] = plain_value(tag, content, level)
    if names.listed:
        for name in names.listed.keys() & image.keys():
            split = level < levels and image[name].get("M") and not names.inner[name].whole
            if not split:
                paths[names.listed[name]] = (*names.path, name)
    return attributes


# An attribute that claims a column: its path of names, and its plain value.
_Claim = tuple[tuple[str, ...], Any]


def _resolve(item: Image, levels: int, keep_whole: frozenset[str]) -> tuple[Columns, Paths, str | None]:
    """Columns, paths and `change_rescued` of an item in which several attributes claim one column.

    The top-level attribute with exactly the column's name owns it. Without one, the owner is the only path
    that spells the column exactly. Every other claimant is rescued under its own path, as nested objects.
    """
    claims: dict[str, list[_Claim]] = {}
    _collect(claims, item, (), "" if levels else None, levels, keep_whole)
    columns: Columns = {}
    paths: Paths = {}
    rescued: dict[str, Any] = {}
    for column, claimants in claims.items():
        owner = _owner(column, [path for path, _ in claimants])
        for path, value in claimants:
            if path == owner:
                columns[column] = value
                if is_listed(path, column):
                    paths[column] = path
            else:
                inner = rescued
                for name in path[:-1]:
                    inner = inner.setdefault(name, {})
                inner[path[-1]] = value
    text = orjson.dumps(rescued, option=orjson.OPT_SORT_KEYS).decode() if rescued else None
    return columns, paths, text


def _collect(  # noqa: PLR0917 - used in this module only
    claims: dict[str, list[_Claim]],
    image: Image,
    above: tuple[str, ...],
    prefix: str | None,
    levels: int,
    keep_whole: frozenset[str],
) -> None:
    """Collect the claims on each column. "" means no column; a prefix of None means none below either."""
    for name, value in image.items():
        path = (*above, name)
        column = "" if prefix is None else joined(prefix, name)
        inner = value.get("M")
        if inner and len(path) < levels and column not in keep_whole:
            _collect(claims, inner, path, column + SEPARATOR if column else None, levels, keep_whole)
        else:
            [tag] = value
            content = value[tag]
            claims.setdefault(column, []).append((path, plain_value(tag, content, len(path))))


def _owner(column: str, paths: list[tuple[str, ...]]) -> tuple[str, ...] | None:
    if not column:
        return None
    if len(paths) == 1:
        return paths[0]
    if (column,) in paths:
        return (column,)
    exact = [path for path in paths if SEPARATOR.join(path) == column]
    return exact[0] if len(exact) == 1 else None
