"""Whether a statement only reads, by its words. What is not understood counts as one that does not.

Source: Athena user guide, "SQL reference for Athena" (DDL statements, DML queries, functions and operators),
and Trino's grammar for comments, quotes and the forms of a query. EXECUTE runs a statement that was prepared
elsewhere, USING EXTERNAL FUNCTION calls a Lambda function: what they do cannot be seen here.
"""

from __future__ import annotations

import re

# A query, and what describes the catalog. The words after them decide nothing.
READING = frozenset(("select", "values", "table", "show", "describe", "desc"))
_QUERIES = [[word] for word in ("select", "values", "table", "with", "(")]  # what a query begins with
# One token: a comment, a text, a quoted name, a word, or any other sign. No alternative fails behind its
# first sign, so nothing is read twice; what is not closed is its own kind.
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
    """The statement has a shape that no statement which reads has."""


def only_reads(sql: str) -> bool:
    """Whether a statement is known to change nothing: neither rows nor objects nor the catalog."""
    try:
        return _reads(_tokens(sql))
    except _NotUnderstoodError:
        return False


def first_word(sql: str) -> str:
    """The statement's first word in capitals, for a message; "" where it has none."""
    try:
        return next((token.upper() for token in _tokens(sql) if token[0].isalpha()), "")
    except _NotUnderstoodError:
        return ""


def _tokens(sql: str) -> list[str]:
    """The statement's words and signs without comments, all in lower case. A closing semicolon is left out.

    Raises _NotUnderstoodError where engines may differ on where a comment or a text ends, and for a second
    statement.
    """
    if "\r" in sql.replace("\r\n", "\n"):  # whether it ends a comment is for each engine to say
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
    """Whether the statement of these tokens only reads."""
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
    """The place behind `[RECURSIVE] name [(column, …)] AS (query), …`."""
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
    """The place behind EXPLAIN's options, `(FORMAT JSON, …)`; a query may stand in parentheses too."""
    return _behind_group(tokens, at) if tokens[at + 1 : at + 2] in (["format"], ["type"]) else at


def _behind_group(tokens: list[str], at: int) -> int:
    """The place behind the parentheses that open here; the same place where none do."""
    depth = 0
    while at < len(tokens):
        depth += (tokens[at] == "(") - (tokens[at] == ")")
        if not depth:
            return at + 1 if tokens[at] == ")" else at
        at += 1
    if depth:
        raise _NotUnderstoodError
    return at
