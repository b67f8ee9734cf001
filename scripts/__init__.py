"""The commands for the lake: `python -m scripts.<verb>`, a thin layer over the AWS APIs."""

from requirements.preflight import require

require("scripts", ("awswrangler", "boto3", "botocore", "rich", "yaml"), "deploy-venv", free=("put_items",))
