"""Prefix expressions: `!{timestamp:…}`, `!{firehose:…}`, `!{partitionKeyFromLambda:…}`.

Source: developer guide, "Understand custom prefixes for Amazon S3 objects", with its rules for
the expressions of each prefix.
"""

from __future__ import annotations

import datetime as dt
import random
import re
import string
from collections.abc import Iterator, Mapping

from sandbox.delivery.timestamps import PatternError, format_timestamp

_EXPRESSION = re.compile(r"!\{([A-Za-z]+):((?:'[^']*'|[^}'])*)\}")
DEFAULT_FORMAT = "yyyy/MM/dd/HH/"
RANDOM_CHARACTERS = 11


class PrefixError(ValueError):
    """A prefix that Firehose rejects, or that cannot be evaluated here; the message has the reason."""


def partition_keys(prefix: str) -> list[str]:
    """The keys that the prefix takes from the function's metadata."""
    return [argument for namespace, argument in _parse(prefix) if namespace == "partitionKeyFromLambda"]


def _parse(prefix: str) -> list[tuple[str, str]]:
    return [(found[1], found[2]) for found in _expressions(prefix)]


def _expressions(prefix: str) -> Iterator[re.Match[str]]:
    """The expressions of a prefix. Raises PrefixError at the first malformed one."""
    at = 0
    while (at := prefix.find("!{", at)) >= 0:
        found = _EXPRESSION.match(prefix, at)
        if found is None:
            malformed = prefix[at : prefix.find("}", at) + 1 or None]
            raise PrefixError(f"{malformed!r} is not an expression: write !{{namespace:value}}")
        yield found
        at = found.end()


def validate(prefix: str, error_prefix: str, *, dynamic: bool) -> None:
    """Raise PrefixError unless both prefixes follow the guide's rules; `dynamic` is dynamic partitioning."""
    expressions, error_expressions = _parse(prefix), _parse(error_prefix)
    if expressions and not error_prefix:
        raise PrefixError("Prefix has expressions, so ErrorOutputPrefix is required")
    if error_expressions and ("firehose", "error-output-type") not in error_expressions:
        raise PrefixError("ErrorOutputPrefix has expressions, so it must have !{firehose:error-output-type}")
    if ("firehose", "error-output-type") in expressions:
        raise PrefixError("!{firehose:error-output-type} is allowed in ErrorOutputPrefix only, not in Prefix")
    for namespace, argument in [*expressions, *error_expressions]:
        _validate_expression(namespace, argument)
    keys = partition_keys(prefix)
    if partition_keys(error_prefix):
        raise PrefixError("!{partitionKeyFromLambda:…} is not allowed in ErrorOutputPrefix")
    if keys and not dynamic:
        raise PrefixError("!{partitionKeyFromLambda:…} needs dynamic partitioning")
    if dynamic and not keys:
        raise PrefixError("dynamic partitioning needs !{partitionKeyFromLambda:…} in Prefix")


def _validate_expression(namespace: str, argument: str) -> None:
    if namespace == "timestamp":
        try:
            format_timestamp(argument, dt.datetime.now(dt.UTC))
        except PatternError as error:
            raise PrefixError(str(error)) from error
    elif namespace == "partitionKeyFromQuery":
        raise PrefixError("!{partitionKeyFromQuery:…} needs jq, which is not emulated: use the function")
    elif namespace == "firehose":
        if argument not in {"random-string", "error-output-type"}:
            raise PrefixError(f"!{{firehose:{argument}}} does not exist")
    elif namespace != "partitionKeyFromLambda":
        raise PrefixError(f"the namespace {namespace!r} does not exist")


def evaluate(
    prefix: str,
    moment: dt.datetime,
    *,
    error_type: str = "",
    keys: Mapping[str, str] | None = None,
) -> str:
    """The prefix of an object's name; `moment` has the destination's time zone.

    `yyyy/MM/dd/HH/` is appended to a prefix without a timestamp expression, unless it has partition keys
    [unverified]. An error prefix without its type gets the type as a folder before that.
    """
    parts: list[str] = []
    end = 0
    namespaces = set()
    named = False
    for match in _expressions(prefix):
        namespace, argument = match.groups()
        namespaces.add(namespace)
        parts.append(prefix[end : match.start()])
        end = match.end()
        if namespace == "timestamp":
            parts.append(format_timestamp(argument, moment))
        elif argument == "random-string":
            characters = string.ascii_letters + string.digits
            parts.append("".join(random.choices(characters, k=RANDOM_CHARACTERS)))  # noqa: S311
        elif argument == "error-output-type":
            named = True
            parts.append(error_type)
        else:
            parts.append((keys or {})[argument])
    parts.append(prefix[end:])
    if error_type and not named:
        parts.append(f"{error_type}/")
    if not namespaces & {"timestamp", "partitionKeyFromLambda"}:
        parts.append(format_timestamp(DEFAULT_FORMAT, moment))
    return "".join(parts)
