"""The rows of a query's result as a stream: a result may be larger than this machine's memory.

Athena writes the result of a SELECT as one CSV object, with every value in quotes (Athena User Guide, "Work
with query results and recent queries"). The object is read in pieces, so a slow reader keeps no connection
open. Null and an empty text are both read as an empty text.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from scripts.core.console import CommandError

PIECE_BYTES = 8 * 1024 * 1024
ATTEMPTS = 4  # to read one piece whose connection breaks
# An item has at most 400 KB, and its row at most 4.5 times its JSON, in which a character may have six bytes.
_LONGEST_VALUE = 64 * 1024 * 1024


def result_rows(s3: Any, location: str) -> Iterator[list[str]]:
    """The rows of the CSV object at `location` (s3://…), without the row of column names.

    Raises CommandError if the result does not exist any more.
    """
    csv.field_size_limit(_LONGEST_VALUE)
    with io.BufferedReader(_Pieces(s3, location)) as binary:
        reader = csv.reader(io.TextIOWrapper(binary, encoding="utf-8", newline=""))
        next(reader)
        yield from reader


class _Pieces(io.RawIOBase):
    """An object as a file that is read piece by piece."""

    def __init__(self, s3: Any, location: str) -> None:
        from botocore.exceptions import ClientError  # noqa: PLC0415

        place = urlsplit(location)
        self._s3, self._object = s3, {"Bucket": place.netloc, "Key": place.path.lstrip("/")}
        try:
            head = s3.head_object(**self._object)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") not in ("404", "NoSuchKey"):
                raise
            raise CommandError(
                f"the result {location} does not exist any more", "Run the command again."
            ) from None
        self._object["IfMatch"] = head["ETag"]
        self._size, self._position = int(head["ContentLength"]), 0  # in bytes; of the next piece
        self._piece = memoryview(b"")

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read the next bytes; 0 at the end."""
        if not self._piece and self._position < self._size:
            self._piece = memoryview(self._next_piece())
            self._position += len(self._piece)
        size = min(len(buffer), len(self._piece))
        buffer[:size] = self._piece[:size]
        self._piece = self._piece[size:]
        return size

    def _next_piece(self) -> bytes:
        from botocore import exceptions as aws  # noqa: PLC0415

        interval = f"bytes={self._position}-{min(self._position + PIECE_BYTES, self._size) - 1}"
        for attempt in range(ATTEMPTS):
            try:
                body: bytes = self._s3.get_object(**self._object, Range=interval)["Body"].read()
                return body
            except (aws.HTTPClientError, aws.IncompleteReadError):
                if attempt == ATTEMPTS - 1:
                    raise
        raise AssertionError("unreachable")
