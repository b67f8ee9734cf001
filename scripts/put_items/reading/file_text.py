"""The text of a file: gzip is decompressed; other formats and encodings are named and refused."""

from __future__ import annotations

import codecs
import gzip
import io
import re
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import CommandError, printable

HEAD_BYTES = 512  # enough for every mark below; the mark of a tar archive is at byte 257


class Format(NamedTuple):
    """An unsupported format: its first bytes, its name, and what to do with such a file."""

    mark: bytes
    name: str
    next_step: str


_EXPORT = "Export the table with `--export-format DYNAMODB_JSON`, or convert the file to JSON lines."
_CONVERT = "Convert it to JSON lines or CSV."
_SAVE_AS_CSV = "Save the sheet as CSV in UTF-8."
_UNPACK = "Unpack it and give the file inside. Only gzip is read without unpacking."
_ICONV = "`iconv -f {} -t UTF-8 FILE > NEW`"

ZIP = b"PK\x03\x04"
OFFICE = (b"[Content_Types]", b"_rels/", b"xl/")  # first names in a workbook's archive
FORMATS = (
    Format(b"$ion_", "Amazon Ion", _EXPORT),
    Format(b"\xe0\x01\x00\xea", "Amazon Ion (binary)", _EXPORT),
    Format(b"PAR1\x15", "Apache Parquet", _CONVERT),
    Format(b"Obj\x01", "Apache Avro", _CONVERT),
    Format(b"BZh91AY&SY", "packed with bzip2", _UNPACK),
    Format(b"ARROW1\0", "Apache Arrow", _CONVERT),
    Format(b"SQLite format 3\0", "an SQLite database", _CONVERT),
    Format(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Office file (xls)", _SAVE_AS_CSV),
    Format(b"%PDF-", "a PDF file", "Give a JSON or CSV file."),
    Format(ZIP, "a ZIP archive", _UNPACK),
    Format(b"PK\x05\x06", "an empty ZIP archive", _UNPACK),
    Format(b"\x28\xb5\x2f\xfd", "packed with Zstandard", _UNPACK),
    Format(b"\xfd7zXZ\0", "packed with XZ", _UNPACK),
    Format(b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", _UNPACK),
    Format(b"\x04\x22\x4d\x18", "packed with LZ4", _UNPACK),
)
# A byte order mark, or else the zero bytes around the first character, which is ASCII (a bracket, a quote, a
# name). UTF-32 comes before UTF-16, because its marks start with the marks of UTF-16.
UNICODE = (
    ("UTF-32", re.compile(rb"\xff\xfe\0\0|\0\0\xfe\xff")),
    ("UTF-32LE", re.compile(rb"[^\0]\0\0\0")),
    ("UTF-32BE", re.compile(rb"\0\0\0[^\0]")),
    ("UTF-16", re.compile(rb"\xff\xfe|\xfe\xff")),
    ("UTF-16LE", re.compile(rb"[^\0]\0")),
    ("UTF-16BE", re.compile(rb"\0[^\0]")),
)


def foreign(head: bytes) -> Format | None:
    """The unsupported format of a file by its first bytes; None if they look like UTF-8 text."""
    known = next((known for known in FORMATS if head.startswith(known.mark)), None)
    if known is not None and known.mark == ZIP and any(name in head for name in OFFICE):
        return Format(ZIP, "an Office file (xlsx)", _SAVE_AS_CSV)
    if known is not None:
        return known
    for encoding, mark in UNICODE:
        if mark.match(head):
            return Format(b"", f"{encoding} text, not UTF-8", f"Convert it: {_ICONV.format(encoding)}.")
    if head[:3] == b"ORC" and min(head) < ord("\t"):
        return Format(b"ORC", "Apache ORC", _CONVERT)
    if head[257:262] == b"ustar":
        return Format(b"", "a tar archive", _UNPACK)
    return Format(b"", "not text: it has zero bytes", _CONVERT) if b"\0" in head else None


def _binary(raw: io.BufferedReader, name: str) -> Any:
    """The file's bytes, decompressed if the file is gzip."""
    packed = raw.read(2) == b"\x1f\x8b"
    raw.seek(0)
    if not packed:
        return raw
    stream = gzip.GzipFile(fileobj=raw)
    twice = stream.read(2) == b"\x1f\x8b"
    stream.seek(0)
    if twice:
        raise CommandError(f"{name} is compressed with gzip twice", "Decompress it once: `gunzip FILE`.")
    return stream


@contextmanager
def text_of(path: Path) -> Iterator[io.TextIOBase]:
    """The text of a file. Raises CommandError if it is empty, damaged, or in another format or encoding."""
    name = printable(str(path))
    if not stat.S_ISREG(path.stat().st_mode):
        raise CommandError(
            f"{name} is not a regular file; the command reads it twice, to check and to put the items",
            "Write the data to a file and give its name.",
        )
    try:
        with path.open("rb") as raw:
            stream = _binary(raw, name)
            head = stream.read(HEAD_BYTES)
            stream.seek(0)
            found = foreign(head)
            if found is not None:
                raise CommandError(f"{name} is {found.name}", found.next_step)
            if not head.strip(b"\xef\xbb\xbf \t\r\n") and len(head) < HEAD_BYTES:
                raise CommandError(f"{name} is empty", "Give a file with items to --file.")
            with io.TextIOWrapper(stream, encoding="utf-8-sig", newline="") as text:
                yield text
    except UnicodeDecodeError:
        raise _not_utf8(path, name) from None
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise CommandError(f"{name} is a damaged gzip file", "Download or create it again.") from None


def _not_utf8(path: Path, name: str) -> CommandError:
    """The error with the line of the first byte that is not UTF-8, without the byte itself."""
    decoder, line = codecs.getincrementaldecoder("utf-8")(), 1
    with path.open("rb") as raw:
        stream = _binary(raw, name)
        try:
            while True:
                chunk = stream.read(1 << 16)
                decoder.decode(chunk, not chunk)
                if not chunk:
                    break
                line += chunk.count(b"\n")
        except UnicodeDecodeError as error:
            line += error.object.count(b"\n", 0, error.start)
    return CommandError(
        f"{name}, line {line}: is not UTF-8 text; it may be Windows-1252 or Latin-1",
        f"Save it as UTF-8, or convert it: {_ICONV.format('WINDOWS-1252')}.",
    )
