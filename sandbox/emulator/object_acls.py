"""A PutObject with an access control list needs permission for the list too.

AWS fact: a request that writes an object with an `x-amz-acl` header needs s3:PutObjectAcl besides
s3:PutObject (S3 API reference, "PutObject", permissions). If the bucket is another account's, its policy must
allow both.
MiniStack checks s3:PutObject only.
"""

from typing import Any

from sandbox.emulator.key_use import ENFORCE
from sandbox.emulator.refusals import write_down
from sandbox.emulator.seam import Seam

FOREIGN = Seam("services.s3", "_foreign_bucket_allows", "7865eb38b093e5a8")
SEAMS = (ENFORCE, FOREIGN)  # the second is called, not replaced

_ACTION, _ACL = "s3:PutObjectAcl", "x-amz-acl"


def _denied_by_owner(resource_arn: str, acl: str) -> Any:
    """The denial if the bucket is another account's whose policy does not allow the list, otherwise None."""
    from ministack.core import iam_evaluator  # noqa: PLC0415  only the emulator process loads MiniStack
    from ministack.core.responses import get_account_id  # noqa: PLC0415
    from ministack.services import s3  # noqa: PLC0415

    bucket, _, key = resource_arn.removeprefix("arn:aws:s3:::").partition("/")
    owner, caller = s3._bucket_owner_account(bucket), get_account_id()
    query, headers = {"acl": [""]}, {_ACL: acl}
    if owner in {None, caller} or s3._foreign_bucket_allows(
        owner, bucket, key, "PUT", query, caller, headers
    ):
        return None
    write_down(_ACTION, resource_arn)
    return iam_evaluator.EvalResult("ImplicitDeny", iam_evaluator.caller_arn(), "", resource_arn)


def install() -> None:
    """Check the second permission after the first."""
    FOREIGN.check()
    enforce = ENFORCE.check()

    def enforce_acl_too(access_key: str, action: str, service: str, *where: str, **request: Any) -> Any:
        denied = enforce(access_key, action, service, *where, **request)
        acl = (request.get("service_context") or {}).get(f"s3:{_ACL}")
        if denied is not None or action != "s3:PutObject" or not acl:
            return denied
        denied = enforce(access_key, _ACTION, service, *where, **request)
        resource_arn = where[1] if len(where) > 1 else request.get("resource_arn", "*")
        return _denied_by_owner(resource_arn, acl) if denied is None else denied

    ENFORCE.replace(enforce_acl_too)
