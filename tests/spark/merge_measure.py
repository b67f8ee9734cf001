"""`python -m tests.spark.merge_measure`: whole buckets written again, against merge-on-read.

The job puts changed items into `settled_items_…` by writing each touched bucket again (copy-on-write,
guarded). This tool does so, and beside it MERGE INTO with merge-on-read (position deletes), in one session on
two tables with the same items. Both get the changed items ready: only the write is compared. After each merge
the sandbox's Athena asks both tables two questions; the answers must be equal.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from glue.tables import METADATA_COLUMNS
from sandbox.engines.errors import AssemblyError, EngineMissingError
from sandbox.jobs.deployed import Code
from sandbox.launches import plan_launches
from sandbox.lifecycle import Sandbox
from sandbox.spark import assembly
from settled.names import ITEMS
from tests.sandbox.lake import Lake
from tests.spark.deployed import DeployedJob

PROGRAM = Path(__file__).parent / "programs" / "merge_ways.py"
COLUMNS = (*METADATA_COLUMNS, "dt", "pk", "status", "note")
BUCKETS, MERGE_ON_READ = "buckets", "MERGE INTO"
QUESTIONS = {
    "all items": f"SELECT {', '.join(f'max({name})' for name in COLUMNS)}, count(*) FROM {{}}",
    "count by a column": "SELECT status, count(*) FROM {} GROUP BY status",
}


class Program(DeployedJob):
    """The deployed job's process, role and packages, with the program instead of the script."""

    def prepare(self, code: Code) -> None:
        """Put the program in place of the script."""
        code.script.write_text(PROGRAM.read_text())

    def step(self, **step: Any) -> dict[str, Any]:
        """One step of the program."""
        answer: dict[str, Any] = json.loads(self.run(step=json.dumps(step))["log"].splitlines()[-1])
        return answer


def ask(lake: Lake, tables: dict[str, str]) -> dict[str, dict[str, float]]:
    """Bytes and seconds of the questions, by way; the answers must be equal."""
    figures: dict[str, dict[str, float]] = {way: {} for way in tables}
    for question, sql in QUESTIONS.items():
        answers = []
        for way, table in tables.items():
            started = time.monotonic()
            answers.append(sorted([str(cell) for cell in row] for row in lake.query(sql.format(table))[1]))
            figures[way] |= {
                f"{question}, bytes": lake.scanned_bytes,
                f"{question}, seconds": time.monotonic() - started,
            }
        assert all(answer == answers[0] for answer in answers), f"{question}: the answers differ"
    return figures


def measure(
    lake: Lake, job: Program, args: argparse.Namespace, items: int, every: int
) -> list[dict[str, Any]]:
    """Some merges of one of `every` items. The first entry is about the tables before them."""
    tables = {way: f"{ITEMS}{items}_{every}_{n}" for n, way in enumerate((BUCKETS, MERGE_ON_READ))}
    given = {"columns": COLUMNS, "buckets": args.buckets, "tables": tables}
    steps = [job.step(fill=items, **given)]
    figures = [ask(lake, tables)]
    for number in range(1, args.merges + 1):
        steps.append(job.step(change=every, number=number, items=items, **given))
        figures.append(ask(lake, tables))
        print(json.dumps((steps[-1], figures[-1])), file=sys.stderr, flush=True)
    return [
        {
            "items": items,
            "every": every,
            "merge": number,
            **{way: step[way] | asked[way] for way in tables},
        }
        for number, (step, asked) in enumerate(zip(steps, figures, strict=True))
    ]


def table_of(entries: list[dict[str, Any]]) -> str:
    """The figures as a Markdown table."""
    heads = (
        "items",
        "changed",
        "merge",
        "way",
        "s",
        "CPU s",
        "MB written",
        "files",
        "MB live",
        "of it deletes",
    )
    more = ("Spark reads all, CPU s", "Athena MB, all", "s", "Athena MB, count", "s")
    lines = [f"| {' | '.join((*heads, *more))} |", "|" + "---:|" * len((*heads, *more))]
    for entry in entries:
        for way in (BUCKETS, MERGE_ON_READ):
            found = entry[way]
            share = f"{100 / entry['every']:g} %" if entry["merge"] else ""
            cells = (
                f"{entry['items']:,}",
                share,
                f"{entry['merge']}",
                way,
                f"{found['seconds']:.1f}",
                f"{found['processor_seconds']:.1f}",
                f"{found['written_bytes'] / 1e6:.2f}",
                f"{found['written_files']}",
                f"{(found['data_bytes'] + found['delete_bytes']) / 1e6:.2f}",
                f"{found['delete_bytes'] / 1e6:.2f}",
                f"{found['read_processor_seconds']:.1f}",
                f"{found['all items, bytes'] / 1e6:.2f}",
                f"{found['all items, seconds']:.1f}",
                f"{found['count by a column, bytes'] / 1e6:.3f}",
                f"{found['count by a column, seconds']:.2f}",
            )
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> int:
    """Measure and print."""
    options = argparse.ArgumentParser(
        prog="python -m tests.spark.merge_measure", description=__doc__.split("\n")[0]
    )
    options.add_argument("--items", type=int, nargs="+", default=[100_000, 400_000])
    options.add_argument(
        "--every", type=int, nargs="+", default=[100, 10], help="one of so many items changes"
    )
    options.add_argument("--merges", type=int, default=3, help="merges after each other")
    options.add_argument("--buckets", type=int, default=4, help="parts of the items")
    options.add_argument("--output", choices=("text", "json"), default="text")
    args = options.parse_args()
    try:
        spark = assembly.require()
    except (EngineMissingError, AssemblyError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    entries: list[dict[str, Any]] = []
    with Sandbox(speed=20) as sandbox, tempfile.TemporaryDirectory() as folder:
        sandbox.launch(plan_launches("consumer", "tables"))
        with Program(sandbox, spark, Path(folder), "SettleJobName", long=True) as job:
            for items in args.items:
                for every in args.every:
                    entries += measure(Lake(sandbox), job, args, items, every)
                    print(f"{items:,} items, one of {every} changed", file=sys.stderr, flush=True)
    print(json.dumps(entries, indent=2) if args.output == "json" else table_of(entries))
    return 0


if __name__ == "__main__":
    sys.exit(main())
