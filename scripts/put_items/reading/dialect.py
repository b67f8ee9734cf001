"""How a CSV file separates and quotes its cells: given by options, or found in its header."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from ..errors import CommandError
from .columns import name_and_type

DELIMITERS = (",", "\t", ";", "|")  # found automatically; --delimiter accepts any other
NAMES = {",": "comma", "\t": "tab", ";": "semicolon", "|": "vertical bar"}


class Dialect(NamedTuple):
    """The delimiter, and whether `"` quotes a cell. None means: decide by the file."""

    delimiter: str | None = None
    quoting: bool | None = None
    usual: str = ","  # the usual delimiter for the file's ending

    def reader(self, lines: Iterator[str], delimiter: str) -> Any:
        """A csv reader. A quote that does not close, or does not end its cell, is an error."""
        if self.quoting is False:
            return csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_NONE)
        return csv.reader(lines, delimiter=delimiter, strict=True)

    def delimiter_of(self, header: str, types: Mapping[str, str], keys: Iterable[str], file: str) -> str:
        """The given delimiter, or the one that finds the most keys and names of --types in the header.

        On a tie it is the usual delimiter of the file's ending. csv.Sniffer is not used, because it counts
        characters in the data. Raises CommandError if the header can be read with two delimiters.
        """
        if self.delimiter is not None:
            return self.delimiter
        splits = {delimiter: self._split(header, delimiter) for delimiter in DELIMITERS}
        wanted = {*keys, *types}
        found = {
            delimiter: len(wanted.intersection(name_and_type(cell, types)[0] for cell in cells))
            for delimiter, cells in splits.items()
        }
        most = max(found.values())
        best = [delimiter for delimiter in DELIMITERS if found[delimiter] == most]
        several = [delimiter for delimiter in best if len(splits[delimiter]) > 1]
        if most and len(several) > 1:
            raise CommandError(
                f"{file}: the header can be read with more than one delimiter: "
                f"{' or '.join(NAMES[delimiter] for delimiter in several)}",
                "Give the right one with --delimiter.",
            )
        return max(best, key=lambda delimiter: (len(splits[delimiter]), delimiter == self.usual))

    def _split(self, header: str, delimiter: str) -> list[str]:
        try:
            return next(self.reader(iter([header]), delimiter), [])
        except csv.Error:  # a quoted cell may continue on the next line
            return next(csv.reader([header], delimiter=delimiter, quoting=csv.QUOTE_NONE), [])


def swallowed(row: list[str], columns: int, delimiter: str) -> bool:
    """Whether a row of several lines could also be several rows, with quotes as text.

    For example, `1 TAB "Alpha` and `2 TAB Beta"` are one row with quoting, and two rows without.
    """
    lines = re.split(r"\r\n|\r|\n", delimiter.join(row))
    return all(not line or line.count(delimiter) + 1 == columns for line in lines)
