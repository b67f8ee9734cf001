from requirements.preflight import require

require(
    "tests",
    (
        "amazon",
        "awswrangler",
        "boto3",
        "botocore",
        "cfnlint",
        "duckdb",
        "hypothesis",
        "matplotlib",
        "ministack",
        "orjson",
        "pandas",
        "pyarrow",
        "pybase64",
        "pyiceberg",
        "pytest",
        "rich",
        "sqlglot",
        "urllib3",
        "yaml",
    ),
    "venv",
)
