"""Every request of the access ledger, judged by the policies of the templates as launched."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

import pytest

from tests.policies import simulation
from tests.policies.documents import Documents, PolicyError
from tests.policies.ledger import Ledger, LedgerError, Verdict
from tests.policies.mutants import statements
from tests.policies.simulation import Policy, Request, SimulationError, condition_keys, judge
from tests.templates.resolver import shipped_template


@pytest.mark.usefixtures("simulator")
def test_every_request_of_the_ledger_gets_its_expected_verdict(ledger: Ledger) -> None:
    """The ledger is the claim about access: no request may differ, in either layout."""
    wrong = [
        f"{verdict.entry.name} must be {'allowed' if verdict.entry.allowed else 'denied'}: {verdict.reason}"
        for verdict in ledger.verdicts()
        if not verdict.right
    ]
    assert wrong == []


@pytest.mark.usefixtures("simulator")
def test_a_role_path_changes_no_verdict(layout: str) -> None:
    """The path is part of a role's ARN, so every policy that admits the role must include the path."""
    ledger = Ledger(Documents.of(layout, options={"DeliveryRolePath": "/team/lake/", "RolePath": "/team/"}))
    role = ledger.documents.resource("DeliveryRole")
    assert role is not None
    assert role.arn.endswith(":role/team/lake/ddb-lake-delivery")
    assert [verdict.entry.name for verdict in ledger.verdicts() if not verdict.right] == []


def test_ledger_has_at_least_thirty_requests_of_each_kind(ledger: Ledger) -> None:
    """Sixty requests at least, half of them allowed, half of them denied, in each layout."""
    allowed = sum(entry.allowed for entry in ledger.entries)
    assert allowed >= 30
    assert len(ledger.entries) - allowed >= 30


def test_no_request_of_the_ledger_is_written_twice(ledger: Ledger) -> None:
    """A repeated request would be counted twice."""
    seen: dict[str, str] = {}
    for entry in ledger.entries:
        key = repr([(part, sorted(part.context.items())) for part in entry.parts])
        assert key not in seen, f"{entry.name} is {seen[key]} again"
        seen[key] = entry.name


@pytest.mark.usefixtures("simulator")
def test_ledger_is_judged_within_ten_seconds(two_accounts: Ledger) -> None:
    """Fast enough to run after every change of a template; measured in processor seconds."""
    two_accounts.entries  # noqa: B018 - reading the templates is not judging

    def processor_seconds() -> float:
        times = os.times()
        return times.user + times.system + times.children_user + times.children_system

    start = processor_seconds()
    two_accounts.verdicts()
    assert processor_seconds() - start < 10


def test_every_role_and_resource_policy_has_a_request(ledger: Ledger) -> None:
    """A policy without a request is not proved."""
    used = set().union(*(entry.policies for entry in ledger.entries))
    assert set() == set(ledger.documents.policies) - used


def test_one_account_has_the_same_statements_as_two(ledgers: dict[str, Ledger]) -> None:
    """The single-account template is generated from the other two, so their mutants cover it too."""

    def spelled(layout: str) -> dict[str, list[tuple[Any, ...]]]:
        return {
            name: [
                (s["Sid"], s["Effect"], s["Action"], sorted(s.get("Condition", {})))
                for s in statements(p.document)
            ]
            for name, p in ledgers[layout].documents.policies.items()
        }

    assert spelled("two-accounts") == spelled("single-account")


def test_the_simulator_ignores_no_condition_key_of_a_policy(ledger: Ledger, simulator: None) -> None:
    """Each key that a policy reads decides a request in the ledger, so an ignored key cannot go unnoticed."""
    used = set().union(*(condition_keys(policy.document) for policy in ledger.documents.policies.values()))
    sent = {key.lower() for entry in ledger.entries for part in entry.parts for key in part.context}
    assert set() == used - sent


@pytest.mark.usefixtures("simulator")
def test_a_context_key_the_simulator_ignores_is_an_error() -> None:
    """A verdict that ignored a condition key would be worthless."""
    statement = {
        "Effect": "Allow",
        "Action": "s3:*",
        "Resource": "*",
        "Condition": {"StringEquals": {"kms:ViaService": "x"}},
    }
    policy = Policy("role", "identity", {"Version": "2012-10-17", "Statement": [statement]})
    role, bucket = "arn:aws:iam::111111111111:role/r", "arn:aws:s3:::b"
    request = Request(role, "s3:ListBucket", bucket, "111111111111", {"kms:ViaService": "x"}, (policy,))
    with pytest.raises(SimulationError, match="ignored kms:ViaService on s3:ListBucket"):
        judge([request])


@pytest.mark.usefixtures("simulator")
def test_encryption_context_decides_despite_the_simulators_defect(two_accounts: Ledger) -> None:
    """kms:EncryptionContext:… is renamed in policies and requests, otherwise nothing would match."""
    entry = next(
        entry
        for entry in two_accounts.entries
        if entry.allowed and any("EncryptionContext" in key for key in entry.parts[0].context)
    )
    part = entry.parts[0]
    other = {key: "arn:aws:s3:::x" if "Context" in key else value for key, value in part.context.items()}
    right, wrong = judge(
        [part.request(two_accounts.policies), replace(part, context=other).request(two_accounts.policies)]
    )
    assert (right.allowed, wrong.allowed) == (True, False)


@pytest.mark.usefixtures("simulator")
def test_an_endpoint_policy_with_another_principal_is_refused_by_name(two_accounts: Ledger) -> None:
    """The simulator supports only "*" there. The error states that, instead of ignoring the policy."""
    endpoint = two_accounts.policies["S3Endpoint policy"]
    statement = {**endpoint.document["Statement"][0], "Principal": {"AWS": "arn:aws:iam::111111111111:root"}}
    changed = Policy(endpoint.name, "endpoint", {**endpoint.document, "Statement": [statement]})
    entry = next(entry for entry in two_accounts.entries if endpoint.name in entry.policies)
    with pytest.raises(SimulationError, match=r"S3Endpoint policy.*Principal must be"):
        two_accounts.judged([(entry, {endpoint.name: changed})])


def test_the_simulator_is_started_once_for_a_whole_ledger(
    two_accounts: Ledger, monkeypatch: pytest.MonkeyPatch, simulator: None
) -> None:
    """One process start per batch: starting Node takes longer than a hundred verdicts."""
    started: list[int] = []
    run = simulation._run

    def counted(lines: list[str]) -> list[dict[str, Any]]:
        started.append(len(lines))
        return run(lines)

    monkeypatch.setattr(simulation, "_run", counted)
    two_accounts.verdicts()
    assert len(started) == 1


def test_a_policy_document_in_an_unknown_place_is_an_error() -> None:
    """A new resource type must not bring a policy that nobody judges."""
    template = shipped_template("consumer")
    document = {"Version": "2012-10-17", "Statement": []}
    template["Resources"]["Odd"] = {
        "Type": "AWS::SNS::Topic",
        "Properties": {"DataProtectionPolicy": document},
    }
    with pytest.raises(PolicyError, match=r"Odd \(AWS::SNS::Topic\) has a policy at DataProtectionPolicy"):
        Documents.of("two-accounts", {"consumer": template})


GATEWAYS, INTERFACES = (
    {"S3Endpoint", "DynamoDbEndpoint"},
    {"KinesisEndpoint", "FirehoseEndpoint", "KmsEndpoint"},
)


@pytest.mark.parametrize(
    ("options", "differing"),
    [
        ({"ExistingTableName": "orders"}, {"DynamoDbEndpoint policy", "ExportRole export"}),
        ({"CreateInterfaceEndpoints": "false"}, {f"{name} policy" for name in (*INTERFACES, "LogsEndpoint")}),
        (
            {"VpcId": "vpc-0a1b2c3d", "SubnetIds": "subnet-0a1b2c3d,subnet-1a1b2c3d"},
            {f"{name} policy" for name in GATEWAYS},
        ),
        (
            {"ShardCount": "4", "SortKeyName": "sk", "CrawlerSchedule": "", "AccessLogBucketName": "logs"},
            set(),
        ),
    ],
    ids=["adopted table", "no interface endpoints", "own VPC without routes", "other options"],
)
def test_an_option_changes_only_its_own_policies(
    layout: str, ledgers: dict[str, Ledger], options: dict[str, str], differing: set[str]
) -> None:
    """The proof for the defaults also covers the other ways to launch the templates."""
    before = ledgers[layout].documents.policies
    after = Documents.of(layout, options=options).policies
    changed = {
        name
        for name in {*before, *after}
        if name not in before or name not in after or before[name].document != after[name].document
    }
    assert changed == differing


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (
            {"actor": "nobody", "action": "s3:GetObject", "resource": "LakeBucket/x"},
            "no actor has the name nobody",
        ),
        (
            {"actor": "crawler", "action": "s3:GetObject", "resource": "Nothing/x"},
            "no template has a resource",
        ),
        ({"actor": "crawler", "action": "s3:GetObject", "resource": "x"}, "neither a logical id"),
        ({"actor": "crawler", "action": "s3:GetObject", "resource": "*", "in": 1}, "in is not supported"),
    ],
)
def test_a_misspelt_entry_is_refused_by_name(
    two_accounts: Ledger, written: dict[str, Any], message: str
) -> None:
    """A request about nothing would prove nothing."""
    with pytest.raises(LedgerError, match=message):
        list(two_accounts.expanded({"title": "t"}, written, True, 0))


def test_a_fault_in_a_template_changes_a_verdict(two_accounts: Ledger, simulator: None) -> None:
    """The ledger reads the templates as launched: without one condition, outsiders are allowed."""
    template = shipped_template("consumer")
    for statement in template["Resources"]["LakeBucketPolicy"]["Properties"]["PolicyDocument"]["Statement"]:
        statement.get("Condition", {}).pop("ArnEquals", None)
    changed = Ledger(Documents.of("two-accounts", {"consumer": template}))
    let_in = {v.entry.parts[0].actor.name for v in changed.verdicts() if not v.right and v.allowed}
    under_another_path = "delivery role's name under another path"
    assert {"producer administrator", "look-alike role", under_another_path} == let_in


def test_every_verdict_names_the_deciding_statement(verdicts: list[Verdict]) -> None:
    """Or the side that grants nothing: the access matrix prints it."""
    assert [verdict.entry.name for verdict in verdicts if not verdict.reason] == []
    denied = [v.reason for v in verdicts if v.entry.parts[0].context["aws:SecureTransport"] == "false"]
    buckets = ("LakeBucketPolicy", "ResultsBucketPolicy", "ExportBucketPolicy", "DbtBucketPolicy")
    assert {f"{policy}: NobodyWithoutTls" for policy in buckets} == set(denied)
