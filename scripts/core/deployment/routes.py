"""The rule for RouteTableIds: a gateway endpoint serves every subnet of its route tables.

"Each subnet that's associated with one of these route tables has access to the endpoint, and traffic from
instances in these subnets to the service is then routed through the endpoint" (VPC user guide, "Gateway VPC
endpoints"). The stack's endpoints admit only the function's role, so S3 and DynamoDB would refuse all other
callers there. CloudFormation's Rules cannot look into a route table.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from scripts.core.connection import Connection
from scripts.core.console import CommandError, Output

VPC, SUBNETS, TABLES = "VpcId", "SubnetIds", "RouteTableIds"  # parameters


def check(values: Mapping[str, str], current: Mapping[str, str], connection: Connection, out: Output) -> None:
    """Raise CommandError if a given route table serves other subnets than the function's.

    `values` are the given parameters, `current` those of the existing stack. Values that do not change are
    not checked again.
    """
    vpc, subnets, tables = (values.get(name, current.get(name, "")) for name in (VPC, SUBNETS, TABLES))
    if not tables or (subnets, tables) == (current.get(SUBNETS), current.get(TABLES)):
        return
    try:
        served = _served(connection.client("ec2"), vpc)
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") != "UnauthorizedOperation":
            raise
        out.say(f"which subnets {tables} serve was not checked: {error.operation_name} is not granted")
        return
    own = set(subnets.split(","))
    for table in tables.split(","):
        if table not in served:
            raise CommandError(
                f"there is no route table {table} in VPC {vpc}, Region {connection.region}",
                f"Correct {TABLES} or {VPC}; `aws ec2 describe-route-tables` lists the route tables.",
            )
        if others := sorted(served[table] - own):
            raise CommandError(
                f"route table {table} also serves {', '.join(others)}: the stack's gateway endpoints would "
                "refuse calls from there to S3 and DynamoDB",
                f"Give route tables in {TABLES} that serve only {SUBNETS}, or leave it empty: the shipped "
                "function needs no endpoint.",
            )


def _served(ec2: Any, vpc: str) -> dict[str, set[str]]:
    """The route tables of a VPC with their subnets. The main one serves subnets that have no own table."""
    of_vpc = {"Filters": [{"Name": "vpc-id", "Values": [vpc]}]}
    tables = list(_pages(ec2, "describe_route_tables", "RouteTables", of_vpc))
    subnets = {one["SubnetId"] for one in _pages(ec2, "describe_subnets", "Subnets", of_vpc)}
    served: dict[str, set[str]] = {table["RouteTableId"]: set() for table in tables}
    main = ""
    for table in tables:
        for association in table.get("Associations", []):
            if "SubnetId" in association:
                served[table["RouteTableId"]].add(association["SubnetId"])
            elif association.get("Main"):
                main = table["RouteTableId"]
    if main:
        served[main] |= subnets - set().union(*served.values())
    return served


def _pages(ec2: Any, call: str, member: str, request: dict[str, Any]) -> Iterable[dict[str, Any]]:
    for page in ec2.get_paginator(call).paginate(**request):
        yield from page[member]
