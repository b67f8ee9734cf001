"""The events of AWS Glue on the default bus of an account (EventBridge reference, "AWS Glue events")."""

import json
from collections.abc import Mapping


def emit(detail_type: str, detail: Mapping[str, str]) -> None:
    """Put one event on the bus of the account whose request, or a copy of its context, is running."""
    from ministack.services import eventbridge  # noqa: PLC0415  only the emulator process loads MiniStack

    entry = {
        "Source": "aws.glue",
        "DetailType": detail_type,
        "Detail": json.dumps(detail),
        "Resources": [],
    }
    eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)
