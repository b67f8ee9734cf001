"""RouteTableIds: a route table that serves others is refused before anything is made."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scripts import deploy
from scripts.core.console import CommandError, Output
from scripts.core.deployment import routes
from tests.unit.scripts.conftest import Ran
from tests.unit.scripts.deploy.account import Account
from tests.unit.scripts.edge import Pages, refused

OWN = {"VpcId": "vpc-1", "SubnetIds": "subnet-a,subnet-b"}


class Ec2:
    """A VPC of four subnets: a table for the function's two, one for another, the main one, a gateway's."""

    def __init__(self, denied: str = "") -> None:
        self.denied = denied
        self.asked: list[str] = []

    def get_paginator(self, name: str) -> Pages:
        """Route tables and subnets, one a page."""

        def pages(Filters: Any) -> list[dict[str, Any]]:
            assert Filters == [{"Name": "vpc-id", "Values": ["vpc-1"]}]
            self.asked.append(name)
            if name == self.denied:
                raise refused("UnauthorizedOperation", "no", name)
            if name == "describe_subnets":
                return [{"Subnets": [{"SubnetId": f"subnet-{letter}"}]} for letter in "abcd"]
            tables: dict[str, list[dict[str, Any]]] = {
                "rtb-own": [{"SubnetId": "subnet-a"}, {"SubnetId": "subnet-b"}],
                "rtb-main": [{"Main": True}],
                "rtb-shared": [{"SubnetId": "subnet-c"}],
                "rtb-edge": [{"GatewayId": "igw-1"}],
            }
            return [
                {"RouteTables": [{"RouteTableId": table, "Associations": associations}]}
                for table, associations in tables.items()
            ]

        return Pages(pages)


def check(ec2: Ec2, values: dict[str, str], current: dict[str, str] | None = None) -> None:
    """Check a deployment's parameters."""
    connection: Any = SimpleNamespace(client=lambda _: ec2, region="eu-west-1")
    routes.check(values, current or {}, connection, Output())


@pytest.mark.parametrize("tables", ["rtb-own", "rtb-own,rtb-edge"])
def test_a_route_table_that_serves_only_the_function_is_accepted(tables: str) -> None:
    """Or of no subnet at all."""
    check(Ec2(), {**OWN, "RouteTableIds": tables})


@pytest.mark.parametrize(
    ("tables", "others"),
    [
        ("rtb-shared", "rtb-shared also serves subnet-c:"),
        ("rtb-own,rtb-main", "rtb-main also serves subnet-d:"),
    ],
)
def test_a_route_table_that_serves_other_subnets_is_refused(tables: str, others: str) -> None:
    """Explicitly, or as the main table of the subnets without one of their own."""
    with pytest.raises(CommandError, match=others) as refusal:
        check(Ec2(), {**OWN, "RouteTableIds": tables})
    assert "the shipped function needs no endpoint" in refusal.value.next_step


def test_a_route_table_of_another_vpc_is_refused() -> None:
    """CloudFormation would find out half-way."""
    with pytest.raises(CommandError, match="no route table rtb-x in VPC vpc-1"):
        check(Ec2(), {**OWN, "RouteTableIds": "rtb-x"})


def test_unchanged_route_tables_are_not_checked() -> None:
    """No tables, or those it has: nothing is looked up. Other subnets beside the same tables are."""
    ec2, kept = Ec2(), {**OWN, "RouteTableIds": "rtb-main"}
    check(ec2, OWN)
    check(ec2, {}, kept)
    check(ec2, kept, kept)
    assert ec2.asked == []
    with pytest.raises(CommandError, match="rtb-own also serves subnet-b:"):
        check(ec2, {"SubnetIds": "subnet-a,subnet-c"}, {**OWN, "RouteTableIds": "rtb-own"})


@pytest.mark.parametrize("denied", ["describe_route_tables", "describe_subnets"])
def test_a_missing_permission_to_check_does_not_stop_the_deployment(
    denied: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """CloudFormation needs neither permission of the caller; that nobody looked is said."""
    check(Ec2(denied), {**OWN, "RouteTableIds": "rtb-shared"})
    assert (
        f"which subnets rtb-shared serve was not checked: {denied} is not granted" in capsys.readouterr().err
    )


def test_deploy_checks_route_tables_before_anything_is_created(
    aws: dict[str, Account], tmp_path: Path, run_verb: Callable[..., Ran]
) -> None:
    """No change set, no bucket, no zip."""
    producer = aws["producer"]
    producer.get_paginator = Ec2().get_paginator  # type: ignore[method-assign]
    path = tmp_path / "producer.yaml"
    parameters = "".join(f"  {name}: {{Type: String, Default: ''}}\n" for name in (*OWN, "RouteTableIds"))
    path.write_text(f"Metadata: {{DdbLake: {{Kind: producer}}}}\nParameters:\n{parameters}Resources: {{}}")
    given = ["producer", "--profile", "producer", "--template", str(path), "--yes"]
    for name, value in {**OWN, "RouteTableIds": "rtb-shared"}.items():
        given += ["--parameter", f"{name}={value}"]
    done = run_verb(deploy.main, *given)
    assert (done.code, "rtb-shared also serves subnet-c" in done.err, producer.calls) == (1, True, [])
