"""Delimited text, `org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe`, as Trino reads it.

Source: Trino, lib/trino-hive-formats, package `line.simple`; Athena user guide, "Lazy Simple SerDe". Columns
go by position; a missing one is NULL, further fields are ignored. Only text columns are supported here.
"""

import pyarrow as pa

from sandbox.athena.errors import UnsupportedError
from sandbox.athena.formats.hive_types import HiveType

LAZY_SIMPLE_SERDE = "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"
DELIMITERS = ("field.delim", "serialization.format")  # the first property that is set counts
_NULL = b"\\N"


def parse_fields(
    lines: list[bytes], types: dict[str, HiveType], wanted: list[str], properties: dict[str, str]
) -> dict[str, pa.Array]:
    """The wanted columns over the lines; `types` are all the columns of the table, in order.

    Raises `UnsupportedError` for a column that is not text, and for escapes, headers and other null marks.
    """
    unknown = {"escape.delim", "serialization.null.format", "skip.header.line.count"} & set(properties)
    if unknown or any(types[name].text != "string" for name in wanted):
        raise UnsupportedError(
            f"delimited text with {', '.join(sorted(unknown)) or 'typed columns'}",
            "Declare the columns as string and remove such properties.",
        )
    delimiter = _delimiter(properties)
    positions = {name: number for number, name in enumerate(types)}
    rows = [line.split(delimiter) for line in lines]
    return {
        name: pa.array([_field(row, positions[name]) for row in rows], type=types[name].arrow)
        for name in wanted
    }


def _delimiter(properties: dict[str, str]) -> bytes:
    """The byte between two fields: a character or a number, by default byte 1."""
    text = next((properties[name] for name in DELIMITERS if properties.get(name)), "1")
    return bytes([int(text)]) if text.isdigit() and int(text) < 128 else text[:1].encode()


def _field(row: list[bytes], position: int) -> str | None:
    if position >= len(row) or row[position] == _NULL:
        return None
    return row[position].decode("utf-8", "replace")
