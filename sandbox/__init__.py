"""The lake on a laptop: two AWS accounts on one emulator, with the shipped templates deployed into them."""

from lake.loading import guard_loading

guard_loading("sandbox", "sandbox.demo", "sandbox.spark")

from requirements.preflight import require  # noqa: E402  after the guard

require(
    "sandbox",
    (
        "boto3",
        "botocore",
        "cryptography",
        "duckdb",
        "hypercorn",
        "ministack",
        "numpy",
        "orjson",
        "pyarrow",
        "pybase64",
        "pyiceberg",
        "rich",
        "sqlglot",
        "trustme",
        "yaml",
    ),
    "venv",
)
