"""The table `changes` of one lake: its columns, and the DynamoDB tables whose changes it contains."""

from __future__ import annotations

from glue.tables import METADATA_COLUMNS
from scripts.core.athena import Workgroup
from scripts.core.console import CommandError, nearest
from scripts.core.delivery_time import DELIVERY_TIME

ROWS = "change_type IN ('INSERT', 'MODIFY', 'REMOVE', 'SNAPSHOT')"


def item_columns(workgroup: Workgroup, database: str) -> list[str]:
    """The columns of `changes` that hold attributes of items, in the table's order.

    The list is empty before the first crawl. Raises CommandError if the table does not exist.
    """
    from botocore.exceptions import ClientError  # noqa: PLC0415

    glue = workgroup.connection.client("glue")
    try:
        table = glue.get_table(DatabaseName=database, Name="changes")["Table"]
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") != "EntityNotFoundException":
            raise
        raise CommandError(
            f"table {database}.changes does not exist in this account and Region",
            "Correct --database (the consumer stack's output DatabaseName), --profile or --region.",
        ) from None
    names = [column["Name"] for column in table["StorageDescriptor"]["Columns"]]
    return [name for name in names if name not in METADATA_COLUMNS]


def check_source(workgroup: Workgroup, database: str, source: str, rows: str = "changes") -> bool:
    """Refuse a table that has no changes in the lake.

    Returns whether its changes arrived by both Kinesis and DynamoDB Streams.

    :param rows: the rows to look at, as they stand after FROM
    """
    streams, kinesis = (f"bool_or(length(change_sequence) {sign} 40)" for sign in ("=", "<>"))
    select = f"SELECT change_table, {streams}, {kinesis}"
    sql = f"{select} FROM {rows} WHERE {ROWS} GROUP BY change_table"
    tables = {row[0] or "": row[1:] for row in workgroup.execute(sql, database).rows}
    if not tables:
        raise CommandError(
            "the lake is empty: no change has been delivered yet",
            f"If an item was just written, wait. {DELIVERY_TIME} Otherwise write an item first. Then run the "
            "command again.",
        )
    if source not in tables:
        raise CommandError(
            f"the lake has no changes of table {source}",
            f"Use the name of a table that has: {nearest(source, tables)}.",
        )
    return tables[source] == ["true", "true"]
