"""From a raw object's bytes to the rows of `changes_columnar`: the text that Athena reads, line by line."""

import gzip
import re
import zlib
from collections.abc import Iterator, Sequence

from .openx import InvalidJsonError, read_line, text_of

# The guard of every query in athena/: a line with another change type is no change of ours.
CHANGE_TYPES = frozenset(("INSERT", "MODIFY", "REMOVE", "SNAPSHOT"))
_NAME = re.compile(r"[a-z0-9_]{1,255}")  # what the catalog function declares, catalog_lambda/columns.py
_OTHER_COMPRESSION = (".bz2", ".zst", ".snappy", ".lz4", ".lzo", ".deflate")

Row = tuple[str | None, ...]


class UnreadableObjectError(Exception):
    """An object that no reader of the lake can read; the message names it and says what to do."""


def lines_of(key: str, body: bytes) -> list[bytes]:
    """The object's lines; the compression follows from its name, and a line ends at `\\n`, `\\r\\n` or `\\r`.

    Raises UnreadableObjectError for an object that is cut off or compressed in another way.
    """
    if key.endswith(".gz"):
        try:
            body = gzip.decompress(body)
        except (OSError, EOFError, zlib.error) as error:
            raise UnreadableObjectError(
                f"{key} is not whole ({type(error).__name__}). Next: restore it, or move it out of data/"
            ) from None
    elif key.endswith(_OTHER_COMPRESSION):
        raise UnreadableObjectError(f"{key} is not compressed with gzip. Next: move it out of data/")
    return body.removeprefix(b"\xef\xbb\xbf").splitlines()


def rows_of(key: str, body: bytes, columns: Sequence[str], reported: set[str]) -> Iterator[Row]:
    """A row for every line: the columns' texts, then the names of attributes that have no column, or None.

    A line that is no change (malformed, foreign, a JSON array) is a row of None. A name is given once:
    `reported` holds those already given. Names that can be no column are left out.
    """
    nothing: Row = (None,) * (len(columns) + 1)
    known = frozenset(columns)
    for line in lines_of(key, body):
        try:
            found = read_line(line)
        except InvalidJsonError:
            found = None
        if type(found) is not dict:
            yield nothing
            continue
        by_name = {name.lower(): value for name, value in found.items()}
        if text_of(by_name.get("change_type")) not in CHANGE_TYPES:
            yield nothing
            continue
        undeclared = None
        if not known.issuperset(by_name):
            fresh = {name for name in by_name.keys() - known - reported if _NAME.fullmatch(name)}
            if fresh:
                reported |= fresh
                undeclared = ",".join(sorted(fresh))
        yield (*[text_of(by_name.get(name)) for name in columns], undeclared)
