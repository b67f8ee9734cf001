"""The column types that fit the data of one table, and the columns for which a type nearly fits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scripts.core.athena import Workgroup, quoted
from scripts.core.lake_table import ROWS
from scripts.core.views import CASTS, quoted_name

DIGITS = 38  # of a decimal, in Athena and in DynamoDB
# A decimal has this many more digits after the point than were seen. Head room goes there and not before the
# point: try_cast makes a too large number null, which people notice, but rounds further digits silently.
HEAD_ROOM = 2
# Digits of a number before and after the point. A number may have the form `1E-8`. [unverified] DynamoDB's
# pages do not state for which numbers; text such as `1E5`, without the sign, may be a code and stays text.
EXPONENT = "coalesce(try_cast(regexp_extract({0}, 'E[+]?(-?[0-9]+)$', 1) AS bigint), 0)"
BEFORE = f"greatest(coalesce(length(regexp_extract({{0}}, '^-?([1-9][0-9]*)', 1)), 0) + {EXPONENT}, 0)"
AFTER = f"greatest(coalesce(length(regexp_extract({{0}}, '[.]([0-9]+)', 1)), 0) - {EXPONENT}, 0)"
DECIMAL = "decimal"
# Types to propose, the narrowest first, with the condition that every value of a column must meet. A number
# that starts with a zero or a plus stays text, for example a postal code: as a number it would change.
PROPOSED = {
    "boolean": "{0} IN ('true', 'false')",
    "bigint": "regexp_like({0}, '^(0|-?[1-9][0-9]*)$') AND try_cast({0} AS bigint) IS NOT NULL",
    # not by a cast, which would round
    DECIMAL: ("regexp_like({0}, '^-?(0|[1-9][0-9]{{0,37}})([.][0-9]{{1,38}})?(E[+-][0-9]{{1,3}})?$')")
    + f" AND {BEFORE} + {AFTER} <= {DIGITS}",
    "timestamp": f"substr({{0}}, 11, 1) = 'T' AND {CASTS['timestamp']} IS NOT NULL",
}
# Trino's limit of elements in an array constructor ("Too many arguments", seen with 255). Each statement
# reads the whole lake, so each counts as many columns as possible; names of 255 characters then take 66 KB.
COUNTED_AT_ONCE = 254
EXAMPLE_CHARACTERS = 40


@dataclass(frozen=True)
class Nearly:
    """A column in which most values, but not all, fit a type. It stays text."""

    column: str
    kind: str
    values: int
    others: int
    examples: list[str]  # the first and last values that do not fit, in text order, cut after 40 characters
    # All values are decimals, but no decimal type has the digits of all of them: `others` is 0.

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
        """The same as a sentence. The caller escapes control characters for a terminal."""
        if not self.others:
            return f"{self.column} stays text: its numbers together need more than {DIGITS} digits"
        shown = " and ".join(f'"{example}"' for example in self.examples)
        counted = f"{self.others:,} of {self.values:,} values are not {self.kind}"
        return f"{self.column} stays text: {counted}, for example {shown}"


@dataclass(frozen=True)
class Proposal:
    """Types by column, and the columns that a type nearly fits."""

    types: dict[str, str]
    nearly: list[Nearly]


def propose_types(workgroup: Workgroup, database: str, source: str, columns: Sequence[str]) -> Proposal:
    """Find the narrowest type that keeps every value of a column. Columns of text or only nulls are left out.

    A column in which at least half of the values fit a type is reported, with values that do not fit.
    """
    types: dict[str, str] = {}
    nearly: list[Nearly] = []
    for start in range(0, len(columns), COUNTED_AT_ONCE):
        part = columns[start : start + COUNTED_AT_ONCE]
        for row in workgroup.execute(count_of_fitting(source, part), database).rows:
            position, count, *cells = row
            column, values = part[int(position or 0) - 1], int(count or 0)
            kinds = len(PROPOSED)
            fitting = dict(zip(PROPOSED, (int(cell or 0) for cell in cells[:kinds]), strict=True))
            best = max(fitting, key=fitting.__getitem__)  # on a tie, the narrowest, which comes first
            if not fitting[best]:
                continue
            kind = decimal_type(*(int(cell or 0) for cell in cells[-2:])) if best == DECIMAL else best
            if fitting[best] == values:
                if kind:
                    types[column] = kind
                else:
                    nearly.append(Nearly(column, DECIMAL, values, 0, []))
            elif fitting[best] * 2 >= values:
                number = kinds + 2 * list(PROPOSED).index(best)
                examples = dict.fromkeys(_shortened(cell or "") for cell in cells[number : number + 2])
                nearly.append(Nearly(column, kind or best, values, values - fitting[best], list(examples)))
    return Proposal(types, nearly)


def decimal_type(before: int, after: int) -> str | None:
    """The decimal for numbers with at most so many digits before and after the point; None if there is none.

    It has 38 digits, because fewer would save nothing and make more later numbers null.
    """
    if before + after > DIGITS:
        return None
    return f"decimal({DIGITS}, {min(after + HEAD_ROOM, DIGITS - before)})"


def _shortened(text: str) -> str:
    return text if len(text) <= EXAMPLE_CHARACTERS else text[:EXAMPLE_CHARACTERS] + "…"


def count_of_fitting(source: str, columns: Sequence[str]) -> str:
    """The query that counts the values of each column, and how many of them fit each proposed type.

    It returns one row per column: the column's position from 1, its values, the values that fit each type,
    for each type the first and the last value in text order that does not fit, and the most digits before
    and after the point of those that fit a decimal.
    """
    text = quoted_name("#text")  # no attribute's column has such a name
    conditions = [condition.format(text) for condition in PROPOSED.values()]
    counted = [f"count({text})", *(f"count_if({condition})" for condition in conditions)]
    for condition in conditions:
        other = f"IF(NOT ({condition}), substr({text}, 1, {EXAMPLE_CHARACTERS + 1}))"
        counted += [f"min({other})", f"max({other})"]
    decimal = PROPOSED[DECIMAL].format(text)
    counted += [f"max(IF({decimal}, {digits.format(text)}))" for digits in (BEFORE, AFTER)]
    names = ", ".join(quoted_name(column) for column in columns)
    return (
        f'SELECT "#place", {", ".join(counted)} FROM changes'  # noqa: S608  names are quoted, the table's is a literal
        f' CROSS JOIN UNNEST(ARRAY[{names}]) WITH ORDINALITY AS every_value ({text}, "#place")'
        f' WHERE {ROWS} AND change_table = {quoted(source)} GROUP BY "#place" ORDER BY "#place"'
    )
