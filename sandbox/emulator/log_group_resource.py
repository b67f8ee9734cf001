"""AWS::Logs::LogGroup with CloudFormation's name, and only with a key that allows CloudWatch Logs.

AWS facts
- Without `LogGroupName` the group's name is the stack's name, the logical id and a suffix (CloudFormation
  template reference, "AWS::Logs::LogGroup"); MiniStack names it `/aws/cloudformation/…`, which a statement on
  `log-group:<stack>-*` does not cover.
- With `KmsKeyId` the key's policy must allow `logs.<region>.amazonaws.com` to encrypt and decrypt for the
  group's ARN, which Logs sends as the encryption context `aws:logs:arn`; otherwise the group is rejected
  (CloudWatch Logs user guide, "Encrypt log data in CloudWatch Logs using AWS KMS").
"""

from typing import Any

from sandbox.emulator.resource_names import generated_name
from sandbox.emulator.resource_types import Properties, handler_seam, replace_handler

KIND = "AWS::Logs::LogGroup"
CREATE = handler_seam("_cwlogs_create", "6e18ae6e4373ba0e")
UPDATE = handler_seam("_cwlogs_update", "0c65d3a8ddea45c2")
SEAMS = (CREATE, UPDATE)

_LONGEST_NAME = 512
_USED = ("kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey", "kms:DescribeKey")


def _check_key(key: str | None, name: str) -> None:
    if not key:
        return
    from ministack.core import iam_evaluator  # noqa: PLC0415  only the emulator process loads MiniStack
    from ministack.core.responses import get_account_id, get_region  # noqa: PLC0415
    from ministack.services import kms  # noqa: PLC0415

    region, account = get_region(), get_account_id()
    group_arn = f"arn:aws:logs:{region}:{account}:log-group:{name}"
    service, record = f"logs.{region}.amazonaws.com", kms._resolve_key(key)
    for action in _USED if record else ():
        context = iam_evaluator.EvalContext(
            service,
            "Service",
            account,
            action,
            record["Arn"],
            region,
            service_context={"kms:encryptioncontext:aws:logs:arn": group_arn},
        )
        verdict = iam_evaluator.evaluate_resource_policy(record.get("Policy"), context, service=service)
        if verdict.decision != "Allow":
            record = None
            break
    if record is None:
        raise ValueError(
            f"{KIND}: The specified KMS key does not exist or is not allowed to be used with '{group_arn}'"
        )


def install() -> None:
    """Name a log group and check its key when a stack creates or changes it."""
    create, update = CREATE.check(), UPDATE.check()

    def named(properties: Properties, stack_name: str, logical_id: str) -> Properties:
        return {"LogGroupName": generated_name(stack_name, logical_id, _LONGEST_NAME), **properties}

    def create_log_group(logical_id: str, properties: Properties, stack_name: str) -> Any:
        complete = named(properties, stack_name, logical_id)
        _check_key(complete.get("KmsKeyId"), complete["LogGroupName"])
        return create(logical_id, complete, stack_name)

    def update_log_group(
        physical_id: str, had: Properties, wanted: Properties, stack_name: str, logical_id: str
    ) -> Any:
        before, after = (named(properties, stack_name, logical_id) for properties in (had, wanted))
        _check_key(after.get("KmsKeyId"), after["LogGroupName"])
        return update(physical_id, before, after, stack_name, logical_id)

    replace_handler(CREATE, KIND, "create", create_log_group)
    replace_handler(UPDATE, KIND, "update", update_log_group)
