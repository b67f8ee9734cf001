"""What an error is told as: never with what an item holds."""

from __future__ import annotations

import pytest
from botocore.exceptions import ParamValidationError

from scripts.put_items.explain import explained
from tests.unit.scripts.edge import refused


@pytest.mark.parametrize(
    "error",
    [
        refused("ValidationException", "The parameter cannot be converted to a numeric value: canary-4711"),
        ParamValidationError(report="Invalid type for parameter, value: canary-4711"),
    ],
)
def test_an_error_message_never_quotes_an_item(error: Exception) -> None:
    """DynamoDB and boto3 quote values in some messages; ours never do."""
    known = explained(error)
    assert known is not None
    assert "canary" not in known.message + known.next_step
