"""A change set in the emulator lists the same resources as on AWS: those whose condition is true."""

import json
from typing import Any, Literal

import pytest

from sandbox.lifecycle import Sandbox

pytestmark = pytest.mark.sandbox

TEMPLATE = {
    "Parameters": {"Wanted": {"Type": "String"}},
    "Conditions": {"IsWanted": {"Fn::Equals": [{"Ref": "Wanted"}, "yes"]}},
    "Resources": {
        "Always": {"Type": "AWS::Logs::LogGroup"},
        "Sometimes": {"Type": "AWS::Logs::LogGroup", "Condition": "IsWanted"},
    },
}


def test_change_set_lists_only_resources_whose_condition_is_true(emulator: Sandbox, unique: str) -> None:
    """A parameter that changes a condition adds or removes the resource."""
    client = emulator.session("producer").client("cloudformation")

    def planned(kind: Literal["CREATE", "UPDATE"], wanted: str) -> set[tuple[str, str]]:
        arguments: dict[str, Any] = {"StackName": unique, "ChangeSetName": f"{kind}-{wanted}".lower()}
        client.create_change_set(
            **arguments,
            ChangeSetType=kind,
            TemplateBody=json.dumps(TEMPLATE),
            Parameters=[{"ParameterKey": "Wanted", "ParameterValue": wanted}],
        )
        client.get_waiter("change_set_create_complete").wait(**arguments, WaiterConfig={"Delay": 1})
        found = client.describe_change_set(**arguments)["Changes"]
        client.execute_change_set(**arguments)
        if kind == "CREATE":
            client.get_waiter("stack_create_complete").wait(StackName=unique, WaiterConfig={"Delay": 1})
        else:
            client.get_waiter("stack_update_complete").wait(StackName=unique, WaiterConfig={"Delay": 1})
        changes = [change["ResourceChange"] for change in found]
        return {(change["Action"], change["LogicalResourceId"]) for change in changes}

    def created() -> set[str]:
        resources = client.list_stack_resources(StackName=unique)["StackResourceSummaries"]
        return {
            resource["LogicalResourceId"]
            for resource in resources
            if resource["ResourceStatus"] != "DELETE_COMPLETE"
        }

    assert planned("CREATE", "no") == {("Add", "Always")}
    assert created() == {"Always"}
    assert planned("UPDATE", "yes") == {("Add", "Sometimes")}
    assert created() == {"Always", "Sometimes"}
    assert planned("UPDATE", "no") == {("Remove", "Sometimes")}
    assert created() == {"Always"}
