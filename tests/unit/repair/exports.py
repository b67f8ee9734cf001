"""Small exports as DynamoDB writes them, in memory, to be read and to be damaged."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from repair.exports.manifest import FULL, INCREMENTAL, ION, JSON, VERSIONS, Manifest, read_manifest

Image = dict[str, Any]
TABLE_ARN = "arn:aws:dynamodb:eu-west-1:111111111111:table/orders"
TABLE_ID = "0aaaaaaa-0000-4000-8000-000000000001"
EXPORT_ID = "01795166100000-a1b2c3d4"
SCHEMA = (("pk", "S"),)
TIME = "2026-11-20T09:15:02.345Z"
PREFIX = f"exports/AWSDynamoDB/{EXPORT_ID}/"
SUMMARY = f"{PREFIX}manifest-summary.json"
FILES = f"{PREFIX}manifest-files.json"

# An item of all ten types, with a number of 38 digits, and the same item as the guide's Ion text.
ITEM: Image = {
    "pk": {"S": 'all "types"\n\u00e4'},
    "n": {"N": "-12345678901234567890123456789012345.678"},
    "hundreds": {"N": "600"},
    "small": {"N": "0.00012"},
    "zero": {"N": "0"},
    "b": {"B": "aGVsbG8="},
    "yes": {"BOOL": True},
    "nothing": {"NULL": True},
    "ss": {"SS": ["b", "a"]},
    "ns": {"NS": ["10", "2.5"]},
    "bs": {"BS": ["aGk="]},
    "m": {"M": {"a b": {"L": [{"N": "1"}, {"M": {}}, {"NULL": True}]}}},
    "l": {"L": []},
}
ION_ITEM = (
    '{pk:"all \\"types\\"\\n\\u00e4",n:-12345678901234567890123456789012345.678,hundreds:6d2,small:1.2d-4,'
    'zero:0.,b:{{aGVsbG8=}},yes:true,nothing:null,ss:$dynamodb_SS::["b","a"],ns:$dynamodb_NS::[1d1,2.5],'
    "bs:$dynamodb_BS::[{{aGk=}}],m:{'a b':[1.,{},null]},l:[]}"
)


def item(number: int) -> Image:
    """A plain item."""
    return {"pk": {"S": f"item-{number:05d}"}, "n": {"N": str(number)}}


def md5(content: bytes) -> str:
    """As the manifests state it."""
    return base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()


def json_lines(records: Iterable[Any]) -> bytes:
    """The text of a data file in DynamoDB JSON."""
    return b"".join(json.dumps(record, separators=(",", ":")).encode() + b"\n" for record in records)


@dataclass
class Export:
    """The objects of one export. Change `objects` to damage it; `sealed` writes fitting checksums again."""

    objects: dict[str, bytes] = field(default_factory=dict)

    @classmethod
    def of(cls, texts: Sequence[bytes], *, form: str = JSON, kind: str = FULL, **members: Any) -> Export:
        """An export with these data files. `members` replace members of the summary; None removes one."""
        made = cls()
        ending = "ion.gz" if form == ION else "json.gz"
        folder = f"{PREFIX}data/" if kind == FULL else "exports/AWSDynamoDB/data/"
        entries = []
        for number, text in enumerate(texts):
            body, key = gzip.compress(text, mtime=0), f"{folder}file{number}.{ending}"
            made.objects[key] = body
            entries.append(
                {
                    "itemCount": text.count(b"\n"),
                    "md5Checksum": md5(body),
                    "etag": f"{number}-1",
                    "dataFileS3Key": key,
                }
            )
        made.objects[FILES] = json_lines(entries)
        summary: dict[str, Any] = {
            "version": VERSIONS[kind],
            "exportArn": f"{TABLE_ARN}/export/{EXPORT_ID}",
            "tableArn": TABLE_ARN,
            "tableId": TABLE_ID,
            "s3Prefix": "exports",
            "manifestFilesS3Key": FILES,
            "billedSizeBytes": 0,
            "itemCount": sum(text.count(b"\n") for text in texts),
            "outputFormat": form,
            **({"exportTime": TIME} if kind == FULL else {}),
            **(
                {
                    "exportFromTime": "2026-11-20T09:00:00.000Z",
                    "exportToTime": "2026-11-20T10:00:00.000Z",
                    "outputView": "NEW_AND_OLD_IMAGES",
                    "exportType": INCREMENTAL,
                }
                if kind == INCREMENTAL
                else {}
            ),
            **members,
        }
        made.objects[SUMMARY] = json.dumps({k: v for k, v in summary.items() if v is not None}).encode()
        made.sealed()
        made.objects[f"{PREFIX}_started"] = b""
        return made

    def sealed(self, ending: str = ".md5") -> None:
        """Write the checksum files of the manifests as they are now."""
        for key in (SUMMARY, FILES):
            self.objects[key.removesuffix(".json") + ending] = md5(self.objects[key]).encode()

    def edit_files(self, change: Callable[[list[dict[str, Any]]], None]) -> None:
        """Change the entries of the files manifest."""
        entries = [json.loads(line) for line in self.objects[FILES].splitlines()]
        change(entries)
        self.objects[FILES] = json_lines(entries)
        self.sealed()

    def manifest(self) -> Manifest:
        """The manifests, read."""
        return read_manifest(SUMMARY, self.objects.get)

    def keys(self) -> list[str]:
        """The keys of the data files that exist."""
        return [key for key in self.objects if "/data/" in key]

    def open(self, key: str) -> io.BytesIO:
        """A data file as a stream."""
        return io.BytesIO(self.objects[key])
