"""Text from outside, as a terminal may show it: an item's value, a name, the reason of an AWS service.

A terminal obeys control characters (ESC and the C1 set move the cursor, change the title, paste) and turns
text around at bidirectional ones, so that a value could look like a line of ours or hide what it is. Every
character that Python does not call printable, `str.isprintable`, is shown as its escape: controls, format
characters (bidirectional, zero-width), line and paragraph separators, blanks other than the space, surrogates
and what Unicode has not assigned. Letters of every script stay. A document keeps the exact value: JSON has
escapes of its own.
"""

from __future__ import annotations

import json
import sys
from typing import Any


def visible(text: str, *, keep: str = "") -> str:
    """The text with an escape, `\\x1b` or `\\u202e`, for each character that is not printable.

    `keep` are characters that stay as they are: "\\n" where the text has lines.
    """
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() or char in keep else char.encode("unicode_escape").decode()
        for char in text
    )


def json_text(document: Any) -> str:
    """A JSON document for people and programs: UTF-8, and JSON's own escapes for what is not printable."""
    text = json.dumps(document, ensure_ascii=False, indent=2, default=str)
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or char == "\n" else json.dumps(char)[1:-1] for char in text)


def tell(text: str) -> None:
    """Write lines to stderr, where progress and errors go."""
    print(visible(text, keep="\n"), file=sys.stderr, flush=True)


def answer(text: str) -> None:
    """Write lines to stdout, the answer's place."""
    print(visible(text, keep="\n"), flush=True)
