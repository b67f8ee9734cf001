"""Throughput of the transform function compared with its peers: `python -m benchmarks`."""

from requirements.preflight import require

require("benchmarks", ("amazon", "boto3", "dynamodb_json", "orjson", "pybase64"), "venv")
