"""Settle some objects of a lake, as the settle job would: which ones, and the rows of both tables.

`settled_changes` has every row of the settled objects. `settled_items` has what tests/settled/items.py
states, not what a job has merged, so lakes of any size can be settled on every engine. The real job settles
smaller ones in tests/spark/test_settle_soak.py.
"""

import gzip
import json
import random
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import orjson

from glue.tables import METADATA_COLUMNS
from scripts.core.views import Settled
from settled import names
from settled.unsettled import Opening
from tests.settled.histories import KINESIS, STREAMS, Row
from tests.settled.items import settled_item
from tests.soak.delivery import DAYS, Delivered, Line, row
from tests.soak.histories import COLUMNS, SECOND, TABLE, History, state_digest
from transform_lambda.change import change_time

Object = tuple[str, str, bytes]  # day, name, body
STORED = (*METADATA_COLUMNS, "dt", *COLUMNS)
_LEFT_OUT = (
    0.75  # share of the settled objects that the view of unsettled rows leaves out; it has the others, too
)


@dataclass(frozen=True)
class Split:
    """Which objects are settled, and which rows the view `unsettled_changes` has. Objects are DAY/NAME."""

    kind: str
    first_day: str
    settled: frozenset[str]
    left_out: frozenset[str]
    reopened: tuple[str, ...] = ()

    def opening(self, root: str) -> Opening:
        """The view's days and objects, for a lake whose days are below a path."""
        paths = sorted(f"{root}/dt={path}" for path in self.left_out)
        return Opening(self.first_day, self.reopened, tuple(paths))


def splits(objects: Sequence[tuple[str, str]], seed: str) -> Iterator[Split]:
    """Ways to settle objects (day, name) in part, in any order, without an end."""
    random_ = random.Random(seed)  # noqa: S311  the same seed gives the same splits
    while True:
        kinds = ["half of the objects", "a closed day", "a reopened day", "nearly all objects"]
        random_.shuffle(kinds)
        for kind in kinds:
            yield _split(kind, objects, random_)


def _split(kind: str, objects: Sequence[tuple[str, str]], random_: random.Random) -> Split:
    """One way. Objects of a day that the view does not have are settled, as by a job that has closed it."""
    first_day = {"a closed day": DAYS[1], "a reopened day": DAYS[2]}.get(kind, DAYS[0])
    reopened = (DAYS[0],) if kind == "a reopened day" else ()
    share = {"a closed day": 0.4, "nearly all objects": 0.9}.get(kind, 0.5)
    shown = [(day, name) for day, name in objects if day >= first_day or day in reopened]
    raw = {one for one in shown if random_.random() > share}
    if shown and len(raw) in (0, len(objects)):  # some rows are settled, and some are not
        raw ^= {random_.choice(shown)}
    settled = [one for one in objects if one not in raw]
    # a command may write an object of a reopened day again: none of them is left out
    left_out = {
        f"{day}/{name}"
        for day, name in settled
        if day >= first_day and (kind == "nearly all objects" or random_.random() < _LEFT_OUT)
    }
    paths = frozenset(f"{day}/{name}" for day, name in settled)
    return Split(kind, first_day, paths, frozenset(left_out), reopened)


@dataclass(frozen=True)
class Part:
    """The rows of both settled tables, as objects of JSON lines, by the table's name."""

    split: Split
    switched_at: str | None
    objects: Mapping[str, Sequence[tuple[str, bytes]]]

    @property
    def tables(self) -> Settled:
        """The tables, as the views' statements take them."""
        return Settled(STORED, STORED, self.switched_at)


def part(
    split: Split,
    objects: Iterable[Object],
    switched_at: str | None = None,
    histories: Sequence[History] = (),
    deliveries: Iterable[Delivered] = (),
) -> Part:
    """The settled part of a lake.

    :param objects: every object of the lake
    :param deliveries: the lines of some of these objects: their rows need not be read, which saves memory
    """
    known = {f"{one.day}/{one.name}": one for one in deliveries}
    changes: list[tuple[str, bytes]] = []
    sources: dict[str, list[tuple[str, Line | bytes]]] = defaultdict(list)
    for day, name, body in objects:
        path = f"{day}/{name}"
        if path not in split.settled:
            continue
        lines = gzip.decompress(body).splitlines()
        changes.append((f"{day}-{name}", packed(_with(line, dt=day) for line in lines)))
        if path in known:
            for line in known[path].lines:
                sources[histories[line.history].key].append((day, line))
        else:
            for text in lines:
                sources[orjson.loads(text)["pk"]].append((day, text))
    items = packed(items_of(sources, histories, switched_at))
    ending = names.ending(TABLE)
    tables = {names.CHANGES + ending: changes, names.ITEMS + ending: [("items.gz", items)]}
    return Part(split, switched_at, tables)


def items_of(
    sources: Mapping[str, Sequence[tuple[str, Line | bytes]]],
    histories: Sequence[History],
    switched_at: str | None,
) -> Iterator[bytes]:
    """The lines of `settled_items`, by the stated rule."""
    for delivered in sources.values():
        rows: dict[Row, tuple[str, Line | bytes]] = {}
        for day, source in sorted(delivered, key=lambda one: one[0]):
            known = row_of_line(histories, source) if isinstance(source, Line) else row_of_text(source)
            rows.setdefault(known, (day, source))
        item = settled_item(rows, switched_at)
        if item is None:
            continue
        day, source = rows[item.row]
        text = row(histories, source) if isinstance(source, Line) else source
        if row_of_text(text) != item.row:
            raise AssertionError(f"{item.row} is not the row that the function writes: {text!r}")
        yield _with(text, dt=day, **{names.TIES: item.ties, names.LEANS: item.leans})


def row_of_text(text: bytes) -> Row:
    """A line of an object as the stated rule reads it."""
    read = orjson.loads(text)
    return Row(
        read["change_key"],
        read["change_time"],
        read["change_type"],
        read.get("change_before") or "",
        read.get("change_after") or "",
        read["change_id"],
        read.get("change_sequence"),
    )


def row_of_line(histories: Sequence[History], line: Line) -> Row:
    """The same for a delivery, without writing its line."""
    history = histories[line.history]
    change = history.changes[line.change]
    digits, unit = (STREAMS, SECOND) if line.by_streams else (KINESIS, 1)
    return Row(
        f'{{"pk":{{"S":"{history.key}"}}}}',
        change_time(change.moment // unit * unit, "MICROSECOND"),
        change.kind,
        state_digest(history.key, change.before),
        state_digest(history.key, change.after),
        line.event_id,
        None if line.sequence is None else line.sequence.zfill(digits),
    )


def _with(line: bytes, **values: str | int) -> bytes:
    """A line with more members."""
    return line.rstrip()[:-1] + b"," + json.dumps(values)[1:].encode() + b"\n"


def packed(lines: Iterable[bytes]) -> bytes:
    """Lines as the body of an object."""
    packer = zlib.compressobj(level=1, wbits=31)  # gzip
    packed = [packer.compress(line) for line in lines]
    return b"".join([*packed, packer.flush()])
