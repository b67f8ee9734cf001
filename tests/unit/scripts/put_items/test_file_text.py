"""Files that are not UTF-8 text are refused by the name of what they are, with what to do."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import sqlite3
import tarfile
import zipfile
from pathlib import Path

import pytest

from scripts.put_items.errors import CommandError
from scripts.put_items.reading.file_text import FORMATS, HEAD_BYTES
from tests.unit.scripts.put_items.files import PLAIN, items, source


def archive(name: str) -> bytes:
    """A ZIP archive with one member."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as zipped:
        zipped.writestr(name, PLAIN)
    return made.getvalue()


def tar() -> bytes:
    """A tar archive with one member."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tarred:
        tarred.addfile(tarfile.TarInfo("a.json"))
    return made.getvalue()


def database(folder: Path) -> bytes:
    """A database of SQLite."""
    connection = sqlite3.connect(folder / "a.db")
    connection.execute("CREATE TABLE a (pk)")
    connection.commit()
    connection.close()
    return (folder / "a.db").read_bytes()


ION = '$ion_1_0 {Item:{pk:"103",Authors:["A","B"],Price:2000.,InPublication:false}}'
TEXT = "pk,name\n1,Zo\u00eb\n"
FOREIGN = {
    "ion": (ION.encode(), "is Amazon Ion", "--export-format DYNAMODB_JSON"),
    "binary ion": (b"\xe0\x01\x00\xea\xee", "is Amazon Ion (binary)", "--export-format DYNAMODB_JSON"),
    "parquet": (b"PAR1\x15\x04\x15", "is Apache Parquet", "JSON lines or CSV"),
    "avro": (b"Obj\x01\x04\x14avro.codec", "is Apache Avro", "JSON lines or CSV"),
    "orc": (b"ORC\x0a\x03\x00", "is Apache ORC", "JSON lines or CSV"),
    "xlsx": (archive("[Content_Types].xml"), "is an Office file (xlsx)", "Save the sheet as CSV"),
    "xls": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\x00", "is an Office file (xls)", "Save the sheet as CSV"),
    "zip": (archive("a.json"), "is a ZIP archive", "Unpack it"),
    "bzip2": (bz2.compress(b"{}"), "is packed with bzip2", "Unpack it"),
    "xz": (lzma.compress(b"{}"), "is packed with XZ", "Unpack it"),
    "zstandard": (b"\x28\xb5\x2f\xfd\x04", "is packed with Zstandard", "Unpack it"),
    "tar": (tar(), "is a tar archive", "Unpack it"),
    "gzip twice": (
        gzip.compress(gzip.compress(b"{}")),
        "is compressed with gzip twice",
        "Decompress it once",
    ),
    "ion packed": (gzip.compress(ION.encode()), "is Amazon Ion", "--export-format DYNAMODB_JSON"),
    "tar packed": (gzip.compress(tar()), "is a tar archive", "Unpack it"),
    "utf-16": (TEXT.encode("utf-16"), "is UTF-16 text, not UTF-8", "iconv -f UTF-16 -t UTF-8"),
    "utf-16-be": (b"\xfe\xff" + TEXT.encode("utf-16-be"), "is UTF-16 text", "iconv -f UTF-16 -t UTF-8"),
    "utf-16 no mark": (TEXT.encode("utf-16-le"), "is UTF-16LE text", "iconv -f UTF-16LE -t UTF-8"),
    "utf-16-be no mark": (TEXT.encode("utf-16-be"), "is UTF-16BE text", "iconv -f UTF-16BE -t UTF-8"),
    "utf-16 packed": (gzip.compress(TEXT.encode("utf-16")), "is UTF-16 text", "iconv -f UTF-16 -t UTF-8"),
    "utf-32": (TEXT.encode("utf-32"), "is UTF-32 text", "iconv -f UTF-32 -t UTF-8"),
    "utf-32 no mark": (TEXT.encode("utf-32-le"), "is UTF-32LE text", "iconv -f UTF-32LE -t UTF-8"),
    "utf-32-be no mark": (TEXT.encode("utf-32-be"), "is UTF-32BE text", "iconv -f UTF-32BE -t UTF-8"),
    "latin-1": (TEXT.encode("latin-1"), ", line 2: is not UTF-8 text", "iconv -f WINDOWS-1252 -t UTF-8"),
    "latin-1 packed": (gzip.compress(TEXT.encode("latin-1")), ", line 2: is not UTF-8 text", "iconv"),
    "cut off": (b"pk\n\xe2\x82", ", line 2: is not UTF-8 text", "iconv"),
    "zero bytes": (b"pk,name\n1,\0\n", "is not text", "JSON lines or CSV"),
    "empty": (b"", "is empty", "--file"),
    "a mark alone": (b"\xef\xbb\xbf\n", "is empty", "--file"),
    "empty packed": (gzip.compress(b""), "is empty", "--file"),
}


@pytest.mark.parametrize("ending", ["csv", "json"])
@pytest.mark.parametrize("name", FOREIGN)
def test_an_unsupported_format_is_named_with_a_next_step(name: str, ending: str, tmp_path: Path) -> None:
    """By its first bytes, whatever its own name says, packed or not."""
    content, why, next_step = FOREIGN[name]
    path = tmp_path / f"a.{ending}"
    with pytest.raises(CommandError) as refused:
        items(source(path, content))
    assert refused.value.message.startswith(f"{path}{why if why[0] == ',' else ' ' + why}")
    assert next_step in refused.value.next_step


def test_the_line_of_the_first_byte_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    """Also far behind the beginning, and where a character lies across what is read at once."""
    text = b"pk,name\n" + b"x,\xc3\xab\n" * 100_000 + b"y,\xeb\n"
    for content in (text, gzip.compress(text)):
        with pytest.raises(CommandError, match="line 100002: is not UTF-8 text"):
            items(source(tmp_path / "a.csv", content))


def test_a_database_is_named(tmp_path: Path) -> None:
    """Made by SQLite itself."""
    with pytest.raises(CommandError, match="is an SQLite database"):
        items(source(tmp_path / "a.json", database(tmp_path)))


@pytest.mark.parametrize("header", ["PAR1,pk", "ORC,pk", "BZh,pk", "Objekt,pk", "PK,pk", "7z,pk"])
def test_a_header_like_a_formats_mark_is_a_header(header: str, tmp_path: Path) -> None:
    """What begins a binary format goes on in bytes that text has not."""
    assert len(items(source(tmp_path / "a.csv", f"{header}\nx,1\n"))) == 1


def test_every_mark_is_within_the_first_bytes() -> None:
    """And none is empty, which every file would begin with."""
    assert all(0 < len(known.mark) < HEAD_BYTES for known in FORMATS)


def test_a_pipe_is_refused_without_waiting(tmp_path: Path) -> None:
    """A file is read twice, and a pipe is empty the second time."""
    os.mkfifo(tmp_path / "a.json")
    made = source(tmp_path / "b.json", PLAIN)
    made.path = tmp_path / "a.json"
    with pytest.raises(CommandError, match="the command reads it twice") as refused:
        items(made)
    assert "Write the data to a file" in refused.value.next_step
