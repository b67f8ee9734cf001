"""The lake on a laptop: two AWS accounts on one emulator, with the shipped templates deployed into them."""

from requirements.preflight import require

require(
    "sandbox",
    (
        "boto3",
        "botocore",
        "duckdb",
        "hypercorn",
        "ministack",
        "numpy",
        "orjson",
        "pyarrow",
        "pybase64",
        "rich",
        "sqlglot",
        "trustme",
        "yaml",
    ),
    "venv",
)
