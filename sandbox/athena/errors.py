"""The one error a query ends with, in the words Athena shows in `StateChangeReason`."""


class QueryError(Exception):
    """A query that cannot be answered.

    `code` is the engine's error name (`TABLE_NOT_FOUND`, `HIVE_BAD_DATA`), empty where Athena prints none.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}" if code else message)
        self.code = code
        self.message = message


class UnsupportedError(QueryError):
    """SQL that Athena runs and the sandbox does not: refused, so that it never answers wrongly."""

    def __init__(self, what: str) -> None:
        super().__init__("NOT_SUPPORTED", f"{what} is not supported by the sandbox's Athena")


class MalformedQueryError(QueryError):
    """SQL that does not parse: StartQueryExecution refuses it with InvalidRequestException."""

    def __init__(self, message: str) -> None:
        super().__init__("", message)


class AccessDeniedError(QueryError):
    """The caller, whose permissions the query runs with, lacks one."""


class CancelledError(Exception):
    """The query was stopped; the message is its `StateChangeReason`."""
