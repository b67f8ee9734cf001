"""What an error of botocore means when the shell still points at a sandbox that has ended.

The sandbox's folder and its emulator are gone then, and botocore speaks of a profile it cannot find, of
credentials, or of an endpoint it cannot reach.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Optional
from urllib.parse import urlsplit

FOLDER = "ddb-lake-sandbox-"  # how the name of a sandbox's folder begins
VARIABLES = ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_CA_BUNDLE")
LOCAL = ("localhost", "127.0.0.1", "::1")
AGAIN = "Start one (`make sandbox`) and paste the lines it prints"


def explain_ended(error: Exception) -> Optional[tuple[str, str]]:  # noqa: UP045  put_items runs on Python 3.9
    """What is wrong and what to do, or None where no ended sandbox is the reason."""
    from botocore import exceptions as aws  # noqa: PLC0415

    if not isinstance(error, (aws.BotoCoreError, OSError)):
        return None
    gone = [name for name in VARIABLES if _names_what_is_gone(os.environ.get(name, ""))]
    if gone:
        path = os.environ[gone[0]]
        return (
            f"the sandbox that {gone[0]} points at has ended: {path} is gone",
            f"{AGAIN}, or leave it: `unset {' '.join(gone)}`.",
        )
    if isinstance(error, (aws.EndpointConnectionError, aws.ConnectTimeoutError)):
        url = str(error.kwargs.get("endpoint_url", ""))
        local = urlsplit(url)
        if local.hostname in LOCAL:
            return (
                f"nothing answers at {local.scheme}://{local.netloc}: the sandbox there has ended",
                f"{AGAIN}, or take the address out of AWS_ENDPOINT_URL, --endpoint-url or the profile.",
            )
    return None


def _names_what_is_gone(path: str) -> bool:
    return any(part.startswith(FOLDER) for part in Path(path).parts) and not Path(path).exists()
