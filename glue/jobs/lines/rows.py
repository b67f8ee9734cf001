"""Converts a raw object's bytes to changes: for each line the texts that Athena reads, by column name."""

import gzip
import re
import zlib
from collections.abc import Iterator
from functools import lru_cache

from .openx import InvalidJsonError, read_line, text_of

# The same check as in every query in athena/: a line with another change type is not one of our changes.
CHANGE_TYPES = frozenset(("INSERT", "MODIFY", "REMOVE", "SNAPSHOT"))
# The names that the catalog function declares, catalog_lambda/columns.py.
_NAME = re.compile(r"[a-z0-9_]{1,255}")
# DynamoDB's names of tables: API reference, "CreateTable", TableName.
_TABLE = re.compile(r"[a-zA-Z0-9_.-]{3,255}")
_OTHER_COMPRESSION = (".bz2", ".zst", ".snappy", ".lz4", ".lzo", ".deflate")

Change = dict[str, str | None]


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


def changes_of(key: str, body: bytes) -> Iterator[Change | None]:
    """For every line of an object: the change's texts by lower-case column name, or None.

    None stands for a line that is not a change: malformed, foreign, a JSON array, without `change_key` or
    `change_table`, of another `change_type`, or of a table whose name DynamoDB does not accept. Names that
    cannot be columns are left out. Raises UnreadableObjectError as `lines_of` does.
    """
    for line in lines_of(key, body):
        yield _change(line)


def _change(line: bytes) -> Change | None:
    try:
        value = read_line(line)
    except InvalidJsonError:
        return None
    if type(value) is not dict:
        return None
    # Of names that differ only in case, the last one counts, as in Athena.
    change = {column: text_of(member) for name, member in value.items() if (column := _column(name))}
    if change.get("change_type") not in CHANGE_TYPES or change.get("change_key") is None:
        return None
    return change if _TABLE.fullmatch(change.get("change_table") or "") else None


@lru_cache(maxsize=65_536)
def _column(name: str) -> str | None:
    """The column of a member, which is its name in lower case; None for a name that cannot be a column."""
    lowered = name.lower()
    return lowered if _NAME.fullmatch(lowered) else None
