"""The table to write to: its name, account, Region and keys."""

from __future__ import annotations

import difflib
from typing import Any, NamedTuple

from .errors import CommandError, error_code


class Table(NamedTuple):
    """The table's facts that a write needs. `types` has the key attributes of the table and its indexes."""

    name: str
    account: str
    region: str
    keys: dict[str, str]  # attribute: HASH or RANGE
    types: dict[str, str]  # attribute: S, N or B


def describe(client: Any, name: str, region: str) -> Table:
    """Describe a table. Raises CommandError if it does not exist or does not accept writes."""
    from botocore.exceptions import ClientError  # noqa: PLC0415

    try:
        found = client.describe_table(TableName=name)["Table"]
    except ClientError as error:
        if error_code(error) != "ResourceNotFoundException":
            raise
        raise CommandError(
            f"there is no table {name} in Region {region} of this account", _near_tables(client, name)
        ) from None
    if found["TableStatus"] not in ("ACTIVE", "UPDATING"):
        raise CommandError(
            f"table {name} is {found['TableStatus']}", "Wait until it is ACTIVE and run the command again."
        )
    *_, arn_region, account, _ = found["TableArn"].split(":")
    return Table(
        name,  # unchanged: another account's table is addressed by its ARN
        account,
        arn_region,
        {key["AttributeName"]: key["KeyType"] for key in found["KeySchema"]},
        {
            attribute["AttributeName"]: attribute["AttributeType"]
            for attribute in found["AttributeDefinitions"]
        },
    )


def _near_tables(client: Any, name: str) -> str:
    """The next step for a missing table: the existing names."""
    from botocore.exceptions import ClientError  # noqa: PLC0415

    try:
        names = client.list_tables()["TableNames"]
    except ClientError:
        names = []
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.4) or names[:3]
    known = f"Existing tables: {', '.join(near)}. " if near else ""
    return f"{known}Correct the name, --profile or --region (`aws dynamodb list-tables` lists all names)."
