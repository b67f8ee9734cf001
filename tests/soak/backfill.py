"""A backfill at size: `python -m tests.soak.backfill`.

An export of generated items is written to a folder, converted by the verb's local engine in a process of its
own, and every row is compared with its item. Nothing of it is kept in memory but digests.

- Every item has exactly one row: its key, its digest, the export's time and id.
- The process that converts stays below 256 MB, boto3 included.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from repair.backfill import source_of
from repair.exports.data_file import Stream
from repair.exports.manifest import FULL, JSON, SUMMARY, VERSIONS, md5_text, read_manifest
from repair.objects import Part
from scripts.core.backfilling.export_objects import ExportObjects
from scripts.core.backfilling.local import Conversion, convert
from scripts.core.console import Output
from scripts.core.lake_objects import LakeObjects, ListedObject
from scripts.core.source_stream import Clock
from tests.soak.memory import peak_megabytes
from transform_lambda.canonical import image_digest
from transform_lambda.change import key_text
from transform_lambda.flatten import DEFAULT_SETTINGS

MOST_MEGABYTES = 256
SCHEMA = (("pk", "S"), ("sk", "N"))
ARN = "arn:aws:dynamodb:eu-west-1:111111111111:table/soak"
FOLDER = "exports/AWSDynamoDB/01795166100000-a1b2c3d4"
TIME = "2026-11-20T09:15:02.345Z"
PER_FILE = 50_000
Item = dict[str, Any]


class WrongError(Exception):
    """A row is missing, twice or wrong, or the memory is over its bound."""


def item(number: int) -> Item:
    """An item of about 1 KB in DynamoDB JSON: twelve attributes, maps, a list of maps and sets."""
    draw = random.Random(number)  # noqa: S311  the same number gives the same item
    words = [f"{draw.getrandbits(40):x}" for _ in range(30)]
    return {
        "pk": {"S": f"customer-{number % 1_000_003:07d}"},
        "sk": {"N": str(number)},
        "total": {"N": f"{draw.randrange(10**6)}.{draw.randrange(1, 100):02d}"},
        "exact": {"N": str(draw.randrange(10**37, 10**38))},
        "address": {"M": {"city": {"S": words[0]}, "street": {"S": words[1]}, "zip": {"S": words[2]}}},
        "lines": {"L": [{"M": {"sku": {"S": word}, "count": {"N": "2"}}} for word in words[3:6]]},
        "tags": {"SS": words[6:9]},
        "sizes": {"NS": ["10", str(number + 11)]},
        "paid": {"BOOL": number % 2 == 0},
        "nothing": {"NULL": True},
        "blob": {"B": "aGVsbG8="},
        "note": {"S": " ".join(words[9:])},
    }


def write_export(folder: Path, items: int) -> None:
    """An export of this many items; the last file is empty."""
    data = folder / FOLDER / "data"
    data.mkdir(parents=True)
    entries: list[Item] = []
    first = 0
    while first <= items:
        count = min(PER_FILE, items - first)
        path = data / f"file{len(entries):04d}.json.gz"
        with gzip.GzipFile(path, "wb", 4, mtime=0) as file:
            for number in range(first, first + count):
                file.write(json.dumps({"Item": item(number)}, separators=(",", ":")).encode() + b"\n")
        with path.open("rb") as written:
            md5 = hashlib.file_digest(written, lambda: hashlib.md5(usedforsecurity=False))
        key = f"{FOLDER}/data/{path.name}"
        entries.append({"itemCount": count, "md5Checksum": _base64(md5.digest()), "dataFileS3Key": key})
        if not count:
            break
        first += count
    summary = {
        "version": VERSIONS[FULL],
        "exportArn": f"{ARN}/export/{FOLDER.rpartition('/')[2]}",
        "tableArn": ARN,
        "tableId": "0aaaaaaa-0000-4000-8000-000000000001",
        "exportTime": TIME,
        "manifestFilesS3Key": f"{FOLDER}/manifest-files.json",
        "billedSizeBytes": 1024 * items,
        "itemCount": items,
        "outputFormat": JSON,
    }
    files = b"".join(json.dumps(entry).encode() + b"\n" for entry in entries)
    for name, content in (("manifest-files", files), ("manifest-summary", json.dumps(summary).encode())):
        (folder / FOLDER / f"{name}.json").write_bytes(content)
        (folder / FOLDER / f"{name}.md5").write_text(md5_text(content))


def _base64(digest: bytes) -> str:
    import base64  # noqa: PLC0415

    return base64.b64encode(digest).decode()


class Folder(ExportObjects):
    """The export's bucket as a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def listed(self, prefix: str) -> list[str]:
        """The keys below a prefix."""
        return [
            path.relative_to(self._folder).as_posix() for path in sorted((self._folder / prefix).iterdir())
        ]

    def read(self, key: str) -> bytes | None:
        """The bytes of an object."""
        path = self._folder / key
        return path.read_bytes() if path.exists() else None

    def open(self, key: str) -> Stream:
        """An object as a stream."""
        return (self._folder / key).open("rb")


class LakeFolder(LakeObjects):
    """The lake's bucket as a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def listed(self, prefix: str) -> Iterator[ListedObject]:
        """The objects whose keys begin with the prefix."""
        for path in sorted(self._folder.glob(f"{prefix}*")):
            yield ListedObject(path.relative_to(self._folder).as_posix(), "", path.stat().st_size)

    def put(self, part: Part) -> None:
        """Write an object."""
        path = self._folder / part.key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(part.body)


def convert_folder(folder: Path) -> dict[str, Any]:
    """Convert the export in the folder; seconds of processor time, and the peak of this process in MB."""
    import boto3  # noqa: F401, PLC0415  the verb has it in memory, too

    export, started = Folder(folder), time.process_time()
    manifest = read_manifest(f"{FOLDER}/{SUMMARY}", export.read)
    work = Conversion(manifest, SCHEMA, source_of(manifest, DEFAULT_SETTINGS))
    done = convert(work, export, LakeFolder(folder / "lake"), Clock(), Output("json"))
    seconds = time.process_time() - started
    return {
        "rows": done.rows,
        "objects": done.objects,
        "seconds": round(seconds, 1),
        "items_a_second": round(done.rows / seconds),
        "peak_megabytes": peak_megabytes(),
    }


def compare(folder: Path, items: int) -> int:
    """The number of rows, each compared with its item. Raises WrongError for the first difference."""
    seen = bytearray(items)
    rows = 0
    for path in sorted((folder / "lake").glob("data/dt=2026-11-20/repair-backfill-*.gz")):
        with gzip.open(path) as file:
            for line in file:
                row = json.loads(line)
                number = int(row["sk"])
                expected = item(number)
                keys = {name: expected[name] for name, _ in SCHEMA}
                found = (row["change_type"], row["change_key"], row["change_after"], row["change_time"])
                wanted = ("SNAPSHOT", key_text(keys), image_digest(expected), "2026-11-20T09:15:02.000000Z")
                if found != wanted or row["exact"] != expected["exact"]["N"]:
                    raise WrongError(f"item {number}: {found}, expected {wanted}")
                if seen[number]:
                    raise WrongError(f"item {number} has two rows")
                seen[number] = 1
                rows += 1
    if rows != items:
        raise WrongError(f"item {seen.index(0)} has no row: {rows:,} rows of {items:,} items")
    return rows


def run(items: int, folder: Path) -> dict[str, Any]:
    """Write, convert in another process, compare."""
    write_export(folder, items)
    command = [sys.executable, "-m", "tests.soak.backfill", "--convert", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise WrongError(done.stderr)
    figures: dict[str, Any] = json.loads(done.stdout)
    figures["compared"] = compare(folder, items)
    if figures["peak_megabytes"] > MOST_MEGABYTES:
        raise WrongError(f"the process used {figures['peak_megabytes']} MB, and {MOST_MEGABYTES} are allowed")
    return figures


def main() -> int:
    """Run, and print the figures as JSON."""
    options = argparse.ArgumentParser(
        prog="python -m tests.soak.backfill", description=(__doc__ or "").split("\n", 1)[0]
    )
    options.add_argument("--items", type=int, default=1_000_000, metavar="N", help="default: 1000000")
    options.add_argument("--convert", type=Path, metavar="FOLDER", help="only convert an export that exists")
    args = options.parse_args()
    if args.convert is not None:
        print(json.dumps(convert_folder(args.convert)))
        return 0
    with tempfile.TemporaryDirectory(prefix="ddb-lake-backfill-") as folder:
        try:
            print(json.dumps(run(args.items, Path(folder)), indent=2))
        except WrongError as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
