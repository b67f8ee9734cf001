"""The types that the data of one table allows, and the columns that are nearly of one type."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scripts.core.athena import Workgroup, quoted
from scripts.core.lake_table import ROWS
from scripts.core.views import CASTS, quoted_name

# Types to propose, the narrowest first, and what every value of a column must be for it. A number that leads
# with a zero or a plus is text, a postal code for one: as a number it would be another text.
PROPOSED = {
    "boolean": "{0} IN ('true', 'false')",
    "bigint": "regexp_like({0}, '^(0|-?[1-9][0-9]*)$') AND try_cast({0} AS bigint) IS NOT NULL",
    # not by a cast, which would round
    "decimal(38, 10)": "regexp_like({0}, '^-?(0|[1-9][0-9]{{0,27}})([.][0-9]{{1,10}})?$')",
    "timestamp": f"substr({{0}}, 11, 1) = 'T' AND {CASTS['timestamp']} IS NOT NULL",
}
# Trino takes so many elements in an array constructor ("Too many arguments", seen with 255). Each statement
# reads the whole lake, so each counts as many columns as it can; names of 255 characters are then 66 KB.
COUNTED_AT_ONCE = 254
EXAMPLE_CHARACTERS = 40


@dataclass(frozen=True)
class Nearly:
    """A column of which most values, but not all, are of a type: so it stays text."""

    column: str
    kind: str
    values: int
    others: int
    examples: list[str]  # the first and the last of the others by their text, cut off after 40 characters

    def document(self) -> dict[str, object]:
        """The fields in `--output json`."""
        return {
            "column": self.column,
            "type": self.kind,
            "values": self.values,
            "not_of_type": self.others,
            "examples": self.examples,
        }

    def sentence(self) -> str:
        """The same for people; whoever writes it to a terminal escapes control characters."""
        shown = " and ".join(f'"{example}"' for example in self.examples)
        counted = f"{self.others:,} of {self.values:,} values are not {self.kind}"
        return f"{self.column} stays text: {counted}, for example {shown}"


@dataclass(frozen=True)
class Proposal:
    """Types by column, and the columns that nearly have one."""

    types: dict[str, str]
    nearly: list[Nearly]


def propose_types(workgroup: Workgroup, database: str, source: str, columns: Sequence[str]) -> Proposal:
    """The narrowest type that keeps every value of a column; what is text, or all null, is left out.

    A column whose values are of one type for the most part is named with values that are not.
    """
    types: dict[str, str] = {}
    nearly: list[Nearly] = []
    for start in range(0, len(columns), COUNTED_AT_ONCE):
        part = columns[start : start + COUNTED_AT_ONCE]
        for row in workgroup.execute(count_of_fitting(source, part), database).rows:
            place, count, *cells = row
            column, values = part[int(place or 0) - 1], int(count or 0)
            kinds = len(PROPOSED)
            fitting = dict(zip(PROPOSED, (int(cell or 0) for cell in cells[:kinds]), strict=True))
            best = max(fitting, key=fitting.__getitem__)  # of several the first, which is the narrowest
            if not fitting[best]:
                continue
            if fitting[best] == values:
                types[column] = best
            elif fitting[best] * 2 >= values:
                number = kinds + 2 * list(PROPOSED).index(best)
                examples = dict.fromkeys(_shortened(cell or "") for cell in cells[number : number + 2])
                nearly.append(Nearly(column, best, values, values - fitting[best], list(examples)))
    return Proposal(types, nearly)


def _shortened(text: str) -> str:
    return text if len(text) <= EXAMPLE_CHARACTERS else text[:EXAMPLE_CHARACTERS] + "…"


def count_of_fitting(source: str, columns: Sequence[str]) -> str:
    """The query that counts the values of each column and those that each proposed type keeps.

    A row a column: its place from 1, its values, those of each type, and for each type the first and the last
    value by text that is not of it.
    """
    text = quoted_name("#text")  # no attribute has a column of such a name
    conditions = [condition.format(text) for condition in PROPOSED.values()]
    counted = [f"count({text})", *(f"count_if({condition})" for condition in conditions)]
    for condition in conditions:
        other = f"IF(NOT ({condition}), substr({text}, 1, {EXAMPLE_CHARACTERS + 1}))"
        counted += [f"min({other})", f"max({other})"]
    names = ", ".join(quoted_name(column) for column in columns)
    return (
        f'SELECT "#place", {", ".join(counted)} FROM changes'  # noqa: S608  names are quoted, the table's is a literal
        f' CROSS JOIN UNNEST(ARRAY[{names}]) WITH ORDINALITY AS every_value ({text}, "#place")'
        f' WHERE {ROWS} AND change_table = {quoted(source)} GROUP BY "#place" ORDER BY "#place"'
    )
