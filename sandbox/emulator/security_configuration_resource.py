"""AWS::Glue::SecurityConfiguration, a type that MiniStack lacks.

AWS facts: both properties are create-only, so a change creates another one, and Ref is the name
(CloudFormation template reference, "AWS::Glue::SecurityConfiguration"); its `S3Encryptions` are the API's
`S3Encryption` (Glue API reference, "EncryptionConfiguration").
"""

from typing import Any

from sandbox.emulator.resource_types import Properties, add_type, call

KIND = "AWS::Glue::SecurityConfiguration"


def _create(_: str, properties: Properties, __: str) -> Any:
    from ministack.services import glue  # noqa: PLC0415

    missing = [name for name in ("Name", "EncryptionConfiguration") if not properties.get(name)]
    if missing:
        raise ValueError(f"{KIND}: the property {missing[0]} is required")
    encryption = dict(properties["EncryptionConfiguration"])
    if "S3Encryptions" in encryption:
        encryption["S3Encryption"] = encryption.pop("S3Encryptions")
    call(glue._create_security_configuration, {**properties, "EncryptionConfiguration": encryption}, KIND)
    return properties["Name"], {}


def _delete(physical_id: str, _: Properties) -> None:
    from ministack.services import glue  # noqa: PLC0415

    call(glue._delete_security_configuration, {"Name": physical_id}, KIND)


def install() -> None:
    """Add the type to CloudFormation."""
    create_only = ("EncryptionConfiguration", "Name")
    add_type(KIND, {"create": _create, "delete": _delete}, create_only=create_only, name="Name")
