"""The names of settled tables, their columns, and their places in the bucket.

One pair of tables per source table: `settled_changes_<name>` has every delivered row once, and
`settled_items_<name>` the newest state of each item. `settled_objects` lists the raw objects whose rows are
in both. Source tables whose names differ only in case or signs share a pair; `change_table` tells them apart.
"""

import re

CHANGES = "settled_changes_"
ITEMS = "settled_items_"
OBJECTS = "settled_objects"
UNSETTLED = "unsettled_changes"  # the view of the raw rows that settled tables may lack (unsettled.py)

# Columns that settled tables add to those of the row. The flattening reserves these names.
OBJECT = "settled_object"  # the raw object that delivered the row, as Athena shows it in "$path"
TAG = "settled_tag"  # the ETag of that object
AT = "settled_at"  # when the object's rows were in both tables: ISO 8601, UTC, six decimals and Z
TIES = "settled_ties"  # how many distinct changes the item has at its newest time, normally 1
LEANS = (
    "settled_leans"  # whether these do not decide which of them is the last, but the state held before does
)
OWN = frozenset((OBJECT, TAG, AT, TIES, LEANS))

# Properties of `settled_items_<name>`.
OWNER = "ddb_lake.settled"  # of every settled table: the location of the lake it belongs to
MERGED = "ddb_lake.merged"  # the snapshot of `settled_changes_<name>` up to which its rows are merged
SWITCHED = "ddb_lake.switched_at"  # the cut between two roads that the merge observed (`none` without a cut)
NO_SWITCH = "none"

FOLDER = "settled/"  # in the lake's bucket: a folder per table
REOPENED = "settled/reopened/"  # markers of the verbs that write into earlier days (reopened.py)

_RESERVED_PREFIX = "attribute_"  # as transform_lambda/names.py
_OUTSIDE = re.compile(r"[^a-z0-9_]")
# Amazon DynamoDB developer guide, "Naming rules": 3 to 255 of these characters.
SOURCE_TABLE = re.compile(r"[a-zA-Z0-9_.-]{3,255}")
# AWS Glue API, NameString: 255 characters.
_LONGEST = 255


def ending(source: str) -> str:
    """The ending of the names of a source table's pair, and of its views: lower case, `_` for other signs."""
    return _OUTSIDE.sub("_", source.lower())


def has_pair(source: str) -> bool:
    """Whether a source table can have settled tables: a valid name, short enough for Glue with its prefix."""
    return bool(SOURCE_TABLE.fullmatch(source)) and len(CHANGES + ending(source)) <= _LONGEST


def stored_column(column: str) -> str:
    """The column of a settled table for a column of `changes`.

    It differs for an attribute that has the name of one of the settled tables' own columns, in rows that were
    written before the flattening reserved these names.
    """
    return _RESERVED_PREFIX + column if column in OWN else column
