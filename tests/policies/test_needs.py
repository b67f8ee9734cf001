"""The permissions that services need because of a property are listed, and the policies grant them."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from scripts.stacks import STACKS
from tests.policies.documents import LAYOUTS, Documents
from tests.policies.ledger import Ledger
from tests.policies.needs import NeedError, Table, launched, spelled, template_paths
from tests.policies.simulation import judge
from tests.templates.resolver import shipped_template

# Launches that together create every resource and set every property with a listed need.
OPTIONS: tuple[dict[str, str], ...] = ({}, {"PartitionBy": "event", "BufferSizeMiB": "64"})


@pytest.fixture(scope="module")
def table() -> Table:
    return Table()


def _unlisted(table: Table, template: dict[str, Any]) -> list[str]:
    return [
        f"{resource_type}: {spelled(path)}"
        for resource_type, paths in sorted(template_paths(template).items())
        for path in sorted(paths)
        if len(table.covering(resource_type, path)) != 1
    ]


def _stale(table: Table) -> list[str]:
    paths = {
        (resource_type, path)
        for kind in STACKS
        for resource_type, found in template_paths(shipped_template(kind)).items()
        for path in found
    }
    return [
        f"{line.type}: {line.path}"
        for line in table.listed
        if not any(line.covers(resource_type, path) for resource_type, path in paths)
    ]


def _refused(table: Table, ledger: Ledger) -> list[str]:
    causes = list(table.requests(ledger))
    requests = [part.request(ledger.policies) for _, _, part in causes]
    return [
        f"{resource.logical_id}, {need.name}: {part.action} on {part.resource}: {decision.why(request)}"
        for (need, resource, part), request, decision in zip(causes, requests, judge(requests), strict=True)
        if not decision.allowed
    ]


@pytest.mark.parametrize("kind", STACKS)
def test_every_property_is_listed_once(kind: str, table: Table) -> None:
    """A new property needs a line in needs.yaml: the permissions it needs, or why it needs none."""
    assert _unlisted(table, shipped_template(kind)) == []


def test_every_listed_path_is_a_property_of_some_template(table: Table) -> None:
    """A line about a removed property would mislead readers."""
    assert _stale(table) == []


def test_every_line_has_its_source_or_reason(table: Table) -> None:
    """A need names its AWS page; an exception states its reason."""
    assert [f"{line.type}: {line.path}" for line in table.listed if len(line.explanation) < 15] == []


@pytest.mark.usefixtures("simulator")
@pytest.mark.parametrize("options", OPTIONS, ids=["default", "by event"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_need_is_granted(layout: str, options: dict[str, str], table: Table) -> None:
    """Every request of the table is allowed: the policies grant what AWS documents."""
    assert _refused(table, launched(layout, **options)) == []


def test_every_need_is_judged(table: Table) -> None:
    """A need whose property no launch sets would never be checked."""
    judged = {
        need for options in OPTIONS for need, _, _ in table.requests(launched("two-accounts", **options))
    }
    assert [need.name for need in table.needs if need not in judged] == []


# Each check fails for a fault


def test_a_new_property_is_reported(table: Table) -> None:
    """On either side of a condition, inside a list, and below a parent that is listed without `.**`."""
    template = copy.deepcopy(shipped_template("consumer"))
    crawler = template["Resources"]["Crawler"]["Properties"]
    crawler["LakeFormationConfiguration"] = {
        "Fn::If": ["HasAlarmTopic", {"AccountId": "1"}, {"Ref": "AWS::NoValue"}]
    }
    crawler["Targets"]["S3Targets"][0]["EventQueueArn"] = "arn:aws:sqs:us-east-1:222222222222:queue"
    assert _unlisted(table, template) == [
        "AWS::Glue::Crawler: LakeFormationConfiguration.AccountId",
        "AWS::Glue::Crawler: Targets.S3Targets[].EventQueueArn",
    ]


def test_a_parent_covers_its_children_only_with_a_pattern() -> None:
    """`Parent` covers itself, `Parent.*` one level of free keys, `Parent.**` all below."""
    listed = {
        "Targets": [("Targets",)],
        "Targets.*": [("Targets", "Paths")],
        "Targets.**": [("Targets",), ("Targets", "Paths"), ("Targets", "Paths", "[]")],
    }
    for pattern, covered in listed.items():
        (line,) = Table(f"T: {{none: {{it is an example: ['{pattern}']}}}}").listed
        paths = [("Targets",), ("Targets", "Paths"), ("Targets", "Paths", "[]")]
        assert [path for path in paths if line.covers("T", path)] == covered


@pytest.mark.usefixtures("simulator")
@pytest.mark.parametrize(
    ("kind", "statement", "path", "action"),
    [
        ("consumer", ("CrawlerPolicy", "DecryptsTheRows"), "Targets.S3Targets[].Path", "kms:Decrypt"),
        (
            "consumer",
            ("CrawlerPolicy", "ReadsItsSecurityConfiguration"),
            "CrawlerSecurityConfiguration",
            "glue:GetSecurityConfiguration",
        ),
        (
            "backfill",
            ("BackfillPolicy", "ReadsItsSecurityConfiguration"),
            "SecurityConfiguration",
            "glue:GetSecurityConfiguration",
        ),
    ],
)
def test_a_missing_permission_is_found(
    kind: str, statement: tuple[str, str], path: str, action: str, table: Table
) -> None:
    """Without one statement, the property that needs it is reported."""
    policy, sid = statement
    template = copy.deepcopy(shipped_template(kind))
    document = template["Resources"][policy]["Properties"]["PolicyDocument"]
    document["Statement"] = [each for each in document["Statement"] if each["Sid"] != sid]
    found = _refused(table, Ledger(Documents.of("two-accounts", templates={kind: template})))
    assert found
    assert [line for line in found if not (f" {path}: " in line and f" {action} on " in line)] == []


def test_a_line_about_a_removed_property_is_stale() -> None:
    """The same check applies to needs, outside lines and reasons."""
    table = Table("AWS::Glue::Crawler: {none: {as an example only: [Description, Classifiers]}}")
    assert _stale(table) == ["AWS::Glue::Crawler: Classifiers"]


def test_an_incomplete_line_is_an_error() -> None:
    """A need without its source, or with a misspelt key, would be an incomplete claim."""
    with pytest.raises(NeedError, match="T Role: source is missing"):
        Table("T: {needs: {Role: [{who: a, action: 's3:GetObject', resource: '*'}]}}")
    with pytest.raises(NeedError, match="T: nothing is not supported"):
        Table("T: {nothing: {}}")


def test_a_target_of_an_unlisted_kind_is_an_error(table: Table) -> None:
    """Otherwise a rule with a target that no line covers would pass without any check."""
    template = copy.deepcopy(shipped_template("consumer"))
    target = template["Resources"]["CrawlerEndedRule"]["Properties"]["Targets"][0]
    target["Arn"] = "arn:aws:sns:us-east-1:222222222222:topic"
    ledger = Ledger(Documents.of("two-accounts", templates={"consumer": template}))
    with pytest.raises(NeedError, match=r"CrawlerEndedRule: no line of Targets\[\]\.Arn applies"):
        list(table.requests(ledger))
