"""The errors of the package, and functions that make names safe for messages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

EXIT_FAILED, EXIT_USAGE, EXIT_INTERRUPTED = 1, 2, 130


class CommandError(Exception):
    """The command cannot continue: what is wrong, and what to do next."""

    def __init__(self, message: str, next_step: str, exit_code: int = EXIT_FAILED) -> None:
        super().__init__(message)
        self.message, self.next_step, self.exit_code = message, next_step, exit_code


class RecordError(Exception):
    """A record that DynamoDB would refuse: the attribute's path and the reason."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(f"{path}: {why}" if path else why)
        self.path, self.why = path, why


def printable(text: str) -> str:
    r"""The text with escapes, such as \x1b or \u202e, for every character that a terminal would act on."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def shown(name: str) -> str:
    """A name for a message, short and printable."""
    return printable(name if len(name) <= 60 else name[:57] + "...")


def listed(names: Sequence[str], most: int = 20) -> str:
    """Names for a message: the first ones if there are many."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(map(shown, names[:most])) + more


def error_code(error: Any) -> str:
    """The code of a botocore ClientError, such as ResourceNotFoundException; "" if it has none."""
    return str(error.response.get("Error", {}).get("Code", ""))
