"""Accounts with their own rules: Lake Formation controls the catalog, or the catalog has its own key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from scripts.stacks import KINDS
from tests.templates import launches
from tests.templates.resolver import Resource, Stack, shipped_template

GRANT = "AWS::LakeFormation::PrincipalPermissions"
ANALYST = "arn:aws:iam::222222222222:role/Analyst"
CATALOG_KEY = "arn:aws:kms:us-east-1:222222222222:key/0ccccccc-0000-4000-8000-000000000003"
GRANTS = {"LakeFormationGrants": "true", "AnalystPrincipalArn": ANALYST}
LAKES = pytest.mark.parametrize("launch", [launches.consumer, launches.single_account], ids=["two", "one"])


def granted(stack: Stack) -> set[tuple[str, str, str]]:
    """The grants: the principal's name, the permission, and the database or table."""
    return {
        (
            grant.properties["Principal"]["DataLakePrincipalIdentifier"].rpartition("/")[2],
            permission,
            target(grant),
        )
        for grant in stack.of_type(GRANT)
        for permission in grant.properties["Permissions"]
    }


def target(grant: Resource) -> str:
    """`database`, `database.*` or `database.table`."""
    ((kind, resource),) = grant.properties["Resource"].items()
    if kind == "Database":
        return str(resource["Name"])
    assert ("TableWildcard" in resource) != ("Name" in resource)
    return f"{resource['DatabaseName']}.{resource.get('Name', '*')}"


@LAKES
def test_nothing_is_granted_by_default(launch: Any) -> None:
    """If only IAM decides, no administrator of Lake Formation is needed to launch the stack."""
    lake = launch()
    assert not list(lake.of_type(GRANT))
    assert not list(launches.tables(lake).of_type(GRANT))


@LAKES
def test_each_role_is_granted_the_permissions_it_uses(launch: Any) -> None:
    """The crawler and the settle job create tables, the function declares columns, analysts query."""
    lake = launch(**GRANTS)
    crawler, function = lake.resource("CrawlerRole").name, lake.resource("CatalogFunctionRole").name
    assert granted(lake) == {
        (crawler, "CREATE_TABLE", "ddb_lake"),
        (function, "DESCRIBE", "ddb_lake.*"),
        (function, "ALTER", "ddb_lake.changes"),
        ("Analyst", "DESCRIBE", "ddb_lake"),
        ("Analyst", "SELECT", "ddb_lake.*"),
    }
    option = launches.tables(lake)
    job = option.resource("SettleRole").name
    assert granted(option) == {
        (job, "CREATE_TABLE", "ddb_lake"),
        (job, "DESCRIBE", "ddb_lake.*"),
        (job, "SELECT", "ddb_lake.changes"),
    }


@pytest.mark.parametrize("kind", [kind.name for kind in KINDS])
def test_each_grant_has_one_permission_and_follows_another(kind: str) -> None:
    """Several permissions in one grant, or grants at once, fail the stack (coverage roadmap 1323, 2432)."""
    resources: Mapping[str, Any] = shipped_template(kind)["Resources"]
    grants = {name: body for name, body in resources.items() if body["Type"] == GRANT}
    assert [name for name, body in grants.items() if len(body["Properties"]["Permissions"]) != 1] == []
    before = [body.get("DependsOn") for body in grants.values()]
    assert before == [None, *grants][: len(grants)]


def test_the_function_is_called_after_its_grants() -> None:
    """The custom resource depends on both grants. Adding them later calls it again."""
    shut = launches.consumer().resource("DeclaredColumns").properties
    lake = launches.consumer(**GRANTS, CatalogKeyArn=CATALOG_KEY)
    opened = lake.resource("DeclaredColumns").properties
    assert (shut["Grant"], shut["CatalogKey"]) == ("none", "none")
    assert opened["Grant"] == lake.resource("CatalogFunctionAlterGrant").name
    assert opened["CatalogKey"] == f"{CATALOG_KEY} by {lake.resource('CatalogKeyPolicy').name}"


def test_analyst_principal_requires_lake_formation_grants() -> None:
    """An ARN without effect is a mistake."""
    assert launches.broken_rules(launches.consumer(AnalystPrincipalArn=ANALYST)) == ["AnalystsAreGranted"]
    assert launches.broken_rules(launches.consumer(**GRANTS)) == []


@LAKES
def test_the_catalogs_key_reaches_the_option_stack(launch: Any) -> None:
    """The output has the parameter's name. Without a key there is neither output nor policy."""
    assert "CatalogKeyArn" not in launch().outputs
    assert "CatalogKeyPolicy" not in launches.tables(launch()).resources
    option = launches.tables(launch(CatalogKeyArn=CATALOG_KEY))
    (statement,) = option.resource("CatalogKeyPolicy").properties["PolicyDocument"]["Statement"]
    assert statement["Resource"] == CATALOG_KEY
