"""Write the table's states as SNAPSHOT rows, for keys that differ."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from itertools import groupby

import orjson

from repair.objects import Kind, Row, parts
from repair.rows import snapshot
from scripts.core.lake_objects import LakeObjects
from scripts.core.reconciling.table_reads import Read, TableReader
from transform_lambda.change import change_day, line_of
from transform_lambda.flatten import RowSettings
from transform_lambda.values import as_sent

KIND: Kind = "reconcile"


def source_id(server_time: str) -> str:
    """The id of a run: the time of its start (the form of change_time), and digits that no other run has."""
    return f"{server_time[:19].replace('-', '').replace(':', '')}Z-{secrets.token_hex(4)}"


def repair(
    table: TableReader, keys: Iterable[str], source: str, settings: RowSettings, objects: LakeObjects
) -> int:
    """Read each key's state and write it as a row; returns the number of rows.

    A key without an item has a row without `change_after`. The time of a row is not later than its read: a
    change that is made after the read has a later time, or the same second and a place in the stream, and
    wins; a change that the read has seen leads to the same state.
    """
    rows = _rows(table.name, table.read(iter(keys)), source, settings)
    written = 0
    for _, of_day in groupby(rows, lambda row: change_day(row.time)):  # a run may go on after midnight
        written += objects.put_all(parts(KIND, source, of_day))
    return written


def _rows(table: str, reads: Iterator[Read], source: str, settings: RowSettings) -> Iterator[Row]:
    for read in reads:
        item = None if read.item is None else as_sent(read.item)
        change = snapshot(source, read.read_at, table, orjson.loads(read.key), item)
        yield Row(line_of(change, settings), read.read_at)
