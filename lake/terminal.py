"""Make text from outside safe for a terminal: an item's value, a name, an AWS service's message.

A terminal obeys control characters (ESC and the C1 set move the cursor, change the title, paste), and
bidirectional characters reverse text. So a value could imitate a line of this program, or hide. Every
character that is not printable in Python, `str.isprintable`, is shown as its escape: controls, format
characters (bidirectional, zero-width), line and paragraph separators, blanks other than the space, surrogates
and unassigned characters. Letters of every script are shown. A JSON document keeps the exact value, with
JSON's own escapes.
"""

from __future__ import annotations

import json
import sys
from typing import Any


def visible(text: str, *, keep: str = "") -> str:
    """The text with an escape, such as `\\x1b` or `\\u202e`, for each character that is not printable.

    `keep` are characters that are not escaped: "\\n" if the text has several lines.
    """
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() or char in keep else char.encode("unicode_escape").decode()
        for char in text
    )


def json_text(document: Any) -> str:
    """A JSON document for people and programs: UTF-8, with JSON escapes for unprintable characters."""
    text = json.dumps(document, ensure_ascii=False, indent=2, default=str)
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or char == "\n" else json.dumps(char)[1:-1] for char in text)


def tell(text: str) -> None:
    """Write lines to stderr, for progress and errors."""
    print(visible(text, keep="\n"), file=sys.stderr, flush=True)


def answer(text: str) -> None:
    """Write lines to stdout, for results."""
    print(visible(text, keep="\n"), flush=True)
