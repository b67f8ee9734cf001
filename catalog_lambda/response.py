"""The answer to CloudFormation: a custom resource waits until its ResponseURL receives SUCCESS or FAILED.

Source: CloudFormation user guide, "Custom resource response objects".
"""

from __future__ import annotations

import json
import threading
import time
import urllib.request
from typing import Any

ATTEMPTS = 4
_LONGEST_REASON = 1024


class Responder:
    """Answers a request once: either the work or the timer answers first.

    The second one waits until the first answer is sent, because Lambda freezes all threads when the handler
    returns.
    """

    def __init__(self, event: dict[str, Any], physical_id: str) -> None:
        self._event = event
        self._physical_id = physical_id
        self._answered = False
        self._lock = threading.Lock()

    def answer(self, status: str, reason: str = "", data: dict[str, Any] | None = None) -> None:
        """PUT the answer to the ResponseURL. A second answer is sent only if sending the first one failed."""
        body = {
            "Status": status,
            "Reason": reason[:_LONGEST_REASON] or "see the function's log",
            "PhysicalResourceId": self._physical_id,
            "StackId": self._event["StackId"],
            "RequestId": self._event["RequestId"],
            "LogicalResourceId": self._event["LogicalResourceId"],
            "Data": data or {},
        }
        with self._lock:
            if not self._answered:
                _put(self._event["ResponseURL"], json.dumps(body).encode())
                self._answered = True


def _put(url: str, body: bytes) -> None:
    # The URL was signed for an empty content type, so urllib must not add its own.
    request = urllib.request.Request(url, data=body, method="PUT", headers={"Content-Type": ""})  # noqa: S310
    for attempt in range(ATTEMPTS):
        try:
            with urllib.request.urlopen(request, timeout=10):  # noqa: S310  the URL is CloudFormation's
                return
        except OSError:
            if attempt == ATTEMPTS - 1:
                raise
            time.sleep(2.0**attempt)
