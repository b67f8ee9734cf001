"""What a person runs on the lake: `python -m scripts.<verb>`, thin over the AWS APIs."""

from requirements.preflight import require

require("scripts", ("awswrangler", "boto3", "botocore", "rich", "yaml"), "deploy-venv", free=("put_items",))
