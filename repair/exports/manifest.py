"""The manifests of an export: what was exported, and its data files with checksums and item counts."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from repair.exports.errors import (
    ChecksumError,
    CountError,
    IncompleteExportError,
    ManifestError,
    MissingFileError,
    OtherTableError,
    OutputFormatError,
    SurplusFileError,
    VersionError,
)

SUMMARY: Final = "manifest-summary.json"
FULL, INCREMENTAL = "FULL_EXPORT", "INCREMENTAL_EXPORT"
JSON, ION = "DYNAMODB_JSON", "ION"
# The versions of the developer guide's examples, by the type of the export. A full export states no type.
VERSIONS: Final = {FULL: "2020-06-30", INCREMENTAL: "2023-08-01"}
EXTENSIONS: Final = {JSON: ".json.gz", ION: ".ion.gz"}
_CHECKSUMS: Final = (".md5", ".checksum")  # the ending in published exports, the ending in the guide
_ARN: Final = re.compile(r"arn:[a-z-]+:dynamodb:[a-z0-9-]+:[0-9]{12}:table/([A-Za-z0-9_.-]{3,255})")
_EXPORT_ID: Final = re.compile(r"[A-Za-z0-9-]{1,64}")

# Returns the bytes of an object, None if it does not exist.
Read = Callable[[str], bytes | None]


@dataclass(frozen=True, slots=True)
class DataFile:
    """A data file as the files manifest lists it; `md5` is base64, `items` the number of lines."""

    key: str
    items: int
    md5: str


@dataclass(frozen=True)
class Manifest:
    """Both manifests of one export. Times are ISO 8601 in UTC with six decimals and Z, like `change_time`."""

    export_arn: str
    table_arn: str
    table_id: str
    type: str
    output_format: str
    time: str | None  # of a full export: the whole second in which the table's state was exported
    start: str | None  # of an incremental export, inclusive
    end: str | None  # exclusive
    old_images: bool
    items: int
    billed_bytes: int
    prefix: str  # of the keys of the manifests, with the slash at the end
    files: tuple[DataFile, ...]

    @property
    def export_id(self) -> str:
        """The last part of the ARN, such as `01768385930622-efd1a093`: the id of the rows' source."""
        return self.export_arn.rpartition("/")[2]

    @property
    def table(self) -> str:
        """The table's name."""
        return table_name(self.table_arn)

    @property
    def extension(self) -> str:
        """The ending of the data files' keys."""
        return EXTENSIONS[self.output_format]

    @property
    def data_prefix(self) -> str | None:
        """The folder that has this export's data files and no others; None if several exports share it.

        Incremental exports with the same prefix share one folder (developer guide).
        """
        return f"{self.prefix}data/" if self.type == FULL else None


def table_name(table_arn: str) -> str:
    """The name in the ARN of a table. Raises ManifestError if it is not such an ARN."""
    found = _ARN.fullmatch(table_arn)
    if found is None:
        raise ManifestError(f"not the ARN of a table: {table_arn!r}")
    return found[1]


def md5_text(content: bytes) -> str:
    """The MD5 as the manifests state it: base64."""
    return base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()


def read_manifest(summary_key: str, read: Read) -> Manifest:
    """The manifests of the export whose summary has this key, with their checksums compared.

    :param summary_key: the key of manifest-summary.json (DescribeExport's ExportManifest)
    :raises ExportError: IncompleteExportError without a manifest; ChecksumError, VersionError,
        OutputFormatError, CountError or ManifestError if the manifests contradict themselves
    """
    if not summary_key.endswith(f"/{SUMMARY}"):
        raise ManifestError(f"{summary_key} is not the key of a {SUMMARY}")
    prefix = summary_key.removesuffix(SUMMARY)
    summary = _object(_checked(summary_key, read), summary_key)
    kind = summary.get("exportType", FULL)
    version = summary.get("version")
    if kind not in VERSIONS or version != VERSIONS[kind]:
        raise VersionError(f"{summary_key} has version {version!r} and type {kind!r}")
    form = summary.get("outputFormat")
    if form not in EXTENSIONS:
        raise OutputFormatError(f"the data files are {form!r}, and not {JSON} or {ION}")
    arn, table_arn = _text(summary, "exportArn"), _text(summary, "tableArn")
    if not arn.startswith(f"{table_arn}/export/") or not _EXPORT_ID.fullmatch(arn[len(table_arn) + 8 :]):
        raise ManifestError(f"{summary_key}: exportArn is not the ARN of an export of the table: {arn!r}")
    files_key = _files_key(summary, prefix)
    files = tuple(_files(_checked(files_key, read), files_key, EXTENSIONS[form]))
    manifest = Manifest(
        arn,
        table_arn,
        _text(summary, "tableId"),
        kind,
        form,
        _time(summary, "exportTime") if kind == FULL else None,
        _time(summary, "exportFromTime") if kind == INCREMENTAL else None,
        _time(summary, "exportToTime") if kind == INCREMENTAL else None,
        summary.get("outputView", "NEW_AND_OLD_IMAGES") == "NEW_AND_OLD_IMAGES",
        _number(summary, "itemCount"),
        _number(summary, "billedSizeBytes"),
        prefix,
        files,
    )
    table_name(table_arn)
    counted = sum(file.items for file in files)
    if counted != manifest.items:
        raise CountError(
            f"{summary_key} states {manifest.items:,} items, and its data files have {counted:,} in all"
        )
    return manifest


def check_table(manifest: Manifest, table_arn: str, table_id: str) -> None:
    """Refuse an export of another table, also of one that had the same name. Raises OtherTableError."""
    if manifest.table_arn != table_arn:
        raise OtherTableError(f"the export is of {manifest.table_arn}, and not of {table_arn}")
    if manifest.table_id != table_id:
        raise OtherTableError(
            f"the export is of a table {manifest.table} that no longer exists: "
            f"its id is {manifest.table_id}, and that of the table is {table_id}"
        )


def check_files(manifest: Manifest, existing: Collection[str]) -> None:
    """Compare the files manifest with the keys that exist.

    :param existing: every key below `data_prefix`, or if that is None at least the existing ones of `files`
    :raises ExportError: MissingFileError or SurplusFileError
    """
    listed = {file.key for file in manifest.files}
    missing = sorted(listed - set(existing))
    if missing:
        raise MissingFileError(f"{_some(missing)} of {len(listed):,} data files do not exist")
    if manifest.data_prefix is None:
        return
    surplus = sorted(set(existing) - listed)
    if surplus:
        raise SurplusFileError(
            f"{_some(surplus)} are in the export's folder, and its manifest does not list them"
        )


def _some(keys: list[str]) -> str:
    return keys[0] if len(keys) == 1 else f"{keys[0]} and {len(keys) - 1:,} more"


def _checked(key: str, read: Read) -> bytes:
    """The bytes of a manifest whose checksum file has its MD5."""
    content = read(key)
    if content is None:
        raise IncompleteExportError(f"there is no {key}")
    stem = key.removesuffix(".json")
    stated = next((found for end in _CHECKSUMS if (found := read(stem + end)) is not None), None)
    if stated is None:
        raise IncompleteExportError(
            f"{key} has no checksum file: {' or '.join(stem + end for end in _CHECKSUMS)}"
        )
    if stated.strip() != md5_text(content).encode():
        raise ChecksumError(f"the MD5 of {key} is {md5_text(content)}, and its checksum file states another")
    return content


def _files_key(summary: dict[str, Any], prefix: str) -> str:
    """The key of the files manifest, which is in the folder of the summary.

    The guide's example states the key without the export's prefix; published exports state all of it.
    """
    key = _text(summary, "manifestFilesS3Key")
    expected = f"{prefix}manifest-files.json"
    if key != expected and not expected.endswith(f"/{key}"):
        raise ManifestError(f"manifestFilesS3Key is {key}, which is not in the folder {prefix}")
    return expected


def _files(content: bytes, key: str, extension: str) -> Iterator[DataFile]:
    seen: set[str] = set()
    for line in content.splitlines():
        entry = _object(line, key)
        file = DataFile(
            _text(entry, "dataFileS3Key"), _number(entry, "itemCount"), _text(entry, "md5Checksum")
        )
        if not file.key.endswith(extension):
            raise OutputFormatError(f"{file.key} does not end in {extension}, as the summary's format does")
        if file.key in seen:
            raise ManifestError(f"{key} lists {file.key} twice")
        seen.add(file.key)
        yield file


def _object(content: bytes, key: str) -> dict[str, Any]:
    try:
        found = json.loads(content)
    except ValueError:
        found = None
    if type(found) is not dict:
        raise ManifestError(
            f"{key} is not a JSON object" + (" per line" if key.endswith("files.json") else "")
        )
    return found


def _text(members: dict[str, Any], name: str) -> str:
    value = members.get(name)
    if type(value) is not str or not value:
        raise ManifestError(f"the manifest's {name} is not a text: {value!r}")
    return value


def _number(members: dict[str, Any], name: str) -> int:
    value = members.get(name)
    if type(value) is not int or value < 0:
        raise ManifestError(f"the manifest's {name} is not a whole number: {value!r}")
    return value


def _time(members: dict[str, Any], name: str) -> str:
    """A time of the manifest as the whole second in which it lies."""
    text = _text(members, name)
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ManifestError(f"the manifest's {name} is not a time: {text!r}") from None
    if found.tzinfo is None:
        raise ManifestError(f"the manifest's {name} has no time zone: {text!r}")
    return f"{found.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.000000Z"
