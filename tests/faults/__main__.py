"""`python -m tests.faults`: prove under faults that nothing is lost.

Three parts: changes that are streamed under faults, processes that are killed, and seeded bugs that must be
detected. Progress goes to stderr, the result to stdout. A failure prints the seed and the smallest case.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import resource
import secrets
import sys
import time
from collections.abc import Callable
from typing import Any, Final

from tests.faults import bugs, stream
from tests.faults.kills.driver import Process, kill_all
from tests.soak.memory import peak_megabytes

PARTS: Final = ("bugs", "kills", "changes")  # the children of the first two are forked before DuckDB starts
MEMORY_BYTES: Final = 1_000_000_000
CHANGES: Final = 200_000
KILLS: Final = 100
SHOWN: Final = 5  # problems of a run

Say = Callable[[str], None]


class WrongError(Exception):
    """The proof failed. The message has the reasons, and the command that repeats it."""


def processes() -> list[Process]:
    """Every stateful process of ours."""
    from tests.faults.kills.backfill import Backfill  # noqa: PLC0415
    from tests.faults.kills.delivery import Delivery  # noqa: PLC0415
    from tests.faults.kills.forgetting import Forgetting  # noqa: PLC0415
    from tests.faults.kills.heal import Heal  # noqa: PLC0415
    from tests.faults.kills.put_items import PutItems  # noqa: PLC0415
    from tests.faults.kills.reconcile import Reconcile  # noqa: PLC0415
    from tests.faults.kills.redrive import Redrive  # noqa: PLC0415
    from tests.faults.kills.restore import Restore  # noqa: PLC0415

    return [
        Delivery(),
        Redrive(),
        Backfill(),
        Heal(),
        Reconcile(),
        Restore(),
        PutItems(),
        Forgetting(),
    ]


def options() -> argparse.ArgumentParser:
    """The command's options."""
    result = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__.split("\n", 1)[0])
    result.add_argument("--seed", type=int, metavar="N", help="the first seed (default: a new one)")
    result.add_argument("--seeds", type=int, default=1, metavar="N", help="number of seeds (default: 1)")
    result.add_argument(
        "--changes", type=int, default=CHANGES, metavar="N", help=f"changes of a seed (default: {CHANGES})"
    )
    result.add_argument(
        "--kills", type=int, default=KILLS, metavar="N", help=f"kills of all processes (default: {KILLS})"
    )
    result.add_argument(
        "--part", action="append", choices=PARTS, help="run only this part; repeat it for two (default: all)"
    )
    result.add_argument(
        "--output", choices=("text", "json"), default="text", help="json: one document on stdout"
    )
    return result


def main() -> int:
    """Run the parts and return the exit code."""
    args = options().parse_args()
    if min(args.changes, args.kills, args.seeds) < 1:
        options().error("--changes, --kills and --seeds must be 1 or more")
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - began:7.1f} s  {text}", file=sys.stderr, flush=True)

    first = secrets.randbelow(10**9) if args.seed is None else args.seed
    parts = [part for part in PARTS if not args.part or part in args.part]
    document: dict[str, Any] = {"seed": first}
    say(f"seed {first}")
    try:
        if "bugs" in parts:
            document["bugs"] = _bugs(say)
        if "kills" in parts:
            document["kills"] = _kills(args.kills, first, say)
        if "changes" in parts:
            document["runs"] = [_changes(first + number, args.changes, say) for number in range(args.seeds)]
        document["peak_memory_mb"] = _memory()
    except (WrongError, AssertionError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    document["seconds"] = round(time.monotonic() - began, 1)
    print(json.dumps(document, indent=2) if args.output == "json" else "\n".join(_text(document)))
    return 0


def _bugs(say: Say) -> list[dict[str, str]]:
    outcomes = bugs.detect_all(say)
    missed = [outcome.bug.name for outcome in outcomes if outcome.scene is None]
    if missed:
        raise WrongError(
            f"{len(missed)} of {len(outcomes)} seeded bugs are not detected: {'; '.join(missed)}\n"
            "next: python -m tests.faults --part bugs"
        )
    return [
        {"bug": outcome.bug.name, "detected_by": str(outcome.scene), "finding": outcome.finding}
        for outcome in outcomes
    ]


def _kills(kills: int, seed: int, say: Say) -> list[dict[str, Any]]:
    figures = kill_all(processes(), kills, seed, say)
    wrong = [f"{each.name}: {text}" for each in figures for text in each.wrong]
    if wrong:
        listed = "\n".join(wrong[:SHOWN])
        raise WrongError(
            f"{len(wrong)} trials of killed processes are wrong with seed {seed}:\n{listed}\n"
            f"next: python -m tests.faults --part kills --kills {kills} --seed {seed}"
        )
    return [each.document() for each in figures]


def _changes(seed: int, count: int, say: Say) -> dict[str, Any]:
    result = stream.run(seed, count, say)
    if result.problems:
        listed = [f"{problem.check}: {problem.text}" for problem in result.problems[:SHOWN]]
        counts = ", ".join(f"{name}: {number:,}" for name, number in result.document["wrong"].items())
        raise WrongError(
            "\n".join(
                [
                    f"the lake is wrong with seed {seed} and {count} changes ({counts})",
                    *listed,
                    *result.smallest,
                    f"next: python -m tests.faults --part changes --seed {seed} --changes {count}",
                ]
            )
        )
    _memory()
    gc.collect()  # the function's module collects rarely
    return result.document


def _memory() -> float:
    """The peak of this process and of its children so far, in MB. Raises WrongError above the limit."""
    unit = 1 if sys.platform == "darwin" else 1024  # getrusage(2)
    peaks = [peak_megabytes() * 2.0**20, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * unit]
    if max(peaks) >= MEMORY_BYTES:
        raise WrongError(
            f"the run took {max(peaks) / 1e6:,.0f} MB, and {MEMORY_BYTES / 1e6:,.0f} MB are allowed"
        )
    return round(max(peaks) / 1e6, 1)


def _text(document: dict[str, Any]) -> list[str]:
    lines = []
    if found := document.get("bugs"):
        width = max(len(each["bug"]) for each in found)
        lines += [f"{each['bug']:{width}}  {each['detected_by']}" for each in found]
        lines.append(f"{len(found)} seeded bugs, all detected")
    for each in document.get("kills", ()):
        lines.append(
            f"{each['process']}: {each['kills']} kills at {each['points']} points, "
            f"{each['work_repeated']:,} units of work repeated, 0 wrong"
        )
    for run in document.get("runs", ()):
        lines.append(
            f"seed {run['seed']}: {run['changes']:,} changes, {sum(run['faults'].values()):,} faults, "
            f"{run['failed_records']:,} records failed, {run['redelivered']:,} redelivered, "
            f"{run['unrecoverable']:,} unrecoverable; 0 lost, 0 of {run['items']:,} keys wrong"
        )
    lines.append(f"peak memory {document['peak_memory_mb']:,} MB, {document['seconds']:,} s")
    return lines


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # DuckDB's binding prints a page about references at a normal exit
