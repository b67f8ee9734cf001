"""The house rules of templates/: how a template has to be written so that people can launch and read it.

Each rule takes a `House` and yields what breaks it, one sentence each; the name of the function is the rule.
`must_fail.yaml` holds the edits of `passes.yaml` that break exactly one rule each. What a deployed account
must be like (encryption, retention, access) is judged elsewhere, on the resolved template.
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

# What people put in, or what nothing else can bring back.
HOLDS_DATA = {"AWS::DynamoDB::Table", "AWS::KMS::Key", "AWS::S3::Bucket"}
# What passes through or tells of it: may go with the stack, where the template says why.
CARRIES_DATA = {"AWS::Kinesis::Stream", "AWS::Logs::LogGroup", "AWS::SQS::Queue"}
KEEPS = {"Retain", "RetainExceptOnCreate", "Snapshot"}

# Properties that fix a physical name which CloudFormation would choose.
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
        found: dict[str, Any] = self.data.get(section) or {}
        return found

    def written(self, section: str) -> list[Entry]:
        return entries(sections(self.text).get(section, ""))

    def resources(self, *types: str) -> Iterator[tuple[str, dict[str, Any]]]:
        for logical_id, body in self.members("Resources").items():
            if not types or body["Type"] in types:
                yield logical_id, body

    def documents(self) -> Iterator[tuple[str, list[dict[str, Any]]]]:
        """Every policy document of the template: where it stands, and its statements."""
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


def sections_stand_in_order(house: House) -> Iterator[str]:
    """Every template reads in the same order, and has all that a launch needs."""
    found = list(house.data)
    if [name for name in SECTIONS if name in found] != found:
        yield f"sections stand as {', '.join(found)}"
    for name in SECTIONS:
        if name not in found and name not in OPTIONAL_SECTIONS:
            yield f"there is no section {name}"


def description_says_what_arrives(house: House) -> Iterator[str]:
    """Who sees the stack in the console learns what it put into the account."""
    description = str(house.data.get("Description", ""))
    if not re.search(r"\bWhat arrives\b.+\.$", description.strip()):
        yield "Description does not say what arrives in the account"
    if len(description.encode()) > LONGEST_DESCRIPTION:
        yield f"Description has more than {LONGEST_DESCRIPTION} bytes"


def quotas_are_kept(house: House) -> Iterator[str]:
    """CloudFormation takes the template."""
    for section, most in MOST.items():
        if len(house.members(section)) > most:
            yield f"{section} has more than {most} members"
    if len(house.text.encode()) > LARGEST_TEMPLATE:
        yield f"the template has more than {LARGEST_TEMPLATE:,} bytes"


# Parameters


def parameters_are_explained(house: House) -> Iterator[str]:
    """A parameter says what it changes, admits nothing that cannot work, and says so in words."""
    for name, parameter in house.members("Parameters").items():
        if len(str(parameter.get("Description", ""))) < 20:
            yield f"{name} has no Description to speak of"
        bounded = {"MinValue", "MaxValue"} <= set(parameter)
        if not (bounded or "AllowedValues" in parameter or "AllowedPattern" in parameter):
            yield f"{name} admits anything: give it AllowedPattern, AllowedValues, or MinValue and MaxValue"
        words = str(parameter.get("ConstraintDescription", ""))
        if not words.startswith("must "):
            yield f"{name} has no ConstraintDescription that says what it must be"


def parameters_carry_their_unit(house: House) -> Iterator[str]:
    """A number nobody can take for another unit."""
    for name, parameter in house.members("Parameters").items():
        if parameter["Type"] == "Number" and not name.endswith(UNITS):
            yield f"{name} does not end in its unit"


def defaults_are_allowed(house: House) -> Iterator[str]:
    """What the console proposes is what the constraint admits."""
    for name, parameter in house.members("Parameters").items():
        if "Default" not in parameter:
            continue
        default = parameter["Default"]
        pattern = parameter.get("AllowedPattern")
        if pattern and not re.fullmatch(pattern, str(default)):
            yield f"{name}: the default {default!r} does not match {pattern}"
        if default not in parameter.get("AllowedValues", [default]):
            yield f"{name}: the default {default!r} is none of the allowed values"
        if not parameter.get("MinValue", default) <= default <= parameter.get("MaxValue", default):
            yield f"{name}: the default {default!r} is out of range"


def interface_shows_every_parameter(house: House) -> Iterator[str]:
    """The console groups and labels every parameter once, in the order the template has them."""
    face = house.members("Metadata").get("AWS::CloudFormation::Interface", {})
    grouped = [name for group in face.get("ParameterGroups", []) for name in group["Parameters"]]
    declared = list(house.members("Parameters"))
    if grouped != declared:
        yield f"grouped are {grouped}, declared are {declared}"
    labelled = list(face.get("ParameterLabels", {}))
    if labelled != declared:
        yield f"labelled are {labelled}, declared are {declared}"


def rules_say_what_to_do(house: House) -> Iterator[str]:
    """Parameters that cannot go together meet before anything is made, in words."""
    for name, rule in house.members("Rules").items():
        for assertion in rule.get("Assertions", []):
            words = str(assertion.get("AssertDescription", ""))
            if not any(parameter in words for parameter in house.members("Parameters")):
                yield f"{name} has an assertion that names no parameter to change"


# Conditions


def conditions_are_statements(house: House) -> Iterator[str]:
    """`Condition: MakesVpc` reads as a sentence: a verb, then what."""
    for name in house.members("Conditions"):
        if not re.match(r"[A-Z][a-z]+s(?=[A-Z])", name):
            yield f"{name} is no statement such as HasSortKey or MakesVpc"


def conditions_are_used(house: House) -> Iterator[str]:
    """A condition nobody asks for is a feature that is not there."""
    rest = str({k: v for k, v in house.data.items() if k != "Conditions"})
    for name in house.members("Conditions"):
        others = str({k: v for k, v in house.members("Conditions").items() if k != name})
        if f"'{name}'" not in rest + others:
            yield f"{name} is not used"


# Resources


def resources_stand_under_banners(house: House) -> Iterator[str]:
    """The file reads along the data, a headline a stage."""
    for entry in house.written("Resources"):
        if not entry.banner:
            yield f"{entry.key} stands under no banner"


def data_outlives_the_stack(house: House) -> Iterator[str]:
    """No click and no replacement deletes what cannot be brought back."""
    for logical_id, body in house.resources(*HOLDS_DATA, *CARRIES_DATA):
        for policy in ("DeletionPolicy", "UpdateReplacePolicy"):
            if policy not in body:
                yield f"{logical_id} has no {policy}"
            elif body["Type"] in HOLDS_DATA and body[policy] not in KEEPS:
                yield f"{logical_id} holds data, but its {policy} is {body[policy]}"


def deletion_is_accounted_for(house: House) -> Iterator[str]:
    """Beside every DeletionPolicy stands what deleting, or keeping, costs."""
    for entry in house.written("Resources"):
        lines = entry.text.splitlines()
        for before, line in pairwise(lines):
            if line.strip().startswith("DeletionPolicy:") and not before.strip().startswith("#"):
                yield f"{entry.key} does not say what its DeletionPolicy costs"


def fixed_names_have_a_reason(house: House) -> Iterator[str]:
    """CloudFormation names what it can; where the template does, the comment says who must know the name."""
    for entry in house.written("Resources"):
        lines = entry.text.splitlines()
        kind = house.members("Resources")[entry.key]["Type"].split("::")[-1]
        for before, line in pairwise(lines):
            name = line.strip().split(":")[0]
            own = name in NAMES and line.startswith(" " * 6 + name) and name.removesuffix("Name") in kind
            if own and "#" not in line and not before.strip().startswith("#"):
                yield f"{entry.key} has a fixed {name} and does not say why"


def taggable_resources_are_tagged(house: House) -> Iterator[str]:
    """What the stack made can be found, and billed, by the tag Application."""
    for logical_id, body in house.resources():
        try:
            schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", body["Type"]).schema
        except ResourceNotFoundError:  # a custom resource
            continue
        tags = body.get("Properties", {}).get("Tags", [])
        named = tags if isinstance(tags, dict) else {tag["Key"]: tag["Value"] for tag in tags}
        if "Tags" in schema["properties"] and named.get("Application") != "ddb-lake":
            yield f"{logical_id} has no tag Application"


def security_groups_say_what_goes_out(house: House) -> Iterator[str]:
    """EC2 lets everything out of a group that lists nothing, so every group lists what may."""
    for logical_id, body in house.resources("AWS::EC2::SecurityGroup"):
        properties = body["Properties"]
        egress = properties.get("SecurityGroupEgress", [])
        if not egress or "IpProtocol" not in egress[0]:
            yield f"{logical_id} has no unconditional egress rule, so EC2 adds one that lets everything out"
        for rule in (*egress, *properties.get("SecurityGroupIngress", [])):
            if rule.get("CidrIp", "127.0.0.1/32") != "127.0.0.1/32" or "CidrIpv6" in rule:
                yield f"{logical_id} opens {rule.get('CidrIp') or rule.get('CidrIpv6')}"


def functions_leave_their_network_first(house: House) -> Iterator[str]:
    """The role of a function in a VPC outlives the subnets and groups it is in.

    Lambda removes the function's interfaces in the role's name, after the function, and what they are
    attached to goes after them (Lambda guide, "Giving Lambda functions access to resources in an Amazon
    VPC"). CloudFormation deletes a resource before those it depends on.
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
                yield f"{role} itself does not grant what removing the interfaces of {logical_id} takes"
            for name in network:
                if role not in _needed(resources, name):
                    yield f"{name} does not depend on {role}, which may go first"


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
    """All that a resource depends on: CloudFormation makes it after them and deletes it before them."""
    needed, waiting = set[str](), [name]
    while waiting:
        body = resources.get(waiting.pop(), {})
        stated = body.get("DependsOn", [])
        stated = [stated] if isinstance(stated, str) else stated
        for found in (*stated, *_named_in(body.get("Properties", {}))):
            if found in resources and found not in needed:
                needed.add(found)
                waiting.append(found)
    return needed


def nothing_leads_to_the_internet(house: House) -> Iterator[str]:
    """The function's subnets are private because no resource makes a way out."""
    ways = (
        "InternetGateway",
        "NatGateway",
        "EIP",
        "Route",
        "VPCGatewayAttachment",
        "TransitGatewayAttachment",
    )
    for logical_id, _ in house.resources(*(f"AWS::EC2::{way}" for way in ways)):
        yield f"{logical_id} leads out of the private subnets"
    for logical_id, body in house.resources("AWS::EC2::Subnet"):
        if body["Properties"].get("MapPublicIpOnLaunch") is not False:
            yield f"{logical_id} does not say that it gives out no public addresses"


def alarms_reach_someone(house: House) -> Iterator[str]:
    """An alarm says what happened and what to do, and rings where the user said."""
    for logical_id, body in house.resources("AWS::CloudWatch::Alarm"):
        properties = body["Properties"]
        if len(str(properties.get("AlarmDescription", ""))) < 40:
            yield f"{logical_id} does not say what happened and what to do"
        if properties.get("AlarmActions", {}).get("Fn::If", [""])[0] != "HasAlarmTopic":
            yield f"{logical_id} does not ring at the topic the user may have given"
        if properties.get("TreatMissingData") != "notBreaching":
            yield f"{logical_id} rings, or stays silent, when there is simply nothing to do"


# Policies


def statements_have_a_reason(house: House) -> Iterator[str]:
    """One Sid per reason: whoever reads a decision finds the statement that made it."""
    for where, statements in house.documents():
        sids = [statement.get("Sid") for statement in statements]
        if not all(isinstance(sid, str) and re.fullmatch(r"[A-Za-z0-9]{4,}", sid) for sid in sids):
            yield f"{where} has a statement without a Sid"
        if len(set(sids)) != len(sids):
            yield f"{where} has two statements with one Sid"


def wildcards_have_a_reason(house: House) -> Iterator[str]:
    """Whoever grants, or refuses, everything says on that line why."""
    for entry in house.written("Resources"):
        for line in entry.text.splitlines():
            everything = re.match(r"""\s*(?:- |\w+: )["']?(?:\*|[a-z0-9-]+:\*)["']?\s*(#.*)?$""", line)
            if everything and not everything[1]:
                yield f"{entry.key}: `{line.strip()}` has no reason beside it"


def roles_have_one_actor(house: House) -> Iterator[str]:
    """One role per actor: nobody gains what was meant for another."""
    for logical_id, body in house.resources("AWS::IAM::Role"):
        trust = body["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        actors = [statement["Principal"] for statement in trust]
        if len(actors) != 1 or not isinstance(actors[0].get("Service"), str) or len(actors[0]) != 1:
            yield f"{logical_id} is trusted to more than one service"
        if body["Properties"].get("ManagedPolicyArns"):
            yield f"{logical_id} holds a managed policy, which AWS may widen"


def roles_take_path_and_boundary(house: House) -> Iterator[str]:
    """An account whose rules ask for a role path or a permissions boundary can launch the stack.

    Left out unless they are given: to CloudFormation a path that is spelled out is another path, which makes
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
            yield f"{logical_id} takes no Path by a parameter"
        if properties.get("PermissionsBoundary") != boundary:
            yield f"{logical_id} takes no PermissionsBoundary by the parameter PermissionsBoundaryArn"


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
        sections_stand_in_order,
        description_says_what_arrives,
        quotas_are_kept,
        parameters_are_explained,
        parameters_carry_their_unit,
        defaults_are_allowed,
        interface_shows_every_parameter,
        rules_say_what_to_do,
        conditions_are_statements,
        conditions_are_used,
        resources_stand_under_banners,
        data_outlives_the_stack,
        deletion_is_accounted_for,
        fixed_names_have_a_reason,
        taggable_resources_are_tagged,
        security_groups_say_what_goes_out,
        functions_leave_their_network_first,
        nothing_leads_to_the_internet,
        alarms_reach_someone,
        statements_have_a_reason,
        wildcards_have_a_reason,
        roles_have_one_actor,
        roles_take_path_and_boundary,
        outputs_are_a_contract,
    )
}
