"""The table `changes` of one lake: its columns, the tables it has changes of, the types its data allows."""

from __future__ import annotations

from collections.abc import Sequence

from glue.tables import METADATA_COLUMNS
from scripts.core.athena import Workgroup, quoted
from scripts.core.console import CommandError, nearest
from scripts.core.views import CASTS, quoted_name

ROWS = "change_type IN ('INSERT', 'MODIFY', 'REMOVE', 'SNAPSHOT')"
# Types to propose, the narrowest first, and what every value of a column must be for it. A number that leads
# with a zero or a plus is text, a postal code for one: as a number it would be another text.
PROPOSED = {
    "boolean": "{0} IN ('true', 'false')",
    "bigint": "regexp_like({0}, '^(0|-?[1-9][0-9]*)$') AND try_cast({0} AS bigint) IS NOT NULL",
    # not by a cast, which would round
    "decimal(38, 10)": "regexp_like({0}, '^-?(0|[1-9][0-9]{{0,27}})([.][0-9]{{1,10}})?$')",
    "timestamp": f"substr({{0}}, 11, 1) = 'T' AND {CASTS['timestamp']} IS NOT NULL",
}
# Athena takes statements of 262,144 bytes (Athena user guide, "Service Quotas"): so many columns fit whatever
# they are called, of the length that names have at most.
COUNTED_AT_ONCE = 80


def item_columns(workgroup: Workgroup, database: str) -> list[str]:
    """The columns of `changes` that are attributes of items, in the table's order.

    Raises CommandError when there is no such table, or no such column yet.
    """
    from botocore.exceptions import ClientError  # noqa: PLC0415

    glue = workgroup.connection.client("glue")
    try:
        table = glue.get_table(DatabaseName=database, Name="changes")["Table"]
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") != "EntityNotFoundException":
            raise
        raise CommandError(
            f"there is no table {database}.changes in this account and Region",
            "Correct --database (the consumer stack's output DatabaseName), --profile or --region.",
        ) from None
    names = [column["Name"] for column in table["StorageDescriptor"]["Columns"]]
    return [name for name in names if name not in METADATA_COLUMNS]


def check_source(workgroup: Workgroup, database: str, source: str) -> None:
    """Refuse a table of which the lake has no change."""
    sql = f"SELECT DISTINCT change_table FROM changes WHERE {ROWS}"  # noqa: S608  no outside text in it
    tables = [row[0] or "" for row in workgroup.execute(sql, database).rows]
    if not tables:
        raise CommandError(
            "the lake is empty: no change has been delivered yet",
            "Write an item, wait for one buffer interval, then run the command again.",
        )
    if source not in tables:
        raise CommandError(
            f"the lake has no change of a table {source}", f"Name one of: {nearest(source, tables)}."
        )


def propose_types(workgroup: Workgroup, database: str, source: str, columns: Sequence[str]) -> dict[str, str]:
    """The narrowest type that keeps every value of a column; what is text, or all null, is left out."""
    proposed = {}
    for start in range(0, len(columns), COUNTED_AT_ONCE):
        part = columns[start : start + COUNTED_AT_ONCE]
        [row] = workgroup.execute(_count_of_fitting(source, part), database).rows
        figures = [int(cell or 0) for cell in row]
        width = 1 + len(PROPOSED)
        for number, column in enumerate(part):
            values, *fitting = figures[number * width : (number + 1) * width]
            for kind, fits in zip(PROPOSED, fitting, strict=True):
                if values and fits == values:
                    proposed[column] = kind
                    break
    return proposed


def _count_of_fitting(source: str, columns: Sequence[str]) -> str:
    """The query that counts, for each column, its values and then those that each proposed type keeps."""
    counted = []
    for column in columns:
        text = quoted_name(column)
        counted.append(f"count({text})")
        counted += [f"count_if({condition.format(text)})" for condition in PROPOSED.values()]
    return (
        f"SELECT {', '.join(counted)} FROM changes"  # noqa: S608  names are quoted, the table's is a literal
        f" WHERE {ROWS} AND change_table = {quoted(source)}"
    )
