"""Accounts with rules of their own: Lake Formation decides on the catalog, or the catalog has its own key."""

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
    """Who may do what on what: the principal's name, the permission, the database or table."""
    return {
        (
            grant.properties["Principal"]["DataLakePrincipalIdentifier"].rpartition("/")[2],
            permission,
            place(grant),
        )
        for grant in stack.of_type(GRANT)
        for permission in grant.properties["Permissions"]
    }


def place(grant: Resource) -> str:
    """`database`, `database.*` or `database.table`."""
    ((kind, resource),) = grant.properties["Resource"].items()
    if kind == "Database":
        return str(resource["Name"])
    assert ("TableWildcard" in resource) != ("Name" in resource)
    return f"{resource['DatabaseName']}.{resource.get('Name', '*')}"


@LAKES
def test_nothing_is_granted_unless_asked_for(launch: Any) -> None:
    """Where IAM alone decides, whoever launches the stack need not be an administrator of Lake Formation."""
    lake = launch()
    assert not list(lake.of_type(GRANT))
    assert not list(launches.columnar(lake).of_type(GRANT))


@LAKES
def test_each_role_is_granted_what_it_does_in_the_catalog(launch: Any) -> None:
    """The crawler makes tables, the function declares columns, the job writes its own, analysts ask."""
    lake = launch(**GRANTS)
    crawler, function = lake.resource("CrawlerRole").name, lake.resource("CatalogFunctionRole").name
    assert granted(lake) == {
        (crawler, "CREATE_TABLE", "ddb_lake"),
        (function, "DESCRIBE", "ddb_lake.*"),
        (function, "ALTER", "ddb_lake.changes"),
        ("Analyst", "DESCRIBE", "ddb_lake"),
        ("Analyst", "SELECT", "ddb_lake.*"),
    }
    option = launches.columnar(lake)
    job = option.resource("CompactionRole").name
    assert granted(option) == {
        (job, "DESCRIBE", "ddb_lake.changes"),
        (job, "ALTER", "ddb_lake.changes_columnar"),
        (job, "INSERT", "ddb_lake.changes_columnar"),
    }


@pytest.mark.parametrize("kind", [kind.name for kind in KINDS])
def test_grants_name_one_permission_each_and_come_one_after_another(kind: str) -> None:
    """Several permissions in one, or several grants at once, fail the stack (coverage roadmap 1323, 2432)."""
    resources: Mapping[str, Any] = shipped_template(kind)["Resources"]
    grants = {name: body for name, body in resources.items() if body["Type"] == GRANT}
    assert [name for name, body in grants.items() if len(body["Properties"]["Permissions"]) != 1] == []
    before = [body.get("DependsOn") for body in grants.values()]
    assert before == [None, *grants][: len(grants)]


def test_the_function_is_called_when_it_has_been_granted() -> None:
    """Both come before the custom resource, and call it anew when they come later."""
    shut = launches.consumer().resource("DeclaredColumns").properties
    lake = launches.consumer(**GRANTS, CatalogKeyArn=CATALOG_KEY)
    opened = lake.resource("DeclaredColumns").properties
    assert (shut["Grant"], shut["CatalogKey"]) == ("none", "none")
    assert opened["Grant"] == lake.resource("CatalogFunctionAlterGrant").name
    assert opened["CatalogKey"] == f"{CATALOG_KEY} by {lake.resource('CatalogKeyPolicy').name}"


def test_analysts_are_granted_in_lake_formation_or_not_named() -> None:
    """An ARN that changes nothing is a mistake."""
    assert launches.broken_rules(launches.consumer(AnalystPrincipalArn=ANALYST)) == ["AnalystsAreGranted"]
    assert launches.broken_rules(launches.consumer(**GRANTS)) == []


@LAKES
def test_the_catalogs_key_reaches_the_option_stack(launch: Any) -> None:
    """As the output of the parameter's name; without one there is neither output nor policy."""
    assert "CatalogKeyArn" not in launch().outputs
    assert "CatalogKeyPolicy" not in launches.columnar(launch()).resources
    option = launches.columnar(launch(CatalogKeyArn=CATALOG_KEY))
    (statement,) = option.resource("CatalogKeyPolicy").properties["PolicyDocument"]["Statement"]
    assert statement["Resource"] == CATALOG_KEY
