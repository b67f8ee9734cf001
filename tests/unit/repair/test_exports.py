"""Exports are read as AWS documents them, and refused by name when anything in them is wrong."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from repair.backfill import finished_files, objects_of_file, remaining_files, rows, source_of
from repair.exports import errors, ion
from repair.exports.manifest import FULL, INCREMENTAL, ION, JSON, check_files, check_table, read_manifest
from repair.exports.records import ChangedItem, Item, changed_items, items
from tests.unit.repair.exports import (
    FILES,
    ION_ITEM,
    ITEM,
    PREFIX,
    SCHEMA,
    SUMMARY,
    TABLE_ARN,
    TABLE_ID,
    Export,
    item,
    json_lines,
    md5,
)
from transform_lambda.canonical import image_digest
from transform_lambda.flatten import DEFAULT_SETTINGS

JSON_TEXTS = [json_lines({"Item": item(number)} for number in range(5)), b"", json_lines([{"Item": ITEM}])]


def read(export: Export, schema: tuple[tuple[str, str], ...] = SCHEMA) -> list[Item]:
    """Every item of a full export, after all checks."""
    manifest = export.manifest()
    check_table(manifest, TABLE_ARN, TABLE_ID)
    check_files(manifest, export.keys())
    return [
        found for file in manifest.files for found in items(export.open(file.key), file, manifest, schema)
    ]


def lines(export: Export) -> list[bytes]:
    """The rows of a full export."""
    return [row.line for row in rows(read(export), source_of(export.manifest(), DEFAULT_SETTINGS))]


def test_full_export_gives_every_item_with_its_keys() -> None:
    """Files without items are files too."""
    found = read(Export.of(JSON_TEXTS))
    assert [one.image for one in found] == [*map(item, range(5)), ITEM]
    assert found[0].keys == {"pk": {"S": "item-00000"}}


def test_manifest_states_the_export() -> None:
    """The rows' time is the whole second of the export: every later change has a later time."""
    manifest = Export.of(JSON_TEXTS).manifest()
    assert (manifest.type, manifest.output_format, manifest.items) == (FULL, JSON, 6)
    assert manifest.time == "2026-11-20T09:15:02.000000Z"
    assert manifest.table == "orders"
    assert manifest.export_id == "01795166100000-a1b2c3d4"
    assert manifest.data_prefix == f"{PREFIX}data/"


@pytest.mark.parametrize("ending", [".md5", ".checksum"])
def test_checksum_files_have_two_names(ending: str) -> None:
    """Published exports have one, the developer guide the other."""
    export = Export.of(JSON_TEXTS)
    for key in list(export.objects):
        if key.endswith(".md5"):
            del export.objects[key]
    export.sealed(ending)
    assert len(read(export)) == 6


def test_files_manifest_may_be_named_without_the_prefix() -> None:
    """As in the guide's example, where an export with a prefix states the key without it."""
    export = Export.of(JSON_TEXTS, manifestFilesS3Key=FILES.removeprefix("exports/"))
    assert export.manifest().items == 6


def test_ion_gives_the_same_bytes_as_json() -> None:
    """All ten types, and every digit of a number of 38."""
    as_ion = Export.of([b"$ion_1_0 {Item:" + ION_ITEM.encode() + b"}\n"], form=ION)
    as_json = Export.of([json_lines([{"Item": ITEM}])])
    assert read(as_ion)[0].image == ITEM
    assert lines(as_ion) == lines(as_json)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("1E+2", "100"),
        ("-0", "0"),
        ("0E-5", "0"),
        ("0E+3", "0"),
        ("1.50", "1.5"),
        ("1E-130", "0." + "0" * 129 + "1"),
        ("9.99E+125", "999" + "0" * 123),
        ("-123.4560", "-123.456"),
        ("0.5", "0.5"),
    ],
)
def test_number_of_ion_has_dynamodbs_text(number: str, text: str) -> None:
    """Without an exponent, and without zeros that mean nothing."""
    assert ion.number_text(Decimal(number)) == text


@pytest.mark.parametrize(
    "text",
    [
        "{Item:{pk:2026-01-01T}}",
        "{Item:{pk:1e0}}",
        '{Item:{pk:"a",x:$dynamodb_SS::[1.]}}',
        "{Item:1.}",
        "[]",
        "{Item:{",
    ],
)
def test_ion_that_is_not_an_item_is_refused(text: str) -> None:
    """A type that DynamoDB does not have, a set of another type, no struct, no Ion."""
    with pytest.raises(errors.RecordError, match="line 1"):
        read(Export.of([f"$ion_1_0 {text}\n".encode()], form=ION))


def test_ion_without_the_package_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only an export in that format needs it."""
    monkeypatch.setitem(__import__("sys").modules, "amazon.ion", None)
    ion._parser.cache_clear()
    try:
        with pytest.raises(errors.RecordError, match="amazon-ion"):
            read(Export.of([b"$ion_1_0 {Item:" + ION_ITEM.encode() + b"}\n"], form=ION))
    finally:
        ion._parser.cache_clear()


def _drop(key: str) -> Callable[[Export], None]:
    return lambda export: export.objects.__delitem__(key)


def _set(key: str, content: bytes) -> Callable[[Export], None]:
    return lambda export: export.objects.__setitem__(key, content)


def _entries(change: Callable[[list[dict[str, Any]]], Any]) -> Callable[[Export], None]:
    return lambda export: export.edit_files(lambda entries: change(entries) and None)


def _truncate(export: Export) -> None:
    key = export.keys()[0]
    export.objects[key] = export.objects[key][:-9]


def _flip(export: Export) -> None:
    key = export.keys()[0]
    body = bytearray(export.objects[key])
    body[len(body) // 2] ^= 0xFF
    export.objects[key] = bytes(body)


def _other_lines(export: Export) -> None:
    key = export.keys()[0]
    export.objects[key] = gzip.compress(JSON_TEXTS[0], 1, mtime=0)


DAMAGE: dict[str, tuple[Callable[[Export], None], type[errors.ExportError], str]] = {
    "no summary": (_drop(SUMMARY), errors.IncompleteExportError, "there is no"),
    "no files manifest": (_drop(FILES), errors.IncompleteExportError, "manifest-files.json"),
    "no checksum": (_drop(f"{PREFIX}manifest-files.md5"), errors.IncompleteExportError, "no checksum file"),
    "changed manifest": (_set(FILES, b"{}\n"), errors.ChecksumError, "manifest-files.json"),
    "wrong checksum": (
        _set(f"{PREFIX}manifest-summary.md5", b"x"),
        errors.ChecksumError,
        "manifest-summary.json",
    ),
    "truncated file": (_truncate, errors.TruncatedFileError, "in the middle"),
    "changed byte": (_flip, errors.ChecksumError, "file0.json.gz"),
    "replaced file": (_other_lines, errors.ChecksumError, "file0.json.gz"),
    "missing file": (lambda e: e.objects.__delitem__(e.keys()[0]), errors.MissingFileError, "file0"),
    "surplus file": (_set(f"{PREFIX}data/other.json.gz", b""), errors.SurplusFileError, "other.json.gz"),
    "count of a file": (
        _entries(lambda e: [e[0].update(itemCount=4), e[2].update(itemCount=2)]),
        errors.CountError,
        "has 5 items, and the manifest states 4",
    ),
    "count in all": (_entries(lambda e: e[0].update(itemCount=9)), errors.CountError, "states 6 items"),
    "file twice": (_entries(lambda e: e.append(e[0])), errors.ManifestError, "twice"),
    "other ending": (
        _entries(lambda e: e[0].update(dataFileS3Key="x.ion.gz")),
        errors.OutputFormatError,
        "ion.gz",
    ),
    "negative count": (_entries(lambda e: e[0].update(itemCount=-1)), errors.ManifestError, "itemCount"),
    "entry without MD5": (_entries(lambda e: e[0].pop("md5Checksum")), errors.ManifestError, "md5Checksum"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_export_is_refused_by_name(damage: str) -> None:
    """The error has the reason's class, what is wrong, and a next step."""
    change, kind, text = DAMAGE[damage]
    export = Export.of(JSON_TEXTS)
    change(export)
    with pytest.raises(kind, match=text) as refusal:
        read(export)
    assert type(refusal.value) is kind
    assert refusal.value.next_step
    assert refusal.value.name == kind.__name__.removesuffix("Error")


@pytest.mark.parametrize(
    ("members", "kind"),
    [
        ({"version": "2030-01-01"}, errors.VersionError),
        ({"version": None}, errors.VersionError),
        ({"exportType": "OTHER"}, errors.VersionError),
        ({"outputFormat": "CSV"}, errors.OutputFormatError),
        ({"outputFormat": "ION"}, errors.OutputFormatError),
        ({"tableArn": TABLE_ARN + "2"}, errors.ManifestError),
        ({"tableArn": TABLE_ARN + "2", "exportArn": TABLE_ARN + "2/export/x"}, errors.OtherTableError),
        ({"tableId": "another"}, errors.OtherTableError),
        ({"exportArn": TABLE_ARN + "/export/../x"}, errors.ManifestError),
        ({"exportTime": "yesterday"}, errors.ManifestError),
        ({"exportTime": "2026-11-20T09:15:02"}, errors.ManifestError),
        ({"itemCount": "6"}, errors.ManifestError),
        ({"manifestFilesS3Key": "elsewhere/manifest-files.json"}, errors.ManifestError),
    ],
)
def test_wrong_summary_is_refused_by_name(members: dict[str, Any], kind: type[errors.ExportError]) -> None:
    """Another version, format, type or table, and members that are not what the guide describes."""
    with pytest.raises(kind):
        read(Export.of(JSON_TEXTS, **members))


@pytest.mark.parametrize("content", [b"[]", b"not json", b""])
def test_summary_that_is_not_an_object_is_refused(content: bytes) -> None:
    """Also with a fitting checksum."""
    export = Export.of(JSON_TEXTS)
    export.objects[SUMMARY] = content
    export.sealed()
    with pytest.raises(errors.ManifestError):
        export.manifest()


def test_key_of_another_object_is_refused() -> None:
    """The verb takes the summary's key from DescribeExport."""
    with pytest.raises(errors.ManifestError, match=r"not the key of a manifest-summary\.json"):
        read_manifest("data/x.json", lambda _: None)


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        ((("pk", "N"),), "pk is of type N in the table, and S here"),
        ((("pk", "S"), ("sk", "N")), "sk .* missing"),
    ],
)
def test_items_without_the_tables_key_are_refused(schema: tuple[tuple[str, str], ...], text: str) -> None:
    """The message names attributes and types, and no value of an item."""
    with pytest.raises(errors.KeySchemaError, match=text) as refusal:
        read(Export.of(JSON_TEXTS), schema)
    assert "item-0" not in refusal.value.message


@pytest.mark.parametrize("line", [b"{}", b'{"Item":[]}', b"[1]", b"{", b"\xff", b""])
def test_line_that_is_not_an_item_is_refused(line: bytes) -> None:
    """The message has the file and the number of the line."""
    with pytest.raises(errors.RecordError, match=r"file0\.json\.gz, line 2"):
        read(Export.of([json_lines([{"Item": item(0)}]) + line + b"\n"]))


def test_item_of_unknown_types_cannot_become_a_row() -> None:
    """The type tag is checked when the row is made."""
    with pytest.raises(errors.RecordError, match="cannot become a row"):
        lines(Export.of([json_lines([{"Item": {**item(0), "x": {"X": "1"}}}])]))


def test_endless_line_is_refused_before_it_is_in_memory() -> None:
    """An item is at most 400 KB; 20 MB of blanks are a few KB of GZIP."""
    with pytest.raises(errors.RecordError, match="longer than any item"):
        read(Export.of([b'{"Item":' + b" " * 20_000_000 + b"\n"]))


def test_file_of_several_gzip_members_is_one_file() -> None:
    """RFC 1952: a file consists of a series of members. The last line needs no newline."""
    export = Export.of([b""])
    key = export.keys()[0]
    halves = JSON_TEXTS[0][:70], JSON_TEXTS[0][70:-1]
    export.objects[key] = b"".join(gzip.compress(half, mtime=0) for half in halves)
    export.edit_files(lambda e: e[0].update(itemCount=5, md5Checksum=md5(export.objects[key])))
    summary = json.loads(export.objects[SUMMARY]) | {"itemCount": 5}
    export.objects[SUMMARY] = json.dumps(summary).encode()
    export.sealed()
    assert [one.image for one in read(export)] == [item(number) for number in range(5)]


def test_rows_are_snapshots_of_the_export() -> None:
    """`change_id` has the export's id, and `change_after` the item's digest."""
    row = json.loads(lines(Export.of(JSON_TEXTS))[-1])
    assert row["change_type"] == "SNAPSHOT"
    assert row["change_id"].startswith("01795166100000-a1b2c3d4-")
    assert row["change_table"] == "orders"
    assert row["change_after"] == image_digest(ITEM)


def test_finished_files_are_those_whose_last_object_exists() -> None:
    """A run that was killed continues with the files that are not finished."""
    export = Export.of(JSON_TEXTS)
    manifest = export.manifest()
    source = source_of(manifest, DEFAULT_SETTINGS)
    keys: list[str] = []
    for file in manifest.files:
        found = items(export.open(file.key), file, manifest, SCHEMA)
        keys += [part.key for part in objects_of_file(found, file, source, part_bytes=400)]
    assert all(key.startswith(source.objects_prefix) for key in keys)
    assert len(keys) > 3
    assert remaining_files(manifest, frozenset()) == (manifest.files[0], manifest.files[2])
    assert remaining_files(manifest, finished_files(keys[:-1], source)) == (manifest.files[2],)
    assert remaining_files(manifest, finished_files(keys, source)) == ()
    assert remaining_files(manifest, finished_files([keys[0]], source)) == (
        manifest.files[0],
        manifest.files[2],
    )


CHANGED = {
    "Metadata": {"WriteTimestampMicros": {"N": "1795166100123456"}},
    "Keys": {"pk": {"S": "item-00001"}},
    "NewImage": item(1),
    "OldImage": {**item(1), "n": {"N": "0"}},
}


def changed(export: Export) -> list[ChangedItem]:
    """Every changed item of an incremental export."""
    manifest = export.manifest()
    check_files(manifest, export.keys())
    return [
        one for file in manifest.files for one in changed_items(export.open(file.key), file, manifest, SCHEMA)
    ]


def test_incremental_export_gives_the_net_changes() -> None:
    """Insert, update, delete, and the period in whole seconds."""
    inserted = {name: CHANGED[name] for name in ("Metadata", "Keys", "NewImage")}
    deleted = {name: CHANGED[name] for name in ("Metadata", "Keys", "OldImage")}
    export = Export.of([json_lines([CHANGED, inserted, deleted]), b""], kind=INCREMENTAL)
    found = changed(export)
    assert [(one.new is None, one.old is None) for one in found] == [
        (False, False),
        (False, True),
        (True, False),
    ]
    assert {one.written for one in found} == {1795166100123456}
    manifest = export.manifest()
    assert (manifest.start, manifest.end) == ("2026-11-20T09:00:00.000000Z", "2026-11-20T10:00:00.000000Z")
    assert manifest.time is None
    assert manifest.old_images


def test_incremental_ion_gives_the_same_net_changes() -> None:
    """In Ion the members are in a struct `Record`."""
    text = (
        '$ion_1_0 {Record:{Metadata:{WriteTimestampMicros:1795166100123456.},Keys:{pk:"item-00001"},'
        'NewImage:{pk:"item-00001",n:1.},OldImage:{pk:"item-00001",n:0.}}}\n'
    )
    as_ion = Export.of([text.encode()], form=ION, kind=INCREMENTAL)
    assert changed(as_ion) == changed(Export.of([json_lines([CHANGED])], kind=INCREMENTAL))


def test_files_of_other_incremental_exports_are_not_surplus() -> None:
    """They share one folder."""
    export = Export.of([json_lines([CHANGED])], kind=INCREMENTAL)
    export.objects["exports/AWSDynamoDB/data/other.json.gz"] = b""
    assert len(changed(export)) == 1


@pytest.mark.parametrize(
    "record",
    [
        {**CHANGED, "Metadata": {}},
        {**CHANGED, "Metadata": {"WriteTimestampMicros": {"N": "soon"}}},
        {name: CHANGED[name] for name in ("Metadata", "NewImage")},
        {**CHANGED, "NewImage": item(2)},
        {**CHANGED, "NewImage": []},
    ],
)
def test_record_that_is_not_a_changed_item_is_refused(record: dict[str, Any]) -> None:
    """No time, no keys, images of another item or of no item."""
    with pytest.raises(errors.RecordError, match="line 1"):
        changed(Export.of([json_lines([record])], kind=INCREMENTAL))


def test_type_of_the_export_is_checked() -> None:
    """A full export has no changes, and an incremental one does not have every item."""
    full, incremental = Export.of(JSON_TEXTS), Export.of([json_lines([CHANGED])], kind=INCREMENTAL)
    with pytest.raises(errors.ExportTypeError):
        read(incremental)
    with pytest.raises(errors.ExportTypeError):
        changed(full)
