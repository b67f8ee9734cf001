"""single-account.yaml is the other two in one, current, and nobody has to keep it so by hand."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from scripts.build import single_account as verb
from scripts.core.console import CommandError, Output
from scripts.stacks import TEMPLATES
from tests.templates.resolver import load_template, shipped_template

CONSUMER = (TEMPLATES / "consumer.yaml").read_text(encoding="utf-8")
PRODUCER = (TEMPLATES / "producer.yaml").read_text(encoding="utf-8")
SINGLE = (TEMPLATES / "single-account.yaml").read_text(encoding="utf-8")

# What a reference to the other stack is inside one stack, written apart from the command's own table.
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


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The templates in a folder of their own, for the command to write in."""
    for name, text in (("consumer", CONSUMER), ("producer", PRODUCER), ("single-account", SINGLE)):
        (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
    monkeypatch.setattr(verb, "TEMPLATES", tmp_path)
    monkeypatch.setattr(verb, "ROOT", tmp_path)
    return tmp_path


def test_everything_written_is_current() -> None:
    """After a change of a template, a query or the table: `make generate`."""
    for path, text in verb.derived().items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name} is stale: make templates"


@pytest.mark.parametrize("section", ["Rules", "Conditions", "Resources"])
def test_single_account_is_both_wired_up(section: str) -> None:
    """Nothing is lost, added or changed but the references from one stack to the other."""
    both = {**shipped_template("producer")[section], **shipped_template("consumer")[section]}
    assert shipped_template("single-account")[section] == wired(both)


def test_parameters_are_those_of_both_less_what_is_wired() -> None:
    """One launch asks for nothing that it makes itself."""
    both = {**shipped_template("producer")["Parameters"], **shipped_template("consumer")["Parameters"]}
    assert set(shipped_template("single-account")["Parameters"]) == set(both) - set(INSIDE)


def test_outputs_are_those_of_both() -> None:
    """What a script asks of two stacks, it finds in the one."""
    both = {*shipped_template("producer")["Outputs"], *shipped_template("consumer")["Outputs"]}
    assert set(shipped_template("single-account")["Outputs"]) == both


def test_comments_survive() -> None:
    """The reasons stand in the generated file as well, but for those that speak of two accounts."""
    for text in (CONSUMER, PRODUCER):
        comments = re.findall(r"(?<= )# (?!──|named queries|athena/queries).+", text)
        assert len(comments) > 20
        missing = [comment for comment in comments if comment not in SINGLE]
        assert all("producer account" in comment or "consumer's" in comment for comment in missing), missing


def test_nothing_speaks_of_another_account() -> None:
    """Whoever launches one stack is not told of two."""
    prose = "\n".join(SINGLE.splitlines()[1:])
    assert re.findall(r"(?i).*\b(?:producer|consumer) (?:stack|account)\b.*", prose) == []


def test_new_query_is_named_in_the_template() -> None:
    """A file in athena/queries/ is all it takes, whatever the SQL holds."""
    sql = "-- Finds nothing.\n-- On purpose.\n\nSELECT '${x}', \"dt\"\nFROM changes\n\nWHERE a = 'b: # c'\n"
    text = verb.consumer_text(CONSUMER, {"finds-nothing": sql})
    query = load_template(text)["Resources"]["FindsNothingQuery"]["Properties"]
    assert query["QueryString"] == sql
    assert query["Name"] == "finds-nothing"
    assert query["Description"] == "Finds nothing. On purpose."
    assert "FindsNothingQuery" in verb.single_account(text, PRODUCER)


def test_queries_are_written_twice_alike() -> None:
    """Running the command again changes nothing."""
    once = verb.consumer_text(CONSUMER, {"b": "SELECT 1\n", "a": "SELECT 2\n"})
    assert verb.consumer_text(once, {"a": "SELECT 2\n", "b": "SELECT 1\n"}) == once


def test_command_writes_what_is_stale(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And says which file that was."""
    (copy / "single-account.yaml").unlink()
    assert verb.main(["--output", "json"], Output("json")) == 0
    assert json.loads(capsys.readouterr().out) == {"written": ["single-account.yaml"]}
    assert (copy / "single-account.yaml").read_text(encoding="utf-8") == SINGLE
    assert verb.main([], Output("json")) == 0
    assert json.loads(capsys.readouterr().out) == {"written": []}
    assert sorted(path.name for path in copy.iterdir()) == [
        "consumer.yaml",
        "producer.yaml",
        "single-account.yaml",
    ]


def test_check_fails_and_writes_nothing(copy: Path) -> None:
    """It names the stale file and the command that puts it right."""
    changed = PRODUCER.replace("Timeout: 120", "Timeout: 121")
    (copy / "producer.yaml").write_text(changed, encoding="utf-8")
    with pytest.raises(CommandError, match=r"stale: single-account\.yaml") as failure:
        verb.main(["--check"], Output())
    assert "make generate" in failure.value.next_step
    assert (copy / "single-account.yaml").read_text(encoding="utf-8") == SINGLE


def test_changed_table_changes_the_digest(copy: Path) -> None:
    """So that the stack's update calls the catalog function."""
    changed = CONSUMER.replace("projection.dt.interval.unit: DAYS", "projection.dt.interval.unit: WEEKS")
    (copy / "consumer.yaml").write_text(changed, encoding="utf-8")
    verb.main([], Output("json"))
    (before,), (after,) = (
        re.findall(r"TableDefinition: (.+)", text)
        for text in (CONSUMER, (copy / "consumer.yaml").read_text(encoding="utf-8"))
    )
    assert before != after


@pytest.mark.parametrize(
    ("was", "now", "says"),
    [
        ("  SourceStream:\n", "  LakeBucket:\n", "both templates have a resource LakeBucket"),
        ("Default: ddb-lake-delivery", "Default: another", "Parameters: DeliveryRoleName differs"),
        (
            "!Ref LakeKeyArn",
            "!Select [0, [!Ref LakeKeyArnX, {Ref: LakeKeyArn}]]",
            "still refer to LakeKeyArn",
        ),
    ],
)
def test_contradiction_between_the_templates_is_an_error(was: str, now: str, says: str) -> None:
    """The command does not put together what does not fit."""
    changed = PRODUCER.replace(was, now)
    assert changed != PRODUCER
    with pytest.raises(CommandError, match=says):
        verb.single_account(CONSUMER, changed)


@pytest.mark.parametrize(
    "mark", ["  # named queries: begin\n", "  # named queries: end\n", "TableDefinition:"]
)
def test_lost_mark_is_an_error(mark: str) -> None:
    """The command writes nowhere else instead."""
    with pytest.raises(CommandError, match=r"consumer\.yaml has lost"):
        verb.consumer_text(CONSUMER.replace(mark, ""), {})


def test_template_that_is_not_yaml_is_an_error(copy: Path) -> None:
    """It says where, and nothing is written."""
    (copy / "producer.yaml").write_text("Resources: [", encoding="utf-8")
    with pytest.raises(CommandError, match="not YAML"):
        verb.main([], Output())
    assert (copy / "single-account.yaml").read_text(encoding="utf-8") == SINGLE
