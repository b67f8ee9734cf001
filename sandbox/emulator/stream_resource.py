"""AWS::Kinesis::Stream with its encryption, which MiniStack drops.

AWS fact: `StreamEncryption` switches server-side encryption on and changes its key without interruption
(CloudFormation template reference, "AWS::Kinesis::Stream").
"""

from typing import Any

from sandbox.emulator.resource_names import generated_name
from sandbox.emulator.resource_types import Properties, call, handler_seam, replace_handler

KIND = "AWS::Kinesis::Stream"
CREATE = handler_seam("_kinesis_stream_create", "7954dbe7b50690d1")
UPDATE = handler_seam("_kinesis_stream_update", "5e7231c25426519a")
SEAMS = (CREATE, UPDATE)


def _encrypt(name: str, wanted: Properties | None) -> None:
    from ministack.services import kinesis  # noqa: PLC0415

    if wanted:
        call(kinesis._start_stream_encryption, {"StreamName": name, **wanted}, KIND)
    else:
        call(kinesis._stop_stream_encryption, {"StreamName": name}, KIND)


def install() -> None:
    """Encrypt a stream when a template requires it."""
    create, update = CREATE.check(), UPDATE.check()

    def create_stream(logical_id: str, properties: Properties, stack_name: str) -> Any:
        name = {"Name": generated_name(stack_name, logical_id, 128)}
        result = create(logical_id, {**name, **properties}, stack_name)
        if properties.get("StreamEncryption"):
            _encrypt(result[0], properties["StreamEncryption"])
        return result

    def update_stream(physical_id: str, had: Properties, wanted: Properties, stack_name: str) -> Any:
        result = update(physical_id, had, wanted, stack_name)
        if had.get("StreamEncryption") != wanted.get("StreamEncryption"):
            _encrypt(result[0], wanted.get("StreamEncryption"))
        return result

    replace_handler(CREATE, KIND, "create", create_stream)
    replace_handler(UPDATE, KIND, "update", update_stream)
