"""Whether a statement only reads, judged by its words. An unknown form counts as a statement that writes.

Source: Athena user guide, "SQL reference for Athena" (DDL statements, DML queries, functions and operators),
and Trino's grammar for comments, quotes and the forms of a query. EXECUTE runs a statement that was prepared
elsewhere, and USING EXTERNAL FUNCTION calls a Lambda function: their effect is not visible in the text.
"""

from __future__ import annotations

import re

# First words of queries and of statements that describe the catalog. Later words cannot make them write.
READING = frozenset(("select", "values", "table", "show", "describe", "desc"))
_QUERIES = [[word] for word in ("select", "values", "table", "with", "(")]  # first tokens of a query
# One token: a comment, a text, a quoted name, a word, or another character. No alternative fails after its
# first character, so nothing is read twice. Each also matches a token that is not closed.
_TOKEN = re.compile(
    r"--[^\n]*"
    r"|/\*(?:[^*]|\*(?!/))*(?:\*/)?"
    r"|'[^']*'?"
    r'|"[^"]*"?'
    r"|`[^`]*`?"
    r"|\w+"
    r"|[^\s\w]"
)
_BLANKS = re.compile(r"[\s\ufeff]*")


class _NotUnderstoodError(Exception):
    """The statement does not have the form of a statement that reads."""


def only_reads(sql: str) -> bool:
    """Whether a statement certainly changes nothing: no rows, no objects, nothing in the catalog."""
    try:
        return _reads(_tokens(sql))
    except _NotUnderstoodError:
        return False


def first_word(sql: str) -> str:
    """The statement's first word in capitals, for a message; "" if it has none."""
    try:
        return next((token.upper() for token in _tokens(sql) if token[0].isalpha()), "")
    except _NotUnderstoodError:
        return ""


def _tokens(sql: str) -> list[str]:
    """The statement's tokens in lower case, without comments and without a final semicolon.

    Raises _NotUnderstoodError where engines may disagree about the end of a comment or a text, and for a
    second statement.
    """
    if "\r" in sql.replace("\r\n", "\n"):  # engines differ on whether it ends a comment
        raise _NotUnderstoodError
    found: list[str] = []
    at = _end_of_blanks(sql, 0)
    while match := _TOKEN.match(sql, at):
        token = match[0]
        at = _end_of_blanks(sql, match.end())
        if token.startswith("/*"):
            if not token.endswith("*/") or len(token) < 4 or "/*" in token[2:]:
                raise _NotUnderstoodError
        elif token[0] in "'\"`" and (len(token) < 2 or token[-1] != token[0]):
            raise _NotUnderstoodError
        elif not token.startswith("--"):
            found.append(token.lower())
    while found and found[-1] == ";":
        found.pop()
    if ";" in found:
        raise _NotUnderstoodError
    return found


def _end_of_blanks(sql: str, at: int) -> int:
    found = _BLANKS.match(sql, at)
    return found.end() if found else at


def _reads(tokens: list[str]) -> bool:
    """Whether these tokens are a statement that only reads."""
    at = 0
    while at < len(tokens):
        word = tokens[at]
        if word == "(":  # (SELECT …) UNION …
            at += 1
        elif word == "with":
            at = _behind_named_queries(tokens, at + 1)
        elif word == "explain":
            at = _behind_options(tokens, at + 1)
            if tokens[at : at + 1] != ["analyze"]:
                return True  # shown, not run
            at = _behind_options(tokens, at + 1)
            at += tokens[at : at + 1] == ["verbose"]
        else:
            return word in READING
    return False


def _behind_named_queries(tokens: list[str], at: int) -> int:
    """The index after `[RECURSIVE] name [(column, …)] AS (query), …`."""
    at += tokens[at : at + 1] == ["recursive"] and tokens[at + 1 : at + 2] not in (["as"], ["("])
    while True:
        at = _behind_group(tokens, at + 1)
        if tokens[at : at + 2] != ["as", "("] or tokens[at + 2 : at + 3] not in _QUERIES:
            raise _NotUnderstoodError
        at = _behind_group(tokens, at + 1)
        if tokens[at : at + 1] != [","]:
            return at
        at += 1


def _behind_options(tokens: list[str], at: int) -> int:
    """The index after EXPLAIN's options, `(FORMAT JSON, …)`; a query in parentheses is not skipped."""
    return _behind_group(tokens, at) if tokens[at + 1 : at + 2] in (["format"], ["type"]) else at


def _behind_group(tokens: list[str], at: int) -> int:
    """The index after the parentheses that open at `at`; `at` itself if none open there."""
    depth = 0
    while at < len(tokens):
        depth += (tokens[at] == "(") - (tokens[at] == ")")
        if not depth:
            return at + 1 if tokens[at] == ")" else at
        at += 1
    if depth:
        raise _NotUnderstoodError
    return at
