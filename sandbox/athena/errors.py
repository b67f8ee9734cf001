"""The errors with which a query ends, in Athena's words for `StateChangeReason`."""


class QueryError(Exception):
    """A query that cannot be answered.

    `code` is the engine's error name (`TABLE_NOT_FOUND`, `HIVE_BAD_DATA`), empty where Athena prints none.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}" if code else message)
        self.code = code
        self.message = message


class UnsupportedError(QueryError):
    """SQL that Athena runs but the sandbox does not: rejected, so that no answer is wrong."""

    def __init__(self, what: str) -> None:
        super().__init__("NOT_SUPPORTED", f"{what} is not supported by the sandbox's Athena")


class MalformedQueryError(QueryError):
    """SQL that does not parse: StartQueryExecution rejects it with InvalidRequestException."""

    def __init__(self, message: str) -> None:
        super().__init__("", message)


class AccessDeniedError(QueryError):
    """The query's caller lacks a permission."""


class CancelledError(Exception):
    """The query was stopped; the message is its `StateChangeReason`."""
