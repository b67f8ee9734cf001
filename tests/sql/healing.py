"""A table with a hole in its stream, its exports, and a lake that is healed by the verb's own modules."""

from __future__ import annotations

import io
import json
import random
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

from repair import backfill
from repair.exports.data_file import Stream
from repair.exports.manifest import INCREMENTAL, read_manifest
from repair.exports.records import Item
from repair.heal import Source, Window
from repair.objects import Part
from repair.partitions import Partitions
from scripts.core.athena import Workgroup
from scripts.core.backfilling.export_objects import ExportObjects
from scripts.core.console import Output
from scripts.core.healing.comparing import PARTITIONS, Healed, Healing
from scripts.core.healing.remaining import Remaining, remaining
from scripts.core.lake_objects import LakeObjects
from scripts.core.reconciling.lake_states import LakeReader
from scripts.core.source_stream import Clock
from scripts.core.views import definitions
from tests.soak.delivery import Line, row
from tests.soak.engines import NAME, TYPES
from tests.soak.histories import COLUMNS, NOON, SECOND, TABLE, Change, History, Road, State, item
from tests.sql.lake import Lake
from tests.unit.repair.exports import SUMMARY, Export, json_lines
from transform_lambda.change import change_time
from transform_lambda.flatten import DEFAULT_SETTINGS

MINUTE = 60 * SECOND
START, END = NOON + 20 * MINUTE, NOON + 50 * MINUTE  # the hole
LAST = NOON + 90 * MINUTE
ITEMS = 640
ARN = f"arn:aws:dynamodb:eu-west-1:111111111111:table/{TABLE}"


@dataclass
class Writes:
    """One item: its changes with the times of the stream's records, and the times of the writes."""

    history: History
    written: list[int]  # microseconds since 1970, in order

    def state(self, moment: int) -> State:
        """The item's state before a moment, by the times of the writes."""
        place = bisect_left(self.written, moment)
        return self.history.changes[place - 1].after if place else None


@dataclass
class Model:
    """The table's whole history, on one road. `skew` is how much later records are than writes."""

    road: Road
    items: list[Writes] = field(default_factory=list)

    @classmethod
    def of(cls, seed: int, road: Road, skew: int = 0, items: int = ITEMS) -> Model:
        """A busy table: nearly every item changes in the hole, most more than once, many at its borders."""
        draw = random.Random(seed)  # noqa: S311  the same seed gives the same result
        model = cls(road)
        for number in range(items):
            times = _times(draw, number)
            model.items.append(_writes(f"item-{number:04d}", times, draw, road, skew))
        return model

    @property
    def histories(self) -> list[History]:
        """The histories, with the times of the stream's records."""
        return [one.history for one in self.items]

    @staticmethod
    def lost(change: Change) -> bool:
        """Whether the hole swallowed it."""
        return START <= change.moment < END

    def kept(self, number: int) -> list[Change]:
        """The changes of an item that were delivered."""
        return [change for change in self.items[number].history.changes if not self.lost(change)]

    def delivered(self, seed: int) -> list[bytes]:
        """The rows of the stream: each change that was not lost once or twice, in any order."""
        draw = random.Random(seed)  # noqa: S311
        lines: list[Line] = []
        for number, one in enumerate(self.items):
            for place, change in enumerate(one.history.changes):
                if self.lost(change):
                    continue
                base = 4 * 10**20 if self.road == "streams" else 4966 * 10**52
                line = Line(
                    number,
                    place,
                    f"{draw.getrandbits(128):032x}",
                    str(base + place),
                    by_streams=self.road == "streams",
                )
                lines += [line] * draw.choice((1, 1, 2))
        draw.shuffle(lines)
        return [row(self.histories, line) for line in lines]

    def copies(self, moment: int) -> list[bytes]:
        """The rows of a backfill whose export was taken at a moment."""
        source = backfill.Source(
            "01795166100000-a1b2c3d4", change_time(moment, "MICROSECOND"), TABLE, DEFAULT_SETTINGS
        )
        states = ((one.history.key, one.state(moment)) for one in self.items)
        items = (Item({"pk": {"S": key}}, item(key, state)) for key, state in states if state is not None)
        return [one.line for one in backfill.rows(items, source)]

    def export(self, window: Window) -> Export:
        """The incremental export of a window, in three files of which one is empty."""
        start, end = (round(time.timestamp() * SECOND) for time in (window.start, window.end))
        records = []
        for one in self.items:
            places = [place for place, at in enumerate(one.written) if start <= at < end]
            if not places:
                continue
            key, old, new = one.history.key, one.state(start), one.state(end)
            if old is None and new is None:
                continue  # inserted and deleted
            records.append(
                {
                    "Metadata": {"WriteTimestampMicros": {"N": str(one.written[places[-1]])}},
                    "Keys": {"pk": {"S": key}},
                    **({} if new is None else {"NewImage": item(key, new)}),
                    **({} if old is None else {"OldImage": item(key, old)}),
                }
            )
        half = len(records) // 2
        texts = [json_lines(records[:half]), b"", json_lines(records[half:])]
        return Export.of(
            texts,
            kind=INCREMENTAL,
            tableArn=ARN,
            exportArn=f"{ARN}/export/{export_id(window)}",
            exportFromTime=f"{window.start:%Y-%m-%dT%H:%M:%S}.000Z",
            exportToTime=f"{window.end:%Y-%m-%dT%H:%M:%S}.000Z",
        )


def export_id(window: Window) -> str:
    """An id that no other window has."""
    return f"{round(window.start.timestamp()):014d}-{round(window.end.timestamp()) % 16**8:08x}"


def _times(draw: random.Random, number: int) -> list[int]:
    """The times of an item's writes."""
    inside, after = range(START, END), range(END, LAST)
    before = range(NOON, START)
    some = draw.sample(before, 2)
    special = {
        0: [*some, END - 300_000, END + 200_000, END + 700_000],  # around the end, in one second and the next
        1: [some[0], *draw.sample(inside, 1), END],  # at the end itself
        2: [some[0], END - 500_000, END - 1],  # in the last second only
        3: [START - 400_000, START + 1, *draw.sample(after, 1)],  # around the start
        4: [*some, *draw.sample(after, 1)],  # not in the hole
        5: some[:1],  # never again
    }
    if number % 16 in special:
        return special[number % 16]
    counts = (draw.randrange(3), draw.randrange(4), draw.randrange(3))
    return [
        at
        for part, count in zip((before, inside, after), counts, strict=True)
        for at in draw.sample(part, count)
    ]


def _writes(key: str, times: list[int], draw: random.Random, road: Road, skew: int) -> Writes:
    history, written, state = History(key), sorted(times), cast("State", None)
    latest = 0
    for version, at in enumerate(written, 1):
        after: State = version
        if state is not None and draw.random() < 0.35:
            after = None
        elif state is not None and draw.random() < 0.1:
            after = state  # a write that changes nothing
        moment = at + (draw.randrange(min(skew, 0), max(skew, 0) + 1) if skew else 0)
        moment = max(moment, latest + 1)  # the stream keeps the order of an item
        latest = moment
        history.changes.append(
            Change(moment // SECOND * SECOND if road == "streams" else moment, state, after)
        )
        state = after
    return Writes(history, written)


class _Files(ExportObjects):
    """The objects of an export in memory."""

    def __init__(self, export: Export) -> None:
        self._export = export

    def listed(self, prefix: str) -> list[str]:
        return [key for key in self._export.objects if key.startswith(prefix)]

    def read(self, key: str) -> bytes | None:
        return self._export.objects.get(key)

    def open(self, key: str) -> Stream:
        return io.BytesIO(self._export.objects[key])


class _Written(LakeObjects):
    """The lake's bucket in memory."""

    def __init__(self, lake: Lake) -> None:
        self._lake, self.objects = lake, cast("dict[str, bytes]", {})

    def put(self, part: Part) -> None:
        _, day, name = part.key.split("/")
        self._lake.put_bytes(part.body, day=day.removeprefix("dt="), name=name)
        self.objects[part.key] = part.body


class _Athena:
    """Answers by the sandbox's engine, as `Workgroup.stream` does."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake

    def stream(self, sql: str, _database: str) -> Iterator[list[str]]:
        for cells in self._lake.ask(sql):
            yield [cell or "" for cell in cells]


def lake_of(rows: Sequence[bytes]) -> Lake:
    """A lake of these rows with the shipped views."""
    lake = Lake(COLUMNS)
    lake.put(*(line.decode().rstrip("\n") for line in rows))
    for view in definitions(NAME, TABLE, COLUMNS, TYPES, None):
        lake.run(view.statement)
    return lake


def window(start: int, end: int) -> Window:
    """A window of moments."""
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return Window(epoch + timedelta(microseconds=start), epoch + timedelta(microseconds=end))


@dataclass
class Result:
    """A healed lake."""

    windows: list[Healed]
    objects: dict[str, bytes]
    left: Remaining


def heal(lake: Lake, model: Model, windows: Sequence[Window], folder: Path) -> Result:
    """What the verb does after its exports have completed."""
    reader = LakeReader(cast("Workgroup", _Athena(lake)), "ddb_lake", TABLE)
    objects, clock, out = _Written(lake), Clock(), Output("json")
    healings = []
    for number, one in enumerate(windows):
        export = model.export(one)
        manifest = read_manifest(SUMMARY, export.objects.get)
        own = folder / str(number)
        own.mkdir(parents=True)
        source = Source(manifest.export_id, one, TABLE, DEFAULT_SETTINGS)
        healings.append(Healing(source, manifest, (("pk", "S"),), _Files(export), own))
        healings[-1].verify(clock, out)
    done = []
    for healing in healings:
        healing.ask(reader)
        done.append(healing.write(healing.compare(reader), objects, clock, out))
    period = Window(windows[0].start, windows[-1].end)
    store = Partitions(folder / "gaps", partitions=PARTITIONS)
    left = remaining(reader, period, [healing.keys for healing in healings], store)
    return Result(done, objects.objects, left)


def current(lake: Lake) -> dict[str, str]:
    """The items of the view."""
    return {str(key): str(n) for key, n in lake.ask("SELECT pk, n FROM current_soak")}


def table(model: Model) -> dict[str, str]:
    """The table at the end."""
    return {one.history.key: str(one.history.final) for one in model.items if one.history.final is not None}


def gaps(lake: Lake) -> dict[str, set[tuple[Any, ...]]]:
    """The rows of the view, by key."""
    found: dict[str, set[tuple[Any, ...]]] = {}
    for key, *cells in lake.ask("SELECT change_key, broken_state, missing, change_time FROM gaps_soak"):
        found.setdefault(json.loads(str(key))["pk"]["S"], set()).add(tuple(cells))
    return found
