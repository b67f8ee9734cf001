"""The commands for the lake: `python -m scripts.<verb>`, a thin layer over the AWS APIs."""

from lake.loading import guard_loading

guard_loading("scripts", "scripts.")

from requirements.preflight import require  # noqa: E402  after the guard

require(
    "scripts",
    ("amazon", "awswrangler", "boto3", "botocore", "orjson", "pybase64", "rich", "yaml"),
    "deploy-venv",
    free=("put_items",),
)
