"""single-account.yaml is the other two templates in one, and is generated, not edited."""

import re
from typing import Any

import pytest

from scripts.build.consumer import consumer_text
from scripts.build.single_account import single_account
from scripts.core.console import CommandError
from scripts.stacks import TEMPLATES
from tests.templates.resolver import load_template, shipped_template

CONSUMER = (TEMPLATES / "consumer.yaml").read_text(encoding="utf-8")
PRODUCER = (TEMPLATES / "producer.yaml").read_text(encoding="utf-8")
SINGLE = (TEMPLATES / "single-account.yaml").read_text(encoding="utf-8")

# The replacement of each reference to the other stack, independent of the command's own table.
INSIDE: dict[str, Any] = {
    "ProducerAccountId": {"Ref": "AWS::AccountId"},
    "ConsumerAccountId": {"Ref": "AWS::AccountId"},
    "LakeBucketName": {"Ref": "LakeBucket"},
    "LakeKeyArn": {"Fn::GetAtt": ["LakeKey", "Arn"]},
}


def wired(value: Any) -> Any:
    """A loaded template with the references to the other stack replaced."""
    if isinstance(value, dict):
        if set(value) == {"Ref"}:
            return INSIDE.get(value["Ref"], value)
        return {key: wired(item) for key, item in value.items()}
    if isinstance(value, list):
        return [wired(item) for item in value]
    if isinstance(value, str):
        for name, inside in INSIDE.items():
            written = inside.get("Ref") or ".".join(inside["Fn::GetAtt"])
            value = value.replace(f"${{{name}}}", f"${{{written}}}")
    return value


@pytest.mark.parametrize("section", ["Rules", "Conditions", "Resources"])
def test_single_account_has_both_stacks_with_references(section: str) -> None:
    """Only the references between the stacks change; nothing is lost or added."""
    both = {**shipped_template("producer")[section], **shipped_template("consumer")[section]}
    assert shipped_template("single-account")[section] == wired(both)


def test_parameters_are_those_of_both_without_the_wired_ones() -> None:
    """A launch does not ask for values that the stack creates itself."""
    both = {**shipped_template("producer")["Parameters"], **shipped_template("consumer")["Parameters"]}
    assert set(shipped_template("single-account")["Parameters"]) == set(both) - set(INSIDE)


def test_outputs_are_those_of_both() -> None:
    """A script finds the outputs of both stacks in the one stack."""
    both = {*shipped_template("producer")["Outputs"], *shipped_template("consumer")["Outputs"]}
    assert set(shipped_template("single-account")["Outputs"]) == both


def test_comments_survive() -> None:
    """The generated file has all comments except those about two accounts."""
    for text in (CONSUMER, PRODUCER):
        comments = re.findall(r"(?<= )# (?!──|named queries|columns of).+", text)
        assert len(comments) > 20
        missing = [comment for comment in comments if comment not in SINGLE]
        assert all("producer account" in comment or "consumer's" in comment for comment in missing), missing


def test_no_text_mentions_another_account() -> None:
    """A user who launches one stack reads nothing about two."""
    prose = "\n".join(SINGLE.splitlines()[1:])
    assert re.findall(r"(?i).*\b(?:producer|consumer) (?:stack|account)\b.*", prose) == []


def test_new_query_is_added_to_the_template() -> None:
    """A new file in athena/queries/ is enough, with any SQL."""
    sql = "-- Finds nothing.\n-- On purpose.\n\nSELECT '${x}', \"dt\"\nFROM changes\n\nWHERE a = 'b: # c'\n"
    text = consumer_text(CONSUMER, {"finds-nothing": sql})
    query = load_template(text)["Resources"]["FindsNothingQuery"]["Properties"]
    assert query["QueryString"] == sql
    assert query["Name"] == "finds-nothing"
    assert query["Description"] == "Finds nothing. On purpose."
    assert "FindsNothingQuery" in single_account(text, PRODUCER)


def test_second_run_changes_nothing() -> None:
    """Running the command twice gives the same file as once."""
    once = consumer_text(CONSUMER, {"b": "SELECT 1\n", "a": "SELECT 2\n"})
    assert consumer_text(once, {"a": "SELECT 2\n", "b": "SELECT 1\n"}) == once


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("  SourceStream:\n", "  LakeBucket:\n", "both templates have a resource LakeBucket"),
        ("Default: ddb-lake-delivery", "Default: another", "Parameters: DeliveryRoleName differs"),
        (
            "!Ref LakeKeyArn",
            "!Select [0, [!Ref LakeKeyArnX, {Ref: LakeKeyArn}]]",
            "still contain references to LakeKeyArn",
        ),
    ],
)
def test_contradiction_between_the_templates_is_an_error(old: str, new: str, message: str) -> None:
    """The command does not join templates that contradict each other."""
    changed = PRODUCER.replace(old, new)
    assert changed != PRODUCER
    with pytest.raises(CommandError, match=message):
        single_account(CONSUMER, changed)


@pytest.mark.parametrize(
    "mark", ["  # named queries: begin\n", "  # named queries: end\n", "TableDefinition:"]
)
def test_missing_marker_is_an_error(mark: str) -> None:
    """The command writes nowhere else instead."""
    with pytest.raises(CommandError, match=r"is missing in .*consumer\.yaml"):
        consumer_text(CONSUMER.replace(mark, ""), {})
