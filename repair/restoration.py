"""Rebuild an item from a row of the lake, and prove by the row's digest that it is the item.

`change_after` is a digest of the whole item. A rebuilt item is exact if it has this digest, and only then.
With `change_image` the item is that text. Without it, the item is rebuilt from the row as it was written:

    the row has            the item gets
    a number               N
    text                   S; N if only an unusual number is written as this text; B if it is base64
    true, false            BOOL
    null                   NULL
    an array               L; SS, NS or BS if its members can be a set
    an object, or columns  M
    with `__`

A row does not show which of several types a value had, so the types are tried until the digest matches: first
those that fit every row of a sample, then others. A row does not show either whether a name of ASCII letters
had capitals. The names of keys are exact: `change_key`
has them. Attributes that *ExcludeAttributes* keeps out of rows cannot be rebuilt.
"""

from __future__ import annotations

import heapq
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count, pairwise
from typing import Any, Final

import orjson

from transform_lambda.canonical import canonical_json, digest
from transform_lambda.errors import RecordError
from transform_lambda.names import METADATA_COLUMNS, SEPARATOR
from transform_lambda.values import Image, number

# Combinations of types that are tried for one row: some milliseconds.
TRIES: Final = 128
# Rows of one form whose search failed in succession; for further rows of the form, one try is made.
HOPELESS: Final = 20
SAMPLE: Final = 1_000  # rows that show enough of a table's types
# How unlikely a type is, if no row has shown it: a table has few sets, and fewer binary values.
_COSTS: Final = {"N": 1, "SS": 1, "NS": 1, "BS": 2, "B": 3}
_MOST_UNSURE: Final = 40  # values of a row whose types are tried
_REMEMBERED: Final = 10_000  # names can be data, so memory is bounded
_BASE64: Final = re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?").fullmatch

# Reasons for which an item is not exact.
OF_SETS, OF_NUMBERS, OF_BINARY = "list or set", "text or number", "text or binary"
OF_NAMES = "capital letters of the name"
OF_EXCLUSION = "left out by ExcludeAttributes"
OF_DIGEST = "attributes are missing or different"
_REASONS: Final = {"SS": OF_SETS, "NS": OF_SETS, "BS": OF_SETS, "N": OF_NUMBERS, "B": OF_BINARY}

Path = tuple[str, ...]
_MEMBER: Final = "[]"  # in a path: a member of a list
_Unsure = dict[Path, tuple[str, ...]]  # the types that the value at a path can have beside the usual one
# Path → the types that fit all rows of the sample, and whether a value looked like binary.
_Fitting = dict[Path, tuple[frozenset[str], bool]]
_USUAL: Final = ""  # S for a text, L for an array


class RowError(Exception):
    """A row that is not a row of the lake. The message names no value."""


@dataclass(frozen=True, slots=True)
class State:
    """The row that decides what an item was: `change_key`, `change_after`, and its image or its line."""

    key: str
    after: str
    image: str = ""  # empty without KeepImages
    line: str = ""  # the row as it was written, if there is no image


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """An item in DynamoDB JSON. `doubts` has the reasons with their attributes if it is not exact."""

    item: Image
    keys: Image
    exact: bool
    from_image: bool
    doubts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


class _Digits(str):
    """The digits of a JSON number exactly as in the row, never a float."""

    __slots__ = ()


class Rebuilder:
    """Rebuilds the items of one table, and remembers which types matched.

    :param excluded: the columns that *ExcludeAttributes* names
    :param spelled: paths of attributes whose capital letters are known, such as `customer.firstName`
    :raises ValueError: two paths differ only in capital letters
    """

    def __init__(self, excluded: Iterable[str] = (), spelled: Iterable[str] = ()) -> None:
        self._excluded = tuple(sorted(excluded))
        self._spelled: dict[Path, str] = {}  # path in lower case → its last name
        for path in spelled:
            names = path.split(".")
            for place, name in enumerate(names):
                lower = tuple(each.lower() for each in names[: place + 1])
                if self._spelled.setdefault(lower, name) != name:
                    raise ValueError(path)
        self._fitting: _Fitting = {}
        self._matched: dict[Path, str] = {}  # path → the type that matched last
        self._failures: dict[tuple[Path, ...], int] = {}  # form of a row → failed searches in succession

    def learn(self, state: State) -> None:
        """Note which types fit a row without an image; call it for a sample of rows before `rebuild`.

        :raises RowError: the row has no line of the lake
        """
        with _row_errors():
            keys: Image = orjson.loads(state.key)
            tree, _ = self._tree(_parsed(state.line), keys)
            _fit(tree, (), self._fitting, keys)

    def rebuild(self, state: State) -> Rebuilt:
        """The item of a row.

        :raises RowError: the row has neither an image nor a line of the lake
        """
        with _row_errors():
            keys: Image = orjson.loads(state.key)
            if state.image:
                return self._from_image(state, keys)
            return self._from_row(state, keys, _parsed(state.line))

    def _from_image(self, state: State, keys: Image) -> Rebuilt:
        item: Image = orjson.loads(state.image)
        if digest(canonical_json(item)) == state.after:
            return Rebuilt(item, keys, exact=True, from_image=True)
        reason = OF_EXCLUSION if self._excluded else OF_DIGEST
        return Rebuilt(item, keys, exact=False, from_image=True, doubts={reason: self._excluded})

    def _from_row(self, state: State, keys: Image, row: dict[str, Any]) -> Rebuilt:
        tree, guessed = self._tree(row, keys)
        unsure: _Unsure = {}
        _collect(tree, (), unsure, keys)
        first: Image | None = None
        for types in self._candidates(unsure):
            item = {name: _typed(value, (name,), types) for name, value in tree.items()} | keys
            if digest(canonical_json(item)) == state.after:
                self._remember(unsure, types)
                return Rebuilt(item, keys, exact=True, from_image=False)
            first = first or item
        form = tuple(sorted(unsure))
        self._failures = {} if len(self._failures) > _REMEMBERED else self._failures
        self._failures[form] = self._failures.get(form, 0) + 1
        return Rebuilt(
            first or keys, keys, exact=False, from_image=False, doubts=self._doubts(unsure, guessed)
        )

    def _tree(self, row: dict[str, Any], keys: Image) -> tuple[dict[str, Any], set[str]]:
        """The attributes as nested objects, and the names whose capital letters are not known."""
        paths = json.loads(row.get("change_names") or "{}")
        rescued = _parsed(row.get("change_rescued") or "{}")
        # a rescued key is not the attribute that has the column
        spelled = self._spelled | {(name.lower(),): name for name in keys if name not in rescued}
        tree: dict[str, Any] = {}
        guessed: set[str] = set()
        for column, value in row.items():
            if column in METADATA_COLUMNS:
                continue
            path = paths.get(column)
            if path is None:
                names = column.split(SEPARATOR)
                path = []
                for place, name in enumerate(names):
                    known = spelled.get(tuple(names[: place + 1]))
                    path.append(name if known is None else known)
                    if known is None and name.upper() != name:
                        guessed.add(".".join(path))
            _put(tree, path, value)
        _merge(tree, rescued)
        for name in keys:
            tree.pop(name, None)  # the exact key comes from change_key
        return tree, guessed

    def _likely(self, path: Path, types: tuple[str, ...]) -> str:
        """The type to try first: the one that matched last, else the one that fits the sample."""
        matched = self._matched.get(path)
        if matched is not None:
            return matched if matched in types else _USUAL
        fitting, binary = self._fitting.get(path, (frozenset(), False))
        likely = ("NS", "BS", "SS", "N", "B") if binary else ("NS", "SS", "N")
        return next((kind for kind in likely if kind in fitting and kind in types), _USUAL)

    def _candidates(self, unsure: _Unsure) -> Iterator[dict[Path, str]]:
        """Types to try, the likeliest first: the likely ones, then with one change, and more."""
        base = {path: self._likely(path, types) for path, types in unsure.items()}
        yield base
        if self._failures.get(tuple(sorted(unsure)), 0) >= HOPELESS:
            return
        options = sorted(
            (_COSTS.get(kind, 1), path, kind)
            for path, types in unsure.items()
            for kind in (_USUAL, *types)
            if kind != base[path]
        )[:_MOST_UNSURE]
        ties = count()
        waiting: list[tuple[int, int, int, tuple[tuple[Path, str], ...]]] = [
            (cost, next(ties), place, ((path, kind),)) for place, (cost, path, kind) in enumerate(options)
        ]
        heapq.heapify(waiting)
        for _ in range(TRIES - 1):
            if not waiting:
                return
            cost, _, place, changes = heapq.heappop(waiting)
            yield base | dict(changes)
            changed = {path for path, _ in changes}
            for later in range(place + 1, len(options)):
                more, path, kind = options[later]
                if path not in changed:
                    heapq.heappush(waiting, (cost + more, next(ties), later, (*changes, (path, kind))))

    def _remember(self, unsure: _Unsure, types: Mapping[Path, str]) -> None:
        if len(self._matched) > _REMEMBERED:
            self._matched.clear()
        self._matched.update(types)
        self._failures.pop(tuple(sorted(unsure)), None)

    def _doubts(self, unsure: _Unsure, guessed: set[str]) -> dict[str, tuple[str, ...]]:
        """Why the item may differ, with the attributes."""
        found: dict[str, set[str]] = {}
        for path, types in unsure.items():
            for kind in types:
                found.setdefault(_REASONS[kind], set()).add(".".join(path).replace(f".{_MEMBER}", _MEMBER))
        if guessed:
            found[OF_NAMES] = guessed
        if self._excluded:
            found[OF_EXCLUSION] = set(self._excluded)
        return {reason: tuple(sorted(names)) for reason, names in found.items()} or {OF_DIGEST: ()}


@contextmanager
def _row_errors() -> Iterator[None]:
    try:
        yield
    except (ValueError, TypeError, AttributeError, RecordError, RecursionError):
        raise RowError("a row of the lake cannot be read") from None


def _parsed(line: str) -> dict[str, Any]:
    """A row with the digits of its numbers."""
    row: dict[str, Any] = json.loads(line, parse_int=_Digits, parse_float=_Digits)
    return row


def _put(tree: dict[str, Any], path: list[str], value: Any) -> None:
    """Put a column's value at the path of its attribute."""
    for name in path[:-1]:
        inner = tree.setdefault(name, {})
        if type(inner) is not dict:
            inner = tree[name] = {}
        tree = inner
    _merge(tree, {path[-1]: value})


def _merge(tree: dict[str, Any], other: dict[str, Any]) -> None:
    """Add the members of nested objects to nested objects."""
    for name, value in other.items():
        mine = tree.get(name)
        if type(mine) is dict and type(value) is dict:
            _merge(mine, value)
        else:
            tree[name] = value


def _collect(value: Any, path: Path, unsure: _Unsure, keys: Mapping[str, Any] = {}) -> None:
    """Add the paths in a value whose types are not certain."""
    if type(value) is dict:
        for name, member in value.items():
            if path or name not in keys:
                _collect(member, (*path, name), unsure)
        return
    if type(value) is list:
        for member in value:
            _collect(member, (*path, _MEMBER), unsure)
    types = _other_types(value)
    if types:
        known = unsure.get(path, ())
        unsure[path] = (*known, *(kind for kind in types if kind not in known))


def _fit(value: Any, path: Path, fitting: _Fitting, keys: Mapping[str, Any]) -> None:
    """Keep, for each path in a value, the types that fit this value and all earlier ones."""
    if type(value) is dict:
        for name, member in value.items():
            if path or name not in keys:
                _fit(member, (*path, name), fitting, keys)
        return
    if type(value) is list:
        for member in value:
            _fit(member, (*path, _MEMBER), fitting, keys)
    elif type(value) is not str:
        return
    types = frozenset(_other_types(value))
    # hexadecimal digits and short words are base64 too, but have none of these characters
    binary = bool(types & {"B", "BS"} and re.search("[+/=]", "".join(value)))
    if path in fitting:
        known, seen = fitting[path]
        fitting[path] = known & types, seen or binary
    elif len(fitting) < _REMEMBERED:
        fitting[path] = types, binary


def _other_types(value: Any) -> tuple[str, ...]:
    """The types that a value of a row can have beside S, N, BOOL, NULL, L and M."""
    if type(value) is str:
        return (*(("N",) if _unusual_number(value) else ()), *(("B",) if _BASE64(value) else ()))
    if type(value) is not list or not value:
        return ()
    if any(type(member) is not str and type(member) is not _Digits for member in value):
        return ()
    if any(str(one) >= str(other) for one, other in pairwise(value)):
        return ()  # the members of a set are sorted, and none is there twice
    if any(type(member) is _Digits for member in value):
        return ("NS",) if all(type(one) is _Digits or _unusual_number(one) for one in value) else ()
    return (
        "SS",
        *(("NS",) if all(map(_unusual_number, value)) else ()),
        *(("BS",) if all(map(_BASE64, value)) else ()),
    )


def _unusual_number(text: str) -> bool:
    """Whether a text can be a number that rows have as text, because a double does not carry it."""
    if not text or len(text) > 150 or text[-1] not in "0123456789":
        return False
    try:
        return type(number(text)) is str
    except RecordError:
        return False


def _typed(value: Any, path: Path, types: Mapping[Path, str]) -> dict[str, Any]:  # noqa: PLR0911  one per type
    """A value of a row as an AttributeValue; `types` has the types that differ from the usual ones."""
    if type(value) is _Digits:
        return {"N": str(value)}
    if type(value) is bool:
        return {"BOOL": value}
    if value is None:
        return {"NULL": True}
    if type(value) is dict:
        return {"M": {name: _typed(member, (*path, name), types) for name, member in value.items()}}
    kind = types.get(path)
    if kind is not None and kind not in _other_types(value):
        kind = None  # another member of the same list has this type
    if type(value) is list:
        if kind is None:
            return {"L": [_typed(member, (*path, _MEMBER), types) for member in value]}
        return {kind: [str(member) for member in value]}
    return {kind or "S": value}
