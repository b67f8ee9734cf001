"""The deployer's policies grant exactly the actions and resources that deploying needs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from fnmatch import fnmatchcase

import pytest

from tests.policies.deployer import (
    MANAGED_POLICY_CHARACTERS,
    ROOT,
    VIA,
    Need,
    deployments,
    is_left_out,
    permissions_of,
    policies,
    policies_for,
    schemas,
    script_calls,
    table,
)
from tests.policies.mutants import granted, listed, service_actions, statements
from tests.policies.simulation import Policy, judge

pytestmark = pytest.mark.usefixtures("simulator")

# Statements that the deployer uses directly, not through CloudFormation.
DIRECT = {
    "DeploysAndRemovesStacks",
    "KeepsTheArtifactBucket",
    "KeepsArtifacts",
    "TakesTemplatesBack",
    "ComparesFunctions",
    "TurnsTheStreamOnAndOff",
    "LooksAtTheNetwork",
    "WatchesTheDelivery",
    "ReadsMetrics",
    "ReadsTheColumns",
    "ForgetsColumns",
    "RecordsWhatIsForgotten",
}
# The reference lists a resource for it; [unverified] whether CloudWatch checks that resource.
NO_RESOURCE_YET = {"cloudwatch:GetMetricData"}
# Statements whose resources have no name that a policy could contain.
NAMELESS = {
    "KeepsAndUsesKeys",
    "MakesCrawlersAndJobs",
    "MakesTheNetwork",
    "RemovesItsNetwork",
    "EncryptsTheStream",
    "TurnsTheStreamOnAndOff",
}


@pytest.fixture(scope="module")
def needs(simulator: None) -> list[Need]:
    """Each action on each resource once, and once more if it is called directly."""
    found = {
        (need.kind, need.action, need.resource, VIA.items() <= need.context.items()): need
        for deployment in deployments()
        for need in deployment.needs()
    }
    return list(found.values())


def granted_to(needs: list[Need], left_out: frozenset[str] = frozenset()) -> list[Need]:
    """The needs that the policies of their kind of stack grant, without some of their statements."""
    cut = {
        kind: tuple(
            replace(
                policy,
                document={
                    **policy.document,
                    "Statement": [s for s in statements(policy.document) if s["Sid"] not in left_out],
                },
            )
            for policy in policies_for(kind)
        )
        for kind in table()["policies"]
    }
    decisions = judge(need.request(cut[need.kind]) for need in needs)
    return [need for need, decision in zip(needs, decisions, strict=True) if decision.allowed]


def every_statement() -> Iterator[tuple[Policy, dict[str, object]]]:
    """Each statement with the policy it is in."""
    for policy in policies().values():
        for statement in statements(policy.document):
            yield policy, statement


def test_every_call_of_deploy_remove_and_cloudformation_is_granted(needs: list[Need]) -> None:
    """On the exact resources of each kind of stack, by the policies for that kind and no others."""
    assert len(needs) > 1000
    allowed = granted_to(needs)
    assert [need.name for need in needs if need not in allowed] == []


def test_every_granted_action_is_needed(needs: list[Need]) -> None:
    """By a stack that uses the policy. An action that nobody calls any more must be removed."""
    for name, policy in policies().items():
        kinds = {kind for kind, names in table()["policies"].items() if name in names}
        called = {need.action.lower() for need in needs if need.kind in kinds}
        for statement in statements(policy.document):
            actions = granted(listed(statement["Action"]))
            assert actions - called == set(), f"{name} / {statement['Sid']}"


def test_every_statement_is_needed(needs: list[Need]) -> None:
    """Some call is granted only by it, so no two statements are equal."""
    decisions = judge(need.request(policies_for(need.kind)) for need in needs)
    alone = {decision.decided[0] for decision in decisions if len(set(decision.decided)) == 1}
    needless = [s["Sid"] for p, s in every_statement() if f"{p.name}: {s['Sid']}" not in alone]
    assert needless == []


def test_resources_are_changed_only_through_cloudformation(needs: list[Need]) -> None:
    """The same credentials cannot create, change or delete anything without CloudFormation."""
    through = [need for need in needs if VIA.items() <= need.context.items()]
    direct = [
        replace(need, context={key: value for key, value in need.context.items() if key not in VIA})
        for need in through
    ]
    found = {need.action for need in granted_to(direct, frozenset(DIRECT))}
    reads = ("ec2:Describe", "logs:Describe", "kms:ListAliases")
    assert {action for action in found if not action.startswith(reads)} == {
        "iam:CreateServiceLinkedRole",  # only DynamoDB's own role
        "iam:PassRole",  # only to the three services that use a role of the lake
    }


def test_resources_with_other_names_are_denied(needs: list[Need]) -> None:
    """The policies cover resources named after the lake, and no others."""
    others = [
        replace(
            need,
            resource=need.resource.replace("ddb-lake", "orders").replace("ddb_lake", "orders"),
            owner=None,
        )
        for need in needs
        if "ddb-lake" in need.resource.partition("/aws-glue/")[0].replace("ddb_lake", "ddb-lake")
    ]
    assert len(others) > 400
    assert [need.name for need in granted_to(others, frozenset(NAMELESS))] == []


def test_only_the_network_of_the_lake_can_be_deleted(needs: list[Need]) -> None:
    """The tag decides, because EC2 chooses the names."""
    deleting = [need for need in needs if need.action.startswith(("ec2:Delete", "ec2:Revoke"))]
    deleting = [need for need in deleting if need.action != "ec2:DeleteTags"]
    others = [replace(need, context={**VIA, "aws:ResourceTag/Application": ["shop"]}) for need in deleting]
    assert len(deleting) > 5
    assert granted_to(others) == []


def test_a_role_is_passed_only_to_the_three_services(needs: list[Need]) -> None:
    """An instance or a notebook cannot use a role of the lake."""
    passed = [need for need in needs if need.action == "iam:PassRole"]
    others = [
        replace(need, context={**need.context, "iam:PassedToService": ["ec2.amazonaws.com"]})
        for need in passed
    ]
    assert passed
    assert granted_to(others) == []


def test_a_star_is_used_only_for_actions_without_resource() -> None:
    """According to the service authorization reference; every other statement names its resources."""
    for policy, statement in every_statement():
        if "*" in listed(statement["Resource"]):
            for action in listed(statement["Action"]):
                service, _, name = str(action).partition(":")
                found = service_actions(service)[name.lower()]
                if action in NO_RESOURCE_YET:
                    continue
                assert found["resourceTypes"] == [], f"{policy.name} / {statement['Sid']}: {action}"


def test_each_policy_fits_in_a_managed_policy() -> None:
    """6,144 characters without white space, and ten of them on a role."""
    for name, policy in policies().items():
        assert len(json.dumps(policy.document, separators=(",", ":"))) <= MANAGED_POLICY_CHARACTERS, name


def test_every_omitted_permission_is_in_a_schema() -> None:
    """A pattern without a match would hide the next permission that matches it."""
    types = {
        resource.type for deployment in deployments() for resource in deployment.stack.resources.values()
    }
    for entry in table()["without"]:
        assert set(entry["types"]) <= types, entry["why"]
        found = {(name, action) for name in entry["types"] for action in permissions_of(name)}
        for pattern in entry["actions"]:
            assert any(fnmatchcase(action, pattern) for _, action in found), f"{pattern}: {entry['why']}"
        met = {
            (name, action)
            for name, action in found
            if is_left_out(entry, entry.get("kinds", ["consumer"])[0], name, action)
        }
        kept = {action for _, action in found - met}
        assert set(entry.get("but", ())) <= kept, entry["why"]


def test_every_resource_type_has_a_schema() -> None:
    """Only a custom resource has none: CloudFormation calls its function, which `also` lists."""
    types = {
        resource.type for deployment in deployments() for resource in deployment.stack.resources.values()
    }
    assert {name for name in types - set(schemas()) if not name.startswith("Custom::")} == set()


def test_the_calls_of_the_scripts_are_found() -> None:
    """A spot check of the syntax trees: calls, calls through a paginator, and renamed actions."""
    assert {
        "cloudformation:CreateChangeSet",
        "cloudformation:DescribeStackEvents",
        "dynamodb:DescribeTable",
        "s3:ListBucket",
        "s3:PutEncryptionConfiguration",
    } <= script_calls()


def test_the_guide_has_the_reason_of_every_statement() -> None:
    """JSON has no comments, so docs/deployer.md has exactly one line per statement."""
    page = (ROOT / "docs" / "deployer.md").read_text(encoding="utf-8")
    documented = [line.split("`")[1] for line in page.splitlines() if line.startswith("| `")]
    assert sorted(documented) == sorted(str(statement["Sid"]) for _, statement in every_statement())
