"""A template and its parameters → the resources CloudFormation would create, with every intrinsic evaluated.

No AWS account is needed: the module evaluates conditions, mappings, pseudo parameters, references between
resources and outputs of other stacks. It generates names in the format of CloudFormation
(``<stack>-<logical id>-<12 characters>``), the same in every run.

Source: AWS CloudFormation user guide, "Intrinsic function reference" and "Resource and property types
reference" (the return values of ``Ref`` and ``Fn::GetAtt``). An intrinsic or attribute that is not supported
is an error that names it: nothing is guessed.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import yaml

from scripts.stacks import STACKS

_PSEUDO_NO_VALUE = "AWS::NoValue"
_NO_VALUE = object()


class ResolveError(ValueError):
    """The template uses something this resolver does not support; the message names it and its place."""


class _Loader(yaml.SafeLoader):
    """YAML as CloudFormation reads it: short intrinsics, and dates such as 2012-10-17 stay text."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _short_form(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)
        value = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _short_form)


def load_template(source: Path | str) -> dict[str, Any]:
    """The template as a dictionary with long-form intrinsics; ``source`` is a file or the text itself."""
    text = source.read_text(encoding="utf-8") if isinstance(source, Path) else source
    template = yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader with CloudFormation's tags
    if not isinstance(template, dict) or "Resources" not in template:
        raise ResolveError("not a CloudFormation template: it has no Resources section")
    return template


@lru_cache(maxsize=8)
def _shipped(kind: str) -> str:
    return json.dumps(load_template(STACKS[kind].template))


def shipped_template(kind: str) -> dict[str, Any]:
    """The shipped template of one kind (consumer, backfill, …): a fresh copy, safe to change."""
    template: dict[str, Any] = json.loads(_shipped(kind))
    return template


@dataclass(frozen=True)
class Resource:
    """One resource that the stack would have, with all intrinsics evaluated."""

    logical_id: str
    type: str
    name: str  # what Ref returns
    properties: dict[str, Any]
    stack: Stack

    @property
    def arn(self) -> str:
        return str(self.stack.attribute(self.logical_id, "Arn"))


class Stack:
    """A stack that was never launched: its resources, outputs and exports.

    ``imports`` are the exports of other stacks (``Fn::ImportValue``). ``names`` (logical id → physical id)
    and ``stack_id`` come from a launched stack, to resolve its template with the real names.
    Only resources whose condition is true are included, as on AWS.
    """

    def __init__(
        self,
        template: Mapping[str, Any],
        *,
        name: str,
        account: str,
        region: str = "us-east-1",
        parameters: Mapping[str, Any] | None = None,
        imports: Mapping[str, str] | None = None,
        names: Mapping[str, str] | None = None,
        stack_id: str | None = None,
    ) -> None:
        self.name, self.account, self.region = name, account, region
        self.template = template
        self.partition, self._url_suffix = _partition(region)
        self._imports = dict(imports or {})
        self._names = dict(names or {})
        self.stack_id = stack_id or (
            f"arn:{self.partition}:cloudformation:{region}:{account}:stack/{name}/{_uuid(account, name)}"
        )
        self._conditions: dict[str, bool] = {}
        self._underway: list[str] = []
        self._resources: dict[str, Resource] = {}
        self.parameters = self._values(dict(parameters or {}))
        self._declared: dict[str, Any] = {
            logical_id: body
            for logical_id, body in template["Resources"].items()
            if "Condition" not in body or self.condition(body["Condition"])
        }

    def _values(self, parameters: dict[str, Any]) -> dict[str, Any]:
        declared = self.template.get("Parameters", {})
        unknown = sorted(set(parameters) - set(declared))
        if unknown:
            raise ResolveError(f"stack {self.name}: the template has no parameter {', '.join(unknown)}")
        values: dict[str, Any] = {}
        for key, body in declared.items():
            if key not in parameters and "Default" not in body:
                raise ResolveError(f"stack {self.name}: parameter {key} has no value and no default")
            value = parameters.get(key, body.get("Default"))
            if "List" in body["Type"]:
                values[key] = value if isinstance(value, list) else [v for v in str(value).split(",") if v]
            else:
                values[key] = str(value)
        return values

    # Resources, outputs

    @property
    def resources(self) -> dict[str, Resource]:
        """Logical ID → resource, for every resource whose condition is true."""
        return {logical_id: self.resource(logical_id) for logical_id in self._declared}

    def resource(self, logical_id: str) -> Resource:
        if logical_id not in self._resources:
            body = self._body(logical_id)
            self._resources[logical_id] = Resource(
                logical_id,
                body["Type"],
                self.ref(logical_id),
                self.value(body.get("Properties", {})),
                self,
            )
        return self._resources[logical_id]

    def of_type(self, *types: str) -> list[Resource]:
        return [self.resource(key) for key, body in self._declared.items() if body["Type"] in types]

    @property
    def outputs(self) -> dict[str, str]:
        return {
            key: str(self.value(body["Value"]))
            for key, body in self.template.get("Outputs", {}).items()
            if "Condition" not in body or self.condition(body["Condition"])
        }

    @property
    def exports(self) -> dict[str, str]:
        return {
            str(self.value(body["Export"]["Name"])): str(self.value(body["Value"]))
            for body in self.template.get("Outputs", {}).values()
            if "Export" in body and ("Condition" not in body or self.condition(body["Condition"]))
        }

    def _body(self, logical_id: str) -> dict[str, Any]:
        if logical_id not in self._declared:
            raise ResolveError(
                f"stack {self.name} has no resource {logical_id} (or its condition does not hold)"
            )
        body: dict[str, Any] = self._declared[logical_id]
        return body

    # Intrinsics

    def condition(self, name: str) -> bool:
        if name not in self._conditions:
            conditions = self.template.get("Conditions", {})
            if name not in conditions:
                raise ResolveError(f"stack {self.name}: no condition {name}")
            self._conditions[name] = self._truth(conditions[name])
        return self._conditions[name]

    def _truth(self, expression: Any) -> bool:  # noqa: PLR0911 - one arm per function
        if isinstance(expression, bool):
            return expression
        ((function, argument),) = expression.items()
        if function == "Condition":
            return self.condition(argument)
        if function == "Fn::Equals":
            left, right = (self.value(side) for side in argument)
            return _text(left) == _text(right)
        if function == "Fn::Not":
            return not self._truth(argument[0])
        if function == "Fn::And":
            return all(self._truth(part) for part in argument)
        if function == "Fn::Or":
            return any(self._truth(part) for part in argument)
        if function == "Fn::Contains":  # in Rules only
            members, wanted = (self.value(side) for side in argument)
            return _text(wanted) in map(_text, members)
        raise ResolveError(f"stack {self.name}: {function} is not a supported condition function")

    def value(self, expression: Any) -> Any:
        """The expression with every intrinsic evaluated; properties that are ``AWS::NoValue`` are removed."""
        evaluated = self._value(expression)
        if evaluated is _NO_VALUE:
            raise ResolveError(f"stack {self.name}: AWS::NoValue stands where a value is needed")
        return evaluated

    def _value(self, expression: Any) -> Any:
        if isinstance(expression, list):
            return [item for item in map(self._value, expression) if item is not _NO_VALUE]
        if not isinstance(expression, dict):
            return expression
        if len(expression) == 1:
            ((function, argument),) = expression.items()
            if function == "Ref":
                return _NO_VALUE if argument == _PSEUDO_NO_VALUE else self.ref(argument)
            if isinstance(function, str) and function.startswith("Fn::"):
                return self._intrinsic(function, argument)
        evaluated = {key: self._value(item) for key, item in expression.items()}
        return {key: item for key, item in evaluated.items() if item is not _NO_VALUE}

    def _intrinsic(self, function: str, argument: Any) -> Any:  # noqa: PLR0911, PLR0912 - one arm per intrinsic
        if function == "Fn::GetAtt":
            logical_id, attribute = argument[0], self.value(argument[1])
            return self.attribute(logical_id, attribute)
        if function == "Fn::Sub":
            return self._substitute(argument)
        if function == "Fn::If":
            return self._value(argument[1] if self.condition(argument[0]) else argument[2])
        if function == "Fn::Join":
            separator, items = argument
            return str(separator).join(_text(item) for item in self.value(items))
        if function == "Fn::Select":
            index, items = argument
            return self.value(items)[int(self.value(index))]
        if function == "Fn::Split":
            separator, text = argument
            return _text(self.value(text)).split(separator)
        if function == "Fn::FindInMap":
            top, second, third = (self.value(part) for part in argument[:3])
            return self.value(self.template["Mappings"][top][second][third])
        if function == "Fn::ImportValue":
            name = self.value(argument)
            if name not in self._imports:
                raise ResolveError(f"stack {self.name}: nothing exports {name}")
            return self._imports[name]
        if function == "Fn::GetAZs":
            region = self.value(argument) or self.region
            return [f"{region}{letter}" for letter in "abc"]
        if function == "Fn::Cidr":
            block, count, bits = (self.value(part) for part in argument)
            subnets = ip_network(block).subnets(new_prefix=32 - int(bits))
            return [str(next(subnets)) for _ in range(int(count))]
        if function == "Fn::Base64":
            return base64.b64encode(_text(self.value(argument)).encode()).decode()
        if function == "Fn::ToJsonString":
            return json.dumps(self.value(argument))
        if function == "Fn::Length":
            return len(self.value(argument))
        if function in {"Fn::Equals", "Fn::Not", "Fn::And", "Fn::Or", "Fn::Contains"}:
            return self._truth({function: argument})
        raise ResolveError(f"stack {self.name}: {function} is not supported")

    def _substitute(self, argument: Any) -> str:
        text, variables = (argument, {}) if isinstance(argument, str) else argument
        texts = {key: _text(self.value(item)) for key, item in variables.items()}

        def replaced(match: re.Match[str]) -> str:
            name = match.group(1)
            if name.startswith("!"):
                return "${" + name[1:] + "}"
            if name in texts:
                return texts[name]
            if "." in name:
                logical_id, attribute = name.split(".", 1)
                return _text(self.attribute(logical_id, attribute))
            return _text(self.ref(name))

        return re.sub(r"\$\{([^}]+)\}", replaced, text)

    def ref(self, name: str) -> Any:
        pseudo = {
            "AWS::AccountId": self.account,
            "AWS::Region": self.region,
            "AWS::Partition": self.partition,
            "AWS::URLSuffix": self._url_suffix,
            "AWS::StackName": self.name,
            "AWS::StackId": self.stack_id,
            "AWS::NotificationARNs": [],
        }
        if name in pseudo:
            return pseudo[name]
        if name in self.parameters:
            return self.parameters[name]
        return self._named(name)

    # Names and attributes

    def _named(self, logical_id: str) -> str:  # noqa: PLR0911 - one return per kind of name
        """What ``Ref`` returns: the name from the template, or one that CloudFormation would generate."""
        body = self._body(logical_id)
        if logical_id in self._names:
            return self._names[logical_id]
        if logical_id in self._underway:
            raise ResolveError(f"stack {self.name}: {' → '.join([*self._underway, logical_id])} is a circle")
        self._underway.append(logical_id)
        try:
            kind, properties = body["Type"], body.get("Properties", {})
            generated = f"{self.name}-{logical_id}-{_suffix(self.account, self.name, logical_id)}"
            if kind in _REF_IS_ID:
                return _REF_IS_ID[kind] + hashlib.sha256(generated.encode()).hexdigest()[:17]
            if kind == "AWS::KMS::Key":
                return _uuid(self.account, self.name, logical_id)
            name_property = _NAME_PROPERTY.get(kind)
            explicit = self._value(properties[name_property]) if name_property in properties else _NO_VALUE
            chosen = generated if explicit is _NO_VALUE else _text(explicit)
            if kind in _REF_IS_ARN:
                return _REF_IS_ARN[kind](self, chosen)
            if explicit is not _NO_VALUE:
                return chosen
            if kind == "AWS::Glue::Table":
                return _text(self.value(properties["TableInput"]["Name"]))
            if kind == "AWS::Glue::Database":
                return _text(self.value(properties["DatabaseInput"]["Name"]))
            if kind == "AWS::S3::Bucket":
                return generated.lower()[:63]
            return generated
        finally:
            self._underway.pop()

    def attribute(self, logical_id: str, attribute: str) -> Any:
        """What ``Fn::GetAtt`` returns; for an ``Arn`` also of types whose Ref is not their ARN."""
        kind = self._body(logical_id)["Type"]
        name = self._named(logical_id)
        if attribute == "Arn":
            if kind in _REF_IS_ARN and name.startswith("arn:"):
                return name
            if kind in _ARN:
                pattern = _ARN[kind]
                path = ""
                if kind in {"AWS::IAM::Role", "AWS::IAM::ManagedPolicy"}:
                    value = self._value(self._body(logical_id).get("Properties", {}).get("Path", "/"))
                    path = "" if value is _NO_VALUE else _text(value).lstrip("/")
                return pattern.format(
                    partition=self.partition, region=self.region, account=self.account, name=path + name
                )
        known = _ATTRIBUTES.get((kind, attribute))
        if known is not None:
            return known(self, name)
        raise ResolveError(f"stack {self.name}: {logical_id} ({kind}) has no supported attribute {attribute}")


def _partition(region: str) -> tuple[str, str]:
    """The partition of a Region and the suffix of its endpoints (botocore's partitions.json)."""
    if region.startswith("us-gov-"):
        return "aws-us-gov", "amazonaws.com"
    if region.startswith("cn-"):
        return "aws-cn", "amazonaws.com.cn"
    return "aws", "amazonaws.com"


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _suffix(*parts: str) -> str:
    return hashlib.sha256("/".join(parts).encode()).hexdigest()[:12].upper()


def _uuid(*parts: str) -> str:
    digest = hashlib.sha256("/".join(parts).encode()).hexdigest()
    return "-".join((digest[:8], digest[8:12], digest[12:16], digest[16:20], digest[20:32]))


# The name property of each type; without it CloudFormation generates a name.
_NAME_PROPERTY = {
    "AWS::Athena::WorkGroup": "Name",
    "AWS::CloudWatch::Alarm": "AlarmName",
    "AWS::DynamoDB::Table": "TableName",
    "AWS::Events::Rule": "Name",
    "AWS::Glue::Crawler": "Name",
    "AWS::Glue::SecurityConfiguration": "Name",
    "AWS::IAM::ManagedPolicy": "ManagedPolicyName",
    "AWS::IAM::Policy": "PolicyName",
    "AWS::IAM::Role": "RoleName",
    "AWS::KMS::Alias": "AliasName",
    "AWS::Kinesis::Stream": "Name",
    "AWS::KinesisFirehose::DeliveryStream": "DeliveryStreamName",
    "AWS::Lambda::Function": "FunctionName",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::Logs::LogStream": "LogStreamName",
    "AWS::S3::Bucket": "BucketName",
    "AWS::SNS::Topic": "TopicName",
    "AWS::SQS::Queue": "QueueName",
}

# Types whose Ref is an ARN, with the format of the ARN.
_REF_IS_ARN: dict[str, Callable[[Stack, str], str]] = {
    "AWS::SNS::Topic": lambda s, n: f"arn:{s.partition}:sns:{s.region}:{s.account}:{n}",
    "AWS::IAM::ManagedPolicy": lambda s, n: f"arn:{s.partition}:iam::{s.account}:policy/{n}",
    # Not an ARN, but also built from the name: the queue's URL.
    "AWS::SQS::Queue": lambda s, n: f"https://sqs.{s.region}.amazonaws.com/{s.account}/{n}",
}

# Types whose Ref is an ID with a prefix.
_REF_IS_ID = {
    "AWS::EC2::RouteTable": "rtb-",
    "AWS::EC2::SecurityGroup": "sg-",
    "AWS::EC2::SecurityGroupEgress": "sgr-",
    "AWS::EC2::Subnet": "subnet-",
    "AWS::EC2::SubnetRouteTableAssociation": "rtbassoc-",
    "AWS::EC2::VPC": "vpc-",
    "AWS::EC2::VPCEndpoint": "vpce-",
}

_ARN = {
    "AWS::Athena::WorkGroup": "arn:{partition}:athena:{region}:{account}:workgroup/{name}",
    "AWS::CloudWatch::Alarm": "arn:{partition}:cloudwatch:{region}:{account}:alarm:{name}",
    "AWS::DynamoDB::Table": "arn:{partition}:dynamodb:{region}:{account}:table/{name}",
    "AWS::Events::Rule": "arn:{partition}:events:{region}:{account}:rule/{name}",
    "AWS::Glue::Crawler": "arn:{partition}:glue:{region}:{account}:crawler/{name}",
    "AWS::IAM::Role": "arn:{partition}:iam::{account}:role/{name}",
    "AWS::KMS::Key": "arn:{partition}:kms:{region}:{account}:key/{name}",
    "AWS::Kinesis::Stream": "arn:{partition}:kinesis:{region}:{account}:stream/{name}",
    "AWS::KinesisFirehose::DeliveryStream": (
        "arn:{partition}:firehose:{region}:{account}:deliverystream/{name}"
    ),
    "AWS::Lambda::Function": "arn:{partition}:lambda:{region}:{account}:function:{name}",
    # CloudFormation's own Arn of a log group ends in :*
    "AWS::Logs::LogGroup": "arn:{partition}:logs:{region}:{account}:log-group:{name}:*",
    "AWS::S3::Bucket": "arn:{partition}:s3:::{name}",
}

_ATTRIBUTES: dict[tuple[str, str], Callable[[Stack, str], Any]] = {
    ("AWS::EC2::SecurityGroup", "GroupId"): lambda _, name: name,
    ("AWS::EC2::VPC", "VpcId"): lambda _, name: name,
    # For an interface endpoint: a hosted zone ID and the endpoint's name.
    ("AWS::EC2::VPCEndpoint", "DnsEntries"): lambda s, name: [
        f"Z1HUB23UULQXV:{name}-12abccd3.{s.region}.vpce.amazonaws.com"
    ],
    ("AWS::EC2::VPC", "DefaultSecurityGroup"): lambda _, name: "sg-" + name[4:],
    ("AWS::KMS::Key", "KeyId"): lambda _, name: name,
    ("AWS::S3::Bucket", "DomainName"): lambda _, name: f"{name}.s3.amazonaws.com",
    ("AWS::S3::Bucket", "RegionalDomainName"): lambda s, name: f"{name}.s3.{s.region}.amazonaws.com",
    ("AWS::SNS::Topic", "TopicArn"): lambda _, name: name,
    ("AWS::SNS::Topic", "TopicName"): lambda _, name: name.rsplit(":", 1)[-1],
    ("AWS::SQS::Queue", "Arn"): lambda s, url: ":".join(
        ("arn", s.partition, "sqs", s.region, s.account, url.split("/")[-1])
    ),
    ("AWS::SQS::Queue", "QueueName"): lambda _, url: url.split("/")[-1],
    ("AWS::SQS::Queue", "QueueUrl"): lambda _, url: url,
}
