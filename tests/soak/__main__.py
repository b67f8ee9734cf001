"""`python -m tests.soak`: check the shipped views on a million changes per road, complete and with losses.

The roads are Kinesis, DynamoDB Streams, and a table that was switched from one to the other at noon.

Progress goes to stderr, the result to stdout. A failure prints the seed and the smallest wrong item's rows.
"""

import argparse
import json
import secrets
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from sandbox.engines.errors import EngineMissingError
from tests.ci import in_ci
from tests.soak import checks, delivery, losses
from tests.soak.delivery import Delivered
from tests.soak.engines import DuckDb, Engine, Lake, Object, Rows, real_trino
from tests.soak.histories import NOON, STREAMS_FROM, History, Road, histories

SHOWN_ROWS = 40
ROADS: tuple[Road, ...] = ("kinesis", "streams", "switched")


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


def check(engine: Engine, data: Data, say: Callable[[str], None]) -> dict[str, Any]:
    """Check both lakes on one engine. Raises `WrongError`."""
    started = time.monotonic()
    cut = checks.time_text(STREAMS_FROM[data.road]) if data.road == "switched" else None

    def filled(name: str, objects: Sequence[Delivered]) -> _ReportingLake:
        lake = engine.lake(f"{name}_{data.road}", _objects(data.histories, objects, say), cut)
        return _ReportingLake(lake, engine, say)

    lake = filled("whole", data.whole)
    say(f"{engine.name}: everything is delivered")
    _fail_if_wrong(data, data.whole, checks.check_whole(data.histories, lake, data.road), engine)
    middle = time.monotonic()
    lake = filled("losses", data.left)
    say(f"{engine.name}: {data.summary['lost_changes']:,} changes are lost")
    wrong, counts = checks.check_losses(data.histories, data.lost, lake, data.road)
    _fail_if_wrong(data, data.left, wrong, engine)
    return {
        "engine": engine.name,
        "seconds_whole": round(middle - started, 1),
        "seconds_losses": round(time.monotonic() - middle, 1),
        **{name.replace(" ", "_"): count for name, count in sorted(counts.items())},
    }


class _ReportingLake:
    """A lake that reports each query as progress."""

    def __init__(self, lake: Lake, engine: Engine, say: Callable[[str], None]) -> None:
        self._lake, self._engine, self._say = lake, engine, say

    def ask(self, sql: str) -> Rows:
        """The rows of a query."""
        self._say(f"{self._engine.name}: querying {sql.partition('FROM ')[2].split()[0]}")
        return self._lake.ask(sql)


def _objects(
    items: Sequence[History], objects: Sequence[Delivered], say: Callable[[str], None]
) -> Iterator[Object]:
    step = max(1, len(objects) // 5)
    for number, delivered in enumerate(objects):
        if number % step == 0:
            say(f"writing object {number + 1} of {len(objects)}")
        yield delivered.day, delivered.name, delivery.body(items, delivered.lines)


def _fail_if_wrong(data: Data, objects: Sequence[Delivered], wrong: checks.Wrong, engine: Engine) -> None:
    """Raise `WrongError` with the smallest wrong item, if any."""
    if not wrong:
        return
    smallest = min(wrong, key=lambda number: len(data.histories[number].changes))
    lines = losses.rows_of(objects, smallest)
    rows = [delivery.row(data.histories, line).decode().rstrip() for line in lines[:SHOWN_ROWS]]
    raise WrongError(
        f"{engine.name}: {len(wrong)} items are wrong with seed {data.summary['seed']} and "
        f"{data.summary['changes']} changes ({data.road}). The smallest is {data.histories[smallest].key}: "
        f"{wrong[smallest]}\n" + "\n".join(rows)
    )


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
                    {**data.summary, "engines": [check(engine, data, say) for engine in engines]}
                )
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
        f"nothing can reveal {each.get('lost_changes_nothing_can_show', 0):,} ({each['seconds_losses']} s)"
        for each in document["engines"]
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
