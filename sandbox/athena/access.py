"""A query runs with the permissions of whoever started it.

Source: Athena user guide, "Access to databases and tables in the AWS Glue Data Catalog" and "Control access
to Amazon S3 from Athena": the caller needs the Glue actions on catalog, database and table, and the S3
actions on the data and on the result location. The emulator's own evaluator decides: one verdict for every
call.
"""

from dataclasses import dataclass
from typing import Any

from ministack.core import iam_evaluator
from ministack.services import s3

from sandbox.athena.errors import AccessDeniedError


@dataclass(frozen=True)
class Caller:
    """Who started the query: account, Region and, under AUTH, the principal with its policies."""

    account: str
    region: str
    principal: iam_evaluator.PrincipalInfo | None

    def may(self, action: str, resource: str, context: dict[str, Any] | None = None) -> bool:
        """Whether identity policies, limits and the resource's own policy allow the action."""
        principal = self.principal
        if principal is None:
            return True
        evaluation = iam_evaluator.EvalContext(
            principal_arn=principal.arn,
            principal_type=principal.type,
            principal_account=principal.account,
            action=action,
            resource_arn=resource,
            region=self.region,
            secure_transport=True,
            # aws:CalledVia is what a forward access session of Athena carries (IAM user guide, global keys).
            service_context={
                "aws:calledvia": ["athena.amazonaws.com"],
                "aws:viaawsservice": "true",
                **(context or {}),
            },
            principal_keys=principal.keys,
        )
        owner = self.account
        policy = None
        if action.startswith("s3:"):
            found = s3.bucket_policy_for_arn(resource)
            bucket = resource.removeprefix("arn:aws:s3:::").split("/", 1)[0]
            owner = s3._bucket_owner_account(bucket) or self.account
            policy = found[0] if found else None
        if principal.policies is None:  # an account's root: everything of its own account
            if owner == self.account:
                return True
            identity = iam_evaluator.EvalResult("Allow", principal.arn)
        else:
            identity = iam_evaluator.evaluate(evaluation, principal.policies, *principal.limits)
        verdict = iam_evaluator.combine_resource_policy(
            identity, evaluation, policy, owner, limits=principal.limits
        )
        return bool(verdict.decision == "Allow")

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
                    f"Insufficient permissions to execute the query. User: {self.arn} is not authorized to "
                    f"perform: {action} on resource: {resource} because no identity-based policy allows the "
                    f"{action} action",
                )

    @property
    def arn(self) -> str:
        """The principal's ARN."""
        return self.principal.arn if self.principal else f"arn:aws:iam::{self.account}:root"
