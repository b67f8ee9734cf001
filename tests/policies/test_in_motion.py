"""The simulator's verdicts and the sandbox's responses agree for every identity and call."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.launches import plan_launches
from sandbox.lifecycle import Sandbox
from tests.policies.canaries import WORD, sightings
from tests.policies.ledger import Ledger
from tests.policies.motion import CALLS, IDENTITIES, Call, Caller, launched_documents
from tests.policies.simulation import judge

pytestmark = [pytest.mark.sandbox, pytest.mark.xdist_group("motion")]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """A separate sandbox, because these calls must not write into a lake that other tests count."""
    with Sandbox(speed=50) as running:
        running.start_delivery()
        running.launch(plan_launches())
        yield running


@pytest.fixture(scope="module")
def ledger(sandbox: Sandbox) -> Ledger:
    return Ledger(launched_documents(sandbox))


def modelled(caller: Caller, call: Call, ledger: Ledger) -> bool:
    """Whether the sandbox can make this call: not if it cannot name another account's resource."""
    owner = ledger.located(call.resource, caller.actor)[1]
    unsigned_elsewhere = caller.actor.principal is None and not call.action.startswith("s3:")
    return not unsigned_elsewhere and (call.crosses or owner == caller.actor.account)


def test_simulator_and_sandbox_agree(sandbox: Sandbox, ledger: Ledger, simulator: None) -> None:
    """At least ten identities and eight actions; every pair that both model has the same verdict."""
    callers = [Caller(sandbox, ledger, name) for name in IDENTITIES]
    assert len(callers) >= 10
    assert len({call.action for call in CALLS}) >= 8
    tried = [(caller, call) for caller in callers for call in CALLS if modelled(caller, call, ledger)]
    parts = [
        (number, ledger.part({"actor": caller.actor.name, **part}))
        for number, (caller, call) in enumerate(tried)
        for part in call.parts
    ]
    expected = [True] * len(tried)
    for (number, _), decision in zip(parts, judge(p.request(ledger.policies) for _, p in parts), strict=True):
        expected[number] &= decision.allowed
    answered = [caller.may(call, ledger) for caller, call in tried]
    assert len(tried) >= 180
    assert len(tried) * 0.1 < sum(expected) < len(tried) * 0.9
    differing = [
        f"{caller.actor.name}: {call.name}: simulator {simulated}, sandbox {actual}"
        for (caller, call), simulated, actual in zip(tried, expected, answered, strict=True)
        if simulated != actual
    ]
    assert differing == []


def _name(ledger: Ledger, logical_id: str) -> str:
    resource = ledger.documents.resource(logical_id)
    assert resource is not None, logical_id
    return resource.name


def test_deployed_policies_are_the_judged_ones(sandbox: Sandbox, ledger: Ledger) -> None:
    """The sandbox has the documents that the simulator judged, word for word."""
    consumer, producer = sandbox.session("consumer"), sandbox.session("producer")
    bucket, key, role = (
        _name(ledger, logical_id) for logical_id in ("LakeBucket", "LakeKey", "DeliveryRole")
    )
    deployed = {
        "LakeBucketPolicy": json.loads(consumer.client("s3").get_bucket_policy(Bucket=bucket)["Policy"]),
        "LakeKey policy": json.loads(
            consumer.client("kms").get_key_policy(KeyId=key, PolicyName="default")["Policy"]
        ),
        "DeliveryRole deliver": producer.client("iam").get_role_policy(RoleName=role, PolicyName="deliver")[
            "PolicyDocument"
        ],
        "DeliveryRole trust": producer.client("iam").get_role(RoleName=role)["Role"][
            "AssumeRolePolicyDocument"
        ],
    }
    assert {name: ledger.policies[name].document for name in deployed} == deployed


def test_no_item_is_in_any_log_of_the_sandbox(sandbox: Sandbox) -> None:
    """Good and bad changes pass through every stage; no process writes one into its log."""
    producer = sandbox.session("producer")
    table, stream = sandbox.outputs["SourceTableName"], sandbox.outputs["SourceStreamName"]
    for number in range(20):
        item: dict[str, Any] = {"pk": {"S": f"{WORD}{number}"}, WORD: {"M": {WORD: {"S": WORD}}}}
        producer.client("dynamodb").put_item(TableName=table, Item=item)
    producer.client("kinesis").put_record(StreamName=stream, Data=WORD.encode(), PartitionKey=WORD)
    assert sandbox.run([sys.executable, "-m", "sandbox", "check"]) == 0
    texts = {
        path.name: path.read_text(errors="replace")
        for path in sandbox.folder.rglob("*")
        if path.is_file() and path.suffix in {".log", ".json"}
    }
    assert {"emulator.log", "delivery.log"} <= set(texts)
    for profile in ("producer", "consumer"):
        logs = sandbox.session(profile).client("logs")
        for group in logs.describe_log_groups()["logGroups"]:
            name = group["logGroupName"]
            texts[name] = json.dumps(logs.filter_log_events(logGroupName=name)["events"], default=str)
    assert any("transformed" in text for text in texts.values())
    assert {name: found for name, text in texts.items() if (found := sightings(text))} == {}
