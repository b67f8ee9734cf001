"""The result of a query as a table, CSV or JSON."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from lake.terminal import visible
from scripts.core.athena import Result
from scripts.core.console import Output

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.text import Text

# Limits of the text form; CSV and JSON have everything. A record is a row with one line per column.
SHOWN_ROWS, SHOWN_RECORDS, SHOWN_CHARACTERS = 100, 10, 60
SHOWN_NULLS = 20  # names of columns that the line below the table lists
TAIL_CHARACTERS = 12  # of a long value, at least, where the values of a column begin alike
CUT = "…"
NUMERIC = frozenset(("tinyint", "smallint", "integer", "bigint", "decimal", "double", "float", "real"))
# A spreadsheet runs a cell that begins with one of these as a formula (OWASP, "CSV Injection"), also with the
# full-width forms; some spreadsheets skip the blanks before it.
FORMULA = (*"=+-@", *"\uff1d\uff0b\uff0d\uff20", "\t", "\r", "\n", "\0")


def value(text: str | None, kind: str) -> Any:
    """A cell as JSON: a number if every JSON reader keeps it exactly, else Athena's text."""
    if text is not None and kind == "boolean":
        return text.lower() == "true"
    if text is None or kind not in NUMERIC:
        return text
    number = Decimal(text)
    # I-JSON (RFC 7493, 2.2): some readers round an integer beyond 2**53, or a number of 16 digits.
    if number.is_finite() and number == number.to_integral_value() and abs(number) <= 2**53:
        return int(number)
    short = number.is_finite() and len(number.as_tuple().digits) <= 15
    return float(text) if short or (number.is_finite() and kind not in ("decimal", "bigint")) else text


def _distinct(names: Sequence[str]) -> Iterator[str]:
    """The column names as keys of one object: a query may return several columns with one name."""
    seen: dict[str, int] = {}
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        yield name if seen[name] == 1 else f"{name}_{seen[name]}"


def as_json(result: Result, out: Output) -> None:
    """Print one JSON document; repeated column names get a number."""
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
    """Print CSV in Athena's form: values are quoted; null is nothing between two commas, "" is empty text.

    A file or a pipe gets the exact values; a terminal gets escapes for characters that are not printable.
    `for_spreadsheets` puts an apostrophe before a value that a spreadsheet would run as a formula.
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
    """A cell that no spreadsheet runs as a formula; values of a number type do not change."""
    return f"'{cell}" if cell.startswith(FORMULA) and kind not in NUMERIC else cell


def as_table(result: Result, out: Output) -> None:
    """Print a table on stdout if it fits the width of the console, else one record per block.

    Columns that are null in every shown row are listed in one line below a table that would be too wide
    with them, and below records.
    """
    console = out.answer_console()
    rows = result.rows[:SHOWN_ROWS]
    columns = list(range(len(result.columns)))
    table, cut = _table(result, rows, columns)
    if not _fits(table, console):
        columns = _columns_with_values(rows, columns)
        table, cut = _table(result, rows, columns)
        if not _fits(table, console):
            rows = rows[:SHOWN_RECORDS]
            columns = _columns_with_values(rows, list(range(len(result.columns))))
            table, cut = _records(result, rows, columns)
    console.print(table)
    nulls = [name for number, (name, _) in enumerate(result.columns) if number not in columns]
    if nulls:
        console.print(visible(_nulls(nulls, len(rows))), markup=False, soft_wrap=not console.is_terminal)
    if len(rows) < len(result.rows):
        out.say(f"… and {count(len(result.rows) - len(rows), 'row')} more: --output csv has them all")
    if cut:
        out.say(f"{CUT} marks the missing part of a long value: --output csv has it whole")


def _columns_with_values(rows: Sequence[Sequence[str | None]], columns: Sequence[int]) -> list[int]:
    """The columns that have a value in some row; all columns if none has."""
    kept = [number for number in columns if any(row[number] is not None for row in rows)]
    return kept or list(columns)


def _nulls(names: Sequence[str], rows: int) -> str:
    """The line about columns that are null in every shown row."""
    listed = ", ".join(names[:SHOWN_NULLS])
    more = f" and {len(names) - SHOWN_NULLS:,} more" if len(names) > SHOWN_NULLS else ""
    are = "column is" if len(names) == 1 else "columns are"
    where = "this row" if rows == 1 else f"all {rows:,} rows shown"
    return f"{len(names):,} {are} null in {where}: {listed}{more}"


def _table(
    result: Result, rows: Sequence[Sequence[str | None]], columns: Sequence[int]
) -> tuple[RenderableType, bool]:
    """The rows as a table, and whether a value is cut."""
    from rich import box  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    table = Table(box=box.SIMPLE_HEAD)
    cells = [_cells([row[number] for row in rows]) for number in columns]
    for number in columns:
        name, kind = result.columns[number]
        table.add_column(_text(name), justify="right" if kind in NUMERIC else "left", overflow="fold")
    for row in zip(*cells, strict=True):
        table.add_row(*(_text(cell) for cell in row))
    return table, _is_cut(cells, rows, columns)


def _records(
    result: Result, rows: Sequence[Sequence[str | None]], columns: Sequence[int]
) -> tuple[RenderableType, bool]:
    """The rows as blocks with one line per column, and whether a value is cut."""
    from rich.console import Group  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    cells = [_cells([row[number] for row in rows]) for number in columns]
    blocks = []
    for place in range(len(rows)):
        block = Table(
            title=f"row {place + 1}",
            title_justify="left",
            box=None,
            show_header=False,
            padding=(0, 2, 0, 0),
        )
        block.add_column()
        block.add_column(overflow="fold")
        for number, column in zip(columns, cells, strict=True):
            block.add_row(_text(result.columns[number][0]), _text(column[place]))
        blocks.append(block)
    return Group(*blocks), _is_cut(cells, rows, columns)


def _is_cut(
    cells: Sequence[Sequence[str | None]], rows: Sequence[Sequence[str | None]], columns: Sequence[int]
) -> bool:
    return any(
        shown != row[number]
        for number, column in zip(columns, cells, strict=True)
        for shown, row in zip(column, rows, strict=True)
    )


def _fits(table: RenderableType, console: Console) -> bool:
    """Whether a table fits the console without wrapped cells."""
    from rich.measure import Measurement  # noqa: PLC0415

    unlimited = console.options.update(max_width=1_000_000)
    return Measurement.get(console, unlimited, table).maximum <= console.width


def _cells(values: Sequence[str | None]) -> list[str | None]:
    """The values of one column, cut to a readable length.

    Values that begin alike, such as sequence numbers, keep the end that tells them apart.
    """
    texts = [text for text in values if text is not None]
    alike = 0
    if any(len(text) > SHOWN_CHARACTERS for text in texts):
        distinct = list(dict.fromkeys(texts))
        alike = _common(distinct) if len(distinct) > 1 else _zeros(distinct[0])
        alike = alike if alike >= SHOWN_CHARACTERS // 3 else 0
    return [None if text is None else _short(text, alike) for text in values]


def _common(texts: Sequence[str]) -> int:
    """The number of characters with which all texts begin."""
    first, last = min(texts), max(texts)
    return next((n for n, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))


def _zeros(text: str) -> int:
    """The number of zeros with which a text begins."""
    return len(text) - len(text.lstrip("0"))


def _short(text: str, alike: int) -> str:
    """A value of at most SHOWN_CHARACTERS, without the `alike` first characters if it is longer."""
    if len(text) <= SHOWN_CHARACTERS:
        return text
    if not alike:
        return text[: SHOWN_CHARACTERS - 1] + CUT
    tail = text[min(alike, len(text) - TAIL_CHARACTERS) :]
    if len(tail) < SHOWN_CHARACTERS:
        return CUT + tail
    return CUT + tail[: SHOWN_CHARACTERS - 2] + CUT


def _text(cell: str | None) -> Text:
    """A cell for people: on one line, and never with a control character."""
    from rich.text import Text  # noqa: PLC0415

    return Text("null", style="dim") if cell is None else Text(visible(cell))


def count(number: int, noun: str) -> str:
    """A number with its noun, in the plural if necessary."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
