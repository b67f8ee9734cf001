"""The house rules of templates/: how to write a template so that people can launch and read it.

Each rule takes a `House` and yields one sentence per violation; the function's name is the rule.
`must_fail.yaml` lists edits of `passes.yaml` that break exactly one rule each. Other tests check encryption,
retention and access, on the resolved template.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

from cfnlint.schema._exceptions import ResourceNotFoundError
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

from scripts.build.single_account import Entry, entries, sections
from tests.templates.resolver import load_template

SECTIONS = [
    "AWSTemplateFormatVersion",
    "Description",
    "Metadata",
    "Parameters",
    "Rules",
    "Mappings",
    "Conditions",
    "Resources",
    "Outputs",
]
OPTIONAL_SECTIONS = {"Mappings"}

# Resources with data that nothing else can restore.
HOLDS_DATA = {"AWS::DynamoDB::Table", "AWS::KMS::Key", "AWS::S3::Bucket"}
# Resources that data passes through: they may be deleted with the stack if the template states why.
CARRIES_DATA = {"AWS::Kinesis::Stream", "AWS::Logs::LogGroup", "AWS::SQS::Queue"}
KEEPS = {"Retain", "RetainExceptOnCreate", "Snapshot"}

# Properties that fix a physical name that CloudFormation would choose.
NAMES = (
    "BucketName",
    "DeliveryStreamName",
    "FunctionName",
    "LogGroupName",
    "LogStreamName",
    "ManagedPolicyName",
    "RoleName",
    "StreamName",
)
UNITS = (
    "Days",
    "Hours",
    "Minutes",
    "Seconds",
    "MiB",
    "MB",
    "Count",
    "Depth",
    "Concurrency",
    "ColumnsPerCrawl",
)

# CloudFormation user guide, "Understand CloudFormation quotas".
MOST = {"Parameters": 200, "Resources": 500, "Outputs": 200, "Mappings": 200}
LONGEST_DESCRIPTION = 1_024
LARGEST_TEMPLATE = 1_000_000

Rule = Callable[["House"], Iterator[str]]


@dataclass(frozen=True)
class House:
    """A template as people read it and as data."""

    text: str

    @classmethod
    def of(cls, path: Path) -> House:
        return cls(path.read_text(encoding="utf-8"))

    @cached_property
    def data(self) -> dict[str, Any]:
        return load_template(self.text)

    def members(self, section: str) -> dict[str, Any]:
        members: dict[str, Any] = self.data.get(section) or {}
        return members

    def written(self, section: str) -> list[Entry]:
        return entries(sections(self.text).get(section, ""))

    def resources(self, *types: str) -> Iterator[tuple[str, dict[str, Any]]]:
        for logical_id, body in self.members("Resources").items():
            if not types or body["Type"] in types:
                yield logical_id, body

    def documents(self) -> Iterator[tuple[str, list[dict[str, Any]]]]:
        """Every policy document of the template: its path, and its statements."""
        for logical_id, body in self.resources():
            yield from _documents(logical_id, body.get("Properties", {}))


def _documents(where: str, value: Any) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    if isinstance(value, dict):
        if "Statement" in value:
            yield where, value["Statement"]
        for key, item in value.items():
            yield from _documents(f"{where}.{key}", item)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _documents(f"{where}[{index}]", item)


# The whole


def sections_are_in_order(house: House) -> Iterator[str]:
    """Every template has the same order, and every section that a launch needs."""
    present = list(house.data)
    if [name for name in SECTIONS if name in present] != present:
        yield f"the order of the sections is {', '.join(present)}"
    for name in SECTIONS:
        if name not in present and name not in OPTIONAL_SECTIONS:
            yield f"there is no section {name}"


def description_says_what_the_stack_creates(house: House) -> Iterator[str]:
    """The console shows what the stack creates in the account."""
    description = str(house.data.get("Description", ""))
    if not re.search(r"\bIt creates\b.+\.$", description.strip()):
        yield "Description does not state what the stack creates: begin a sentence with It creates"
    if len(description.encode()) > LONGEST_DESCRIPTION:
        yield f"Description has more than {LONGEST_DESCRIPTION} bytes"


def quotas_are_kept(house: House) -> Iterator[str]:
    """CloudFormation accepts the template."""
    for section, most in MOST.items():
        if len(house.members(section)) > most:
            yield f"{section} has more than {most} members"
    if len(house.text.encode()) > LARGEST_TEMPLATE:
        yield f"the template has more than {LARGEST_TEMPLATE:,} bytes"


# Parameters


def parameters_are_explained(house: House) -> Iterator[str]:
    """A parameter describes its effect, accepts only values that can work, and states that limit in words."""
    for name, parameter in house.members("Parameters").items():
        if len(str(parameter.get("Description", ""))) < 20:
            yield f"{name} has no Description, or a very short one"
        bounded = {"MinValue", "MaxValue"} <= set(parameter)
        if not (bounded or "AllowedValues" in parameter or "AllowedPattern" in parameter):
            yield f"{name} accepts any value: add AllowedPattern, AllowedValues, or MinValue and MaxValue"
        words = str(parameter.get("ConstraintDescription", ""))
        if not words.startswith("must "):
            yield f"{name} has no ConstraintDescription that begins with 'must'"


def parameters_carry_their_unit(house: House) -> Iterator[str]:
    """Nobody can mistake the unit of a number."""
    for name, parameter in house.members("Parameters").items():
        if parameter["Type"] == "Number" and not name.endswith(UNITS):
            yield f"{name} does not end in its unit"


def defaults_are_allowed(house: House) -> Iterator[str]:
    """The constraint accepts the default, which the console proposes."""
    for name, parameter in house.members("Parameters").items():
        if "Default" not in parameter:
            continue
        default = parameter["Default"]
        pattern = parameter.get("AllowedPattern")
        if pattern and not re.fullmatch(pattern, str(default)):
            yield f"{name}: the default {default!r} does not match {pattern}"
        if default not in parameter.get("AllowedValues", [default]):
            yield f"{name}: the default {default!r} is not an allowed value"
        if not parameter.get("MinValue", default) <= default <= parameter.get("MaxValue", default):
            yield f"{name}: the default {default!r} is out of range"


def interface_shows_every_parameter(house: House) -> Iterator[str]:
    """The console groups and labels every parameter once, in the order the template has them."""
    face = house.members("Metadata").get("AWS::CloudFormation::Interface", {})
    grouped = [name for group in face.get("ParameterGroups", []) for name in group["Parameters"]]
    declared = list(house.members("Parameters"))
    if grouped != declared:
        yield f"the groups list {grouped}, the template declares {declared}"
    labelled = list(face.get("ParameterLabels", {}))
    if labelled != declared:
        yield f"the labels list {labelled}, the template declares {declared}"


def rules_name_a_parameter_to_change(house: House) -> Iterator[str]:
    """CloudFormation refuses impossible combinations before it creates anything, and names a parameter."""
    for name, rule in house.members("Rules").items():
        for assertion in rule.get("Assertions", []):
            words = str(assertion.get("AssertDescription", ""))
            if not any(parameter in words for parameter in house.members("Parameters")):
                yield f"{name} has an assertion that names no parameter to change"


# Conditions


def conditions_are_statements(house: House) -> Iterator[str]:
    """`Condition: MakesVpc` reads as a sentence: a verb, then its object."""
    for name in house.members("Conditions"):
        if not re.match(r"[A-Z][a-z]+s(?=[A-Z])", name):
            yield f"{name} is not a statement such as HasSortKey or MakesVpc"


def conditions_are_used(house: House) -> Iterator[str]:
    """An unused condition is a feature that is missing."""
    rest = str({k: v for k, v in house.data.items() if k != "Conditions"})
    for name in house.members("Conditions"):
        others = str({k: v for k, v in house.members("Conditions").items() if k != name})
        if f"'{name}'" not in rest + others:
            yield f"{name} is not used"


# Resources


def resources_are_under_banners(house: House) -> Iterator[str]:
    """The file follows the data, with one headline per stage."""
    for entry in house.written("Resources"):
        if not entry.banner:
            yield f"{entry.key} is under no banner"


def data_outlives_the_stack(house: House) -> Iterator[str]:
    """No click and no replacement deletes data that cannot be restored."""
    for logical_id, body in house.resources(*HOLDS_DATA, *CARRIES_DATA):
        for policy in ("DeletionPolicy", "UpdateReplacePolicy"):
            if policy not in body:
                yield f"{logical_id} has no {policy}"
            elif body["Type"] in HOLDS_DATA and body[policy] not in KEEPS:
                yield f"{logical_id} contains data, but its {policy} is {body[policy]}"


def deletion_policy_has_a_reason(house: House) -> Iterator[str]:
    """A comment above every DeletionPolicy states the cost of deleting or keeping the resource."""
    for entry in house.written("Resources"):
        lines = entry.text.splitlines()
        for before, line in pairwise(lines):
            if line.strip().startswith("DeletionPolicy:") and not before.strip().startswith("#"):
                yield f"{entry.key} has no comment on the cost of its DeletionPolicy"


def fixed_names_have_a_reason(house: House) -> Iterator[str]:
    """CloudFormation chooses names. Where the template fixes a name, a comment states who needs it."""
    for entry in house.written("Resources"):
        lines = entry.text.splitlines()
        kind = house.members("Resources")[entry.key]["Type"].split("::")[-1]
        for before, line in pairwise(lines):
            name = line.strip().split(":")[0]
            own = name in NAMES and line.startswith(" " * 6 + name) and name.removesuffix("Name") in kind
            if own and "#" not in line and not before.strip().startswith("#"):
                yield f"{entry.key} has a fixed {name} without a comment on the reason"


def taggable_resources_are_tagged(house: House) -> Iterator[str]:
    """The tag Application finds the resources of the stack, also on the bill."""
    for logical_id, body in house.resources():
        try:
            schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", body["Type"]).schema
        except ResourceNotFoundError:  # a custom resource
            continue
        tags = body.get("Properties", {}).get("Tags", [])
        named = tags if isinstance(tags, dict) else {tag["Key"]: tag["Value"] for tag in tags}
        if "Tags" in schema["properties"] and named.get("Application") != "ddb-lake":
            yield f"{logical_id} has no tag Application"


def security_groups_limit_outbound_traffic(house: House) -> Iterator[str]:
    """EC2 allows all outbound traffic of a group without egress rules, so every group has one."""
    for logical_id, body in house.resources("AWS::EC2::SecurityGroup"):
        properties = body["Properties"]
        egress = properties.get("SecurityGroupEgress", [])
        if not egress or "IpProtocol" not in egress[0]:
            yield f"{logical_id} has no unconditional egress rule, so EC2 allows all outbound traffic"
        for rule in (*egress, *properties.get("SecurityGroupIngress", [])):
            if rule.get("CidrIp", "127.0.0.1/32") != "127.0.0.1/32" or "CidrIpv6" in rule:
                yield f"{logical_id} opens {rule.get('CidrIp') or rule.get('CidrIpv6')}"


def function_roles_outlive_their_network(house: House) -> Iterator[str]:
    """The role of a function in a VPC is deleted after the subnets and groups of the function.

    After the function is deleted, Lambda removes its network interfaces with the role; subnets and groups
    can be deleted only after them (Lambda guide, "Giving Lambda functions access to resources in an Amazon
    VPC"). CloudFormation deletes a resource before the resources it depends on.
    """
    resources = house.members("Resources")
    for logical_id, body in house.resources("AWS::Lambda::Function"):
        properties = body["Properties"]
        network = [
            name
            for name in _named_in(properties.get("VpcConfig", {}))
            if resources.get(name, {}).get("Type") in ("AWS::EC2::SecurityGroup", "AWS::EC2::Subnet")
        ]
        for role in _named_in(properties["Role"]) if network else ():
            own = str(resources[role]["Properties"].get("Policies", ""))
            if "ec2:DeleteNetworkInterface" not in own:
                yield f"{role} itself lacks the permission to remove the interfaces of {logical_id}"
            for name in network:
                if role not in _needed(resources, name):
                    yield f"{name} does not depend on {role}, which may be deleted first"


def _named_in(value: Any) -> Iterator[str]:
    """The resources, parameters and pseudo parameters that a value refers to."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key == "Ref":
                yield item
            elif key == "Fn::GetAtt":
                yield item[0]
            elif key == "Fn::Sub":
                text = item if isinstance(item, str) else item[0]
                yield from (name.split(".")[0] for name in re.findall(r"\$\{([^!}]+)\}", text))
            if key not in ("Ref", "Fn::GetAtt"):
                yield from _named_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from _named_in(item)


def _needed(resources: dict[str, Any], name: str) -> set[str]:
    """All resources that a resource depends on: CloudFormation creates them first and deletes them last."""
    needed, waiting = set[str](), [name]
    while waiting:
        body = resources.get(waiting.pop(), {})
        stated = body.get("DependsOn", [])
        stated = [stated] if isinstance(stated, str) else stated
        for dependency in (*stated, *_named_in(body.get("Properties", {}))):
            if dependency in resources and dependency not in needed:
                needed.add(dependency)
                waiting.append(dependency)
    return needed


def subnets_have_no_internet_access(house: House) -> Iterator[str]:
    """The function's subnets are private: no resource creates a route to the internet."""
    ways = (
        "InternetGateway",
        "NatGateway",
        "EIP",
        "Route",
        "VPCGatewayAttachment",
        "TransitGatewayAttachment",
    )
    for logical_id, _ in house.resources(*(f"AWS::EC2::{way}" for way in ways)):
        yield f"{logical_id} creates a route out of the private subnets"
    for logical_id, body in house.resources("AWS::EC2::Subnet"):
        if body["Properties"].get("MapPublicIpOnLaunch") is not False:
            yield f"{logical_id} does not set MapPublicIpOnLaunch to false"


def alarms_notify_the_topic(house: House) -> Iterator[str]:
    """An alarm states what happened and what to do, and notifies the topic that the user named."""
    for logical_id, body in house.resources("AWS::CloudWatch::Alarm"):
        properties = body["Properties"]
        if len(str(properties.get("AlarmDescription", ""))) < 40:
            yield f"{logical_id} does not state what happened and what to do"
        if properties.get("AlarmActions", {}).get("Fn::If", [""])[0] != "HasAlarmTopic":
            yield f"{logical_id} does not notify the topic that the user may have named"
        # An alarm on too few events must ring when none is reported; any other must not.
        too_few = properties.get("Statistic") == "Sum" and "LessThan" in str(properties["ComparisonOperator"])
        right = "breaching" if too_few else "notBreaching"
        if properties.get("TreatMissingData") != right:
            yield f"{logical_id} does not treat missing data as {right}"


# Policies


def statements_have_a_reason(house: House) -> Iterator[str]:
    """One Sid per reason: a decision can be traced to its statement."""
    for where, statements in house.documents():
        sids = [statement.get("Sid") for statement in statements]
        if not all(isinstance(sid, str) and re.fullmatch(r"[A-Za-z0-9]{4,}", sid) for sid in sids):
            yield f"{where} has a statement without a Sid"
        if len(set(sids)) != len(sids):
            yield f"{where} has two statements with one Sid"


def wildcards_have_a_reason(house: House) -> Iterator[str]:
    """A wildcard has a comment with its reason on the same line."""
    for entry in house.written("Resources"):
        for line in entry.text.splitlines():
            everything = re.match(r"""\s*(?:- |\w+: )["']?(?:\*|[a-z0-9-]+:\*)["']?\s*(#.*)?$""", line)
            if everything and not everything[1]:
                yield f"{entry.key}: `{line.strip()}` has no reason on the line"


def roles_have_one_actor(house: House) -> Iterator[str]:
    """One role per actor: nobody gets the permissions of another."""
    for logical_id, body in house.resources("AWS::IAM::Role"):
        trust = body["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        actors = [statement["Principal"] for statement in trust]
        # The account itself: its IAM policies decide who takes the role (guard rule ROLES_TRUST_A_SERVICE…).
        commands = actors == [{"AWS": {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"}}]
        service = len(actors) == 1 and len(actors[0]) == 1 and isinstance(actors[0].get("Service"), str)
        if not (commands or service):
            yield f"{logical_id} trusts more than one service"
        if body["Properties"].get("ManagedPolicyArns"):
            yield f"{logical_id} has a managed policy, which AWS may extend"


def roles_take_path_and_boundary(house: House) -> Iterator[str]:
    """An account whose rules require a role path or a permissions boundary can launch the stack.

    Both are absent unless set: for CloudFormation, an explicit path differs from no path, so it would create
    another role.
    """
    nothing = {"Ref": "AWS::NoValue"}
    boundary = {"Fn::If": ["HasPermissionsBoundary", {"Ref": "PermissionsBoundaryArn"}, nothing]}
    for logical_id, body in house.resources("AWS::IAM::Role"):
        properties = body["Properties"]
        paths = [
            {"Fn::If": [f"Has{name}", {"Ref": name}, nothing]}
            for name in house.members("Parameters")
            if name.endswith("RolePath")
        ]
        if properties.get("Path") not in paths:
            yield f"{logical_id} does not take its Path from a parameter"
        if properties.get("PermissionsBoundary") != boundary:
            yield f"{logical_id} does not take its PermissionsBoundary from PermissionsBoundaryArn"


# Outputs


def outputs_are_a_contract(house: House) -> Iterator[str]:
    """An output is described and exported under the stack's name; a command is for people."""
    for name, output in house.members("Outputs").items():
        if len(str(output.get("Description", ""))) < 10:
            yield f"{name} has no Description"
        exported = output.get("Export", {}).get("Name")
        if exported != {"Fn::Sub": f"${{AWS::StackName}}-{name}"} and not name.endswith("Command"):
            yield f"{name} is not exported as ${{AWS::StackName}}-{name}"


RULES: dict[str, Rule] = {
    rule.__name__: rule
    for rule in (
        sections_are_in_order,
        description_says_what_the_stack_creates,
        quotas_are_kept,
        parameters_are_explained,
        parameters_carry_their_unit,
        defaults_are_allowed,
        interface_shows_every_parameter,
        rules_name_a_parameter_to_change,
        conditions_are_statements,
        conditions_are_used,
        resources_are_under_banners,
        data_outlives_the_stack,
        deletion_policy_has_a_reason,
        fixed_names_have_a_reason,
        taggable_resources_are_tagged,
        security_groups_limit_outbound_traffic,
        function_roles_outlive_their_network,
        subnets_have_no_internet_access,
        alarms_notify_the_topic,
        statements_have_a_reason,
        wildcards_have_a_reason,
        roles_have_one_actor,
        roles_take_path_and_boundary,
        outputs_are_a_contract,
    )
}
