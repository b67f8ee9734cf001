"""The column rule: which column an attribute has, and when `change_names` must list the attribute's path.

docs/architecture.md, "The row", is the contract. The rule uses names only, so its result is the same for
every item and in every Python version.
"""

import re
import unicodedata
from functools import lru_cache
from typing import Final

from transform_lambda.unicode14 import UNASSIGNED

# Columns that describe the change.
METADATA_COLUMNS: Final = (
    "change_id",
    "change_type",
    "change_time",
    "change_sequence",
    "change_actor",
    "change_key",
    "change_before",
    "change_after",
    "change_table",
    "change_levels",
    "change_names",
    "change_image",
    "change_rescued",
)
# The table's partition column, whose value comes from the object's name. Athena would never show the value of
# an attribute with this name, and a crawled table with both fails: "Table descriptor contains duplicate
# columns".
PARTITION_COLUMN: Final = "dt"
# Iceberg's own columns. No other column of an Iceberg table may have such a name (Iceberg specification,
# "Reserved Field IDs").
ICEBERG_COLUMNS: Final = (
    "_file",
    "_pos",
    "_deleted",
    "_spec_id",
    "_partition",
    "_row_id",
    "_last_updated_sequence_number",
    "_change_type",
    "_change_ordinal",
    "_commit_snapshot_id",
)
# The columns that settled tables add to the row's (settled/names.py).
SETTLED_COLUMNS: Final = ("settled_object", "settled_tag", "settled_at", "settled_ties", "settled_leans")
# Names that a top-level attribute cannot have as its column; its column is `attribute_<name>` instead.
# A nested attribute never claims one of these: its column has a double underscore, and none of these has.
RESERVED_NAMES: Final = frozenset({*METADATA_COLUMNS, PARTITION_COLUMN, *ICEBERG_COLUMNS, *SETTLED_COLUMNS})
RESERVED_PREFIX: Final = "attribute_"
# "NameString: 1 to 255" (AWS Glue API, "Common data types"): no table can declare a longer name.
MAX_COLUMN_CHARACTERS: Final = 255
# Separates the names of a path.
SEPARATOR: Final = "__"

_ASCII_COLUMN: Final = {
    code: chr(code).lower() if re.match(r"[A-Za-z0-9_]", chr(code)) else "_" for code in range(128)
}
_LETTERS_OF_THEIR_OWN: Final = {
    "ß": "ss", "ẞ": "ss", "æ": "ae", "Æ": "ae", "œ": "oe", "Œ": "oe",
    "ø": "o", "Ø": "o", "ł": "l", "Ł": "l", "đ": "d", "Đ": "d",
}  # fmt: skip
_LATIN_WITH_MARKS: Final = (range(0x00C0, 0x0250), range(0x1E00, 0x1F00))
_FIRST_MARK, _LAST_MARK = "\u0300", "\u036f"


def _latin_letters() -> dict[str, str]:
    """Latin letters with marks → their ASCII letters. Unicode assigned all of them long before version 14."""
    letters = dict(_LETTERS_OF_THEIR_OWN)
    for code in (code for codes in _LATIN_WITH_MARKS for code in codes):
        parts = unicodedata.normalize("NFKD", chr(code))
        base = "".join(part for part in parts if not unicodedata.combining(part))
        if base.isascii() and base.isalpha():
            letters[chr(code)] = base.lower()
    return letters


_LATIN: Final = _latin_letters()


def column_name(name: str) -> str:
    """One name of a path as it is written in a column, `[a-z0-9_]` only.

    After Unicode NFC, ASCII letters become lower case and other ASCII becomes `_`. A Latin letter with marks
    becomes its ASCII letters. Every other character becomes `_xHHHH_`, its code point, as SQL/XML escapes
    names (ISO/IEC 9075-14).
    """
    if name.isascii():
        return name.translate(_ASCII_COLUMN)
    parts = []
    after_letter = False  # whether a mark would belong to a letter that has become ASCII
    for character in _composed(name):
        if character.isascii():
            parts.append(_ASCII_COLUMN[ord(character)])
            after_letter = character.isalpha()
        elif after_letter and _FIRST_MARK <= character <= _LAST_MARK:
            continue
        else:
            letters = _LATIN.get(character)
            parts.append(letters or f"_x{ord(character):04x}_")
            after_letter = letters is not None
    return "".join(parts)


def _composed(name: str) -> str:
    """NFC of the characters in Unicode 14: the NFC of newer ones differs between Python versions."""
    parts = _unassigned().split(name)
    if len(parts) == 1:
        return unicodedata.normalize("NFC", name)
    # Every second part is a run of unassigned characters, which stay as they are.
    return "".join(
        part if number % 2 else unicodedata.normalize("NFC", part) for number, part in enumerate(parts)
    )


@lru_cache(maxsize=1)
def _unassigned() -> re.Pattern[str]:
    """Runs of characters that are unassigned in Unicode 14."""
    ranges = (part.partition("-") for part in UNASSIGNED.split())
    characters = (rf"\U{int(first, 16):08x}-\U{int(last or first, 16):08x}" for first, _, last in ranges)
    return re.compile(f"([{''.join(characters)}]+)")


def joined(prefix: str, name: str) -> str:
    """The column of an attribute under prefix; empty if it is too long for any table, or if it has no name.

    So no prefix is longer than a column. Otherwise a legal item of 400 KB, with a map name of 64 KB, could
    need gigabytes of column names.
    """
    column = prefix + column_name(name)
    if column in RESERVED_NAMES:
        column = RESERVED_PREFIX + column
    return column if len(column) <= MAX_COLUMN_CHARACTERS else ""


def is_listed(path: tuple[str, ...], column: str) -> bool:
    """Whether `change_names` lists a column: its parts are not just the path's names in lower case."""
    if not all(map(str.isascii, path)):
        return True
    return column.split(SEPARATOR) != [name.lower() for name in path]


# The names of a table repeat in every record, so they are computed once and remembered. Names can be data, so
# the memory is bounded: with more names than this, it is cleared between two items.
_REMEMBERED_NAMES: Final = 10_000


class Names(dict[str, str]):
    """Attribute name → column, for the attributes of the map at `path`."""

    __slots__ = ("inner", "keep_whole", "listed", "path", "prefix", "whole")
    remembered = 0

    def __init__(self, path: tuple[str, ...], column: str, keep_whole: frozenset[str]) -> None:
        super().__init__()
        self.path = path
        self.prefix = column + SEPARATOR if path else ""
        self.keep_whole = keep_whole
        self.whole = column in keep_whole  # whether the map at path stays one value
        self.inner: dict[str, Names] = {}
        self.listed: dict[str, str] = {}  # the entries of self that `change_names` lists

    def __missing__(self, name: str) -> str:
        column = joined(self.prefix, name)
        if column:
            Names.remembered += 1
            self[name] = column
            if is_listed((*self.path, name), column):
                self.listed[name] = column
        return column

    def below(self, name: str) -> "Names":
        """The names of the map under name."""
        column = joined(self.prefix, name)
        if not column:
            return _TOO_LONG
        Names.remembered += 1
        names = self.inner[name] = Names((*self.path, name), column, self.keep_whole)
        return names


# The names of a map whose attributes have no column: every such column would be too long.
_TOO_LONG: Final = Names(("",), "_" * MAX_COLUMN_CHARACTERS, frozenset())


@lru_cache(maxsize=4)
def _top(keep_whole: frozenset[str]) -> Names:
    return Names((), "", keep_whole)


def top_names(keep_whole: frozenset[str]) -> Names:
    """The names at the top of an item. Call it once per item: it may clear the remembered names."""
    if Names.remembered > _REMEMBERED_NAMES:
        Names.remembered = 0
        _top.cache_clear()
    return _top(keep_whole)
