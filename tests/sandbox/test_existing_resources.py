"""No stack takes over an existing resource of any type: creation fails, rollback does not change it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sandbox.emulator.resource_identities import IDENTITIES, WITHOUT_IDENTITY
from sandbox.lifecycle import Sandbox
from scripts.core import template
from scripts.stacks import KINDS
from tests.sandbox.named_resources import LAMBDA, NAMED, Surroundings
from tests.sandbox.roles import trust_policy
from tests.sandbox.stacks import Stacks

# A resource that is never created, after R.
FAILING = {
    "Type": "AWS::S3::Bucket",
    "DependsOn": "R",
    "Properties": {"BucketName": "Not-A-Bucket"},
}
# The types without a name property, and those whose name is required.
ALWAYS_NAMED = {
    "AWS::Athena::WorkGroup",
    "AWS::EC2::SubnetRouteTableAssociation",
    "AWS::Glue::SecurityConfiguration",
    "AWS::KMS::Alias",
    "AWS::LakeFormation::PrincipalPermissions",
    "AWS::S3::BucketPolicy",
}
every_type = pytest.mark.parametrize("kind", sorted(IDENTITIES))


@pytest.fixture(scope="module")
def beside(emulator: Sandbox) -> Surroundings:
    """Other resources that the resources under test need."""
    return Surroundings(emulator)


def deployed_types() -> set[str]:
    """Every resource type of the shipped templates."""
    paths = [kind.template for kind in KINDS]
    return {resource["Type"] for path in paths for resource in template.read(path).resources.values()}


def test_every_deployed_type_has_an_identity_or_a_reason_for_none() -> None:
    """A type with a name has an identity, any other a reason for having none; every entry is used."""
    assert {*IDENTITIES, *WITHOUT_IDENTITY} == deployed_types()
    assert not IDENTITIES.keys() & WITHOUT_IDENTITY.keys()
    assert IDENTITIES.keys() == NAMED.keys(), "tests/sandbox/named_resources.py has one of each"


@pytest.mark.sandbox
@every_type
def test_existing_resource_is_not_taken_over(
    kind: str, beside: Surroundings, stacks: Stacks, unique: str
) -> None:
    """A new stack or an update with its name fails; it survives both and is deleted with its own stack."""
    owner, taker, renamer = f"{unique}-owner", f"{unique}-taker", f"{unique}-renamer"
    name, other = beside.free_name(kind), beside.free_name(kind)
    assert (
        stacks.create(owner, {"R": beside.resource(kind, name, "first")})["StackStatus"] == "CREATE_COMPLETE"
    )
    owned = stacks.physical_id(owner, "R")
    before = beside.read(kind, owned, name, "first")

    taken = stacks.create(taker, {"R": beside.resource(kind, name, "second")})
    assert taken["StackStatus"] == "ROLLBACK_COMPLETE"
    assert "already exists" in stacks.reasons(taker)
    assert name in stacks.reasons(taker)
    assert beside.read(kind, owned, name, "first") == before

    stacks.create(renamer, {"R": beside.resource(kind, other, "second")})
    others = stacks.physical_id(renamer, "R")
    before_other = beside.read(kind, others, other, "second")
    renamed = stacks.update(renamer, {"R": beside.resource(kind, name, "second")})
    assert renamed["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert "already exists" in stacks.reasons(renamer)
    assert stacks.physical_id(renamer, "R") == others
    assert beside.read(kind, others, other, "second") == before_other

    for stack in (taker, renamer):
        assert stacks.delete(stack)["StackStatus"] == "DELETE_COMPLETE"
    assert beside.read(kind, owned, name, "first") == before
    assert stacks.delete(owner)["StackStatus"] == "DELETE_COMPLETE"
    again = {"A": beside.resource(kind, name, "first"), "B": beside.resource(kind, other, "first")}
    assert stacks.create(f"{unique}-again", again)["StackStatus"] == "CREATE_COMPLETE"


@pytest.mark.sandbox
@every_type
@pytest.mark.parametrize("change", ["another name", "another property"])
def test_failed_update_restores_the_previous_resources(
    kind: str, change: str, beside: Surroundings, stacks: Stacks, unique: str
) -> None:
    """A resource that it created is deleted; those it changed or would have replaced are as before."""
    name, other = beside.free_name(kind), beside.free_name(kind)
    stacks.create(unique, {"R": beside.resource(kind, name, "first")})
    physical_id = stacks.physical_id(unique, "R")
    before = beside.read(kind, physical_id, name, "first")
    changed = beside.resource(kind, other if change == "another name" else name, "second")

    updated = stacks.update(unique, {"R": changed, "Failing": FAILING})
    assert updated["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert stacks.physical_id(unique, "R") == physical_id
    assert beside.read(kind, physical_id, name, "first") == before
    freed = stacks.create(f"{unique}-other", {"R": beside.resource(kind, other, "second")})
    assert freed["StackStatus"] == "CREATE_COMPLETE"


@pytest.mark.sandbox
@pytest.mark.parametrize("kind", sorted(IDENTITIES.keys() - ALWAYS_NAMED))
def test_generated_name_is_new(kind: str, beside: Surroundings, stacks: Stacks, unique: str) -> None:
    """A stack that is launched again creates another resource next to the retained one."""
    name = beside.free_name(kind)
    resource = without_name(beside.resource(kind, name, "first"), name)
    names = []
    for _ in range(2):
        created = stacks.create(unique, {"R": {**resource, "DeletionPolicy": "Retain"}})
        assert created["StackStatus"] == "CREATE_COMPLETE"
        names.append(stacks.physical_id(unique, "R"))
        stacks.delete(unique)
    assert name not in names
    assert names[0] != names[1]


def without_name(value: Any, name: str) -> Any:
    """A resource without the properties that are its name."""
    if isinstance(value, dict):
        return {key: without_name(member, name) for key, member in value.items() if member != name}
    return value


@pytest.mark.sandbox
def test_role_created_by_hand_is_not_taken_over(emulator: Sandbox, stacks: Stacks, unique: str) -> None:
    """IAM ignores case; the role is the same before and after the stack's attempt."""
    iam = emulator.session("producer").client("iam")
    trusted = trust_policy({"Service": "glue.amazonaws.com"})
    iam.create_role(RoleName=unique, AssumeRolePolicyDocument=trusted)
    role = {"RoleName": unique.upper(), "AssumeRolePolicyDocument": json.loads(LAMBDA)}

    taken = stacks.create(unique, {"R": {"Type": "AWS::IAM::Role", "Properties": role}})
    assert taken["StackStatus"] == "ROLLBACK_COMPLETE"
    assert f"identifier '{unique.upper()}' already exists" in stacks.reasons(unique)
    assert iam.get_role(RoleName=unique)["Role"]["AssumeRolePolicyDocument"] == json.loads(trusted)


@pytest.mark.sandbox
def test_failed_creation_leaves_no_resource_that_blocks_the_next(
    stacks: Stacks, beside: Surroundings, unique: str
) -> None:
    """A table whose stream does not exist fails and is deleted; the corrected stack succeeds."""
    table = beside.resource("AWS::DynamoDB::Table", unique, "first")
    stream = {"StreamArn": "arn:aws:kinesis:us-east-1:111111111111:stream/absent"}
    failing = {**table, "Properties": {**table["Properties"], "KinesisStreamSpecification": stream}}
    assert stacks.create(unique, {"R": failing})["StackStatus"] == "ROLLBACK_COMPLETE"
    assert "stream/absent" in stacks.reasons(unique)

    assert stacks.create(f"{unique}-2", {"R": table})["StackStatus"] == "CREATE_COMPLETE"


@pytest.mark.sandbox
def test_two_resources_with_one_name_fail_the_stack(
    stacks: Stacks, beside: Surroundings, unique: str
) -> None:
    """The second one is rejected, and the rollback deletes the first."""
    group = beside.resource("AWS::Logs::LogGroup", unique, "first")
    assert stacks.create(unique, {"A": group, "B": group})["StackStatus"] == "ROLLBACK_COMPLETE"

    assert stacks.create(f"{unique}-2", {"A": group})["StackStatus"] == "CREATE_COMPLETE"
