"""Prefix expressions: `!{timestamp:…}`, `!{firehose:…}`, `!{partitionKeyFromLambda:…}`.

Source: developer guide, "Understand custom prefixes for Amazon S3 objects".
"""

from __future__ import annotations

import datetime as dt
import random
import re
import string
from collections.abc import Mapping

from sandbox.delivery.timestamps import format_timestamp

_EXPRESSION = re.compile(r"!\{([A-Za-z]+):([^}]*)\}")
DEFAULT_FORMAT = "yyyy/MM/dd/HH/"


class PrefixError(Exception):
    """A prefix Firehose would refuse, or that this data plane cannot evaluate."""


def evaluate(
    prefix: str,
    moment: dt.datetime,
    *,
    error_type: str = "",
    partition_keys: Mapping[str, str] | None = None,
) -> str:
    """The prefix as it stands before the object's name; `moment` carries the destination's time zone.

    A prefix without a timestamp expression gets `yyyy/MM/dd/HH/` appended; an error prefix that does not name
    its type gets the type as a folder before that.
    """

    def value(match: re.Match[str]) -> str:
        namespace, argument = match.groups()
        if namespace == "timestamp":
            return format_timestamp(argument, moment)
        if namespace == "firehose" and argument == "random-string":
            return "".join(random.choices(string.ascii_letters + string.digits, k=11))  # noqa: S311
        if namespace == "firehose" and argument == "error-output-type":
            return error_type
        if namespace == "partitionKeyFromLambda" and partition_keys is not None:
            return partition_keys[argument]
        raise PrefixError(f"the expression {match.group()!r} cannot be evaluated")

    evaluated = _EXPRESSION.sub(value, prefix)
    names = {match.group(1) for match in _EXPRESSION.finditer(prefix)}
    if error_type and "firehose:error-output-type" not in prefix:
        evaluated += f"{error_type}/"
    if "timestamp" not in names and not (names & {"partitionKeyFromLambda"}):
        evaluated += format_timestamp(DEFAULT_FORMAT, moment)
    return evaluated
