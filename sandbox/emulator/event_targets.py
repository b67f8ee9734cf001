"""EventBridge calls a function only when the function's policy allows the rule.

AWS fact: a Lambda target is invoked with the function's resource-based policy, as `events.amazonaws.com` with
the rule as `aws:SourceArn` (EventBridge user guide, "Using resource-based policies for Amazon EventBridge").
MiniStack calls any function.
"""

import logging
from typing import Any

from sandbox.emulator.seam import Seam

INVOKE_TARGET = Seam("services.eventbridge", "_invoke_target", "550e304af0809563")
SEAMS = (INVOKE_TARGET,)
_SERVICE = "events.amazonaws.com"
_LOG = logging.getLogger("sandbox")


def _admits(function_arn: str, rule_arn: str) -> bool:
    from ministack.core import iam_evaluator  # noqa: PLC0415  only the emulator process loads MiniStack
    from ministack.services import lambda_svc  # noqa: PLC0415

    policy, _ = lambda_svc.function_policy_for_arn(function_arn) or ({}, "")
    _, _, _, region, account, _ = rule_arn.split(":", 5)
    context = iam_evaluator.EvalContext(
        _SERVICE,
        "Service",
        account,
        "lambda:InvokeFunction",
        function_arn,
        region,
        service_context={"aws:sourcearn": rule_arn, "aws:sourceaccount": account},
    )
    verdict = iam_evaluator.evaluate_resource_policy(policy, context, service=_SERVICE)
    return bool(verdict.decision == "Allow")


def install() -> None:
    """Check the function's policy before passing an event to it."""
    invoke = INVOKE_TARGET.check()

    def invoke_target(target: dict[str, Any], event: Any, rule: dict[str, Any], view: Any = None) -> None:
        arn = target.get("Arn", "")
        if arn.startswith("arn:aws:lambda:") and not _admits(arn, rule["Arn"]):
            _LOG.warning("%s may not invoke %s: its policy has no permission for the rule", rule["Arn"], arn)
            return
        invoke(target, event, rule, view)

    INVOKE_TARGET.replace(invoke_target)
