"""Calls that a function's code makes say which function made them.

AWS fact: Lambda sends `lambda:SourceFunctionArn` with what a function calls with its execution role, so that
a policy can tell the code from everything else that holds the role (Lambda developer guide, "Using source
function ARN to control function access behavior").
"""

from typing import Any

from sandbox.emulator.seam import Seam

CREDENTIALS = Seam("core.lambda_runtime", "execution_credentials", "cffaadc4f396f6e4")
PRINCIPAL_KEYS = Seam("core.iam_evaluator", "_principal_keys", "82f8fd4f1d91e592")
SEAMS = (CREDENTIALS, PRINCIPAL_KEYS)
_FUNCTION = "SandboxSourceFunctionArn"  # in the session's record


def install() -> None:
    """Remember the function in its session, and give its ARN to the evaluator."""
    credentials, keys = CREDENTIALS.check(), PRINCIPAL_KEYS.check()

    def execution_credentials(config: dict[str, Any]) -> Any:
        from ministack.services import sts  # noqa: PLC0415  only the emulator process loads MiniStack

        given = credentials(config)
        session = sts._sessions.get(given["AWS_ACCESS_KEY_ID"])
        if session is not None:
            session[_FUNCTION] = config.get("FunctionArn", "")
        return given

    def principal_keys(credential: Any) -> Any:
        from ministack.services import sts  # noqa: PLC0415

        function = (sts._sessions.get(credential.access_key_id) or {}).get(_FUNCTION)
        more = {"lambda:sourcefunctionarn": function} if function else {}
        return {**keys(credential), **more}

    CREDENTIALS.replace(execution_credentials)
    PRINCIPAL_KEYS.replace(principal_keys)
