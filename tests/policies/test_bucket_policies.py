"""S3 refuses a bucket policy in which an action does not have a condition key that its statement names.

"Conditions do not apply to combination of actions and resources in statement": seen by users, on no AWS page
[unverified]. The keys of each action are those of the service authorization reference, "Amazon S3".
"""

from __future__ import annotations

import pytest

from tests.policies.documents import LAYOUTS, Documents
from tests.policies.mutants import granted, listed, service_actions, statements

pytestmark = pytest.mark.usefixtures("simulator")


def misplaced(statement: dict[str, object]) -> list[str]:
    """The condition keys of S3 that some action of the statement does not support."""
    conditions: dict[str, dict[str, object]] = statement.get("Condition", {})  # type: ignore[assignment]
    keys = {key.lower() for operator in conditions.values() for key in operator if key.startswith("s3:")}
    return [
        f"{action}: {key}"
        for action in sorted(granted([str(each) for each in listed(statement["Action"])]))
        for key in sorted(keys)
        if key not in {known.lower() for known in service_actions("s3")[action[3:]]["conditionKeys"]}
    ]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_action_of_a_bucket_policy_supports_the_keys_of_its_statement(layout: str) -> None:
    """Otherwise CloudFormation cannot set the policy, and the launch fails."""
    found = {
        f"{policy.name} / {statement['Sid']}": wrong
        for policy in Documents.of(layout).policies.values()
        if policy.kind == "resource"
        for statement in statements(policy.document)
        if any(str(action).startswith("s3:") for action in listed(statement["Action"]))
        and (wrong := misplaced(statement))
    }
    assert found == {}
