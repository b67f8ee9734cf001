"""A query's answer as a table, CSV or JSON."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from lake.terminal import visible
from scripts.core.athena import Result
from scripts.core.console import Output

# Of a table for people; CSV and JSON have everything.
SHOWN_ROWS, SHOWN_COLUMNS, SHOWN_CHARACTERS = 100, 10, 60
READABLE_CHARACTERS = 12  # a column that is folded to fewer is not
NUMERIC = frozenset(("tinyint", "smallint", "integer", "bigint", "decimal", "double", "float", "real"))
# What a cell begins with that a spreadsheet runs as a formula (OWASP, "CSV Injection"), in full width too,
# and what some of them pass over before it.
FORMULA = (*"=+-@", *"\uff1d\uff0b\uff0d\uff20", "\t", "\r", "\n", "\0")


def value(text: str | None, kind: str) -> Any:
    """A cell as JSON: numbers that JSON readers keep are numbers; all else is Athena's text."""
    if text is not None and kind == "boolean":
        return text.lower() == "true"
    if text is None or kind not in NUMERIC:
        return text
    number = Decimal(text)
    # I-JSON (RFC 7493, 2.2): an integer beyond 2**53, or 16 digits, does not survive every reader.
    if number.is_finite() and number == number.to_integral_value() and abs(number) <= 2**53:
        return int(number)
    short = number.is_finite() and len(number.as_tuple().digits) <= 15
    return float(text) if short or (number.is_finite() and kind not in ("decimal", "bigint")) else text


def _distinct(names: Sequence[str]) -> Iterator[str]:
    """Column names, of which a query may have several alike, as keys of one object."""
    seen: dict[str, int] = {}
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        yield name if seen[name] == 1 else f"{name}_{seen[name]}"


def as_json(result: Result, out: Output) -> None:
    """One JSON document; columns of one name get numbers."""
    names = list(_distinct([name for name, _ in result.columns]))
    kinds = [kind for _, kind in result.columns]
    out.answer(
        {
            "query": result.query_id,
            "columns": [{"name": n, "type": k} for n, k in zip(names, kinds, strict=True)],
            "rows": [
                {n: value(cell, k) for n, k, cell in zip(names, kinds, row, strict=True)}
                for row in result.rows
            ],
            "bytes_scanned": result.bytes_scanned,
            "seconds": result.seconds,
        }
    )


def as_csv(result: Result, _: Output, *, for_spreadsheets: bool = False) -> None:
    """Athena's own CSV: every value quoted, so that nothing between two commas is null and "" is empty.

    A file or a pipe gets the exact values; a terminal gets escapes for what is not printable.
    `for_spreadsheets` puts an apostrophe before what a spreadsheet would take for a formula.
    """
    shown = visible if sys.stdout.isatty() else str

    def write(cells: Sequence[str | None], kinds: Sequence[str]) -> None:
        texts = [
            cell if cell is None or not for_spreadsheets else harmless(cell, kind)
            for cell, kind in zip(cells, kinds, strict=True)
        ]
        quoted = ("" if cell is None else '"' + shown(cell).replace('"', '""') + '"' for cell in texts)
        sys.stdout.write(",".join(quoted) + "\n")

    write([name for name, _ in result.columns], ["varchar" for _ in result.columns])
    for row in result.rows:
        write(row, [kind for _, kind in result.columns])


def harmless(cell: str, kind: str) -> str:
    """A cell that no spreadsheet runs as a formula; a value whose type is a number's stays a number."""
    return f"'{cell}" if cell.startswith(FORMULA) and kind not in NUMERIC else cell


def as_table(result: Result, out: Output) -> None:
    """A table on stdout; columns that do not fit stand one below another; further rows are counted."""
    from rich import box  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    console = out.answer_console()
    shown = result.rows[:SHOWN_ROWS]
    table = Table(box=box.SIMPLE_HEAD)
    for name, kind in result.columns:
        table.add_column(_cell(name), justify="right" if kind in NUMERIC else "left", overflow="fold")
    for row in shown:
        table.add_row(*(_cell(cell) for cell in row))
    narrow = console.width < READABLE_CHARACTERS * len(result.columns)
    if len(result.columns) > SHOWN_COLUMNS or (narrow and _width(table, console) > console.width):
        shown = shown[: SHOWN_ROWS // 10]
        for number, row in enumerate(shown, 1):
            block = Table(
                title=f"row {number}", title_justify="left", box=None, show_header=False, padding=(0, 2, 0, 0)
            )
            block.add_column()
            block.add_column(overflow="fold")
            for (name, _), cell in zip(result.columns, row, strict=True):
                block.add_row(_cell(name), _cell(cell))
            console.print(block)
    else:
        console.print(table)
    if len(shown) < len(result.rows):
        out.say(f"… and {count(len(result.rows) - len(shown), 'row')} more: --output csv has them all")


def _width(table: Any, console: Any) -> int:
    """How wide a table would be if nothing had to be folded."""
    from rich.measure import Measurement  # noqa: PLC0415

    return int(Measurement.get(console, console.options.update(max_width=1_000_000), table).maximum)


def _cell(text: str | None) -> Any:
    """A cell for people: short, on one line, and never a terminal's control character."""
    from rich.text import Text  # noqa: PLC0415

    if text is None:
        return Text("null", style="dim")
    short = text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1] + "…"
    return Text(visible(short))


def count(number: int, noun: str) -> str:
    """A number with its noun, in the plural where it is one."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
