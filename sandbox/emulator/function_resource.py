"""AWS::Lambda::Function with its key and network; rejected when its code or role is not usable.

AWS facts
- `KmsKeyArn`, `VpcConfig` and `ReservedConcurrentExecutions` are settings of the function (CloudFormation
  template reference, "AWS::Lambda::Function"). Nothing here runs in a network: VpcConfig is only
  stored and returned.
- A function whose zip is not in the bucket, or whose role does not trust lambda.amazonaws.com, is not created
  (Lambda API reference, "CreateFunction": "Error occurred while GetObject. S3 Error Code: NoSuchKey", "The
  role defined for the function cannot be assumed by Lambda").
"""

from typing import Any

from sandbox.emulator.policies import trust_for
from sandbox.emulator.resource_types import Properties, handler_seam, replace_handler

KIND = "AWS::Lambda::Function"
CREATE = handler_seam("_lambda_create", "8b2cf80e961d92ee")
UPDATE = handler_seam("_lambda_update", "4855410e37d7a80d")
SEAMS = (CREATE, UPDATE)


def _check_code(properties: Properties) -> None:
    from ministack.services import lambda_svc  # noqa: PLC0415

    code = properties.get("Code", {})
    bucket, key = code.get("S3Bucket"), code.get("S3Key")
    if bucket and not lambda_svc._fetch_code_from_s3(bucket, key, version_id=code.get("S3ObjectVersion")):
        raise ValueError(
            f"{KIND}: Error occurred while GetObject. S3 Error Code: NoSuchKey. "
            f"S3 Error Message: The specified key does not exist: {bucket}/{key}"
        )


def _check_role(properties: Properties) -> None:
    from ministack.services import iam  # noqa: PLC0415

    _, _, _, _, account, name = str(properties.get("Role", "")).split(":", 5)
    role = iam._roles.get_scoped(account, None, name.rsplit("/", 1)[-1])
    trust = (role or {}).get("AssumeRolePolicyDocument") or "{}"
    if not trust_for(trust, "lambda.amazonaws.com")["Statement"]:
        raise ValueError(f"{KIND}: The role defined for the function cannot be assumed by Lambda.")


def _keep_settings(name: str, properties: Properties) -> None:
    from ministack.services import lambda_svc  # noqa: PLC0415

    config = lambda_svc._functions[name]["config"]
    config["KMSKeyArn"] = properties.get("KmsKeyArn", "")
    config["VpcConfig"] = lambda_svc._vpc_config_with_id(properties.get("VpcConfig"))
    reserved = properties.get("ReservedConcurrentExecutions")
    lambda_svc._functions[name]["concurrency"] = None if reserved is None else int(reserved)


def install() -> None:
    """Check a function before a stack creates it, and keep all its settings."""
    create, update = CREATE.check(), UPDATE.check()

    def create_function(logical_id: str, properties: Properties, stack_name: str) -> Any:
        _check_code(properties)
        _check_role(properties)
        result = create(logical_id, properties, stack_name)
        _keep_settings(result[0], properties)
        return result

    def update_function(
        physical_id: str, had: Properties, wanted: Properties, stack_name: str, logical_id: str | None = None
    ) -> Any:
        _check_code(wanted)
        _check_role(wanted)
        result = update(physical_id, had, wanted, stack_name, logical_id)
        _keep_settings(result[0], wanted)
        return result

    replace_handler(CREATE, KIND, "create", create_function)
    replace_handler(UPDATE, KIND, "update", update_function)
