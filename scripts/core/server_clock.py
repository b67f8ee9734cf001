"""The time of a read, by the clock of the service that answered. This machine's clock may be wrong."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

from scripts.core.console import CommandError


def server_time(response: Mapping[str, Any]) -> datetime:
    """The Date header of a response of boto3's client, in whole seconds. Raises CommandError without one."""
    date = response.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date", "")
    try:
        return parsedate_to_datetime(date)
    except (TypeError, ValueError):
        raise CommandError(
            "the responses of DynamoDB have no Date header, so the time of a read is not known",
            "Remove the proxy that drops the header, or use another --endpoint-url.",
        ) from None
