"""The errors of a failed query; their messages are the `StateChangeReason`, in Athena's words."""


class QueryError(Exception):
    """A query that fails.

    `code` is the engine's error name (`TABLE_NOT_FOUND`, `HIVE_BAD_DATA`), empty where Athena prints none.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}" if code else message)
        self.code = code
        self.message = message


def unsupported(feature: str, next_step: str = "Write the query without it, or run it on AWS.") -> str:
    """The message for a feature of Athena that the sandbox lacks, with the step that helps."""
    return f"the sandbox's Athena does not support {feature}. {next_step}"


class UnsupportedError(QueryError):
    """SQL that Athena runs but the sandbox does not: it is rejected, so that no answer is wrong."""

    def __init__(self, feature: str, *next_step: str) -> None:
        super().__init__("NOT_SUPPORTED", unsupported(feature, *next_step))


class MalformedQueryError(QueryError):
    """SQL that does not parse: StartQueryExecution rejects it with InvalidRequestException."""

    def __init__(self, message: str) -> None:
        super().__init__("", message)


class AccessDeniedError(QueryError):
    """The query's caller lacks a permission."""


class CancelledError(Exception):
    """The query was stopped; the message is its `StateChangeReason`."""
