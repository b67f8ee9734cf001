"""Prefix expressions: their values, and the combinations that Firehose rejects."""

import datetime as dt
import re

import pytest

from sandbox.delivery.prefix import PrefixError, evaluate, partition_keys, validate

MOMENT = dt.datetime(2026, 11, 20, 3, 4, 5, tzinfo=dt.UTC)
TYPE = "!{firehose:error-output-type}"


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        ("", "2026/11/20/03/"),
        ("raw/", "raw/2026/11/20/03/"),
        ("raw", "raw2026/11/20/03/"),
        ("data/dt=!{timestamp:yyyy-MM-dd}/", "data/dt=2026-11-20/"),
        ("!{timestamp:yyyy}/!{timestamp:'m='MM}/", "2026/m=11/"),
        ("quoted/!{timestamp:yyyy'}'}/", "quoted/2026}/"),
    ],
)
def test_data_prefix_is_evaluated(prefix: str, expected: str) -> None:
    """Without a timestamp expression, yyyy/MM/dd/HH/ is appended."""
    assert evaluate(prefix, MOMENT) == expected


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        ("", "processing-failed/2026/11/20/03/"),
        ("errors/", "errors/processing-failed/2026/11/20/03/"),
        (f"errors/{TYPE}/dt=!{{timestamp:yyyy-MM-dd}}/", "errors/processing-failed/dt=2026-11-20/"),
        (f"errors/{TYPE}/", "errors/processing-failed/2026/11/20/03/"),
    ],
)
def test_error_prefix_contains_its_type(prefix: str, expected: str) -> None:
    """The type replaces the expression, otherwise it is a folder."""
    assert evaluate(prefix, MOMENT, error_type="processing-failed") == expected


def test_random_string_differs_each_time() -> None:
    """Each `!{firehose:random-string}` has eleven new characters."""
    first = evaluate("!{firehose:random-string}/!{firehose:random-string}/!{timestamp:yyyy}/", MOMENT)
    one, other = first.split("/")[:2]
    assert re.fullmatch(r"[A-Za-z0-9]{11}", one)
    assert one != other


def test_partition_keys_come_from_the_function() -> None:
    """`!{partitionKeyFromLambda:k}` is the key's value, and no date is appended."""
    prefix = "data/dt=!{partitionKeyFromLambda:day}/"
    assert partition_keys(prefix) == ["day"]
    assert evaluate(prefix, MOMENT, keys={"day": "2026-01-02"}) == "data/dt=2026-01-02/"


@pytest.mark.parametrize(
    ("prefix", "error_prefix", "dynamic", "reason"),
    [
        ("!{timestamp:yyyy}/", "", False, "ErrorOutputPrefix is required"),
        ("", "e/!{timestamp:yyyy}/", False, "error-output-type"),
        (f"{TYPE}/", f"{TYPE}/", False, "is allowed in ErrorOutputPrefix only"),
        ("!{timestamp:bb}/", f"{TYPE}/", False, "not supported"),
        ("!{timestamp}/", f"{TYPE}/", False, "is not an expression"),
        ("!{timestamp:yyyy", f"{TYPE}/", False, "is not an expression"),
        ("!{firehose:nonsense}/", f"{TYPE}/", False, "does not exist"),
        ("!{nonsense:x}/", f"{TYPE}/", False, "does not exist"),
        ("!{partitionKeyFromQuery:x}/", f"{TYPE}/", True, "jq"),
        ("!{partitionKeyFromLambda:x}/", f"{TYPE}/", False, "needs dynamic partitioning"),
        ("data/", f"{TYPE}/", True, "needs !{partitionKeyFromLambda"),
        (
            "!{partitionKeyFromLambda:x}/",
            f"{TYPE}/!{{partitionKeyFromLambda:x}}/",
            True,
            "is not allowed in ErrorOutputPrefix",
        ),
    ],
)
def test_combination_that_firehose_rejects_is_rejected(
    prefix: str, error_prefix: str, dynamic: bool, reason: str
) -> None:
    """The rules of "Understand custom prefixes for Amazon S3 objects", each with its own message."""
    with pytest.raises(PrefixError, match=re.escape(reason)):
        validate(prefix, error_prefix, dynamic=dynamic)


@pytest.mark.parametrize(
    ("prefix", "error_prefix", "dynamic"),
    [
        ("", "", False),
        ("data/", "", False),
        ("data/dt=!{timestamp:yyyy-MM-dd}/", f"errors/{TYPE}/dt=!{{timestamp:yyyy-MM-dd}}/", False),
        ("data/dt=!{partitionKeyFromLambda:dt}/", f"errors/{TYPE}/", True),
    ],
)
def test_combination_that_firehose_accepts_is_accepted(prefix: str, error_prefix: str, dynamic: bool) -> None:
    """Among them the prefixes of the shipped templates."""
    validate(prefix, error_prefix, dynamic=dynamic)
