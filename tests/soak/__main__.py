"""`python -m tests.soak`: the shipped views over a million changes of each road, whole and with losses.

The roads are Kinesis, DynamoDB Streams, and a table that was switched from the one to the other at noon.

Progress goes to stderr, the answer to stdout. A failure prints the seed, and the smallest wrong item's rows.
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

from tests.downloads import in_ci
from tests.engines.errors import LeftOutError
from tests.soak import checks, delivery, losses
from tests.soak.delivery import Delivered
from tests.soak.engines import DuckDb, Engine, Lake, Object, Rows, real_trino
from tests.soak.histories import NOON, STREAMS_FROM, History, Road, histories

SHOWN_ROWS = 40
ROADS: tuple[Road, ...] = ("kinesis", "streams", "switched")


class WrongError(Exception):
    """A view is wrong; the message ends with the rows that show it."""


@dataclass
class Data:
    """What is asked about: the items' histories, the objects that tell them, and what losses leave."""

    road: Road
    histories: list[History]
    whole: list[Delivered]
    left: list[Delivered]
    lost: losses.Lost
    summary: dict[str, Any]


def make(changes: int, seed: int, road: Road = "kinesis") -> Data:
    """Histories of that many changes by a road, and two deliveries of them."""
    made = list(histories(changes, seed, road))
    whole = delivery.deliver(made, seed, road)
    left, lost, kinds = losses.lose(made, whole, seed)
    pairs = {"MILLISECOND": 0, "MICROSECOND": 0, "SECOND": 0}
    for history in made:
        for one, other in zip(history.changes, history.changes[1:], strict=False):
            if one.moment == other.moment:
                finer = "MILLISECOND" if one.moment < NOON else "MICROSECOND"
                pairs["SECOND" if one.moment >= STREAMS_FROM[road] else finer] += 1
    summary = {
        "road": road,
        "seed": seed,
        "changes": sum(len(history.changes) for history in made),
        "items": len(made),
        "tied_pairs": {"all": sum(pairs.values()), **pairs},
        "items_that_repeat_a_step": sum(history.repeats_a_step for history in made),
        "lines": sum(len(one.lines) for one in whole),
        "objects": len(whole),
        "lost_changes": sum(map(len, lost.values())),
        "losses": dict(sorted(kinds.items())),
    }
    return Data(road, made, whole, left, lost, summary)


def hold(engine: Engine, data: Data, say: Callable[[str], None]) -> dict[str, Any]:
    """Both lakes on one engine. Raises `WrongError`."""
    started = time.monotonic()
    cut = checks.time_text(STREAMS_FROM[data.road]) if data.road == "switched" else None

    def filled(name: str, objects: Sequence[Delivered]) -> _Telling:
        made = engine.lake(f"{name}_{data.road}", _objects(data.histories, objects, say), cut)
        return _Telling(made, engine, say)

    lake = filled("whole", data.whole)
    say(f"{engine.name}: everything is delivered")
    _refuse(data, data.whole, checks.check_whole(data.histories, lake, data.road), engine)
    middle = time.monotonic()
    lake = filled("losses", data.left)
    say(f"{engine.name}: {data.summary['lost_changes']:,} changes are lost")
    wrong, counts = checks.check_losses(data.histories, data.lost, lake, data.road)
    _refuse(data, data.left, wrong, engine)
    return {
        "engine": engine.name,
        "seconds_whole": round(middle - started, 1),
        "seconds_losses": round(time.monotonic() - middle, 1),
        **{name.replace(" ", "_"): count for name, count in sorted(counts.items())},
    }


class _Telling:
    """A lake that says what it is asked."""

    def __init__(self, lake: Lake, engine: Engine, say: Callable[[str], None]) -> None:
        self._lake, self._engine, self._say = lake, engine, say

    def ask(self, sql: str) -> Rows:
        """The lake's answer."""
        self._say(f"{self._engine.name}: asking {sql.partition('FROM ')[2].split()[0]}")
        return self._lake.ask(sql)


def _objects(
    made: Sequence[History], objects: Sequence[Delivered], say: Callable[[str], None]
) -> Iterator[Object]:
    step = max(1, len(objects) // 5)
    for number, one in enumerate(objects):
        if number % step == 0:
            say(f"writing object {number + 1} of {len(objects)}")
        yield one.day, one.name, delivery.body(made, one.lines)


def _refuse(data: Data, objects: Sequence[Delivered], wrong: checks.Wrong, engine: Engine) -> None:
    """End with the smallest item that is wrong."""
    if not wrong:
        return
    smallest = min(wrong, key=lambda number: len(data.histories[number].changes))
    lines = losses.rows_of(objects, smallest)
    rows = [delivery.row(data.histories, line).decode().rstrip() for line in lines[:SHOWN_ROWS]]
    raise WrongError(
        f"{engine.name}: {len(wrong)} items are wrong with seed {data.summary['seed']} and "
        f"{data.summary['changes']} changes ({data.road}), the smallest {data.histories[smallest].key}: "
        f"{wrong[smallest]}\n" + "\n".join(rows)
    )


def options() -> argparse.ArgumentParser:
    """The command's options."""
    made = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__.split("\n", 1)[0])
    made.add_argument(
        "--changes", type=int, default=1_000_000, metavar="N", help="changes to make (default: 1000000)"
    )
    made.add_argument("--road", choices=(*ROADS, "all"), default="all", help="how they come (default: all)")
    made.add_argument("--seed", type=int, metavar="N", help="make the same changes again (default: new ones)")
    made.add_argument(
        "--engine", choices=("both", "sandbox", "trino"), default="both", help="where to ask (default: both)"
    )
    made.add_argument(
        "--memory", type=int, default=4_000, metavar="MB", help="memory of an engine (default: 4000)"
    )
    made.add_argument("--output", choices=("text", "json"), default="text", help="json: a document on stdout")
    return made


def main() -> int:
    """The exit code."""
    given = options().parse_args()
    if given.changes < 1:
        options().error("--changes is 1 or more")
    started = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - started:6.1f} s  {text}", file=sys.stderr, flush=True)

    seed = secrets.randbelow(10**9) if given.seed is None else given.seed
    say(f"seed {seed}")
    documents: list[dict[str, Any]] = []
    left_out: list[str] = []
    with ExitStack() as stack:
        try:
            engines: list[Engine] = [] if given.engine == "trino" else [DuckDb(given.memory)]
            if given.engine != "sandbox":
                try:
                    engines.append(stack.enter_context(real_trino(given.memory)))
                except LeftOutError as error:
                    left_out.append(str(error))
                    print(f"left out: the views on the real engine: {error}", file=sys.stderr)
            for road in ROADS if given.road == "all" else (given.road,):
                data = make(given.changes, seed, road)
                say(json.dumps(data.summary))
                documents.append({**data.summary, "engines": [hold(engine, data, say) for engine in engines]})
        except (WrongError, checks.WrongViewError) as error:
            again = f"--changes {given.changes} --seed {seed}"
            print(f"error: {error}\nnext: run it again with {again}", file=sys.stderr)
            return 1
    document = {"roads": documents, "left_out": left_out}
    text = "\n".join(map(_text, documents))
    print(json.dumps(document, indent=2) if given.output == "json" else text)
    return 1 if left_out and in_ci() else 0


def _text(document: dict[str, Any]) -> str:
    ties, repeats = document["tied_pairs"]["all"], document["items_that_repeat_a_step"]
    lines = [
        f"{document['road']}: {document['changes']:,} changes of {document['items']:,} items, {ties:,} tied "
        f"pairs, {repeats:,} items that repeat a step at one time, {document['lines']:,} lines in "
        f"{document['objects']} objects (seed {document['seed']})"
    ]
    lines += [
        f"{one['engine']}: current, history and gaps are right ({one['seconds_whole']} s); of "
        f"{document['lost_changes']:,} lost changes {one.get('lost_changes_named', 0):,} are named, "
        f"nothing can show {one.get('lost_changes_nothing_can_show', 0):,} ({one['seconds_losses']} s)"
        for one in document["engines"]
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
