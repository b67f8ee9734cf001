"""Converts a raw object's bytes to the rows of `changes_columnar`: the text that Athena reads, by line."""

import gzip
import re
import zlib
from collections.abc import Iterator, Sequence

from .openx import InvalidJsonError, read_line, text_of

# The same check as in every query in athena/: a line with another change type is not one of our changes.
CHANGE_TYPES = frozenset(("INSERT", "MODIFY", "REMOVE", "SNAPSHOT"))
_NAME = re.compile(
    r"[a-z0-9_]{1,255}"
)  # the names that the catalog function declares, catalog_lambda/columns.py
_OTHER_COMPRESSION = (".bz2", ".zst", ".snappy", ".lz4", ".lzo", ".deflate")

Row = tuple[str | None, ...]


class UnreadableObjectError(Exception):
    """No reader of the lake can read an object. The message contains its name and the next step."""


def lines_of(key: str, body: bytes) -> list[bytes]:
    """The object's lines. Its name decides the compression. A line ends with `\\n`, `\\r\\n` or `\\r`.

    Raises UnreadableObjectError if the object is cut off or has another compression.
    """
    if key.endswith(".gz"):
        try:
            body = gzip.decompress(body)
        except (OSError, EOFError, zlib.error) as error:
            raise UnreadableObjectError(
                f"{key} is not a complete gzip file ({type(error).__name__}). "
                "Next: restore it, or move it out of data/"
            ) from None
    elif key.endswith(_OTHER_COMPRESSION):
        raise UnreadableObjectError(f"{key} is not compressed with gzip. Next: move it out of data/")
    return body.removeprefix(b"\xef\xbb\xbf").splitlines()


def rows_of(key: str, body: bytes, columns: Sequence[str], reported: set[str]) -> Iterator[Row]:
    """A row for every line: the columns' texts, then the names of attributes without a column, or None.

    A line that is not a change (malformed, foreign, a JSON array) is a row of None. Each name is reported
    once: `reported` contains the names so far. Names that cannot be columns are left out.
    """
    nothing: Row = (None,) * (len(columns) + 1)
    known = frozenset(columns)
    for line in lines_of(key, body):
        try:
            value = read_line(line)
        except InvalidJsonError:
            value = None
        if type(value) is not dict:
            yield nothing
            continue
        by_name = {name.lower(): member for name, member in value.items()}
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
