"""Small stacks for the emulator's tests, through the CloudFormation API."""

import json
from typing import Any

from sandbox.lifecycle import Sandbox
from tests.sandbox.waiting import wait_until

Template = dict[str, Any]


class Stacks:
    """Stacks of one account."""

    def __init__(self, sandbox: Sandbox, profile: str) -> None:
        self.client: Any = sandbox.session(profile).client("cloudformation")

    def create(self, name: str, resources: Template, outputs: Template | None = None) -> Template:
        """Create a stack and wait; the description of the stack, with any result."""
        self.client.create_stack(StackName=name, **self._arguments(resources, outputs))
        return self._settled(name)

    def update(self, name: str, resources: Template, outputs: Template | None = None) -> Template:
        """Update a stack and wait."""
        self.client.update_stack(StackName=name, **self._arguments(resources, outputs))
        return self._settled(name)

    def delete(self, name: str) -> Template:
        """Delete a stack and wait; its id is still valid after the deletion."""
        stack_id = self.client.describe_stacks(StackName=name)["Stacks"][0]["StackId"]
        self.client.delete_stack(StackName=name)
        return self._settled(stack_id)

    def reasons(self, name: str) -> str:
        """Why resources of the stack failed, or did not pass the validation before the deployment."""
        events = self.client.describe_stack_events(StackName=name)["StackEvents"]
        failed = [
            f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason')}"
            for event in events
            if event["ResourceStatus"].endswith("FAILED")
        ]
        operations = self.client.describe_events(StackName=name)["OperationEvents"]
        invalid = [str(event["ValidationStatusReason"]) for event in operations if "ValidationPath" in event]
        return " | ".join(failed + invalid)

    def physical_id(self, name: str, logical_id: str) -> str:
        """A resource's physical id."""
        resource = self.client.describe_stack_resource(StackName=name, LogicalResourceId=logical_id)
        return str(resource["StackResourceDetail"]["PhysicalResourceId"])

    @staticmethod
    def _arguments(resources: Template, outputs: Template | None) -> Template:
        body: Template = {"Resources": resources}
        if outputs:
            body["Outputs"] = {key: {"Value": value} for key, value in outputs.items()}
        return {"TemplateBody": json.dumps(body), "Capabilities": ["CAPABILITY_NAMED_IAM"]}

    def _settled(self, name: str) -> Template:
        def described() -> Template:
            stack: Template = self.client.describe_stacks(StackName=name)["Stacks"][0]
            return stack

        def settled() -> Template | None:
            stack = described()
            return None if stack["StackStatus"].endswith("IN_PROGRESS") else stack

        def status() -> str:
            return str(described()["StackStatus"])

        stack: Template = wait_until(settled, f"the end of stack {name}:", 60, said=status, pause=0.05)
        return stack
