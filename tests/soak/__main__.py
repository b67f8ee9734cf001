"""`python -m tests.soak`: check the shipped views on a million changes per road, complete and with losses.

The roads are Kinesis, DynamoDB Streams, and a table that was switched from one to the other at noon. Every
lake is checked with raw rows only, and with random parts of its objects settled. The lake with losses is then
repaired by a backfill and by reconcile, and a smaller one by a heal.

Progress goes to stderr, the result to stdout. A failure prints the seed and the smallest wrong item's rows.
"""

import argparse
import gzip
import json
import secrets
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from typing import Any

from sandbox.engines.errors import EngineMissingError
from tests.ci import in_ci
from tests.soak import checks, delivery, losses, repairs
from tests.soak.delivery import Delivered
from tests.soak.engines import DuckDb, Engine, Lake, Rows, real_trino
from tests.soak.histories import NOON, STREAMS_FROM, History, Road, histories
from tests.soak.settled import Object, Part, part, splits

SHOWN_ROWS = 40
SPLITS = 2  # of each lake, on the sandbox's engine; the other one has the first of them
ROADS: tuple[Road, ...] = ("kinesis", "streams", "switched")
CHANGES_PER_HEALED_ITEM = 100  # of the whole run
MOST_HEALED_ITEMS = 5_000
Say = Callable[[str], None]


class WrongError(Exception):
    """A view is wrong. The message ends with the rows that prove it."""


@dataclass
class Data:
    """The test data: the items' histories, the objects with all changes, and the objects after losses."""

    road: Road
    histories: list[History]
    whole: list[Delivered]
    left: list[Delivered]
    lost: losses.Lost
    summary: dict[str, Any]
    reconciled: list[Object] | None = None  # what reconcile writes after the losses and the backfill
    _parts: dict[str, list[Part]] = field(default_factory=dict)

    @property
    def cut(self) -> str | None:
        """The cut between two roads that the views have."""
        return checks.time_text(STREAMS_FROM[self.road]) if self.road == "switched" else None

    @cached_property
    def whole_objects(self) -> list[Object]:
        """The lake's objects with all changes."""
        return self._objects(self.whole)

    @cached_property
    def left_objects(self) -> list[Object]:
        """The lake's objects after losses."""
        return self._objects(self.left)

    @cached_property
    def backfilled(self) -> list[Object]:
        """The rows of a backfill."""
        return repairs.backfilled(self.histories)

    def _objects(self, objects: Sequence[Delivered]) -> list[Object]:
        return [(one.day, one.name, delivery.body(self.histories, one.lines)) for one in objects]

    def parts(self, name: str, number: int) -> list[Part]:
        """The first settled parts of the lake `whole`, `losses` or `repaired`. They are computed once."""
        known = self._parts.setdefault(name, [])
        if len(known) < number:
            objects = self.whole_objects if name == "whole" else self.left_objects
            if name == "repaired":
                objects = [*objects, *self.backfilled, *(self.reconciled or ())]
            listed, seed = (
                [(day, name) for day, name, _ in objects],
                f"{name} {self.road} {self.summary['seed']}",
            )
            deliveries = self.whole if name == "whole" else self.left
            known[:] = [
                part(split, objects, self.cut, self.histories, deliveries)
                for split in islice(splits(listed, seed), number)
            ]
        return known[:number]


def make(changes: int, seed: int, road: Road = "kinesis") -> Data:
    """Histories with this many changes by a road, and two deliveries of them."""
    items = list(histories(changes, seed, road))
    whole = delivery.deliver(items, seed, road)
    left, lost, kinds = losses.lose(items, whole, seed)
    pairs = {"MILLISECOND": 0, "MICROSECOND": 0, "SECOND": 0}
    for history in items:
        for each, other in zip(history.changes, history.changes[1:], strict=False):
            if each.moment == other.moment:
                finer = "MILLISECOND" if each.moment < NOON else "MICROSECOND"
                pairs["SECOND" if each.moment >= STREAMS_FROM[road] else finer] += 1
    summary = {
        "road": road,
        "seed": seed,
        "changes": sum(len(history.changes) for history in items),
        "items": len(items),
        "tied_pairs": {"all": sum(pairs.values()), **pairs},
        "items_that_repeat_a_step": sum(history.repeats_a_step for history in items),
        "lines": sum(len(delivered.lines) for delivered in whole),
        "objects": len(whole),
        "lost_changes": sum(map(len, lost.values())),
        "losses": dict(sorted(kinds.items())),
    }
    return Data(road, items, whole, left, lost, summary)


def check(engine: Engine, data: Data, say: Say, most: int = SPLITS) -> dict[str, Any]:
    """Check the lakes of one road on one engine, raw and with `most` settled parts. Raises `WrongError`."""
    started, number = time.monotonic(), _number(engine, most)
    reporting = _Reporting(engine, say)
    whole = reporting.filled(f"whole_{data.road}", data.whole_objects, data.cut)
    say(f"{engine.name}: everything is delivered")
    failing = _Failing(engine, data.histories, f"--seed {data.summary['seed']} ({data.road})")
    failing.if_any(checks.check_whole(data.histories, whole, data.road), data.whole_objects)
    seconds = [time.monotonic() - started]
    lost = reporting.filled(f"losses_{data.road}", data.left_objects, data.cut)
    say(f"{engine.name}: {data.summary['lost_changes']:,} changes are lost")
    wrong, counts = checks.check_losses(data.histories, data.lost, lost, data.road)
    failing.if_any(wrong, data.left_objects)
    seconds.append(time.monotonic() - started)
    for one in data.parts("whole", number):
        lake = reporting.settled(whole, one)
        wrong = checks.check_whole(data.histories, lake, data.road)
        wrong = wrong or checks.check_same(data.histories, whole, lake)
        failing.if_any(wrong, data.whole_objects, one)
    for one in data.parts("losses", number):
        lake = reporting.settled(lost, one)
        wrong, settled_counts = checks.check_losses(data.histories, data.lost, lake, data.road)
        wrong = wrong or checks.check_same(data.histories, lost, lake, ("current", "gaps"))
        failing.if_any(wrong, data.left_objects, one)
        if settled_counts != counts:
            raise WrongError(
                f"{engine.name}: other losses are named with settled tables: {settled_counts}, not {counts}"
            )
    seconds.append(time.monotonic() - started)
    _check_repaired(data, lost, reporting, failing, number)
    seconds.append(time.monotonic() - started)
    return {
        "engine": engine.name,
        "seconds_whole": round(seconds[0], 1),
        "seconds_losses": round(seconds[1] - seconds[0], 1),
        "seconds_settled": round(seconds[2] - seconds[1], 1),
        "seconds_repaired": round(seconds[3] - seconds[2], 1),
        "settled_parts": {
            name: [one.split.kind for one in data.parts(name, number)]
            for name in ("whole", "losses", "repaired")
        },
        **{name.replace(" ", "_"): count for name, count in sorted(counts.items())},
    }


def _number(engine: Engine, most: int) -> int:
    return most if engine.name == DuckDb.name else min(most, 1)


def _check_repaired(
    data: Data, lake: Lake, reporting: "_Reporting", failing: "_Failing", number: int
) -> None:
    """After a backfill and reconcile, the lake with losses shows the table, whatever is settled."""
    lake.put(data.backfilled)
    if data.reconciled is None:
        different = checks.differs(data.histories, checks.current_of(lake))
        data.reconciled = repairs.reconciled(data.histories, sorted(different))
    lake.put(data.reconciled)
    objects = [*data.left_objects, *data.backfilled, *data.reconciled]
    failing.if_any(checks.differs(data.histories, checks.current_of(lake)), objects)
    for one in data.parts("repaired", number):
        settled = reporting.settled(lake, one)
        failing.if_any(checks.differs(data.histories, checks.current_of(settled)), objects, one)
        # the other engine has no time for more: it compares all views of the lakes above
        names = checks.NAMES if failing.engine.name == DuckDb.name else ("current",)
        failing.if_any(checks.check_same(data.histories, lake, settled, names), objects, one)


@dataclass
class HealData:
    """A healed lake, and its settled parts."""

    road: Road
    seed: int
    healed: repairs.Healed

    @property
    def objects(self) -> list[Object]:
        """Everything that the lake has."""
        return [*self.healed.delivered, *self.healed.written]

    @cached_property
    def parts(self) -> list[Part]:
        """One settled part of each kind."""
        listed = [(day, name) for day, name, _ in self.objects]
        return [part(split, self.objects) for split in islice(splits(listed, f"heal {self.seed}"), 4)]


def make_healed(changes: int, seed: int, road: Road) -> HealData:
    """A lake with a hole that was healed, of fewer items than a run with so many changes has."""
    items = min(max(changes // CHANGES_PER_HEALED_ITEM, 64), MOST_HEALED_ITEMS)
    return HealData(road, seed, repairs.healed(items, seed, road))


def check_healed(engine: Engine, data: HealData, say: Say, most: int = SPLITS) -> dict[str, Any]:
    """After a heal, the lake shows the table, raw and with settled parts. Raises `WrongError`."""
    started, reporting = time.monotonic(), _Reporting(engine, say)
    histories_ = data.healed.histories
    failing = _Failing(engine, histories_, f"--seed {data.seed} (healed, {data.road})")
    before = reporting.filled(f"hole_{data.road}", data.healed.delivered)
    wrong = checks.differs(histories_, checks.current_of(before))
    if not wrong:
        raise WrongError(f"{engine.name}: no item is wrong before the heal, so it proves nothing")
    before.put(data.healed.written)
    failing.if_any(checks.differs(histories_, checks.current_of(before)), data.objects)
    parts = data.parts[: 4 if _number(engine, most) > 1 else 1]
    for one in parts:
        lake = reporting.settled(before, one)
        failing.if_any(checks.differs(histories_, checks.current_of(lake)), data.objects, one)
        failing.if_any(checks.check_same(histories_, before, lake), data.objects, one)
    return {
        "engine": engine.name,
        "seconds": round(time.monotonic() - started, 1),
        "items_wrong_before": len(wrong),
        "settled_parts": [one.split.kind for one in parts],
    }


class _Reporting:
    """Makes lakes that report each query as progress."""

    def __init__(self, engine: Engine, say: Say) -> None:
        self._engine, self._say = engine, say

    def filled(self, name: str, objects: Sequence[Object], cut: str | None = None) -> "_ReportingLake":
        """A lake of these objects."""
        self._say(f"{self._engine.name}: writing {len(objects)} objects")
        return _ReportingLake(self._engine.lake(name, objects, cut), self._engine.name, self._say)

    def settled(self, lake: Lake, one: Part) -> "_ReportingLake":
        """The lake with a settled part."""
        text = f"{self._engine.name}, settled: {one.split.kind}"
        return _ReportingLake(lake.settled(one), text, self._say)


class _ReportingLake:
    """A lake that reports each query as progress, and answers it once."""

    def __init__(self, lake: Lake, name: str, say: Say) -> None:
        self._lake, self._name, self._say = lake, name, say
        self._answers: dict[str, Rows] = {}

    def ask(self, sql: str) -> Rows:
        """The rows of a query."""
        if sql not in self._answers:
            self._say(f"{self._name}: querying {sql.partition('FROM ')[2].split()[0]}")
            self._answers[sql] = self._lake.ask(sql)
        return self._answers[sql]

    def put(self, objects: Iterable[Object]) -> None:
        """Write more objects."""
        self._answers.clear()
        self._lake.put(objects)

    def settled(self, part: Part) -> Lake:
        """The same objects, with settled tables."""
        return self._lake.settled(part)


@dataclass
class _Failing:
    """Raises `WrongError` with the smallest wrong item."""

    engine: Engine
    histories: Sequence[History]
    again: str

    def if_any(self, wrong: checks.Wrong, objects: Sequence[Object], one: Part | None = None) -> None:
        """Raise, if an item is wrong. `one` is the settled part of the objects."""
        if not wrong:
            return
        smallest = min(wrong, key=lambda number: len(self.histories[number].changes))
        history = self.histories[smallest]
        rows = list(islice(_rows_of(history.key, objects, one), SHOWN_ROWS))
        settled = f", settled: {one.split.kind}" if one else ""
        raise WrongError(
            f"{self.engine.name}: {len(wrong)} items are wrong with {self.again}{settled}. The smallest is "
            f"{history.key}: {wrong[smallest]}\n" + "\n".join(rows)
        )


def _rows_of(key: str, objects: Sequence[Object], one: Part | None) -> Iterator[str]:
    """The rows of an item, each after its object and where the views read it."""
    for day, name, body in objects:
        path = f"{day}/{name}"
        for line in gzip.decompress(body).splitlines():
            if f'"pk":"{key}"'.encode() in line:
                where = "" if one is None or path not in one.split.settled else " settled"
                if one is not None and path in one.split.left_out:
                    where += ", left out"
                yield f"{path}{where}: {line.decode()}"


def options() -> argparse.ArgumentParser:
    """The command's options."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__.split("\n", 1)[0])
    parser.add_argument(
        "--changes", type=int, default=1_000_000, metavar="N", help="number of changes (default: 1000000)"
    )
    parser.add_argument(
        "--road", choices=(*ROADS, "all"), default="all", help="how changes are delivered (default: all)"
    )
    parser.add_argument(
        "--seed", type=int, metavar="N", help="repeat the changes of an earlier run (default: new ones)"
    )
    parser.add_argument(
        "--engine",
        choices=("both", "sandbox", "trino"),
        default="both",
        help="engines to check (default: both)",
    )
    parser.add_argument(
        "--splits",
        type=int,
        default=SPLITS,
        metavar="N",
        help="settled parts of each lake on the sandbox's engine; Trino has one (default: 2)",
    )
    parser.add_argument(
        "--memory", type=int, default=4_000, metavar="MB", help="memory per engine (default: 4000)"
    )
    parser.add_argument(
        "--output", choices=("text", "json"), default="text", help="json: one document on stdout"
    )
    return parser


def main() -> int:
    """Run the checks and return the exit code."""
    args = options().parse_args()
    if args.changes < 1:
        options().error("--changes must be 1 or more")
    if args.splits < 0:
        options().error("--splits must be 0 or more")
    started = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - started:6.1f} s  {text}", file=sys.stderr, flush=True)

    seed = secrets.randbelow(10**9) if args.seed is None else args.seed
    say(f"seed {seed}")
    documents: list[dict[str, Any]] = []
    left_out: list[str] = []
    with ExitStack() as stack:
        try:
            engines: list[Engine] = [] if args.engine == "trino" else [DuckDb(args.memory)]
            if args.engine != "sandbox":
                try:
                    engines.append(stack.enter_context(real_trino(args.memory)))
                except EngineMissingError as error:
                    left_out.append(str(error))
                    print(f"left out: the views on the real engine: {error}", file=sys.stderr)
            for road in ROADS if args.road == "all" else (args.road,):
                data = make(args.changes, seed, road)
                say(json.dumps(data.summary))
                documents.append(
                    {**data.summary, "engines": [check(one, data, say, args.splits) for one in engines]}
                )
                if road in repairs.HEALED_ROADS:
                    hole = make_healed(args.changes, seed, road)
                    documents[-1]["healed"] = [check_healed(one, hole, say, args.splits) for one in engines]
        except (WrongError, checks.WrongViewError) as error:
            again = f"--changes {args.changes} --seed {seed}"
            print(f"error: {error}\nnext: repeat the run with {again}", file=sys.stderr)
            return 1
    document = {"roads": documents, "left_out": left_out}
    text = "\n".join(map(_text, documents))
    print(json.dumps(document, indent=2) if args.output == "json" else text)
    return 1 if left_out and in_ci() else 0


def _text(document: dict[str, Any]) -> str:
    ties, repeats = document["tied_pairs"]["all"], document["items_that_repeat_a_step"]
    lines = [
        f"{document['road']}: {document['changes']:,} changes of {document['items']:,} items, {ties:,} tied "
        f"pairs, {repeats:,} items that repeat a step at the same time, {document['lines']:,} lines in "
        f"{document['objects']} objects (seed {document['seed']})"
    ]
    lines += [
        f"{each['engine']}: current, history and gaps are correct ({each['seconds_whole']} s); of "
        f"{document['lost_changes']:,} lost changes {each.get('lost_changes_named', 0):,} are named, "
        f"nothing can reveal {each.get('lost_changes_nothing_can_show', 0):,} ({each['seconds_losses']} s); "
        f"the same with settled tables ({each['seconds_settled']} s), and after a backfill and reconcile "
        f"({each['seconds_repaired']} s)"
        for each in document["engines"]
    ]
    lines += [
        f"{each['engine']}: a heal repairs {each['items_wrong_before']:,} items, raw and in "
        f"{len(each['settled_parts'])} settled parts ({each['seconds']} s)"
        for each in document.get("healed", ())
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
