"""AWS::DynamoDB::Table with the settings that MiniStack drops.

AWS facts (CloudFormation template reference, "AWS::DynamoDB::Table")
- `KinesisStreamSpecification` starts the table's stream of changes; changing its stream or its precision, and
  removing it, are updates without interruption. Without `ApproximateCreationDateTimePrecision` records have
  microseconds (CDK reference, "The default setting for record timestamp precision is microseconds").
- `SSESpecification`, `PointInTimeRecoverySpecification` and `TimeToLiveSpecification` apply as named.
- Another key schema creates another table, which is not possible for a table with a name in the template.
- A table under deletion protection is not deleted.
"""

from typing import Any

from sandbox.emulator.resource_types import Properties, call, handler_seam, replace_handler

KIND = "AWS::DynamoDB::Table"
CREATE = handler_seam("_ddb_create", "277586e016c693bd")
UPDATE = handler_seam("_ddb_update", "0665980ffdd06491")
DELETE = handler_seam("_ddb_delete", "33ee7316b2cab062")
SEAMS = (CREATE, UPDATE, DELETE)

_SETTINGS = (
    "SSESpecification",
    "PointInTimeRecoverySpecification",
    "TimeToLiveSpecification",
    "KinesisStreamSpecification",
)
_KEYS = ("KeySchema", "LocalSecondaryIndexes")


def _encrypt(name: str, wanted: Properties | None, _: Properties | None) -> None:
    from ministack.services import dynamodb  # noqa: PLC0415

    wanted = wanted or {}
    request: Properties = {"Enabled": str(wanted.get("SSEEnabled", False)).lower() == "true"}
    request |= {part: wanted[part] for part in ("SSEType", "KMSMasterKeyId") if part in wanted}
    call(dynamodb._update_table, {"TableName": name, "SSESpecification": request}, KIND)


def _recover(name: str, wanted: Properties | None, _: Properties | None) -> None:
    from ministack.services import dynamodb  # noqa: PLC0415

    enabled = str((wanted or {}).get("PointInTimeRecoveryEnabled", False)).lower() == "true"
    request: Properties = {"PointInTimeRecoveryEnabled": enabled}
    if enabled and (days := (wanted or {}).get("RecoveryPeriodInDays")) is not None:
        request["RecoveryPeriodInDays"] = int(days)
    call(
        dynamodb._update_continuous_backups,
        {"TableName": name, "PointInTimeRecoverySpecification": request},
        KIND,
    )


def _expire(name: str, wanted: Properties | None, had: Properties | None) -> None:
    from ministack.services import dynamodb  # noqa: PLC0415

    enabled = str((wanted or {}).get("Enabled", False)).lower() == "true"
    attribute = (wanted or had or {}).get("AttributeName")
    request = {"Enabled": enabled, "AttributeName": attribute}
    call(dynamodb._update_ttl, {"TableName": name, "TimeToLiveSpecification": request}, KIND)


def _stream(name: str, wanted: Properties | None, had: Properties | None) -> None:
    from ministack.services import dynamodb, kinesis  # noqa: PLC0415

    precision = (wanted or {}).get("ApproximateCreationDateTimePrecision") or "MICROSECOND"
    configuration = {"ApproximateCreationDateTimePrecision": precision}
    arn, before = (wanted or {}).get("StreamArn"), (had or {}).get("StreamArn")
    if before and before == arn:
        request = {"TableName": name, "StreamArn": arn, "UpdateKinesisStreamingConfiguration": configuration}
        call(dynamodb._update_kinesis_streaming_destination, request, KIND)
        return
    if before:
        call(dynamodb._disable_kinesis_streaming_destination, {"TableName": name, "StreamArn": before}, KIND)
    if arn:
        if kinesis._resolve_stream_by_arn(arn) is None:
            raise ValueError(f"{KIND}: Kinesis stream {arn} is not in the table's account and Region")
        request = {"TableName": name, "StreamArn": arn, "EnableKinesisStreamingConfiguration": configuration}
        call(dynamodb._enable_kinesis_streaming_destination, request, KIND)


_APPLY = dict(zip(_SETTINGS, (_encrypt, _recover, _expire, _stream), strict=True))


def _apply(name: str, wanted: Properties, had: Properties) -> None:
    for setting, apply in _APPLY.items():
        if wanted.get(setting) != had.get(setting):
            apply(name, wanted.get(setting), had.get(setting))


def install() -> None:
    """Apply the settings when a stack creates or updates a table."""
    from ministack.services import dynamodb  # noqa: PLC0415
    from ministack.services.cloudformation import provisioners  # noqa: PLC0415

    create, update, delete = CREATE.check(), UPDATE.check(), DELETE.check()

    def create_table(logical_id: str, properties: Properties, stack_name: str) -> Any:
        result = create(logical_id, properties, stack_name)
        _apply(result[0], properties, {})
        return result

    def update_table(
        physical_id: str, had: Properties, wanted: Properties, stack_name: str, logical_id: str | None = None
    ) -> Any:
        plain_had, plain = (
            {name: value for name, value in properties.items() if name not in _SETTINGS}
            for properties in (had, wanted)
        )
        if not wanted.get("TableName") and any(had.get(part) != wanted.get(part) for part in _KEYS):
            # MiniStack would create it with the name of the old table, which it deletes at once.
            return provisioners._seeded_create(create_table, logical_id, wanted, stack_name)
        before = dynamodb._tables.get(physical_id)
        result = update(physical_id, plain_had, plain, stack_name, logical_id)
        if dynamodb._tables.get(result[0]) is before:
            _apply(result[0], wanted, had)
        return result

    def delete_table(physical_id: str, properties: Properties) -> None:
        if dynamodb._tables.get(physical_id, {}).get("DeletionProtectionEnabled") in {True, "true"}:
            raise ValueError(
                f"{KIND}: Resource cannot be deleted as it is currently protected against deletion. "
                "Disable deletion protection first."
            )
        delete(physical_id, properties)
        for store in (dynamodb._ttl_settings, dynamodb._pitr_settings, dynamodb._kinesis_destinations):
            store.pop(physical_id, None)

    replace_handler(CREATE, KIND, "create", create_table)
    replace_handler(UPDATE, KIND, "update", update_table)
    replace_handler(DELETE, KIND, "delete", delete_table)
