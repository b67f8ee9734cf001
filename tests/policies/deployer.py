"""The permissions a deployer needs: for the calls of `deploy` and `remove`, and for CloudFormation's calls.

CloudFormation calls services with the credentials of the deployer, unless a service role is set
(CloudFormation guide, "AWS CloudFormation service role"). The schema of a resource type lists its calls,
``handlers``, ``permissions`` (CloudFormation CLI guide, "Resource type schema"); cfn-lint ships AWS's
schemas. The calls of the scripts are read from their syntax trees. ``deployer.yaml`` adds the calls that
cannot be read, and the permissions of a schema that no template needs.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property, lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import botocore.session
import yaml
from botocore import xform_name

from scripts.stacks import STACKS, TEMPLATES
from tests.policies.documents import REGION, launched
from tests.policies.ledger import FOLDER
from tests.policies.mutants import service_actions
from tests.policies.simulation import Policy, Request
from tests.templates.resolver import Resource, Stack

POLICIES = TEMPLATES / "deployer"
ROOT = TEMPLATES.parent
MANAGED_POLICY_CHARACTERS = 6144  # without white space (IAM guide, "IAM and AWS STS quotas")
VIA = {"aws:CalledVia": ["cloudformation.amazonaws.com"]}
_FREE = {"sts:GetCallerIdentity"}  # it takes no permission (STS API reference)
_HANDLERS = ("create", "read", "update", "delete")

# The name of a resource in the service authorization reference: its type in a template.
_TYPES = {
    "athena:workgroup": "AWS::Athena::WorkGroup",
    "cloudwatch:alarm": "AWS::CloudWatch::Alarm",
    "dynamodb:table": "AWS::DynamoDB::Table",
    "ec2:route-table": "AWS::EC2::RouteTable",
    "ec2:security-group": "AWS::EC2::SecurityGroup",
    "ec2:subnet": "AWS::EC2::Subnet",
    "ec2:vpc": "AWS::EC2::VPC",
    "ec2:vpc-endpoint": "AWS::EC2::VPCEndpoint",
    "events:rule-on-default-event-bus": "AWS::Events::Rule",
    "firehose:deliverystream": "AWS::KinesisFirehose::DeliveryStream",
    "glue:crawler": "AWS::Glue::Crawler",
    "glue:database": "AWS::Glue::Database",
    "glue:job": "AWS::Glue::Job",
    "glue:table": "AWS::Glue::Table",
    "iam:policy": "AWS::IAM::ManagedPolicy",
    "iam:role": "AWS::IAM::Role",
    "kinesis:kmsKey": "AWS::KMS::Key",
    "kinesis:stream": "AWS::Kinesis::Stream",
    "kms:alias": "AWS::KMS::Alias",
    "kms:key": "AWS::KMS::Key",
    "lambda:function": "AWS::Lambda::Function",
    "logs:log-group": "AWS::Logs::LogGroup",
    "logs:log-stream": "AWS::Logs::LogStream",
    "s3:bucket": "AWS::S3::Bucket",
    "sqs:queue": "AWS::SQS::Queue",
}


_DELIVERY = "AWS::KinesisFirehose::DeliveryStream"


class DeployerError(ValueError):
    """A permission with an unsupported resource; the message names it."""


@dataclass(frozen=True)
class Need:
    """One action on one resource that deploying or removing a kind of stack needs."""

    kind: str
    action: str
    resource: str
    account: str
    context: dict[str, Any] = field(hash=False, default_factory=dict)
    why: str = ""
    owner: Policy | None = None  # a key policy: without it, IAM policies have no effect on a key

    @property
    def name(self) -> str:
        return f"{self.kind}: {self.action} on {self.resource} ({self.why})"

    def request(self, policies: tuple[Policy, ...]) -> Request:
        role = f"arn:aws:iam::{self.account}:role/Deployer"
        sent = {"aws:PrincipalArn": role, "aws:SecureTransport": "true", **self.context}
        session = f"arn:aws:sts::{self.account}:assumed-role/Deployer/session"
        return Request(session, self.action, self.resource, self.account, sent, policies, self.owner)


@lru_cache(maxsize=1)
def table() -> dict[str, Any]:
    """deployer.yaml."""
    read: dict[str, Any] = yaml.safe_load((FOLDER / "deployer.yaml").read_text(encoding="utf-8"))
    return read


@lru_cache(maxsize=1)
def policies() -> dict[str, Policy]:
    """The policies of templates/deployer/, by the name of the file."""
    return {
        path.stem: Policy(path.stem, "identity", json.loads(path.read_text(encoding="utf-8")))
        for path in sorted(POLICIES.glob("*.json"))
    }


def policies_for(kind: str) -> tuple[Policy, ...]:
    """The policies of a deployer of this kind of stack."""
    return tuple(policies()[name] for name in table()["policies"][kind])


@lru_cache(maxsize=1)
def schemas() -> dict[str, dict[str, Any]]:
    """The schema of each resource type, as cfn-lint ships them."""
    spec = find_spec("cfnlint")
    assert spec is not None
    assert spec.origin is not None
    found = {}
    for path in (Path(spec.origin).parent / "data" / "schemas" / "resources").glob("*.json"):
        schema = json.loads(path.read_text(encoding="utf-8"))
        found[schema["typeName"]] = schema
    return found


def permissions_of(type_name: str) -> set[str]:
    """Every existing action that CloudFormation may call to create, read, change or delete a resource."""
    handlers = schemas()[type_name].get("handlers", {})
    listed = {action for name in _HANDLERS for action in handlers.get(name, {}).get("permissions", [])}
    return {action for action in listed if _known(action) is not None}


def _known(action: str) -> dict[str, Any] | None:
    """The entry of an action in the service authorization reference; None if it does not exist."""
    service, _, name = action.partition(":")
    try:
        found: dict[str, Any] | None = service_actions(service).get(name.lower())
    except FileNotFoundError:
        return None
    return found


def is_left_out(entry: Mapping[str, Any], kind: str, type_name: str, action: str) -> bool:
    """Whether an entry of `without` excludes this permission for the type in this kind of stack."""
    return (
        type_name in entry["types"]
        and kind in entry.get("kinds", (kind,))
        and action not in entry.get("but", ())
        and any(fnmatchcase(action, pattern) for pattern in entry["actions"])
    )


# The scripts


def modules() -> list[Path]:
    """The modules of `deploy` and `remove`: those of scripts/ that they import, directly or not."""
    waiting, found = [ROOT / "scripts" / name for name in ("deploy.py", "remove.py")], []
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found.append(path)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("scripts."):
                names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
                paths = [ROOT / (str(name).replace(".", "/") + ".py") for name in names]
                waiting += [each for each in paths if each.is_file()]
    return sorted(found)


def script_calls() -> set[str]:
    """The IAM actions of every API call in those modules, paginators too, of every service they open."""
    calls = [node for path in modules() for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))]
    named = [
        (
            node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", ""),
            *(arg.value for arg in node.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)),
        )
        for node in calls
        if isinstance(node, ast.Call)
    ]
    services = {text for called, *texts in named if called == "client" for text in texts}
    session = botocore.session.get_session()
    known = {
        xform_name(operation): f"{service}:{operation}"
        for service in sorted(services)
        for operation in session.get_service_model(service).operation_names
    }
    found = {known[name] for call in named for name in call if name in known} - _FREE
    return {table()["operations"].get(action.partition(":")[2], action) for action in found}


# Needs


@dataclass(frozen=True)
class Deployment:
    """One kind of stack as launched, and its needs."""

    kind: str
    stack: Stack

    @cached_property
    def artifacts(self) -> str:
        return f"arn:aws:s3:::ddb-lake-artifacts-{self.stack.account}-{REGION}"

    def needs(self) -> Iterator[Need]:
        """All needs: the scripts' own calls, CloudFormation's calls, and those that no schema lists."""
        yield from self._of_scripts()
        for resource in self.stack.resources.values():
            if resource.type in schemas():
                for action in sorted(permissions_of(resource.type)):
                    left_out = (is_left_out(e, self.kind, resource.type, action) for e in table()["without"])
                    if not any(left_out):
                        yield from self._of_cloudformation(action, resource.type)
        for entry in table()["also"]:
            if self.kind in entry["kinds"]:
                for arn in (arn for resource in entry["resources"] for arn in self._located(resource)):
                    context = VIA if entry.get("via") else {}
                    yield Need(self.kind, entry["action"], arn, self.stack.account, context, entry["why"])

    def _of_scripts(self) -> Iterator[Need]:
        for action in sorted(script_calls()):
            service = action.partition(":")[0]
            if service == "dynamodb" and "ExistingTableName" not in self.stack.template["Parameters"]:
                continue
            on = {
                "cloudformation": self._located("stack"),
                "cloudwatch": [f"arn:aws:cloudwatch:{REGION}:{self.stack.account}:dataset/default"],
                "dynamodb": self._located("adopted table"),
                "s3": [self.artifacts + ("/functions/x.zip" if action.endswith("Object") else "")],
            }
            if service in ("cloudwatch", "ec2", "firehose") and not self.stack.of_type(_DELIVERY):
                continue  # these calls are for a delivery stream and its network
            if service == "glue" and not self.stack.of_type("AWS::Glue::Database"):
                continue  # `remove` lists the tables of the stack's database
            if action == "s3:DeleteObjectVersion":
                on["s3"] = self._located("template")
            for arn in on[service] if service in on else self._touched(action):
                yield Need(self.kind, action, arn, self.stack.account, {}, "deploy and remove call it")

    def _touched(self, action: str, type_name: str = "") -> dict[str, str]:
        """The resources of this stack for which IAM checks an action: their kind, by ARN."""
        known, service = _known(action), action.partition(":")[0]
        if known is None:
            raise DeployerError(
                f"{action} is not an IAM action: add the operation to `operations` in deployer.yaml"
            )
        kinds = [f"{service}:{kind['name']}" for kind in known["resourceTypes"]]
        if not kinds:
            return {"*": "*"}
        if (
            "tag" in action.lower()
        ):  # it applies to one resource of any kind, other actions to every kind listed
            kinds = [kind for kind in kinds if _TYPES.get(kind) == type_name] or kinds
        found = {arn: kind for kind in kinds for arn in self._located(kind)}
        if not found and any(_TYPES.get(kind) is None for kind in kinds):
            raise DeployerError(f"{action}: which of this stack's resources is a {' or a '.join(kinds)}?")
        return found

    def _of_cloudformation(self, action: str, type_name: str) -> Iterator[Need]:
        why = f"CloudFormation, for {type_name}"
        if action == "iam:CreateServiceLinkedRole":
            service = "kinesisreplication.dynamodb.amazonaws.com"
            arn = f"arn:aws:iam::{self.stack.account}:role/aws-service-role/{service}/AWSServiceRole"
            yield Need(
                self.kind, action, arn, self.stack.account, {**VIA, "iam:AWSServiceName": service}, why
            )
            return
        for arn, kind in self._touched(action, type_name).items():
            context = dict(VIA)
            if action == "iam:PassRole":
                services = self._trusted(arn)
                if not services:
                    continue  # a role for people's commands: no service gets it
                context["iam:PassedToService"] = services
            if kind.startswith("ec2:"):
                context["aws:ResourceTag/Application"] = ["ddb-lake"]
            owner = self._owners.get(arn) if kind.startswith("kms:") else None
            yield Need(self.kind, action, arn, self.stack.account, context, why, owner)

    @cached_property
    def _owners(self) -> dict[str, Policy]:
        keys = self.stack.of_type("AWS::KMS::Key")
        return {key.arn: Policy(key.logical_id, "resource", key.properties["KeyPolicy"]) for key in keys}

    def _trusted(self, arn: str) -> list[str]:
        """The services that may take a role."""
        (role,) = [role for role in self.stack.of_type("AWS::IAM::Role") if role.arn == arn]
        (statement,) = role.properties["AssumeRolePolicyDocument"]["Statement"]
        service = statement["Principal"].get("Service")
        return [service] if service else []

    def _located(self, kind: str) -> list[str]:
        """The ARNs of this stack's resources of one kind."""
        region = f"{REGION}:{self.stack.account}"
        known = {
            "*": "*",
            "stack": f"arn:aws:cloudformation:{region}:stack/{self.stack.name}/0a1b2c3d",
            "template": f"{self.artifacts}/templates/{self.kind}-0a1b2c3d.yaml",
            "adopted table": f"arn:aws:dynamodb:{region}:table/orders",
            "glue:catalog": f"arn:aws:glue:{region}:catalog",
            "s3:object": f"{self.artifacts}/functions/x.zip",
        }
        if kind in known:
            return [known[kind]]
        if name := {"changes": "changes", "forgotten columns": "forgotten_columns"}.get(kind):
            databases = self.stack.of_type("AWS::Glue::Database")
            return [f"arn:aws:glue:{region}:table/{database.name}/{name}" for database in databases]
        return (
            [_arn(kind, resource) for resource in self.stack.of_type(_TYPES[kind])] if kind in _TYPES else []
        )


def _arn(kind: str, resource: Resource) -> str:
    """The resource's ARN in the format that its service uses in policies."""
    account = resource.stack.account
    if kind.startswith("ec2:"):
        return f"arn:aws:ec2:{REGION}:{account}:{kind.partition(':')[2]}/{resource.name}"
    if kind == "kms:alias":
        return f"arn:aws:kms:{REGION}:{account}:{resource.name}"
    if kind == "logs:log-stream":
        group = resource.properties["LogGroupName"]
        return f"arn:aws:logs:{REGION}:{account}:log-group:{group}:log-stream:{resource.name}"
    if kind.startswith("glue:"):
        path = {
            "glue:table": f"table/{resource.properties.get('DatabaseName')}/{resource.name}",
            "glue:database": f"database/{resource.name}",
        }.get(kind, f"{kind.partition(':')[2]}/{resource.name}")
        return f"arn:aws:glue:{REGION}:{account}:{path}"
    return resource.arn.removesuffix(":*")


def deployments() -> list[Deployment]:
    """Every kind of stack, launched with its defaults."""
    stacks = {**launched("single-account"), **launched("two-accounts")}
    return [Deployment(kind, stacks[kind]) for kind in STACKS]
