"""Damaged exports: the real backfill must refuse each of them by name, and write nothing."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
from collections.abc import Callable, Iterator
from typing import Any, Final
from unittest import mock

import orjson

from scripts import backfill
from scripts.core import console
from scripts.core.backfilling import handover, running
from scripts.core.source_stream import Clock
from tests.faults.changes import digest, sent_image
from tests.unit.repair.exports import EXPORT_ID, FILES, SUMMARY, Export
from tests.unit.scripts.backfill.scene import EXPORT_ARN, LAKE, LANDING, Scene, made

ITEMS: Final = 40
Objects = dict[str, bytes]


def items() -> list[dict[str, Any]]:
    """The table's items, of all shapes."""
    return [orjson.loads(sent_image(number, number + 1)) for number in range(ITEMS)]


def _data_file(objects: Objects) -> str:
    return next(key for key in objects if "/data/" in key and len(gzip.decompress(objects[key])) > 0)


def _sealed(objects: Objects) -> None:
    """Fitting checksums for the manifests as they are."""
    export = Export(objects)
    export.sealed()


def _edit(objects: Objects, key: str, change: Callable[[dict[str, Any]], None]) -> None:
    lines = [json.loads(line) for line in objects[key].splitlines()]
    change(lines[0])
    objects[key] = b"\n".join(json.dumps(line).encode() for line in lines) + b"\n"
    _sealed(objects)


def _half_manifest(objects: Objects) -> None:
    objects[FILES] = objects[FILES][: objects[FILES].rfind(b"{")]


def _half_summary(objects: Objects) -> None:
    objects[SUMMARY] = objects[SUMMARY][: len(objects[SUMMARY]) // 2]


def _other_table(objects: Objects) -> None:
    _edit(objects, SUMMARY, lambda summary: summary.update(tableId="0bbbbbbb-0000-4000-8000-000000000009"))


def _other_arn(objects: Objects) -> None:
    arn = "arn:aws:dynamodb:eu-west-1:111111111111:table/customers"
    _edit(
        objects,
        SUMMARY,
        lambda summary: summary.update(tableArn=arn, exportArn=f"{arn}/export/{EXPORT_ID}"),
    )


def _changed_summary(objects: Objects) -> None:
    """Nothing contradicts it but its checksum."""
    objects[SUMMARY] = objects[SUMMARY].replace(b"T09:15:02", b"T09:15:03")


def _cut_file(objects: Objects) -> None:
    key = _data_file(objects)
    objects[key] = objects[key][: len(objects[key]) // 2]


def _flipped_file(objects: Objects) -> None:
    """The same number of items, and another one among them."""
    key = _data_file(objects)
    objects[key] = gzip.compress(gzip.decompress(objects[key]).replace(b"item-0000001", b"item-9999999"))


def _fewer_items(objects: Objects) -> None:
    key = _data_file(objects)
    objects[key] = gzip.compress(b"\n".join(gzip.decompress(objects[key]).splitlines()[:-1]) + b"\n", mtime=0)
    _own_md5(objects, key)


def _own_md5(objects: Objects, key: str) -> None:
    """State the MD5 of the data file as it is."""
    from tests.unit.repair.exports import md5  # noqa: PLC0415

    def change(entries: list[dict[str, Any]]) -> None:
        for entry in entries:
            if entry["dataFileS3Key"] == key:
                entry["md5Checksum"] = md5(objects[key])

    Export(objects).edit_files(change)


def _other_keys(objects: Objects) -> None:
    """The table was deleted and made again with another key schema: its id would differ, and so do items."""
    key = _data_file(objects)
    objects[key] = gzip.compress(gzip.decompress(objects[key]).replace(b'"pk"', b'"id"'), mtime=0)
    _own_md5(objects, key)


def _without_a_file(objects: Objects) -> None:
    del objects[_data_file(objects)]


def _with_another_file(objects: Objects) -> None:
    objects[_data_file(objects).replace("file0", "file9")] = gzip.compress(b"")


def _another_count(objects: Objects) -> None:
    _edit(objects, SUMMARY, lambda summary: summary.update(itemCount=ITEMS + 1))


def _unfinished(objects: Objects) -> None:
    del objects[SUMMARY]


DAMAGES: Final[dict[str, Callable[[Objects], None]]] = {
    "a half-written files manifest": _half_manifest,
    "a half-written summary": _half_summary,
    "a summary that was changed after its checksum": _changed_summary,
    "an export of a table with the same name": _other_table,
    "an export of another table": _other_arn,
    "a data file that is cut off": _cut_file,
    "a data file with other bytes": _flipped_file,
    "a data file with fewer items": _fewer_items,
    "a changed key schema": _other_keys,
    "a missing data file": _without_a_file,
    "a data file too many": _with_another_file,
    "another number of items": _another_count,
    "an export without its summary": _unfinished,
}


class _Workgroup:
    def __init__(self, *_: Any) -> None: ...

    def execute(self, *_: Any) -> Any:
        """No change of the table is in the lake yet."""
        return type("Result", (), {"rows": [[None]]})


@contextlib.contextmanager
def _ports(scene: Scene) -> Iterator[io.StringIO]:
    """The verb over this scene, with its output in a text."""
    said = io.StringIO()
    with (
        mock.patch.object(backfill, "both_sides", return_value=scene.sides()),
        mock.patch.object(running, "session_of_role", return_value=None),
        mock.patch.object(running, "open_client", return_value=scene.dynamodb),
        mock.patch.object(running, "Clock", return_value=Clock(sleep=lambda _: None)),
        mock.patch.object(handover, "Workgroup", _Workgroup),
        contextlib.redirect_stdout(said),
        contextlib.redirect_stderr(said),
    ):
        yield said


def _run(damage: Callable[[Objects], None] | None) -> tuple[int, Scene, str]:
    """Backfill from an export that exists."""
    scene = made(items())
    scene.dynamodb.add_export(scene.dynamodb.write_export(LANDING))
    if damage is not None:
        damage(scene.bucket.buckets[LANDING])
    with _ports(scene) as said:
        code = console.run(backfill.main, ["orders", "--export", EXPORT_ARN, "--yes"])
    return code, scene, said.getvalue()


def check() -> list[str]:
    """What is wrong: refusals that do not come, writes before a refusal, rows that differ from the items."""
    findings = []
    for name, damage in DAMAGES.items():
        code, scene, said = _run(damage)
        if code != 1 or "next:" not in said:
            findings.append(f"exports: {name} is not refused (exit code {code})")
        if scene.bucket.buckets[LAKE]:
            findings.append(f"exports: {name}: {len(scene.bucket.buckets[LAKE])} objects are written")
    code, scene, said = _run(None)
    rows = {row["pk"]: row for row in scene.lines()}
    right = {f"item-{number:07d}": digest(number, number + 1) for number in range(ITEMS)}
    if code != 0:
        findings.append(f"exports: a whole export is refused: {said[-300:]}")
    elif {key: row["change_after"] for key, row in rows.items()} != right or len(scene.lines()) != ITEMS:
        findings.append("exports: the rows of a whole export are not its items")
    elif any(
        (row["change_type"], row["change_before"], row["change_sequence"], row["change_time"])
        != ("SNAPSHOT", None, None, "2026-11-20T09:15:02.000000Z")
        for row in rows.values()
    ):
        findings.append("exports: a row is not a SNAPSHOT of the export's second")
    return findings
