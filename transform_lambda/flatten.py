"""The flattening rule: an item in DynamoDB JSON becomes the columns of one row, of a bounded length.

Everything that writes rows uses this module (function, backfill, replay, checks). It knows nothing of
change records or Firehose. docs/architecture.md, "The row", is the contract. `names` has the rule of a
column's name, `values` of its value, `columns` of who has it.
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
    """Settings that shape rows. Everything that writes rows of one table needs the same ones.

    `keep_whole` and `exclude` hold columns, as `settings_columns` makes them of what users write.
    """

    max_depth: int = DEFAULT_MAX_DEPTH  # most names a column may be made of; maps below stay one JSON value
    keep_whole: frozenset[str] = frozenset()  # columns of maps that stay one JSON value
    exclude: frozenset[str] = frozenset()  # columns of attributes that never reach the lake
    keep_images: bool = False  # whether `change_image` has the exact item


DEFAULT_SETTINGS: Final = RowSettings()


def settings_columns(names: Iterable[str]) -> frozenset[str]:
    """The columns of attributes as a user names them, `SSN` or `customer__ssn`; blank ones are left out.

    :raises ValueError: a name is longer than a column
    """
    columns = frozenset(joined("", name.strip()) for name in names if name.strip())
    if "" in columns:
        raise ValueError("a name is longer than a column can be, 255 characters")
    return columns


class Flattened(NamedTuple):
    """The part of a row that the item alone decides."""

    columns: Columns
    levels: int | None  # change_levels
    names: str | None  # change_names
    image: str | None  # change_image
    rescued: str | None  # change_rescued


def flatten(image: Image, settings: RowSettings = DEFAULT_SETTINGS) -> Flattened:
    """What the row of an item has, whatever the change.

    :param image: DynamoDB JSON; binary as base64 text or, as boto3's clients return it, as bytes
    :raises AttributeValueError: image is not a map of AttributeValues
    :raises DepthError: nested more than MAX_LEVELS deep
    """
    item = as_sent(image)
    if type(item) is not dict:
        raise AttributeValueError("an image is not an object")
    order_sets(item.values())
    if settings.exclude:
        item = without(item, settings.exclude)
    metadata = dict.fromkeys(METADATA_COLUMNS)
    row, paths = with_columns(metadata, item, settings.max_depth, settings.keep_whole)
    text = orjson.dumps(item, option=orjson.OPT_SORT_KEYS)
    kept = text.decode() if settings.keep_images else None
    row, _ = finished(row, paths, metadata, item, len(text), settings, kept)
    of_item = {name: row.pop(name) for name in METADATA_COLUMNS}
    return Flattened(
        row,
        of_item["change_levels"],
        of_item["change_names"],
        of_item["change_image"],
        of_item["change_rescued"],
    )


# The bound on a row's length. The item's part of a row (columns, change_levels, change_names, change_image,
# change_rescued) has at most _LONGEST_FIXED bytes, and _LONGEST_TIMES for each byte of the item's canonical
# text. It is a multiple, not a constant: many short records can grow as much as one long one.
_LONGEST_TIMES: Final = 4.5
_LONGEST_FIXED: Final = 600


def longest(item_bytes: int) -> int:
    """The most bytes of the item's part of a row, for an item with so many bytes of canonical text (i).

    Without any level it always fits. change_image is the item's text, change_rescued the same without type
    tags. A text written into JSON at most doubles, for only quotes and backslashes become two bytes: control
    characters are escaped in it already. So those two have at most 4i bytes.

    And a batch of 1 MiB is always answered in full. The answer to a record is the base64 text of its row, 4/3
    as long, in an envelope of E bytes. The payload has the keys (k bytes in canonical text), the item and the
    table's name, at least once each; the row has the keys at most doubled, of the item this bound, and the
    table's name once. Of the rest, a payload has F bytes at the least, as DynamoDB writes it, and a row M at
    the most. No payload is shorter than what is parsed of it: escapes and blanks only add to it. Lambda takes
    answers of 6 MiB, so it is to be shown that

        4/3 * (M + 2k + 600 + 4.5i) + E  <=  6 * (F + k + i)

    4/3 * 4.5 is 6, and 4/3 * 2 is less. What is left, 4/3 * (M + 600) + E <= 6F, is in
    tests/unit/transform/test_growth.py.
    """
    return _LONGEST_FIXED + int(_LONGEST_TIMES * item_bytes)


def row_line(row: Columns) -> bytes:
    """The row as it lands in the lake: one line of JSON, names sorted, UTF-8, newline at the end."""
    return orjson.dumps(row, option=orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE)


def finished(  # noqa: PLR0917 - one call, from two places
    row: Columns,
    paths: Paths,
    metadata: Columns,
    item: Image,
    item_bytes: int,
    settings: RowSettings,
    image: str | None,
) -> tuple[Columns, bytes]:
    """The row with change_names and change_image, and its line.

    Where the item's part is longer than `longest`, the row is made again, with the most levels that fit.

    :param row: made by `with_columns`, together with paths
    :param metadata: what the row has without the item
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
        if len(line) <= bound or len(line) <= bound + len(row_line(metadata)):
            return row, line
    bound += len(row_line(metadata))
    asked = settings.max_depth
    for levels in range(min(asked, _levels(item)) - 1, 0, -1):
        row, paths = with_columns(metadata, item, levels, settings.keep_whole)
        if _names_may_fit(paths, bound):
            row |= {"change_levels": levels, "change_names": names_text(paths), "change_image": image}
            line = row_line(row)
            if len(line) <= bound:
                return row, line
    row, _ = with_columns(metadata, item, 0, settings.keep_whole)
    row |= {"change_levels": 0, "change_image": image}
    return row, row_line(row)


def _names_may_fit(paths: Paths, bound: int) -> bool:
    """Whether change_names can be within bound: its least length is added up before it is written.

    Paths can be much longer than their columns, and there may be as many as attributes.
    """
    return sum(len(column) + sum(map(len, path)) for column, path in paths.items()) <= bound


def _levels(item: Image) -> int:
    """How many names the deepest path of maps has."""
    return 1 + max((_levels(value["M"]) for value in item.values() if value.get("M")), default=0)
