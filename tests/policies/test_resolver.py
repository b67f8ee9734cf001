"""The resolver evaluates a template like CloudFormation, and reports what it does not support."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from botocore.loaders import Loader

from tests.policies.documents import Documents
from tests.templates.resolver import ResolveError, Stack, load_template, shipped_template

ACCOUNT = "111111111111"


def stack(text: str, **parameters: Any) -> Stack:
    return Stack(load_template(text), name="shop", account=ACCOUNT, parameters=parameters)


def value(expression: str, **parameters: Any) -> Any:
    """The value of one expression, as a property of a resource in a small template."""
    template = f"""
    Parameters:
      Name: {{Type: String, Default: orders}}
      Names: {{Type: CommaDelimitedList, Default: "a,b"}}
      Empty: {{Type: CommaDelimitedList, Default: ""}}
    Mappings: {{Sizes: {{small: {{megabytes: 128}}}}}}
    Conditions:
      IsOrders: !Equals [!Ref Name, orders]
      IsNot: !Not [{{Condition: IsOrders}}]
      Both: !And [{{Condition: IsOrders}}, !Equals ["1", 1]]
      Either: !Or [{{Condition: IsNot}}, {{Condition: Both}}]
    Resources:
      Key: {{Type: "AWS::KMS::Key"}}
      Bucket: {{Type: "AWS::S3::Bucket"}}
      Role: {{Type: "AWS::IAM::Role", Properties: {{Path: /service/, RoleName: !Sub "${{Name}}-role"}}}}
      Absent: {{Type: "AWS::SNS::Topic", Condition: IsNot}}
      Asked: {{Type: "AWS::SNS::Topic", Properties: {{Value: {expression}}}}}
    """
    return stack(template, **parameters).resource("Asked").properties.get("Value")


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("!Ref AWS::AccountId", ACCOUNT),
        ("!Ref AWS::Region", "us-east-1"),
        ("!Ref AWS::Partition", "aws"),
        ("!Ref AWS::URLSuffix", "amazonaws.com"),
        ("!Ref AWS::StackName", "shop"),
        ("!Ref Names", ["a", "b"]),
        ("!Ref Empty", []),
        ("!Sub '${Name}: ${!Literal} ${AWS::Region} ${Key.Arn}'", None),
        ("!Sub ['${A}-${Name}', {A: !Ref AWS::Region}]", "us-east-1-orders"),
        ("!Join ['/', [a, !Ref Name]]", "a/orders"),
        ("!Select [1, !Split [',', 'x,y,z']]", "y"),
        ("!FindInMap [Sizes, small, megabytes]", 128),
        ("!If [IsOrders, yes it is, !Ref 'AWS::NoValue']", "yes it is"),
        ("!If [Either, a, b]", "a"),
        ("[1, !If [IsNot, 2, !Ref 'AWS::NoValue'], 3]", [1, 3]),
        ("!If [IsNot, x, !Ref 'AWS::NoValue']", None),
        ("!GetAtt Role.Arn", f"arn:aws:iam::{ACCOUNT}:role/service/orders-role"),
        ("!Select [1, !Cidr [10.0.0.0/24, 2, 5]]", "10.0.0.32/27"),
        ("!Select [0, !GetAZs '']", "us-east-1a"),
        ("{Fn::Base64: abc}", "YWJj"),
        ("{Fn::ToJsonString: {a: !Ref Name}}", '{"a": "orders"}'),
        ("{Version: 2012-10-17}", {"Version": "2012-10-17"}),
    ],
)
def test_intrinsic(expression: str, expected: Any) -> None:
    """Each intrinsic returns the value that the CloudFormation user guide documents."""
    found = value(expression)
    if expected is None and "Literal" in expression:
        assert found.startswith(f"orders: ${{Literal}} us-east-1 arn:aws:kms:us-east-1:{ACCOUNT}:key/")
    else:
        assert found == expected


@pytest.mark.parametrize(
    ("region", "expected"),
    [
        ("us-east-1", ["aws", "amazonaws.com"]),
        ("us-gov-west-1", ["aws-us-gov", "amazonaws.com"]),
        ("cn-north-1", ["aws-cn", "amazonaws.com.cn"]),
    ],
)
def test_region_decides_the_partition(region: str, expected: list[str]) -> None:
    """As in botocore's list of partitions."""
    template = load_template("Resources: {Topic: {Type: AWS::SNS::Topic}}")
    found = Stack(template, name="shop", account=ACCOUNT, region=region)
    assert [found.ref("AWS::Partition"), found.ref("AWS::URLSuffix")] == expected
    partitions = Loader().load_data("partitions")["partitions"]
    assert expected in [[known["id"], known["outputs"]["dnsSuffix"]] for known in partitions]


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("!Ref Nothing", "has no resource Nothing"),
        ("!Ref Absent", "has no resource Absent .or its condition does not hold"),
        ("!GetAtt Key.Colour", "Key .AWS::KMS::Key. has no supported attribute Colour"),
        ("!ImportValue elsewhere", "nothing exports elsewhere"),
        ("{Fn::Transform: {Name: x}}", "Fn::Transform is not supported"),
        ("!If [NoSuch, a, b]", "no condition NoSuch"),
    ],
)
def test_an_unsupported_expression_is_an_error_that_names_it(expression: str, message: str) -> None:
    """Nothing is guessed: a wrong name in a policy would make its verdicts worthless."""
    with pytest.raises(ResolveError, match=message):
        value(expression)


def test_parameters_are_those_of_the_template() -> None:
    """The error names a misspelt parameter and a missing one."""
    template = {"Parameters": {"Needed": {"Type": "String"}}, "Resources": {}}
    with pytest.raises(ResolveError, match="Needed has no value"):
        Stack(template, name="s", account=ACCOUNT)
    with pytest.raises(ResolveError, match="no parameter Neded"):
        Stack(template, name="s", account=ACCOUNT, parameters={"Neded": "x", "Needed": "y"})


def test_a_circular_reference_is_an_error() -> None:
    """CloudFormation refuses it; the resolver must not recurse forever."""
    text = """
    Resources:
      A: {Type: "AWS::IAM::Role", Properties: {RoleName: !Sub "${B}-a"}}
      B: {Type: "AWS::IAM::Role", Properties: {RoleName: !Sub "${A}-b"}}
    """
    with pytest.raises(ResolveError, match="A → B → A is a circle"):
        stack(text).resource("A")


def test_exports_of_one_stack_are_imports_of_another() -> None:
    """Option stacks use exports."""
    first = stack("""
    Resources: {Queue: {Type: "AWS::SQS::Queue", Properties: {QueueName: q}}}
    Outputs: {Q: {Value: !GetAtt Queue.Arn, Export: {Name: !Sub "${AWS::StackName}-Q"}}}
    """)
    second = {
        "Resources": {"T": {"Type": "AWS::SNS::Topic", "Properties": {"V": {"Fn::ImportValue": "shop-Q"}}}}
    }
    importing = Stack(second, name="s", account=ACCOUNT, imports=first.exports)
    assert importing.resource("T").properties == {"V": f"arn:aws:sqs:us-east-1:{ACCOUNT}:q"}


@pytest.mark.parametrize("layout", ["two-accounts", "single-account"])
def test_shipped_policies_are_concrete(layout: str) -> None:
    """After resolving, no policy contains an intrinsic; only AWS's policy variables may remain."""
    for policy in Documents.of(layout).policies.values():
        text = yaml.safe_dump(policy.document)
        assert "Fn::" not in text
        assert "Ref:" not in text
        assert "${" not in text


def test_producer_accepts_the_consumers_outputs_by_name() -> None:
    """Both stacks have the same names and ARNs of bucket, key, role and stream."""
    documents = Documents.of("two-accounts")
    producer, consumer = documents.stacks["producer"], documents.stacks["consumer"]
    bucket = consumer.resource("LakeBucket").arn
    writes = next(
        s
        for s in documents.policies["DeliveryRole deliver"].document["Statement"]
        if "s3:PutObject" in s["Action"]
    )
    assert all(resource.startswith(bucket) for resource in writes["Resource"])
    admitted = documents.policies["LakeBucketPolicy"].document["Statement"][0]
    assert admitted["Resource"] == writes["Resource"]
    assert admitted["Condition"]["ArnEquals"]["aws:PrincipalArn"] == producer.resource("DeliveryRole").arn


def test_changing_a_loaded_template_does_not_change_the_next_one() -> None:
    """Mutated copies must not affect other tests."""
    shipped_template("consumer")["Resources"].clear()
    assert shipped_template("consumer")["Resources"]
