"""AWS::S3::Bucket: encryption, lifecycle, logging, tags; a valid name; deleted only when empty.

AWS facts: "You can only delete empty buckets. Deletion fails for buckets that have contents" (CloudFormation
template reference, "AWS::S3::Bucket"); earlier versions and delete markers count as contents. Names follow
the rules of the S3 user guide, "General purpose bucket naming rules". The properties are those of the S3 API
under other names (template reference, "AWS::S3::Bucket Rule", "AWS::S3::Bucket ServerSideEncryptionRule",
"AWS::S3::Bucket LoggingConfiguration").
"""

from collections.abc import Callable
from typing import Any

import botocore.serialize
import botocore.session

from sandbox.emulator.resource_types import Properties, handler_seam, replace_handler

KIND = "AWS::S3::Bucket"
CREATE = handler_seam("_s3_create", "477b78a3cb150dfd")
DELETE = handler_seam("_s3_delete", "52bcaf59bd5bbc39")
CONFIGURE = handler_seam("_s3_apply_configurations", "9a299ad21255ed90")
SEAMS = (CREATE, DELETE, CONFIGURE)


def encryption(properties: Properties) -> Properties:
    """BucketEncryption as PutBucketEncryption expects it."""
    rules = [
        {
            "ApplyServerSideEncryptionByDefault": rule["ServerSideEncryptionByDefault"],
            "BucketKeyEnabled": str(rule.get("BucketKeyEnabled", False)).lower() == "true",
        }
        for rule in properties["ServerSideEncryptionConfiguration"]
    ]
    return {"ServerSideEncryptionConfiguration": {"Rules": rules}}


def lifecycle(properties: Properties) -> Properties:
    """LifecycleConfiguration as PutBucketLifecycleConfiguration expects it."""
    return {"LifecycleConfiguration": {"Rules": [_lifecycle_rule(rule) for rule in properties["Rules"]]}}


def _lifecycle_rule(rule: Properties) -> Properties:
    converted: Properties = {"Status": rule["Status"], "Filter": {"Prefix": rule.get("Prefix", "")}}
    if "Id" in rule:
        converted["ID"] = rule["Id"]
    expiration: Properties = {}
    if "ExpirationInDays" in rule:
        expiration["Days"] = int(rule["ExpirationInDays"])
    if "ExpiredObjectDeleteMarker" in rule:
        expiration["ExpiredObjectDeleteMarker"] = str(rule["ExpiredObjectDeleteMarker"]).lower() == "true"
    if expiration:
        converted["Expiration"] = expiration
    for name in ("NoncurrentVersionExpiration", "AbortIncompleteMultipartUpload"):
        if name in rule:
            converted[name] = {part: int(value) for part, value in rule[name].items()}
    return converted


def logging(properties: Properties) -> Properties:
    """LoggingConfiguration as PutBucketLogging expects it."""
    target = {
        "TargetBucket": properties["DestinationBucketName"],
        "TargetPrefix": properties.get("LogFilePrefix", ""),
    }
    return {"BucketLoggingStatus": {"LoggingEnabled": target}}


def tags(properties: list[Properties]) -> Properties:
    """Tags as PutBucketTagging expects them."""
    return {"Tagging": {"TagSet": properties}}


_SETTINGS: dict[str, tuple[str, Callable[[Any], Properties]]] = {
    "BucketEncryption": ("PutBucketEncryption", encryption),
    "LifecycleConfiguration": ("PutBucketLifecycleConfiguration", lifecycle),
    "LoggingConfiguration": ("PutBucketLogging", logging),
    "Tags": ("PutBucketTagging", tags),
}


def install() -> None:
    """Check a bucket's name, apply its settings, and keep a bucket that is not empty."""
    from ministack.services import s3  # noqa: PLC0415

    create, delete, configure = CREATE.check(), DELETE.check(), CONFIGURE.check()
    model = botocore.session.Session().get_service_model("s3")
    serializer = botocore.serialize.create_serializer(model.protocol)
    puts = (
        s3._put_bucket_encryption,
        s3._put_bucket_lifecycle,
        s3._put_bucket_logging,
        s3._put_bucket_tagging,
    )
    stores = (s3._bucket_encryption, s3._bucket_lifecycle, s3._bucket_logging_config, s3._bucket_tags)

    def configure_bucket(name: str, properties: Properties, had: Properties | None = None) -> None:
        configure(name, properties, had)
        for (setting, (operation, to_api)), put, store in zip(_SETTINGS.items(), puts, stores, strict=True):
            if setting in properties:
                request = {"Bucket": name, **to_api(properties[setting])}
                body = serializer.serialize_to_request(request, model.operation_model(operation))["body"]
                status, _, answer = put(name, body)
                if status >= 400:
                    raise ValueError(f"{KIND}: {setting}: {answer!r}")
            elif had and setting in had:
                store.pop(name, None)

    def create_bucket(logical_id: str, properties: Properties, stack_name: str) -> Any:
        name = properties.get("BucketName")
        if name and not s3._validate_bucket_name(name):
            raise ValueError(f"{KIND}: The specified bucket is not valid: {name}")
        return create(logical_id, properties, stack_name)

    def delete_bucket(physical_id: str, properties: Properties) -> None:
        bucket = s3._buckets.get(physical_id)
        if bucket and (bucket["objects"] or s3._bucket_has_versions(physical_id)):
            raise ValueError(f"{KIND}: The bucket you tried to delete is not empty: {physical_id}")
        delete(physical_id, properties)

    CONFIGURE.replace(configure_bucket)
    replace_handler(CREATE, KIND, "create", create_bucket)
    replace_handler(DELETE, KIND, "delete", delete_bucket)
