"""Calls from a function's code carry the function's ARN.

AWS fact: Lambda sends `lambda:SourceFunctionArn` with calls that a function makes with its execution role, so
that a policy can distinguish the code from other users of the role (Lambda developer guide, "Using source
function ARN to control function access behavior").

MiniStack derives a function's secret key and session token from the ARNs of the function and its role, which
are not secret. Here both are derived with a key that only this process has. They stay the same while it runs,
because warm functions keep theirs.
"""

import hmac
import secrets
from typing import Any

from sandbox.emulator.seam import Seam

CREDENTIALS = Seam("core.lambda_runtime", "execution_credentials", "cffaadc4f396f6e4")
PRINCIPAL_KEYS = Seam("core.iam_evaluator", "_principal_keys", "82f8fd4f1d91e592")
SEAMS = (CREDENTIALS, PRINCIPAL_KEYS)
_FUNCTION = "SandboxSourceFunctionArn"  # in the session's record


def install() -> None:
    """Make the session's credentials secret, store the function in it, pass its ARN to the evaluator."""
    credentials, keys = CREDENTIALS.check(), PRINCIPAL_KEYS.check()
    own_key = secrets.token_bytes(32)

    def derived(kind: str, access_key: str) -> str:
        return hmac.digest(own_key, f"{kind}:{access_key}".encode(), "sha256").hex()

    def execution_credentials(config: dict[str, Any]) -> Any:
        from ministack.services import sts  # noqa: PLC0415  only the emulator process loads MiniStack

        access_key = credentials(config)["AWS_ACCESS_KEY_ID"]
        session = sts._sessions[access_key]
        secret, token = derived("secret", access_key), derived("token", access_key)
        session.update({"SecretAccessKey": secret, "SessionToken": token})
        session[_FUNCTION] = config.get("FunctionArn", "")
        return {
            "AWS_ACCESS_KEY_ID": access_key,
            "AWS_SECRET_ACCESS_KEY": secret,
            "AWS_SESSION_TOKEN": token,
        }

    def principal_keys(credential: Any) -> Any:
        from ministack.services import sts  # noqa: PLC0415

        function = (sts._sessions.get(credential.access_key_id) or {}).get(_FUNCTION)
        more = {"lambda:sourcefunctionarn": function} if function else {}
        return {**keys(credential), **more}

    CREDENTIALS.replace(execution_credentials)
    PRINCIPAL_KEYS.replace(principal_keys)
