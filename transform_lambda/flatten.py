"""The flattening rule: an item in DynamoDB JSON becomes the columns of one row, of a bounded length.

Everything that writes rows uses this module (function, backfill, replay, checks). It does not depend on
change records or Firehose. docs/architecture.md, "The row", is the contract. `names` has the rule for a
column's name, `values` for its value, `columns` for the attribute that owns it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

import orjson

from transform_lambda.columns import Columns, Paths, names_text, with_columns, without
from transform_lambda.errors import AttributeValueError
from transform_lambda.names import METADATA_COLUMNS, joined
from transform_lambda.values import Image, as_sent, order_sets

DEFAULT_MAX_DEPTH: Final = 32


@dataclass(frozen=True, slots=True)
class RowSettings:
    """Settings that shape rows. Everything that writes rows of one table needs the same settings.

    `keep_whole` and `exclude` contain columns; `settings_columns` makes them from the names that users write.
    """

    max_depth: int = DEFAULT_MAX_DEPTH  # most names that a column may consist of; deeper maps stay one value
    keep_whole: frozenset[str] = frozenset()  # columns of maps that stay one JSON value
    exclude: frozenset[str] = frozenset()  # columns of attributes that never reach the lake
    keep_images: bool = False  # whether `change_image` contains the exact item


DEFAULT_SETTINGS: Final = RowSettings()


def settings_columns(names: Iterable[str]) -> frozenset[str]:
    """The columns of attributes that a user names, such as `SSN` or `customer__ssn`. Blank names are skipped.

    :raises ValueError: a name is longer than a column can be
    """
    columns = frozenset(joined("", name.strip()) for name in names if name.strip())
    if "" in columns:
        raise ValueError("a name is longer than a column can be, 255 characters")
    return columns


class Flattened(NamedTuple):
    """The part of a row that depends only on the item."""

    columns: Columns
    levels: int | None  # change_levels
    names: str | None  # change_names
    image: str | None  # change_image
    rescued: str | None  # change_rescued


def flatten(image: Image, settings: RowSettings = DEFAULT_SETTINGS) -> Flattened:
    """The item's part of a row. It is the same for every kind of change.

    :param image: DynamoDB JSON; binary as base64 text or, as boto3's clients return it, as bytes
    :raises AttributeValueError: image is not a map of AttributeValues
    :raises DepthError: image is nested more than MAX_LEVELS deep
    """
    item = as_sent(image)
    if type(item) is not dict:
        raise AttributeValueError("an image is not an object")
    order_sets(item.values())
    if settings.exclude:
        item = without(item, settings.exclude)
    row, paths = with_columns(dict.fromkeys(METADATA_COLUMNS), item, settings.max_depth, settings.keep_whole)
    text = orjson.dumps(item, option=orjson.OPT_SORT_KEYS)
    kept = text.decode() if settings.keep_images else None
    row, _ = finished(row, paths, item, len(text), settings, kept)
    of_item = {name: row.pop(name) for name in METADATA_COLUMNS}
    return Flattened(
        row,
        of_item["change_levels"],
        of_item["change_names"],
        of_item["change_image"],
        of_item["change_rescued"],
    )


# The bound on a row's length. The item's part of a row (columns, change_levels, change_names, change_image,
# change_rescued) has at most _LONGEST_FIXED bytes plus _LONGEST_TIMES for each byte of the item's canonical
# text. The bound is a multiple, not a constant: many short records can grow as much as one long record.
_LONGEST_TIMES: Final = 4.5
_LONGEST_FIXED: Final = 600


# The metadata columns whose values depend on the item.
_OF_ITEM: Final = ("change_levels", "change_names", "change_image", "change_rescued")


def longest(item_bytes: int) -> int:
    """The most bytes of the item's part of a row; i is the length of the item's canonical text in bytes.

    A row with 0 levels always fits. change_image is the item's text, and change_rescued is the same text
    without type tags. A text at most doubles when it is written into JSON: only quotes and backslashes become
    two bytes, and its control characters are escaped already. So the two columns have at most 4i bytes.

    Also, a batch of 1 MiB is always answered in full. The answer to a record is the base64 text of its row,
    4/3 as long, in an envelope of E bytes. The payload contains the keys (k bytes of canonical text), the
    item and the table's name at least once. The row contains the keys at most doubled, the item's part within
    this bound, and the table's name once. The rest of a payload, as DynamoDB writes it, has at least F bytes;
    the rest of a row has at most M bytes. A payload is never shorter than its parsed content: escapes and
    blanks only add bytes. Lambda accepts answers of 6 MiB, so this must be true:

        4/3 * (M + 2k + 600 + 4.5i) + E  <=  6 * (F + k + i)

    4/3 * 4.5 is 6, and 4/3 * 2 is less than 6. tests/unit/transform/test_growth.py checks the remaining
    part, 4/3 * (M + 600) + E <= 6F.
    """
    return _LONGEST_FIXED + int(_LONGEST_TIMES * item_bytes)


def row_line(row: Columns) -> bytes:
    """The row as it is stored in the lake: one line of JSON, names sorted, UTF-8, newline at the end."""
    return orjson.dumps(row, option=orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE)


def finished(  # noqa: PLR0917 - has two callers only, and both have all the arguments
    row: Columns, paths: Paths, item: Image, item_bytes: int, settings: RowSettings, image: str | None
) -> tuple[Columns, bytes]:
    """The row with change_names and change_image, and its line.

    If the item's part is longer than `longest` allows, the row is built again with the most levels that fit.

    :param row: returned by `with_columns`, together with paths
    :param item_bytes: length of the item's canonical text
    :param image: the text for change_image
    """
    bound = longest(item_bytes)
    if not paths or _names_may_fit(paths, bound):
        if paths:
            row["change_names"] = names_text(paths)
        if image is not None:
            row["change_image"] = image
        line = row_line(row)
        if len(line) <= bound:
            return row, line
    else:
        line = b""
    metadata = {name: row[name] for name in METADATA_COLUMNS} | dict.fromkeys(_OF_ITEM)
    bound += len(row_line(metadata))
    if line and len(line) <= bound:
        return row, line
    for levels in range(min(settings.max_depth, _levels(item)) - 1, 0, -1):
        row, paths = with_columns(metadata.copy(), item, levels, settings.keep_whole)
        if _names_may_fit(paths, bound):
            row |= {"change_levels": levels, "change_names": names_text(paths), "change_image": image}
            line = row_line(row)
            if len(line) <= bound:
                return row, line
    row, _ = with_columns(metadata, item, 0, settings.keep_whole)
    row |= {"change_levels": 0, "change_image": image}
    return row, row_line(row)


def _names_may_fit(paths: Paths, bound: int) -> bool:
    """Whether change_names can be within bound. Its minimum length is computed before the text is written.

    Paths can be much longer than their columns, and every attribute can have one.
    """
    return sum(len(column) + sum(map(len, path)) for column, path in paths.items()) <= bound


def _levels(item: Image) -> int:
    """The number of names in the deepest path of maps."""
    return 1 + max((_levels(value["M"]) for value in item.values() if value.get("M")), default=0)
