"""The errors of the package, and what their messages may show."""

from __future__ import annotations

from typing import Any

EXIT_FAILED, EXIT_USAGE, EXIT_INTERRUPTED = 1, 2, 130


class CommandError(Exception):
    """The command cannot go on: what is wrong, and what to do next."""

    def __init__(self, message: str, next_step: str, exit_code: int = EXIT_FAILED) -> None:
        super().__init__(message)
        self.message, self.next_step, self.exit_code = message, next_step, exit_code


class RecordError(Exception):
    """A record that DynamoDB would refuse: the attribute's path and why."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(f"{path}: {why}" if path else why)


def shown(name: str) -> str:
    """A name for a message: short, and printable whatever it holds."""
    text = name if len(name) <= 60 else name[:57] + "..."
    return text.encode("ascii", "backslashreplace").decode() if not text.isprintable() else text


def error_code(error: Any) -> str:
    """The code of a botocore ClientError, like ResourceNotFoundException; empty when it has none."""
    return str(error.response.get("Error", {}).get("Code", ""))
