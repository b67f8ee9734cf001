"""Every policy document of a launched layout, by name, and the actors it applies to.

The documents come from the templates as launched (``tests/templates/resolver.py``); none is copied by hand.
A policy document in an unknown place is an error, so none is overlooked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scripts.stacks import KINDS
from tests.policies.simulation import Policy, PolicyKind
from tests.templates.resolver import Resource, Stack, load_template, shipped_template

PRODUCER, CONSUMER, STRANGER = "111111111111", "222222222222", "333333333333"
REGION = "us-east-1"
LAYOUTS = ("two-accounts", "single-account")
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"

_COMMON = {"ArtifactBucketName": "ddb-lake-artifacts"}
# Options that add policies; an option stack takes their values from the lake's outputs.
_OPTIONAL = {
    "CatalogKeyArn": f"arn:aws:kms:{REGION}:{CONSUMER}:key/0ccccccc-0000-4000-8000-000000000003",
    "CreateInterfaceEndpoints": "true",
    "LakeFormationGrants": "true",
}
# What the job of `spark-sql` may write and read: a table of the lake's account, and a folder elsewhere.
_NAMED = {
    "TargetTableArns": f"arn:aws:dynamodb:{REGION}:{CONSUMER}:table/orders-per-day",
    "TargetKeyArns": f"arn:aws:kms:{REGION}:{CONSUMER}:key/0eeeeeee-0000-4000-8000-000000000005",
    "InputArns": "arn:aws:s3:::statement-inputs/products/*",
    "InputBucketArns": "arn:aws:s3:::statement-inputs",
    "InputKeyArns": f"arn:aws:kms:{REGION}:{CONSUMER}:key/0fffffff-0000-4000-8000-000000000006",
}


def _suffix(parameter: str) -> str:
    """The suffix of the artifact whose key a parameter has."""
    suffixes = {"ScriptKey": ".py", "WheelsKey": ".gluewheels.zip"}
    return next((suffix for end, suffix in suffixes.items() if parameter.endswith(end)), ".zip")


class PolicyError(ValueError):
    """A policy document is in an unknown place, or uses a feature that is not modelled."""


def launched(
    layout: str,
    templates: Mapping[str, dict[str, Any]] | None = None,
    options: Mapping[str, str] | None = None,
) -> dict[str, Stack]:
    """Template kind → stack. Producer and options are launched with the lake's outputs, filled in by name.

    ``options`` are further parameters; each template takes those that it has.
    """

    stacks: dict[str, Stack] = {}
    for kind in KINDS:
        if not kind.is_option and bool(kind.unites) != (layout == "single-account"):
            continue
        body = (templates or {}).get(kind.name) or shipped_template(kind.name)
        source = next((stacks[name] for name in kind.outputs_of if name in stacks), None)
        beside = next((stacks[name] for name in kind.beside if name in stacks), None)
        parameters = {name: beside.outputs[name] for name in kind.takes_beside} if beside else {}
        parameters |= dict(source.outputs) if source else {}
        parameters |= (
            _COMMON
            | _NAMED
            | {
                name: f"{artifact.folder}/{artifact.name}{_suffix(name)}"
                for name, artifact in kind.artifacts.items()
            }
        )
        if not kind.is_option:
            parameters |= _OPTIONAL
        if kind.other_account and source is None:
            parameters[kind.other_account] = PRODUCER
        parameters |= options or {}
        stacks[kind.name] = Stack(
            body,
            name=kind.stack_name,
            account=PRODUCER if kind.account == "producer" and layout == "two-accounts" else CONSUMER,
            region=REGION,
            parameters={name: value for name, value in parameters.items() if name in body["Parameters"]},
        )
    return stacks


def examples(lake: Mapping[str, str]) -> dict[str, Stack]:
    """The stacks of docs/connect.md, launched beside the lake with its outputs."""
    return {
        "dbt": Stack(
            load_template(EXAMPLES / "dbt" / "stack.yaml"),
            name="ddb-lake-dbt",
            account=CONSUMER,
            region=REGION,
            parameters={"LakeKeyArn": lake["LakeKeyArn"]},
        )
    }


@dataclass
class Documents:
    """The policies of one layout.

    ``identity`` maps a role's ARN to the names of its policies, ``owner`` a resource's ARN to its own policy,
    ``endpoint`` a VPC endpoint's logical id to its policy; ``policies`` has them all by name.
    """

    layout: str
    stacks: dict[str, Stack]
    policies: dict[str, Policy] = field(default_factory=dict)
    identity: dict[str, list[str]] = field(default_factory=dict)
    owner: dict[str, str] = field(default_factory=dict)
    endpoint: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        layout: str,
        templates: Mapping[str, dict[str, Any]] | None = None,
        options: Mapping[str, str] | None = None,
    ) -> Documents:
        stacks = launched(layout, templates, options)
        lake = stacks["single-account" if layout == "single-account" else "consumer"]
        return cls.of_stacks(layout, {**stacks, **examples(lake.outputs)})

    @classmethod
    def of_stacks(cls, layout: str, stacks: dict[str, Stack]) -> Documents:
        documents = cls(layout, stacks)
        for stack in documents.stacks.values():
            documents._collect(stack)
        return documents

    def resource(self, logical_id: str) -> Resource | None:
        """The resource of that logical id, in whichever stack has it."""
        for stack in self.stacks.values():
            if logical_id in stack.resources:
                return stack.resource(logical_id)
        return None

    def _add(self, name: str, kind: PolicyKind, document: dict[str, Any]) -> str:
        self.policies[name] = Policy(name, kind, document)
        return name

    def _collect(self, stack: Stack) -> None:
        permissions: dict[str, list[dict[str, Any]]] = {}
        for resource in stack.resources.values():
            known = {_DOCUMENT_OF.get(resource.type)}
            if resource.type == "AWS::IAM::Role":
                known = {"AssumeRolePolicyDocument", "Policies"}
            overlooked = [path for path in _documents_in(resource.properties) if path[0] not in known]
            if overlooked:
                where = "/".join(overlooked[0])
                raise PolicyError(f"{resource.logical_id} ({resource.type}) has a policy at {where}")
            self._collect_one(stack, resource, permissions)
        for function in stack.of_type("AWS::Lambda::Function"):
            if function.arn in permissions:
                document = {"Version": "2012-10-17", "Statement": permissions[function.arn]}
                name = f"{function.logical_id} permissions"
                self.owner[function.arn] = self._add(name, "resource", document)

    def _collect_one(self, stack: Stack, resource: Resource, permissions: dict[str, Any]) -> None:
        properties, name = resource.properties, resource.logical_id
        if resource.type == "AWS::IAM::Role":
            self._collect_role(stack, resource)
        elif resource.type == "AWS::Lambda::Permission":
            statement = _permission_statement(resource)
            permissions.setdefault(statement["Resource"], []).append(statement)
        elif resource.type in _DOCUMENT_OF:
            key = _DOCUMENT_OF[resource.type]
            if key not in properties:
                raise PolicyError(f"{name} has no {key}, so it would let everything through")
            if resource.type == "AWS::EC2::VPCEndpoint":
                self.endpoint[name] = self._add(f"{name} policy", "endpoint", properties[key])
            elif resource.type in _ATTACHED_TO_ROLES:
                self._add(name, "identity", properties[key])
                roles = [*properties.get("Roles", []), properties.get("RoleName")]
                # An option stack may attach a policy to a role of the lake's stack.
                account = (one for one in self.stacks.values() if one.account == stack.account)
                for role in (role for one in account for role in one.of_type("AWS::IAM::Role")):
                    if role.name in roles:
                        self.identity.setdefault(role.arn, []).append(name)
            else:
                called = f"{name} policy" if resource.type == "AWS::KMS::Key" else name
                self._add(called, "resource", properties[key])
                for arn in _owned(resource):
                    self.owner[arn] = called

    def _collect_role(self, stack: Stack, role: Resource) -> None:
        properties = role.properties
        if "PermissionsBoundary" in properties:
            raise PolicyError(f"{role.logical_id} has a permissions boundary, which is not modelled")
        trust = self._add(f"{role.logical_id} trust", "trust", properties["AssumeRolePolicyDocument"])
        self.owner[role.arn] = trust
        policies = self.identity.setdefault(role.arn, [])
        for policy in properties.get("Policies", []):
            name = f"{role.logical_id} {policy['PolicyName']}"
            policies.append(self._add(name, "identity", policy["PolicyDocument"]))
        for arn in properties.get("ManagedPolicyArns", []):
            own = [p.logical_id for p in stack.of_type("AWS::IAM::ManagedPolicy") if p.name == arn]
            if not own:
                raise PolicyError(
                    f"{role.logical_id} has {arn}, a policy that AWS may change: write its statements instead"
                )
            policies.extend(own)


_ATTACHED_TO_ROLES = {"AWS::IAM::Policy", "AWS::IAM::ManagedPolicy", "AWS::IAM::RolePolicy"}

# Resource types that are a policy or have one, and the property with the document.
_DOCUMENT_OF = {
    **dict.fromkeys(_ATTACHED_TO_ROLES, "PolicyDocument"),
    "AWS::EC2::VPCEndpoint": "PolicyDocument",
    "AWS::KMS::Key": "KeyPolicy",
    "AWS::Kinesis::ResourcePolicy": "ResourcePolicy",
    "AWS::S3::BucketPolicy": "PolicyDocument",
    "AWS::SNS::TopicPolicy": "PolicyDocument",
    "AWS::SQS::QueuePolicy": "PolicyDocument",
}


def _owned(policy: Resource) -> list[str]:
    """The ARNs that a resource policy guards."""
    properties, stack = policy.properties, policy.stack
    if policy.type == "AWS::KMS::Key":
        return [policy.arn]
    if policy.type == "AWS::S3::BucketPolicy":
        return [f"arn:{stack.partition}:s3:::{properties['Bucket']}"]
    if policy.type == "AWS::SNS::TopicPolicy":
        return list(properties["Topics"])
    if policy.type == "AWS::SQS::QueuePolicy":
        queues = {queue.name: queue.arn for queue in stack.of_type("AWS::SQS::Queue")}
        return [queues[url] for url in properties["Queues"]]
    return [properties["ResourceArn"]]


def _documents_in(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The path of every policy document inside a resource's properties."""
    if isinstance(value, dict):
        if "Statement" in value:
            yield path
        for key, item in value.items():
            yield from _documents_in(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _documents_in(item, (*path, str(index)))


def _permission_statement(permission: Resource) -> dict[str, Any]:
    """The statement that Lambda builds for AWS::Lambda::Permission (AddPermission, Lambda API reference)."""
    properties = permission.properties
    principal = str(properties["Principal"])
    conditions: dict[str, dict[str, str]] = {}
    if "SourceArn" in properties:
        conditions["ArnLike"] = {"aws:SourceArn": properties["SourceArn"]}
    if "SourceAccount" in properties:
        conditions["StringEquals"] = {"aws:SourceAccount": properties["SourceAccount"]}
    function = str(properties["FunctionName"])
    if not function.startswith("arn:"):
        function = next(
            f.arn for f in permission.stack.of_type("AWS::Lambda::Function") if f.name == function
        )
    return {
        "Sid": permission.logical_id,
        "Effect": "Allow",
        "Principal": {"Service": principal} if principal.endswith(".amazonaws.com") else {"AWS": principal},
        "Action": properties["Action"],
        "Resource": function,
        **({"Condition": conditions} if conditions else {}),
    }
