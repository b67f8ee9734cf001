"""SNAPSHOT rows: rows that state what an item was at a time, instead of a change.

`change_before` and `change_sequence` are null. `change_after` is the digest of the item, null if there was no
item. `change_id` is the id of the source and a digest of the key, so the same source gives the same row.
"""

from __future__ import annotations

import re
from typing import Final

from transform_lambda.canonical import digest
from transform_lambda.change import Change, key_text
from transform_lambda.values import Image

SNAPSHOT: Final = "SNAPSHOT"
# The form of `change_time` (transform_lambda.change.change_time).
_TIME: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z")
_SOURCE: Final = re.compile(r"[A-Za-z0-9_.:-]{1,128}")


def snapshot(source: str, time: str, table: str, keys: Image, item: Image | None) -> Change:
    """The change that states: at `time`, the item of this key was `item`.

    :param source: the id of the export or of the read, such as `01700000000000-a1b2c3d4`
    :param time: ISO 8601 in UTC with six decimals and Z
    :param keys: the key attributes in DynamoDB JSON
    :param item: the whole item in DynamoDB JSON; None if the table had no item with this key
    :raises ValueError: source or time does not have this form
    :raises ChangeShapeError: a key is not a string, a number or binary
    """
    if not _TIME.fullmatch(time):
        raise ValueError(f"not a change_time: {time!r}")
    if not _SOURCE.fullmatch(source):
        raise ValueError(f"not the id of a source: {source!r}")
    change_id = f"{source}-{digest(key_text(keys).encode())}"
    return Change(change_id, SNAPSHOT, time, None, "user", table, keys, None, item)
