"""Explain a botocore error when the shell still uses a sandbox that has ended.

The sandbox's folder and its emulator no longer exist. botocore then reports a missing profile, missing
credentials or an endpoint that it cannot reach.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Optional
from urllib.parse import urlsplit

FOLDER = "ddb-lake-sandbox-"  # the beginning of the name of a sandbox's folder
VARIABLES = ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_CA_BUNDLE")
LOCAL = ("localhost", "127.0.0.1", "::1")
AGAIN = "Start a sandbox (`make sandbox`) and paste the lines that it prints"


def explain_ended(error: Exception) -> Optional[tuple[str, str]]:  # noqa: UP045  put_items runs on Python 3.9
    """What is wrong and what to do; None if an ended sandbox is not the reason."""
    from botocore import exceptions as aws  # noqa: PLC0415

    if not isinstance(error, (aws.BotoCoreError, OSError)):
        return None
    gone = [name for name in VARIABLES if _names_what_is_gone(os.environ.get(name, ""))]
    if gone:
        path = os.environ[gone[0]]
        return (
            f"the sandbox that {gone[0]} points at has ended: {path} does not exist",
            f"{AGAIN}, or stop using it: `unset {' '.join(gone)}`.",
        )
    if isinstance(error, (aws.EndpointConnectionError, aws.ConnectTimeoutError)):
        url = str(error.kwargs.get("endpoint_url", ""))
        local = urlsplit(url)
        if local.hostname in LOCAL:
            return (
                f"nothing answers at {local.scheme}://{local.netloc}: the sandbox there has ended",
                f"{AGAIN}, or remove the address from AWS_ENDPOINT_URL, --endpoint-url or the profile.",
            )
    return None


def _names_what_is_gone(path: str) -> bool:
    return any(part.startswith(FOLDER) for part in Path(path).parts) and not Path(path).exists()
