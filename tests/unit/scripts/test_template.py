"""What a template asks for, and which values CloudFormation would refuse."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from scripts.core import template as templates
from scripts.core.console import CommandError
from scripts.core.template import ROOT, check_names, check_values, read
from scripts.stacks import ARTIFACTS, KINDS, StackKind

TEMPLATE = """
Parameters:
  AccountId:
    Type: String
    AllowedPattern: "\\\\d{12}"
    ConstraintDescription: must be an account id, 12 digits.
  Name: {Type: String, Default: lake, MinLength: 3, MaxLength: 5}
  Days: {Type: Number, Default: 7, MinValue: 1, MaxValue: 365}
  Mode: {Type: String, Default: "on", AllowedValues: ["on", "off", ""]}
  Columns: {Type: CommaDelimitedList, Default: "", AllowedPattern: "[a-z]*"}
  Subnets: {Type: "List<AWS::EC2::Subnet::Id>", Default: ""}
  Secret: {Type: String, NoEcho: true, Default: abc, AllowedPattern: "[a-z]+"}
  Java: {Type: String, Default: x, AllowedPattern: "\\\\p{L}+"}
Resources:
  Bucket:
    Type: AWS::S3::Bucket
    Condition: Wanted
    Properties:
      BucketName: !Sub "${Name}-x"
      Tags: [{Key: a, Value: !GetAtt Other.Arn}]
      N: !If [A, !Ref B, !Ref C]
"""


@pytest.fixture
def template(tmp_path: Path) -> templates.Template:
    """A template with a parameter of every kind."""
    path = tmp_path / "t.yaml"
    path.write_text(TEMPLATE)
    return read(path)


def test_short_tags_are_the_functions_they_stand_for(template: templates.Template) -> None:
    """!Ref is Ref, every other tag an Fn::."""
    properties = template.resources["Bucket"]["Properties"]
    assert properties["BucketName"] == {"Fn::Sub": "${Name}-x"}
    assert properties["Tags"] == [{"Key": "a", "Value": {"Fn::GetAtt": "Other.Arn"}}]
    assert properties["N"] == {"Fn::If": ["A", {"Ref": "B"}, {"Ref": "C"}]}


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"AccountId": "12"}, "AccountId=12: must be an account id, 12 digits"),
        ({"AccountId": "1" * 12 + "\n"}, "must be an account id"),
        ({}, "AccountId has no value"),
        ({"AccountId": "1" * 12, "Name": "ab"}, "must have at least 3 characters"),
        ({"AccountId": "1" * 12, "Name": "abcdef"}, "must have at most 5 characters"),
        ({"AccountId": "1" * 12, "Days": "0"}, "Days=0: must be at least 1"),
        ({"AccountId": "1" * 12, "Days": "366"}, "Days=366: must be at most 365"),
        ({"AccountId": "1" * 12, "Days": "week"}, "Days=week: must be a number"),
        ({"AccountId": "1" * 12, "Mode": "ON"}, "must be one of on, off, (empty)"),
        ({"AccountId": "1" * 12, "Columns": "a,B"}, "each must match [a-z]*"),
        ({"AccountId": "1" * 12, "Secret": "A1"}, "Secret=****"),
    ],
)
def test_a_value_cloudformation_would_refuse_is_refused_first(
    template: templates.Template, values: dict[str, str], why: str
) -> None:
    """In the template author's words where there are any; a NoEcho value is never repeated."""
    with pytest.raises(CommandError) as refused:
        check_values(template, values)
    assert why in refused.value.message
    assert "A1" not in refused.value.message


def test_all_wrong_values_are_in_one_message(template: templates.Template) -> None:
    """One round for all of them."""
    with pytest.raises(CommandError) as refused:
        check_values(template, {"AccountId": "x", "Days": "0", "Name": "ab"})
    assert refused.value.message.count("must") == 3


def test_good_values_pass(template: templates.Template) -> None:
    """Also a list's, an empty list's, and a pattern that only Java reads."""
    check_values(template, {"AccountId": "1" * 12, "Columns": "a, b", "Days": "7.5", "Mode": "", "Java": "é"})
    check_values(template, {"Columns": ""}, kept=frozenset({"AccountId"}))


def test_an_unknown_parameter_lists_similar_names(template: templates.Template) -> None:
    """A misspelled name and a part of a name lead to it. Without a similar name, only the list is named."""
    for wrong in ("Accountid", "countid"):
        with pytest.raises(CommandError, match=f"has no parameter {wrong}") as similar:
            check_names(template, [wrong])
        assert similar.value.next_step.startswith("Similar: AccountId. The section Parameters of ")
    with pytest.raises(CommandError) as far:
        check_names(template, ["zzzzzzzz"])
    assert far.value.next_step.startswith("The section Parameters of ")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_the_named_command_lists_every_parameter(kind: StackKind) -> None:
    """The console's labels are one line per parameter, so grep can list them."""
    template = read(kind.template)
    with pytest.raises(CommandError) as unknown:
        check_names(template, ["Nothing"])
    command = unknown.value.next_step.split("`")[1]
    assert unknown.value.next_step.endswith(f"lists all {len(template.parameters)} parameters.")
    listed = subprocess.run(
        ["sh", "-c", command], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert {line.split(":")[0].strip() for line in listed} == set(template.parameters)
    assert len(listed) == len(template.parameters)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"a: [}", "line 1 is not YAML"),
        (b"a:\n  - b\n c", "line 3 is not YAML"),
        (b"text", "has no Resources section"),
        (b"Resources: []", "has no Resources section"),
        (b"\xff\xfe", "is not UTF-8 text"),
        (b"Resources: {A: {Type: B}}\n#" + b"x" * 1_000_000, "CloudFormation accepts at most 1,000,000"),
    ],
)
def test_a_file_that_is_not_a_template_is_refused(tmp_path: Path, content: bytes, why: str) -> None:
    """With the line, where there is one."""
    path = tmp_path / "t.yaml"
    path.write_bytes(content)
    with pytest.raises(CommandError) as refused:
        read(path)
    assert why in refused.value.message


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_the_shipped_defaults_are_valid(kind: StackKind) -> None:
    """Every default passes the check that users' values pass; only what is found or built has none."""
    template = read(kind.template)
    defaults = {
        name: templates._plain(p["Default"]) for name, p in template.parameters.items() if "Default" in p
    }
    asked = frozenset(template.parameters) - set(defaults)
    check_values(template, defaults, kept=asked)
    found = {*kind.takes, *kind.takes_beside, "ArtifactBucketName", *ARTIFACTS, kind.other_account}
    found |= {"TargetTableArns"}  # of spark-sql: only the user knows which tables it may write
    assert asked <= found
