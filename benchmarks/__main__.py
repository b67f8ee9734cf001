"""Time the function and its peers in one run: `python -m benchmarks`.

In every round each contender in turn gets the same new event. A ratio is the median over the rounds of the
ratios within a round, so other work on the machine cancels out. CPU time is counted.
"""

import argparse
import gc
import json
import platform
import statistics
import sys
import time
from typing import Any

from benchmarks import stages
from benchmarks.agreement import assert_agreement
from benchmarks.contenders import CONTENDERS
from benchmarks.records import change_records, firehose_event
from benchmarks.startup import import_milliseconds, zip_bytes
from transform_lambda.handler import COLLECTOR_THRESHOLD

# Ratios of throughput that the function aims at: contender, ratio.
AIMS = {
    "boto3 TypeDeserializer + json": 2.0,
    "dynamodb-json": 6.0,
    "floor: pybase64 + orjson": 0.6,
    "floor: base64 + orjson": 0.6,
}

# Each contender runs with its own collector settings: importing the function sets them for all contenders.
COLLECTOR = (COLLECTOR_THRESHOLD, 10, 10)
PYTHONS_OWN = (700, 10, 10)  # gc.get_threshold() of CPython 3.11 and 3.12; 3.13 has 2,000 first


def measure(records: int, rounds: int, compact: bool) -> dict[str, list[float]]:
    """Seconds per record of each contender, one figure per round."""
    seconds: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    names = list(CONTENDERS)
    for number in range(rounds):
        event = firehose_event(change_records(records, seed=number), compact=compact)
        if number == 0:
            assert_agreement(event)
        for name in names[number % len(names) :] + names[: number % len(names)]:
            own = name == "the function"
            (gc.freeze if own else gc.unfreeze)()
            gc.set_threshold(*(COLLECTOR if own else PYTHONS_OWN))
            start = time.process_time()
            CONTENDERS[name](event)
            seconds[name].append((time.process_time() - start) / records)
    return seconds


def ratios(seconds: dict[str, list[float]], to: str = "the function") -> dict[str, float]:
    """The function's throughput divided by each contender's throughput."""
    return {
        name: statistics.median(other / own for other, own in zip(values, seconds[to], strict=True))
        for name, values in seconds.items()
    }


def main() -> int:
    """Run the benchmark and print a table or JSON."""
    options = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.split("\n", 1)[0])
    options.add_argument(
        "--records", type=int, default=500, metavar="N", help="records per event (default: 500)"
    )
    options.add_argument("--rounds", type=int, default=21, metavar="N", help="rounds (default: 21)")
    options.add_argument("--spaced", action="store_true", help="use records with blanks, unlike AWS's")
    options.add_argument("--no-startup", action="store_true", help="leave out import times and zip sizes")
    options.add_argument("--stages", action="store_true", help="show only the function's time per stage")
    options.add_argument("--output", choices=("text", "json"), default="text")
    args = options.parse_args()
    if args.records < 1 or args.rounds < 1:
        options.error("--records and --rounds must be 1 or more")

    if args.stages:
        figures = {
            name: round(value * 1e6, 2) for name, value in stages.measure(args.records, args.rounds).items()
        }
        lines = [f"{name:42}{value:>8.2f} µs/record" for name, value in figures.items()]
        print(json.dumps(figures, indent=2) if args.output == "json" else "\n".join(lines))
        return 0

    seconds = measure(args.records, args.rounds, not args.spaced)
    compared = ratios(seconds)
    report: dict[str, Any] = {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "records": args.records,
        "rounds": args.rounds,
        "contenders": {
            name: {
                "microseconds_a_record": round(statistics.median(values) * 1e6, 2),
                "records_a_second": round(1 / statistics.median(values)),
                "function_is_times": round(compared[name], 2),
                **({"aim": AIMS[name]} if name in AIMS else {}),
            }
            for name, values in seconds.items()
        },
    }
    if not args.no_startup:
        report["startup"] = {
            "import_milliseconds": {
                "the function": round(import_milliseconds("import transform_lambda.handler"), 1),
                "boto3.dynamodb.types": round(import_milliseconds("import boto3.dynamodb.types"), 1),
            },
            "zip_bytes": {
                architecture: dict(zip(("zip", "unpacked"), sizes, strict=True))
                if sizes
                else "cannot be built here"
                for architecture in ("arm64", "x86_64")
                for sizes in [zip_bytes(architecture)]
            },
        }
    print(json.dumps(report, indent=2) if args.output == "json" else _table(report))
    return 0


def _table(report: dict[str, Any]) -> str:
    lines = [
        "Python {python} on {machine}: {rounds} rounds of {records} records".format(**report),
        "",
        f"{'contender':36}{'µs/record':>10}{'records/s':>11}{'function is':>13}{'aim':>7}",
    ]
    for name, figures in report["contenders"].items():
        aim = f"{figures['aim']:.1f}x" if "aim" in figures else ""
        lines.append(
            f"{name:36}{figures['microseconds_a_record']:>10.1f}{figures['records_a_second']:>11,}"
            f"{figures['function_is_times']:>12.2f}x{aim:>7}"
        )
    for title, figures in report.get("startup", {}).items():
        lines.append("")
        lines += [f"{title.replace('_', ' ')}: {name}: {value}" for name, value in figures.items()]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
