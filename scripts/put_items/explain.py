"""What an exception means to the user: one sentence on what is wrong, one on what to do."""

from __future__ import annotations

from .ended_sandbox import explain_ended
from .errors import CommandError, error_code, printable


def explained(error: Exception) -> CommandError | None:  # noqa: PLR0911, PLR0912  one a kind of error
    """The CommandError an exception amounts to, None for a defect of ours. It never quotes an item."""
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
    again = "Correct what it names, then run the command again."
    if isinstance(error, aws.ClientError):
        code, said = error_code(error), str(error.response.get("Error", {}).get("Message", ""))
        if "Expired" in code:
            again = "The credentials have expired: sign in again."
        elif code in ("UnrecognizedClientException", "InvalidSignatureException", "InvalidClientTokenId"):
            again = "AWS does not know these credentials: check `aws sts get-caller-identity`."
        elif code.startswith("AccessDenied"):
            again = "Use a profile that may make this call, or have it granted."
        elif code == "ValidationException":
            # Its message may quote a value of the item.
            said, again = "an item is refused", "Check the items against the table's keys and indexes."
        return CommandError(f"{error.operation_name} was refused: {code}: {said}", again)
    if isinstance(error, aws.ParamValidationError):
        return CommandError("boto3 refuses an item", "Check the items' types against DynamoDB's.")
    if isinstance(error, (aws.HTTPClientError, aws.ConnectionError)):
        bundle = "Check AWS_CA_BUNDLE and REQUESTS_CA_BUNDLE: they go before the profile's ca_bundle."
        network = "Check the network, --region and --endpoint-url, then run it again."
        return CommandError(str(error), bundle if isinstance(error, aws.SSLError) else network)
    if isinstance(error, (aws.NoCredentialsError, aws.PartialCredentialsError, aws.CredentialRetrievalError)):
        return CommandError(str(error), "Name a profile with --profile, or sign in.")
    if isinstance(error, aws.BotoCoreError):
        return CommandError(str(error), again)
    if isinstance(error, ValueError) and str(error).startswith(("Invalid endpoint", "Invalid IPv6 URL")):
        return CommandError(
            str(error), "Give --endpoint-url, or the profile's endpoint_url, as https://HOST:PORT."
        )
    return None
