"""Seeded bugs: one wrong edit each, in a copy of the project. The harness must detect every one of them.

A bug that no scene detects is a hole of the harness. An edit whose text is no longer in the file is an error:
correct it when the code changes.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[2]
COPIED: Final = (
    "athena",
    "catalog_lambda",
    "glue",
    "lake",
    "raw_lines",
    "repair",
    "requirements",
    "sandbox",
    "scripts",
    "settled",
    "templates",
    "tests",
    "transform_lambda",
)


@dataclass(frozen=True)
class Bug:
    """A wrong edit of one file, and the scenes that are played with it until one detects it."""

    name: str
    file: str
    old: str
    new: str
    scenes: tuple[str, ...]


@dataclass(frozen=True)
class Outcome:
    """What became of a bug: the scene that detected it and its first finding; None if none did."""

    bug: Bug
    scene: str | None
    finding: str


BUGS: Final = (
    # The function
    Bug(
        "the function drops the last record of a batch",
        "transform_lambda/handler.py",
        "if _has_id(record)]",
        "if _has_id(record)][:-1]",
        ("stream",),
    ),
    Bug(
        "the function answers Dropped for a bad record",
        "transform_lambda/handler.py",
        '"result": "ProcessingFailed"}',
        '"result": "Dropped"}',
        ("stream",),
    ),
    Bug(
        "the function swallows an exception and answers an empty row",
        "transform_lambda/handler.py",
        "            rows.append(None)\n",
        '            rows.append(("", ""))\n',
        ("stream",),
    ),
    Bug(
        "the function answers rows in another order than the records",
        "transform_lambda/handler.py",
        "for record_id, row in zip(record_ids, rows, strict=True)",
        "for record_id, row in zip(record_ids, rows[::-1], strict=True)",
        ("stream",),
    ),
    Bug(
        "a row has no newline",
        "transform_lambda/flatten.py",
        "option=orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE",
        "option=orjson.OPT_SORT_KEYS",
        ("stream",),
    ),
    Bug(
        "change_before is the digest of the new image",
        "transform_lambda/change.py",
        'row["change_before"] = digest(old_text)',
        'row["change_before"] = digest(sorted_json(new or old))',
        ("stream",),
    ),
    Bug(
        "a deletion shows its keys only",
        "transform_lambda/change.py",
        "        item, other = old, new\n",
        "        item, other = new, old\n",
        ("stream",),
    ),
    Bug(
        "milliseconds are taken for microseconds",
        "transform_lambda/change.py",
        '"MILLISECOND": 1_000',
        '"MILLISECOND": 1',
        ("stream",),
    ),
    Bug(
        "a number goes through a float",
        "transform_lambda/values.py",
        "value = self[text] = orjson.Fragment(text)",
        "value = self[text] = orjson.Fragment(repr(float(text)))",
        ("stream",),
    ),
    Bug(
        "sets are not sorted",
        "transform_lambda/values.py",
        "    members.sort()\n",
        "",
        ("stream",),
    ),
    Bug(
        "a deletion by TTL counts as the user's",
        "transform_lambda/change.py",
        'return "ttl"',
        'return "user"',
        ("stream",),
    ),
    Bug(
        "change_image is left out",
        "transform_lambda/flatten.py",
        '            row["change_image"] = image\n',
        "            pass\n",
        ("images",),
    ),
    Bug(
        "a name that occurs twice is accepted",
        "transform_lambda/change.py",
        "    _reject_duplicate_names(payload, record, texts)\n",
        "",
        ("stream",),
    ),
    # Delivery
    Bug(
        "delivery gives up a refused put",
        "sandbox/delivery/outlet.py",
        "            if time.time() - pending.buffer.oldest / 1000 > self.retention():",
        "            if True:",
        ("stream",),
    ),
    Bug(
        "delivery ignores records that the answer lacks",
        "sandbox/delivery/processor.py",
        '            verdicts.append(fail(record, "Lambda.MissingRecordId"))',
        "            continue",
        ("stream",),
    ),
    Bug(
        "delivery takes an answer that was lost for a success",
        "sandbox/delivery/processor.py",
        "                failed_attempt(error.code)\n                continue\n",
        "                return []\n",
        ("stream",),
    ),
    Bug(
        "an error line has the record cut off",
        "sandbox/delivery/objects.py",
        "pybase64.b64encode(verdict.record.data)",
        "pybase64.b64encode(verdict.record.data[:500])",
        ("stream",),
    ),
    Bug(
        "delivery takes a batch for delivered when its rows are in a buffer",
        "sandbox/delivery/buffers.py",
        "                shard.share(ticket)\n",
        "                pass\n",
        ("kill delivery",),
    ),
    Bug(
        "a reader begins behind the next record after a failed read",
        "sandbox/delivery/source.py",
        '"StartingSequenceNumber": self._progress.last_read,',
        '"StartingSequenceNumber": str(int(self._progress.last_read) + 1),',
        ("kill delivery",),
    ),
    # Redrive
    Bug(
        "redrive leaves the last line of an error object",
        "repair/redriving.py",
        "    if part.recovered or part.unrecoverable:\n        yield part\n",
        "",
        ("stream",),
    ),
    Bug(
        "redrive writes rows under the day of the failure",
        "repair/redriving.py",
        "            days[change_day(each.row.time)].append(each.row.line)",
        "            days[source.day].append(each.row.line)",
        ("stream",),
    ),
    Bug(
        "redrive gives every part the same name",
        "repair/redriving.py",
        "_Part(part.number + 1)",
        "_Part(part.number)",
        ("stream",),
    ),
    Bug(
        "redrive swallows what cannot become a row",
        "repair/redriving.py",
        "            part.unrecoverable.append(result)\n",
        "            pass\n",
        ("stream",),
    ),
    Bug(
        "redrive writes the receipt first",
        "repair/redriving.py",
        "    outdated = set(earlier)\n",
        "    outdated = set(earlier)\n    put(Part(source.receipt_key, EMPTY, 0))\n",
        ("kill redrive",),
    ),
    Bug(
        "redrive ignores what an earlier run completed",
        "scripts/core/redriving/selection.py",
        "        if place in receipts and not (wanted.again and remaining):",
        "        if False:",
        ("stream",),
    ),
    Bug(
        "a repair's object has the time in its bytes",
        "repair/objects.py",
        "self._target, mtime=0)",
        "self._target, mtime=None)",
        ("kill redrive", "kill backfill"),
    ),
    Bug(
        "a repair's object has a name of its run",
        "repair/redriving.py",
        'key = object_name(KIND, source.source, f"{part.number:05d}", day)',
        'key = object_name(KIND, source.source, f"{id(part):05d}", day)',
        ("kill redrive",),
    ),
    # The views
    Bug(
        "the current view breaks ties by the sequence only",
        "athena/views/current.sql",
        '        IF("#ends", 1, 0) DESC,\n'
        """        IF(coalesce(change_after, '') = "#state_held", 1, 0) DESC,\n""",
        "",
        ("views",),
    ),
    Bug(
        "the current view shows deleted items",
        "athena/views/current.sql",
        "  AND change_type <> 'REMOVE'\n",
        "",
        ("views",),
    ),
    Bug(
        "the history view counts deliveries",
        "athena/views/history.sql",
        '  WHERE "#delivery" = 1\n',
        "",
        ("views",),
    ),
    Bug(
        "the gaps view takes a deletion for a gap",
        "athena/views/gaps.sql",
        "      ''\n    ) AS last_end",
        "      'none'\n    ) AS last_end",
        ("views",),
    ),
    # Backfill
    Bug(
        "backfill does not compare the checksum of a manifest",
        "repair/exports/manifest.py",
        "    if stated.strip() != md5_text(content).encode():",
        "    if False:",
        ("exports",),
    ),
    Bug(
        "backfill accepts an export of another table",
        "repair/exports/manifest.py",
        "    if manifest.table_id != table_id:",
        "    if False:",
        ("exports",),
    ),
    Bug(
        "backfill does not compare the MD5 of a data file",
        "repair/exports/data_file.py",
        "    if body.md5 != file.md5:",
        "    if False:",
        ("exports",),
    ),
    Bug(
        "backfill does not count a file's items",
        "repair/exports/data_file.py",
        "    if number != file.items:",
        "    if False:",
        ("exports",),
    ),
    Bug(
        "backfill writes while it verifies",
        "scripts/core/backfilling/local.py",
        "        for _ in rows(verifying.count(items(export.open(file.key), file, manifest, schema)), "
        "source):\n            pass\n",
        "        found = verifying.count(items(export.open(file.key), file, manifest, schema))\n"
        "        for part in objects_of_file(found, file, source, part_bytes=500):\n"
        "            lake.put(part)\n",
        ("exports",),
    ),
    Bug(
        "backfill takes a file's first object for its last",
        "repair/backfill.py",
        '-[0-9]{5}-end\\.gz"',
        '-[0-9]{5}(?:-end)?\\.gz"',
        ("kill backfill",),
    ),
    Bug(
        "backfill requests another export after an interruption",
        "scripts/core/backfilling/running.py",
        "        newest = next(landed, None)\n",
        "        newest = None\n",
        ("kill backfill",),
    ),
    # The other processes
    Bug(
        "reconcile repairs the keys of the first batch only",
        "scripts/core/reconciling/repairs.py",
        "table.read(iter(keys))",
        "table.read(iter(list(keys)[:3]))",
        ("kill reconcile",),
    ),
    Bug(
        "reconcile writes no row for an item that is gone",
        "scripts/core/reconciling/repairs.py",
        "    for read in reads:\n",
        "    for read in (each for each in reads if each.item is not None):\n",
        ("kill reconcile",),
    ),
    Bug(
        "restore takes the table for finished before its items are written",
        "scripts/core/restoring/restore.py",
        "        written = Check()\n",
        "        written = Check()\n        target.finish()\n",
        ("kill restore",),
    ),
    Bug(
        "restore takes a deleted item for one that was kept",
        "athena/views/current.sql",
        "  AND change_type <> 'REMOVE'\n",
        "",
        ("kill restore",),
    ),
    Bug(
        "put_items forgets unprocessed items",
        "scripts/put_items/writing.py",
        "            requests = left\n",
        "            requests = []\n",
        ("kill put_items",),
    ),
    Bug(
        "put_items gives a key to any worker",
        "scripts/put_items/writing.py",
        "self._queues[hash(key) % len(self._queues)]",
        "self._queues[self.written // 7 % len(self._queues)]",
        ("kill put_items",),
    ),
    Bug(
        "the columns are removed before the record is written",
        "scripts/core/forgetting.py",
        "        self._write(lambda before: before.with_act(preview.names, at, by))\n"
        "        return self._catalog.change(CHANGES, lambda table: self._without(table, preview.names))\n",
        "        gone = self._catalog.change(CHANGES, lambda table: self._without(table, preview.names))\n"
        "        if gone:\n"
        "            self._write(lambda before: before.with_act(preview.names, at, by))\n"
        "        return gone\n",
        ("kill catalog",),
    ),
    Bug(
        "the catalog function does not read the record",
        "catalog_lambda/catalog.py",
        "forgotten=self.forgotten())",
        "forgotten=())",
        ("kill catalog",),
    ),
)


@contextmanager
def copy_of_project() -> Iterator[Path]:
    """A copy of the packages, without the cases of the SQL tests."""
    with tempfile.TemporaryDirectory(prefix="ddb-lake-bugs-") as name:
        folder = Path(name)
        for package in COPIED:
            shutil.copytree(
                ROOT / package,
                folder / package,
                ignore=shutil.ignore_patterns("__pycache__", "cases", "golden"),
            )
        yield folder


@contextmanager
def seeded(bug: Bug, folder: Path, number: int) -> Iterator[None]:
    """The copy with the bug."""
    file = folder / bug.file
    right = file.read_text(encoding="utf-8")
    if bug.old not in right:
        raise AssertionError(f"{bug.name}: {bug.file} does not have the text that the bug replaces")
    for count, text in ((2 * number, right.replace(bug.old, bug.new)), (2 * number + 1, right)):
        file.write_text(text, encoding="utf-8")
        seconds = 1_000_000_000 + count  # Python compiles a file again if its time or size changed
        os.utime(file, (seconds, seconds))
        if count % 2 == 0:
            yield


def play(folder: Path, scene: str) -> list[str]:
    """Play a scene in a child that imports the project from this folder. Returns its findings."""
    reading, writing = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        os.close(reading)
        findings = ["the child ended early"]
        try:
            quiet = os.open(os.devnull, os.O_WRONLY)
            os.dup2(quiet, 1)
            os.dup2(quiet, 2)
            findings = _played(folder, scene)
        except BaseException as error:  # noqa: BLE001  a child must end here
            place = traceback.extract_tb(error.__traceback__)[-1]
            findings = [f"the run ended with {type(error).__name__} at {Path(place.filename).name}: {error}"]
        finally:
            os.write(writing, json.dumps(findings[:20]).encode())
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    found: list[str] = json.loads(answer)
    return found


def _played(folder: Path, scene: str) -> list[str]:
    """The scene's findings, after every module of the project was forgotten."""
    for name in [name for name in sys.modules if name.partition(".")[0] in COPIED]:
        del sys.modules[name]
    sys.path[:] = [str(folder), *(path for path in sys.path if path and Path(path).resolve() != ROOT)]
    os.chdir(folder)
    from importlib import import_module  # noqa: PLC0415

    scenes: Any = import_module("tests.faults.scenes")
    if not str(scenes.__file__).startswith(str(folder)):
        return [f"the harness is broken: it imports {scenes.__file__}"]
    found: list[str] = scenes.play(scene)
    return found


def detect_all(say: Callable[[str], None], bugs: Sequence[Bug] = BUGS) -> list[Outcome]:
    """Play the scenes without a bug, then with each bug.

    :raises AssertionError: a scene finds something without a bug, or a bug does not fit the code
    """
    outcomes = []
    with copy_of_project() as folder:
        for scene in dict.fromkeys(scene for bug in bugs for scene in bug.scenes):
            if findings := play(folder, scene):
                raise AssertionError(f"scene {scene} finds something without a bug: {findings[0]}")
        for number, bug in enumerate(bugs):
            with seeded(bug, folder, number):
                outcome = Outcome(bug, None, "")
                for scene in bug.scenes:
                    if findings := play(folder, scene):
                        outcome = Outcome(bug, scene, findings[0])
                        break
            outcomes.append(outcome)
            say(f"{'found' if outcome.scene else 'MISSED'}: {bug.name}: {outcome.finding}")
    return outcomes
