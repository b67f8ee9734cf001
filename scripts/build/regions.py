"""Generated lines inside a file that is otherwise written by hand.

They are between two comments, `# NAME: begin` and `# NAME: end` (`--` in SQL), with the same indentation.
"""

from __future__ import annotations

import re
import textwrap

from scripts.core.console import CommandError

_MARK = re.compile(r"^[ ]*# [^:\n]+: (?:begin|end)\n", re.MULTILINE)


def named(text: str, prefix: str, path: str) -> list[str]:
    """The names of the file's regions that start with a prefix, even if one of the comments is missing."""
    marks = rf"^[ ]*{_comment(path)} ({re.escape(prefix)}[^:\n]*): (?:begin|end)$"
    return list(dict.fromkeys(re.findall(marks, text, re.MULTILINE)))


def filled(text: str, name: str, body: str, path: str) -> str:
    """The text of the file `path` with `body` as its region `name`.

    Raises CommandError if the file does not have the region exactly once.
    """
    begins, ends = (
        list(re.finditer(rf"^([ ]*){_comment(path)} {re.escape(name)}: {edge}\n", text, re.MULTILINE))
        for edge in ("begin", "end")
    )
    if len(begins) != 1 or len(ends) != 1 or begins[0].end() > ends[0].start():
        raise CommandError(
            f"the comment `{name}: begin` or `{name}: end` is missing in {path}, or is there twice",
            "Restore it from the last commit and run the command again.",
        )
    indented = textwrap.indent(body, begins[0][1])  # blank lines stay empty
    return text[: begins[0].end()] + indented + text[ends[0].start() :]


def _comment(path: str) -> str:
    """The beginning of a comment. A query's text inside a template keeps the query's own comments."""
    return "--" if path.endswith(".sql") else "#"


def unmarked(text: str) -> str:
    """A YAML text without the comments around its regions."""
    return _MARK.sub("", text)
