"""The benchmark runs, and its contenders agree."""

import json
import subprocess
import sys
from pathlib import Path

from tests.unit.transform.records import Json

ROOT = Path(__file__).parents[3]


def run(*arguments: str) -> Json:
    command = [sys.executable, "-m", "benchmarks", "--records", "8", "--rounds", "1", "--output", "json"]
    done = subprocess.run([*command, *arguments], cwd=ROOT, check=True, capture_output=True, text=True)
    figures: Json = json.loads(done.stdout)
    return figures


def test_benchmark_times_every_contender() -> None:
    """`make bench` keeps working. It stops before timing if a contender disagrees with the function."""
    contenders = run("--no-startup")["contenders"]
    assert {name for name, figures in contenders.items() if "aim" in figures} == {
        "boto3 TypeDeserializer + json",
        "dynamodb-json",
        "floor: pybase64 + orjson",
        "floor: base64 + orjson",
    }
    assert all(figures["microseconds_a_record"] > 0 for figures in contenders.values())
    assert contenders["the function"]["function_is_times"] == 1.0


def test_benchmark_times_every_stage() -> None:
    """This profile explains the figures."""
    assert all(value >= 0 for value in run("--stages").values())
