"""AWS::S3::Bucket: refused under a name S3 refuses, and not deleted while something is in it.

AWS facts: "You can only delete empty buckets. Deletion fails for buckets that have contents" (CloudFormation
template reference, "AWS::S3::Bucket"); earlier versions and delete markers are contents. Names follow the
rules of the S3 user guide, "General purpose bucket naming rules".
"""

from typing import Any

from sandbox.emulator.resource_types import Properties, handler_seam, replace_handler

KIND = "AWS::S3::Bucket"
CREATE = handler_seam("_s3_create", "477b78a3cb150dfd")
DELETE = handler_seam("_s3_delete", "52bcaf59bd5bbc39")
SEAMS = (CREATE, DELETE)


def install() -> None:
    """Check a bucket's name when a stack makes it, and its contents when a stack deletes it."""
    from ministack.services import s3  # noqa: PLC0415

    create, delete = CREATE.check(), DELETE.check()

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

    replace_handler(CREATE, KIND, "create", create_bucket)
    replace_handler(DELETE, KIND, "delete", delete_bucket)
