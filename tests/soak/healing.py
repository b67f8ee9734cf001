"""A heal at size: `python -m tests.soak.healing`.

An incremental export of generated items is written to a folder. A process of its own verifies it, compares
it with a generated lake and writes the rows, by the code of `scripts.backfill --heal` below the clients.

- Exactly the keys that differ have a row, each with its item's digest or as absent.
- The process stays below 256 MB, boto3 included.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

from repair.exports.manifest import INCREMENTAL, JSON, SUMMARY, VERSIONS, md5_text, read_manifest
from repair.heal import Source, Window
from scripts.core.athena import Workgroup
from scripts.core.console import Output
from scripts.core.healing.comparing import Healing
from scripts.core.reconciling.lake_states import LakeReader
from scripts.core.source_stream import Clock
from tests.soak.backfill import ARN, FOLDER, MOST_MEGABYTES, SCHEMA, Folder, LakeFolder, WrongError, item
from tests.soak.memory import peak_megabytes
from transform_lambda.canonical import image_digest
from transform_lambda.change import key_text
from transform_lambda.flatten import DEFAULT_SETTINGS

END = datetime(2026, 11, 20, 10, tzinfo=UTC)
WINDOW = Window(END - timedelta(hours=1), END)
BEFORE, WITHIN = "2026-11-20T08:00:00.000000Z", "2026-11-20T09:30:00.000000Z"
PER_FILE = 50_000
DIFFERENT, UNNAMED = 10, 100  # every n-th item differs; and so many more are not named by the export


def key(number: int) -> str:
    """The `change_key` of an item."""
    return key_text({name: item(number)[name] for name, _ in SCHEMA})


def write_export(folder: Path, items: int) -> None:
    """An incremental export of this many items."""
    data = folder / FOLDER.rpartition("/")[0] / "data"
    data.mkdir(parents=True)
    entries: list[dict[str, Any]] = []
    for first in range(0, items, PER_FILE):
        count = min(PER_FILE, items - first)
        path = data / f"file{len(entries):04d}.json.gz"
        with gzip.GzipFile(path, "wb", 4, mtime=0) as file:
            for number in range(first, first + count):
                image = item(number)
                record = {
                    "Metadata": {"WriteTimestampMicros": {"N": "1795167000000000"}},
                    "Keys": {name: image[name] for name, _ in SCHEMA},
                    "NewImage": image,
                    "OldImage": image,
                }
                file.write(json.dumps(record, separators=(",", ":")).encode() + b"\n")
        with path.open("rb") as written:
            md5 = hashlib.file_digest(written, lambda: hashlib.md5(usedforsecurity=False))
        shown = path.relative_to(folder).as_posix()
        entries.append({"itemCount": count, "md5Checksum": _base64(md5.digest()), "dataFileS3Key": shown})
    summary = {
        "version": VERSIONS[INCREMENTAL],
        "exportArn": f"{ARN}/export/{FOLDER.rpartition('/')[2]}",
        "tableArn": ARN,
        "tableId": "0aaaaaaa-0000-4000-8000-000000000001",
        "exportFromTime": f"{WINDOW.start:%Y-%m-%dT%H:%M:%S}.000Z",
        "exportToTime": f"{WINDOW.end:%Y-%m-%dT%H:%M:%S}.000Z",
        "manifestFilesS3Key": f"{FOLDER}/manifest-files.json",
        "billedSizeBytes": 2048 * items,
        "itemCount": items,
        "outputFormat": JSON,
        "outputView": "NEW_AND_OLD_IMAGES",
        "exportType": INCREMENTAL,
    }
    files = b"".join(json.dumps(entry).encode() + b"\n" for entry in entries)
    (folder / FOLDER).mkdir()
    for name, content in (("manifest-files", files), ("manifest-summary", json.dumps(summary).encode())):
        (folder / FOLDER / f"{name}.json").write_bytes(content)
        (folder / FOLDER / f"{name}.md5").write_text(md5_text(content))


def _base64(digest: bytes) -> str:
    import base64  # noqa: PLC0415

    return base64.b64encode(digest).decode()


class _Athena:
    """The lake: it has every item, every tenth in an older state, and some that the export does not name."""

    def __init__(self, items: int) -> None:
        self._items = items

    def stream(self, sql: str, _database: str) -> Iterator[list[str]]:
        """The rows of the two queries."""
        unnamed = range(self._items, self._items + self._items // UNNAMED)
        if "FROM ranked" not in sql:
            yield from ([key(number)] for number in unnamed)
            return
        for number in range(self._items):
            digest = "0" * 16 if number % DIFFERENT == 0 else image_digest(item(number)) or ""
            yield [key(number), digest, BEFORE, "MODIFY"]
        yield from ([key(number), "0" * 16, WITHIN, "INSERT"] for number in unnamed)


def heal_folder(folder: Path) -> dict[str, Any]:
    """Heal from the export in the folder; seconds of processor time, and the peak of this process in MB."""
    import boto3  # noqa: F401, PLC0415  the verb has it in memory, too

    export, clock, out = Folder(folder), Clock(), Output("json")
    manifest = read_manifest(f"{FOLDER}/{SUMMARY}", export.read)
    source = Source(manifest.export_id, WINDOW, manifest.table, DEFAULT_SETTINGS)
    keys = folder / "keys"
    keys.mkdir()
    healing = Healing(source, manifest, SCHEMA, export, keys)
    seconds = [time.process_time()]
    healing.verify(clock, out)
    seconds.append(time.process_time())
    lake = LakeReader(cast("Workgroup", _Athena(manifest.items)), "ddb_lake", manifest.table)
    healing.ask(lake)
    found = healing.compare(lake)
    seconds.append(time.process_time())
    done = healing.write(found, LakeFolder(folder / "lake"), clock, out)
    seconds.append(time.process_time())
    verified, _, written = (end - start for start, end in pairwise(seconds))
    return {
        "items": manifest.items,
        "rows": done.rows,
        "items_a_second": round(manifest.items / (verified + written)),
        "peak_megabytes": peak_megabytes(),
    }


def check(folder: Path, items: int) -> int:
    """The number of rows, all of which are right. Raises WrongError for the first that is wrong."""
    wanted = {key(number): image_digest(item(number)) for number in range(0, items, DIFFERENT)}
    wanted |= dict.fromkeys(map(key, range(items, items + items // UNNAMED)))
    rows = 0
    for path in sorted((folder / "lake").glob("data/dt=2026-11-20/repair-heal-*.gz")):
        with gzip.open(path) as file:
            for line in file:
                row = json.loads(line)
                rows += 1
                if (
                    wanted.pop(row["change_key"], "") != row["change_after"]
                    or row["change_time"] != WINDOW.time
                ):
                    raise WrongError(f"a row of {row['change_key']} is wrong or the second one")
    if wanted:
        raise WrongError(f"{len(wanted):,} keys have no row")
    return rows


def run(items: int, folder: Path) -> dict[str, Any]:
    """Write the export, heal in another process, check."""
    write_export(folder, items)
    command = [sys.executable, "-m", "tests.soak.healing", "--heal", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise WrongError(done.stderr)
    figures: dict[str, Any] = json.loads(done.stdout)
    figures["checked"] = check(folder, items)
    if figures["peak_megabytes"] > MOST_MEGABYTES:
        raise WrongError(f"the process used {figures['peak_megabytes']} MB, and {MOST_MEGABYTES} are allowed")
    return figures


def main() -> int:
    """Run, and print the figures as JSON."""
    options = argparse.ArgumentParser(
        prog="python -m tests.soak.healing", description=(__doc__ or "").split("\n", 1)[0]
    )
    options.add_argument("--items", type=int, default=1_000_000, metavar="N", help="default: 1000000")
    options.add_argument("--heal", type=Path, metavar="FOLDER", help="only heal from an export that exists")
    args = options.parse_args()
    if args.heal is not None:
        print(json.dumps(heal_folder(args.heal)))
        return 0
    with tempfile.TemporaryDirectory(prefix="ddb-lake-healing-") as folder:
        try:
            print(json.dumps(run(args.items, Path(folder)), indent=2))
        except WrongError as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
