"""A query runs with the permissions of the caller who started it.

Source: Athena user guide, "Access to databases and tables in the AWS Glue Data Catalog" and "Control access
to Amazon S3 from Athena": the caller needs the Glue actions on catalog, database and table, and the S3
actions on the data and on the result location. The emulator's own checks decide, with keys and bucket
policies, so that a query and a direct call have the same result.
"""

from dataclasses import dataclass
from typing import Any

from ministack.core import iam_evaluator
from ministack.core.iam_actions import s3_service_context
from ministack.services import s3

from sandbox.athena.errors import AccessDeniedError

_METHODS = {"s3:GetObject": "GET", "s3:ListBucket": "GET", "s3:PutObject": "PUT"}
# Condition keys of a call on behalf of the caller (IAM user guide, "AWS global condition context keys").
_FORWARDED = {"aws:CalledVia": ["athena.amazonaws.com"], "aws:ViaAWSService": "true"}


@dataclass(frozen=True)
class Caller:
    """The caller who started a query: account, Region and access key, or None without authorisation."""

    account: str
    region: str
    access_key: str | None

    def may(self, action: str, resource: str, context: dict[str, Any] | None = None) -> bool:
        """Whether the caller may call the action. Runs in the request's context."""
        if self.access_key is None:
            return True
        service = action.split(":", 1)[0]
        denied = iam_evaluator.enforce(
            self.access_key,
            action,
            service,
            self.region,
            resource_arn=resource,
            service_context={**_FORWARDED, **(context or {})},
        )
        return denied is None

    def may_s3(self, action: str, bucket: str, key: str, headers: dict[str, str] | None = None) -> bool:
        """The same for an S3 action on a key or a listed prefix; a foreign bucket must allow it too."""
        if self.access_key is None:
            return True
        listing = action == "s3:ListBucket"
        path, query = f"/{bucket}" if listing else f"/{bucket}/{key}", {"prefix": key} if listing else {}
        context = s3_service_context(action, query, path, headers or {})
        if not self.may(action, f"arn:aws:s3:::{path[1:]}", context):
            return False
        owner = s3._bucket_owner_account(bucket)
        if owner in (None, self.account):
            return True
        object_key = "" if listing else key
        return bool(
            s3._foreign_bucket_allows(
                owner, bucket, object_key, _METHODS[action], query, self.account, headers
            )
        )

    def require_glue(self, action: str, database: str, table: str | None = None) -> None:
        """Raise unless the caller has the Glue action on catalog, database and table."""
        root = f"arn:aws:glue:{self.region}:{self.account}"
        resources = [f"{root}:catalog", f"{root}:database/{database}"]
        if table is not None:
            resources.append(f"{root}:table/{database}/{table}")
        for resource in resources:
            if not self.may(action, resource):
                raise AccessDeniedError(
                    "",
                    f"Insufficient permissions to execute the query. User: {iam_evaluator.caller_arn()} is "
                    f"not authorized to perform: {action} on resource: {resource} because no identity-based "
                    f"policy allows the {action} action",
                )
