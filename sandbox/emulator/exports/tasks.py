"""Run an export: `_started`, the data files, the manifests, then the status COMPLETED.

AWS facts (DynamoDB developer guide, "DynamoDB table export output format")
- All objects have the prefix `<S3Prefix>/AWSDynamoDB/<export id>/`. The first is the empty `_started`,
  which shows that the bucket can be written; the last are the files manifest, the summary and their
  checksums.
- The data files of a full export are in `data/` below that prefix. Those of all incremental exports with
  the same S3Prefix are in one folder `<S3Prefix>/AWSDynamoDB/data/`; the manifest tells which belong to an
  export.
- An export id is the start in milliseconds with 14 digits, a hyphen and 8 hex digits; an incremental export
  starts at a whole second (the published exports).
- An incremental export is billed for at least 10 MB (developer guide, "DynamoDB data export to Amazon S3:
  how it works"), 10,000,000 bytes in the published exports. A full export is billed for the size of the
  table; here that is the exact size of the items, on AWS an earlier measurement.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Protocol

from sandbox.emulator.exports import data_files, manifests, rows
from sandbox.emulator.exports.destination import FailedError
from sandbox.emulator.exports.requests import Period, Request
from sandbox.emulator.point_in_time import Change, Item, Key, NetChange, key_of, net_changes, undone

LEAST_BILLED_BYTES = 10_000_000  # of an incremental export


Source = Item | NetChange  # of one line: of a full export, of an incremental one


class Writer(Protocol):
    """Where objects are written; `destination.Destination` is one."""

    def check_owner(self) -> None:
        """Fail if another account owns the bucket."""

    def put(self, key: str, content: bytes) -> None:
        """Write one small object."""

    def upload(self, key: str, parts: Iterable[bytes]) -> str:
        """Write one object in parts; its entity tag."""


@dataclass(frozen=True)
class Export:
    """An export that was accepted, with the references to all that it will contain."""

    request: Request
    arn: str
    period: Period
    started: int  # microseconds since 1970
    table: Item  # its names; its items may change
    items: list[Item]  # of a full export: the items when it was requested
    changes: list[Change]  # of a full export: those to undo; of an incremental one: those to export

    @property
    def folder(self) -> str:
        """`<S3Prefix>/AWSDynamoDB/`"""
        prefix = self.request.prefix
        return f"{prefix}/AWSDynamoDB/" if prefix else "AWSDynamoDB/"

    @property
    def manifests(self) -> str:
        """The prefix of the manifests."""
        return f"{self.folder}{self.arn.rpartition('/')[2]}/"

    @property
    def data(self) -> str:
        """The prefix of the data files."""
        return f"{self.folder if self.request.incremental else self.manifests}data/"


def _sources(export: Export) -> Iterator[tuple[Key, Source]]:
    """Each item or net change of the export with its key, unsorted."""
    if export.request.incremental:
        yield from rows.remaining(net_changes(export.changes))
        return

    def key(item: Item) -> Key:
        return key_of(export.table, item)

    for item in undone(export.items, export.changes, key):
        yield key(item), item


def _images(source: Source) -> Iterator[Item]:
    yield from (source,) if isinstance(source, dict) else filter(None, (source.old, source.new))


def _partitions(export: Export) -> list[list[Source]]:
    """The sources by partition, each partition in its order, and an empty one at the end."""
    found = list(_sources(export))
    count = data_files.partition_count(len(found))
    partitions: list[list[tuple[bytes, Source]]] = [[] for _ in range(count + 1)]
    for key, source in found:
        number = data_files.partition_of(repr(key[0]), count)
        partitions[number].append((data_files.order_in_partition(repr(key)), source))
    for partition in partitions:
        partition.sort(key=itemgetter(0))
    return [[source for _, source in partition] for partition in partitions]


def _line(export: Export, source: Source) -> bytes:
    if isinstance(source, dict):
        return rows.item_line(source, as_ion=export.request.ion)
    image = next(_images(source))
    keys = {name: image[name] for name in (export.table["pk_name"], export.table["sk_name"]) if name}
    request = export.request
    return rows.change_line(source, keys, as_ion=request.ion, old_images=request.old_images)


def run(export: Export, writer: Writer, measure: Callable[[Item], int], clock: Callable[[], int]) -> Item:
    """Write all objects; the members that DescribeExport shows afterwards, whether it failed or not.

    `measure` is the size of an item in bytes, `clock` the time in microseconds since 1970.
    """
    try:
        writer.check_owner()
        writer.put(f"{export.manifests}_started", b"")
        size = 0
        extension = "ion.gz" if export.request.ion else "json.gz"
        files = []
        for partition in _partitions(export):
            key = f"{export.data}{data_files.random_name()}.{extension}"
            content = data_files.Compressed(_line(export, source) for source in partition)
            etag = writer.upload(key, content)
            size += sum(measure(image) for source in partition for image in _images(source))
            files.append(manifests.DataFile(key, content.rows, content.md5, etag))
        billed = max(size, LEAST_BILLED_BYTES) if export.request.incremental else size
        listed = manifests.files_manifest(files)
        count, ended = sum(file.rows for file in files), clock()
        summary = manifests.summary_manifest(_summary(export, count, billed, ended))
        for name, content_of in (("manifest-files", listed), ("manifest-summary", summary)):
            writer.put(f"{export.manifests}{name}.json", content_of)
            writer.put(f"{export.manifests}{name}.md5", manifests.checksum(content_of))
    except FailedError as error:
        return failed(error.code, error.message, clock())
    return {
        "ExportStatus": "COMPLETED",
        "EndTime": _seconds(ended),
        "ExportManifest": f"{export.manifests}manifest-summary.json",
        "ItemCount": count,
        "BilledSizeBytes": billed,
    }


def failed(code: str, message: str, ended: int) -> Item:
    """The members that DescribeExport shows after a failure at `ended` (microseconds since 1970)."""
    return {
        "ExportStatus": "FAILED",
        "EndTime": _seconds(ended),
        "FailureCode": code,
        "FailureMessage": message,
    }


def _seconds(microseconds: int) -> float:
    return microseconds // 1000 / 1000


def _summary(export: Export, count: int, billed: int, ended: int) -> dict[str, Any]:
    request, period = export.request, export.period
    times = (
        {"exportTime": manifests.moment(period.end)}
        if period.start is None
        else {
            "exportFromTime": manifests.moment(period.start),
            "exportToTime": manifests.moment(period.end),
        }
    )
    members = {
        "version": manifests.INCREMENTAL_VERSION if request.incremental else manifests.FULL_VERSION,
        "exportArn": export.arn,
        "startTime": manifests.moment(export.started),
        "endTime": manifests.moment(ended),
        "tableArn": request.table_arn,
        "tableId": export.table["TableId"],
        **times,
        "s3Bucket": request.bucket,
        "s3Prefix": request.prefix,
        "s3SseAlgorithm": request.algorithm,
        "s3SseKmsKeyId": request.key,
        "manifestFilesS3Key": f"{export.manifests}manifest-files.json",
        "billedSizeBytes": billed,
        "itemCount": count,
        "outputFormat": "ION" if request.ion else "DYNAMODB_JSON",
    }
    if request.incremental:
        members["outputView"] = "NEW_AND_OLD_IMAGES" if request.old_images else "NEW_IMAGE"
        members["exportType"] = "INCREMENTAL_EXPORT"
    return members
