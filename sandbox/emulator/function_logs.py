"""A function's log group is created with its role's permission, and not otherwise.

AWS fact: a function's log group is created with the permission `logs:CreateLogGroup` of its execution role
(Lambda developer guide, "Sending Lambda function logs to CloudWatch Logs"). MiniStack creates it for
every function, so that the last invocation of a deleted stack leaves a group that blocks the next stack.
"""

from typing import Any

from sandbox.emulator.seam import Seam

EMIT = Seam("services.lambda_svc", "_emit_lambda_logs", "111efbf06968bb20")
SEAMS = (EMIT,)


def _may_create(group: str, role_arn: str) -> bool:
    from ministack.core import iam_evaluator  # noqa: PLC0415  only the emulator process loads MiniStack
    from ministack.core.responses import get_account_id, get_region  # noqa: PLC0415
    from ministack.services import iam  # noqa: PLC0415

    account, region, role = get_account_id(), get_region(), role_arn.rpartition("/")[2]
    context = iam_evaluator.EvalContext(
        role_arn,
        "AssumedRole",
        account,
        "logs:CreateLogGroup",
        f"arn:aws:logs:{region}:{account}:log-group:{group}",
        region,
    )
    policies = iam_evaluator._gather_role_policies(role, account)
    limits = iam_evaluator._permissions_boundary(iam._roles, role, account)
    return bool(iam_evaluator.evaluate(context, policies, *limits).decision == "Allow")


def install() -> None:
    """Write no log when the group does not exist and the role may not create it."""
    emit = EMIT.check()

    def emit_logs(function: dict[str, Any], *invocation: Any, **source: Any) -> None:
        from ministack.services import cloudwatch_logs  # noqa: PLC0415

        config = function.get("config") or function
        group = (config.get("LoggingConfig") or {}).get("LogGroup") or f"/aws/lambda/{config['FunctionName']}"
        if group in cloudwatch_logs._log_groups or _may_create(group, config["Role"]):
            emit(function, *invocation, **source)

    EMIT.replace(emit_logs)
