"""Translate an exception for the user: one sentence on what is wrong, one on what to do."""

from __future__ import annotations

from .ended_sandbox import explain_ended
from .errors import CommandError, error_code, printable


def explained(error: Exception) -> CommandError | None:  # noqa: PLR0911, PLR0912  one per kind of error
    """The CommandError for an exception; None for a defect in this package. It never quotes an item."""
    if isinstance(error, CommandError):
        return error
    if isinstance(error, OSError) and error.filename is not None:
        return CommandError(
            f"{printable(str(error.filename))}: {error.strerror or error}",
            "Check the path and its permissions.",
        )
    try:
        from botocore import exceptions as aws  # noqa: PLC0415
    except ImportError:
        return CommandError("boto3 is not installed", "Install it: `pip install boto3` (CloudShell has it).")
    ended = explain_ended(error)
    if ended:
        return CommandError(*ended)
    next_step = "Correct the cause in the message and run the command again."
    if isinstance(error, aws.ClientError):
        code, reason = error_code(error), str(error.response.get("Error", {}).get("Message", ""))
        if "Expired" in code:
            next_step = "The credentials have expired. Sign in again."
        elif code in ("UnrecognizedClientException", "InvalidSignatureException", "InvalidClientTokenId"):
            next_step = "AWS does not accept these credentials. Check them: `aws sts get-caller-identity`."
        elif code.startswith("AccessDenied"):
            next_step = f"Use a profile that may call {error.operation_name}, or get the permission."
        elif code == "ValidationException":
            # Its message may quote a value of the item.
            reason, next_step = "an item is refused", "Check the items against the table's keys and indexes."
        return CommandError(f"{error.operation_name} was refused: {code}: {reason}", next_step)
    if isinstance(error, aws.ParamValidationError):
        return CommandError("boto3 refuses an item", "Check the items' types against DynamoDB's.")
    if isinstance(error, (aws.HTTPClientError, aws.ConnectionError)):
        bundle = "Check AWS_CA_BUNDLE and REQUESTS_CA_BUNDLE: they override the profile's ca_bundle."
        network = "Check the network, --region and --endpoint-url, and run the command again."
        return CommandError(str(error), bundle if isinstance(error, aws.SSLError) else network)
    if isinstance(error, (aws.NoCredentialsError, aws.PartialCredentialsError, aws.CredentialRetrievalError)):
        return CommandError(str(error), "Check the credentials of the profile, or sign in again.")
    if isinstance(error, aws.BotoCoreError):
        return CommandError(str(error), next_step)
    if isinstance(error, ValueError) and str(error).startswith(("Invalid endpoint", "Invalid IPv6 URL")):
        return CommandError(
            str(error), "Write --endpoint-url, or the profile's endpoint_url, as https://HOST:PORT."
        )
    return None
