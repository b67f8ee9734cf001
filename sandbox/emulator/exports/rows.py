"""The lines of data files: one per item, or in an incremental export one per changed item.

AWS facts (DynamoDB developer guide, "DynamoDB table export output format")
- Full export: `{"Item": …}`; Ion: `$ion_1_0 {Item:{…}}`.
- Incremental export: `Metadata.WriteTimestampMicros` (as an attribute value of type N), `Keys`, and the
  images by the view: an insert has the new image; an update has the new image, with NEW_AND_OLD_IMAGES also
  the old one; a delete has none, with NEW_AND_OLD_IMAGES the old one. One line has all changes of an item
  in the period; an item that was inserted and deleted in it has none.
- Ion of an incremental export: the same members in a struct `Record`, the time as a decimal [unverified:
  the shape of the page's example was not read again].

`WriteTimestampMicros` is the time of the last change in the period. It is not the exact
ApproximateCreationDateTime of the stream's record, which is taken later; no page states how the two relate.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from sandbox.emulator.exports import ion
from sandbox.emulator.point_in_time import Key, NetChange

Item = dict[str, Any]


def _json_line(row: Item) -> bytes:
    return json.dumps(row, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace") + b"\n"


def _ion_line(text: str) -> bytes:
    return f"{ion.VERSION}{text}\n".encode("utf-8", "replace")


def item_line(item: Item, *, as_ion: bool) -> bytes:
    """The line of an item in a full export."""
    return _ion_line(f"{{Item:{ion.struct(item)}}}") if as_ion else _json_line({"Item": item})


def remaining(changes: Mapping[Key, NetChange]) -> Iterator[tuple[Key, NetChange]]:
    """The changes that an incremental export has: not those of items that were absent before and after."""
    for key, change in changes.items():
        if change.old is not None or change.new is not None:
            yield key, change


def change_line(change: NetChange, keys: Item, *, as_ion: bool, old_images: bool) -> bytes:
    """The line of an item in an incremental export."""
    images: Item = {"Keys": keys}
    if change.new is not None:
        images["NewImage"] = change.new
    if change.old is not None and old_images:
        images["OldImage"] = change.old
    if as_ion:
        members = [f"Metadata:{{WriteTimestampMicros:{ion.decimal(str(change.at))}}}"]
        members += [f"{name}:{ion.struct(image)}" for name, image in images.items()]
        return _ion_line(f"{{Record:{{{','.join(members)}}}}}")
    return _json_line({"Metadata": {"WriteTimestampMicros": {"N": str(change.at)}}, **images})
