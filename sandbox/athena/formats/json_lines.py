"""JSON lines, one object per line, as the OpenX and the Hive JSON SerDe read them into columns."""

from typing import Any

import pyarrow as pa

from sandbox.athena.errors import QueryError
from sandbox.athena.formats.hive_types import HiveType
from sandbox.athena.formats.openx import InvalidJsonError, malformed, read_line, text_of

JSON_SERDES = ("org.openx.data.jsonserde.JsonSerDe", "org.apache.hive.hcatalog.data.JsonSerDe")


def parse_lines(
    lines: list[bytes], types: dict[str, HiveType], ignore_malformed: bool
) -> dict[str, pa.Array]:
    """Each column's values in the lines. Raises `QueryError` for a value that does not fit its column."""
    values: dict[str, list[Any]] = {name: [] for name in types}
    readers = [
        (name, values[name].append, None if t.decode is text_of else t.decode) for name, t in types.items()
    ]
    for line in lines:
        try:
            row = read_line(line)
        except InvalidJsonError as error:
            if not ignore_malformed:
                raise malformed(str(error)) from None
            row = None
        if type(row) is list:
            row = dict(zip(types, row, strict=False))
        if row is None:
            for _, append, _ in readers:
                append(None)
            continue
        by_name = row if _is_lower(row) else {key.lower(): value for key, value in row.items()}
        for name, append, decode in readers:
            value = by_name.get(name)
            if value is None or (decode is None and type(value) is str):
                append(value)
            elif decode is None:
                append(text_of(value))
            else:
                append(decode(value))
    return {name: _array(values[name], types[name]) for name in types}


def _is_lower(row: dict[str, Any]) -> bool:
    joined = "".join(row)
    return joined == joined.lower()


def _array(values: list[Any], hive: HiveType) -> pa.Array:
    try:
        return pa.array(values, type=hive.arrow)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError, UnicodeEncodeError):
        raise QueryError(
            "HIVE_BAD_DATA", f"Error parsing field value for a column of type {hive.text}"
        ) from None
