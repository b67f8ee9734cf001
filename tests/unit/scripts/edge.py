"""AWS's edge in memory: errors and pages as botocore gives them."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any

from botocore.exceptions import ClientError


def refused(code: str, message: str = "", operation: str = "Operation") -> ClientError:
    """The error botocore raises for an answer of AWS."""
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)


class Pages:
    """A paginator of made-up pages."""

    def __init__(self, answer: Callable[..., list[dict[str, Any]]]) -> None:
        self._answer = answer

    def paginate(self, **request: Any) -> Iterator[dict[str, Any]]:
        """The pages."""
        return iter(self._answer(**request))


class Terminal(io.StringIO):
    """A stdin that somebody sits at."""

    def isatty(self) -> bool:
        """Yes."""
        return True
