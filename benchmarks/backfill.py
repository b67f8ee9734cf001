"""Items per second and core of a backfill, compared with a peer in the same run, and the peak of its memory.

`python -m benchmarks.backfill` generates data files of an export with items of about 1 KB. In every round the
backfill verifies one and writes its objects, and the peer does the usual thing with the same lines:
boto3's TypeDeserializer and json, without checks. CPU time is counted. The memory is that of processes that
convert one, four and sixteen files.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import random
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from boto3.dynamodb.types import TypeDeserializer

from repair.backfill import Source, objects_of_file, rows, source_of
from repair.exports.manifest import FULL, JSON, DataFile, Manifest, md5_text
from repair.exports.records import items
from transform_lambda.flatten import DEFAULT_SETTINGS

AT_LEAST = 10_000  # items per second and core
MOST_MEGABYTES = 256
SCHEMA = (("pk", "S"),)
ARN = "arn:aws:dynamodb:eu-west-1:111111111111:table/orders"
DESERIALIZER = TypeDeserializer()


def data_file(count: int, seed: int) -> tuple[DataFile, bytes]:
    """A data file with items of about 1 KB: ten attributes, a map, a list of maps, sets."""
    draw = random.Random(seed)  # noqa: S311  the same seed gives the same file
    lines = []
    for number in range(count):
        words = [f"{draw.getrandbits(36):x}" for _ in range(58)]
        item = {
            "pk": {"S": f"customer-{seed:03d}-{number:08d}"},
            "total": {"N": f"{draw.randrange(10**5)}.{draw.randrange(1, 100):02d}"},
            "address": {"M": {"city": {"S": words[0]}, "street": {"S": words[1]}, "zip": {"S": words[2]}}},
            "lines": {"L": [{"M": {"sku": {"S": word}, "count": {"N": "2"}}} for word in words[3:6]]},
            "tags": {"SS": words[6:9]},
            "paid": {"BOOL": True},
            "nothing": {"NULL": True},
            "created": {"S": "2026-11-20T09:30:00Z"},
            "note": {"S": " ".join(words[9:])},
        }
        lines.append(json.dumps({"Item": item}, separators=(",", ":")).encode() + b"\n")
    body = gzip.compress(b"".join(lines), 4, mtime=0)
    return DataFile(f"exports/AWSDynamoDB/x/data/{seed}.json.gz", count, md5_text(body)), body


def manifest(*files: DataFile) -> Manifest:
    """The export of these files."""
    count, time_ = sum(file.items for file in files), "2026-11-20T09:15:02.000000Z"
    export = f"{ARN}/export/01795166100000-a1b2c3d4"
    return Manifest(export, ARN, "id", FULL, JSON, time_, None, None, True, count, 0, "p/", files)


def verify(file: DataFile, body: bytes, source: Source, export: Manifest) -> None:
    """The first pass."""
    for _ in rows(items(io.BytesIO(body), file, export, SCHEMA), source):
        pass


def write(file: DataFile, body: bytes, source: Source, export: Manifest) -> int:
    """The second pass; returns the bytes of the objects."""
    found = items(io.BytesIO(body), file, export, SCHEMA)
    return sum(len(part.body) for part in objects_of_file(found, file, source))


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, set):
        return sorted(value)
    raise TypeError(type(value).__name__)


def peer(body: bytes) -> int:
    """TypeDeserializer and json over the same lines, compressed as the rows are."""
    target = io.BytesIO()
    with gzip.open(io.BytesIO(body)) as lines, gzip.GzipFile("", "wb", 6, target, mtime=0) as out:
        for line in lines:
            item = json.loads(line)["Item"]
            plain = {name: DESERIALIZER.deserialize(value) for name, value in item.items()}
            out.write(json.dumps(plain, default=_plain).encode() + b"\n")
    return len(target.getvalue())


def _seconds(work: Callable[[], Any], count: int) -> float:
    started = time.process_time()
    work()
    return (time.process_time() - started) / count


def measure(count: int, rounds: int) -> dict[str, Any]:
    """Medians over the rounds; the ratio is the median of the ratios within a round."""
    seconds: dict[str, list[float]] = {"verify": [], "write": [], "peer": []}
    bytes_per_item = 0.0
    for number in range(rounds):
        file, body = data_file(count, number)
        export = manifest(file)
        source = source_of(export, DEFAULT_SETTINGS)
        bytes_per_item = len(gzip.decompress(body)) / count
        work: dict[str, Callable[[], Any]] = {
            "verify": lambda f=file, b=body, s=source, e=export: verify(f, b, s, e),  # type: ignore[misc]
            "write": lambda f=file, b=body, s=source, e=export: write(f, b, s, e),  # type: ignore[misc]
            "peer": lambda b=body: peer(b),  # type: ignore[misc]
        }
        names = list(work)
        for name in names[number % 3 :] + names[: number % 3]:
            seconds[name].append(_seconds(work[name], count))
    own = [one + other for one, other in zip(seconds["verify"], seconds["write"], strict=True)]
    ratio = statistics.median(theirs / ours for theirs, ours in zip(seconds["peer"], own, strict=True))
    return {
        "bytes_per_item": round(bytes_per_item),
        **{f"{name}_microseconds": round(statistics.median(all_) * 1e6, 1) for name, all_ in seconds.items()},
        "items_a_second": round(1 / statistics.median(own)),
        "peer_items_a_second": round(1 / statistics.median(seconds["peer"])),
        "times_as_fast_as_the_peer": round(ratio, 2),
    }


def peak(files: int, count: int) -> int:
    """The peak of a process that generates and converts this many files, in MB."""
    command = [sys.executable, "-m", "benchmarks.backfill", "--peak-of", str(files), "--items", str(count)]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def _convert(files: int, count: int) -> int:
    for number in range(files):
        file, body = data_file(count, number)
        export = manifest(file)
        source = source_of(export, DEFAULT_SETTINGS)
        verify(file, body, source, export)
        write(file, body, source, export)
        del body
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used // (1024 * 1024 if sys.platform == "darwin" else 1024)


def main() -> int:
    """Measure, print JSON, and fail below the bounds."""
    options = argparse.ArgumentParser(
        prog="python -m benchmarks.backfill", description=(__doc__ or "").split("\n", 1)[0]
    )
    options.add_argument("--items", type=int, default=20_000, metavar="N", help="items per data file")
    options.add_argument("--rounds", type=int, default=9, metavar="N", help="rounds (default: 9)")
    options.add_argument("--peak-of", type=int, metavar="FILES", help="only convert files, print the peak")
    args = options.parse_args()
    if args.peak_of:
        print(_convert(args.peak_of, args.items))
        return 0
    figures = measure(args.items, args.rounds)
    figures["peak_megabytes"] = {files: peak(files, args.items) for files in (1, 4, 16)}
    print(json.dumps(figures, indent=2))
    slow = figures["items_a_second"] < AT_LEAST
    return 1 if slow or max(figures["peak_megabytes"].values()) > MOST_MEGABYTES else 0


if __name__ == "__main__":
    sys.exit(main())
