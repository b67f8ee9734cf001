"""The resource ARN of a request, as on AWS: for Glue and CloudWatch Logs here, for others in their modules.

AWS facts:
- a Glue table is `table/DATABASE/TABLE`, a database is `database/DATABASE` (AWS Glue Developer Guide,
  "Specifying AWS Glue resource ARNs"). AWS checks the ancestors too; the sandbox checks the resource itself.
- a log stream is `log-group:GROUP:log-stream:STREAM` (Service Authorization Reference, "Actions, resources,
  and condition keys for Amazon CloudWatch Logs").
MiniStack uses the database for its tables, a table for a database, and the group for a log stream.
"""

from collections.abc import Callable, Mapping
from json import loads
from typing import Any

from sandbox.emulator.seam import Seam

RESOURCE_ARN = Seam("core.iam_actions", "extract_resource_arn", "82f51700695c62fd")
SEAMS = (RESOURCE_ARN,)


def glue_resource(operation: str, request: Mapping[str, Any]) -> str | None:
    """The resource part of a Glue request's ARN, or None where MiniStack's own answer is right."""
    name = request.get("Name")
    if operation in {"GetDatabase", "DeleteDatabase", "UpdateDatabase"} and name:
        return f"database/{name}"
    database = request.get("DatabaseName")
    definition = request.get("TableInput")
    table = definition.get("Name") if isinstance(definition, dict) else request.get("TableName") or name
    if database and table:
        return f"table/{database}/{table}"
    return None


def logs_resource(_operation: str, request: Mapping[str, Any]) -> str | None:
    """The resource part of a log stream's ARN, or None for a request about a group or no resource."""
    group, stream = request.get("logGroupName"), request.get("logStreamName")
    return f"log-group:{group}:log-stream:{stream}" if group and stream else None


# Service → the function that returns the resource of a JSON request; other modules add theirs.
NAMERS: dict[str, Callable[[str, Mapping[str, Any]], str | None]] = {
    "glue": glue_resource,
    "logs": logs_resource,
}


def install() -> None:
    """Use our ARNs for the services of NAMERS, MiniStack's for all others."""
    original = RESOURCE_ARN.check()

    def extract_resource_arn(  # noqa: PLR0917  called as MiniStack calls it
        service: str,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        query: Any,
        region: str,
        account: str,
    ) -> Any:
        resource = None
        if service in NAMERS:
            try:
                request = loads(body or b"{}")
            except ValueError:
                request = {}
            if isinstance(request, dict):
                resource = NAMERS[service](headers.get("x-amz-target", "").rpartition(".")[2], request)
        if resource is None:
            return original(service, method, path, headers, body, query, region, account)
        return f"arn:aws:{service}:{region}:{account}:{resource}"

    RESOURCE_ARN.replace(extract_resource_arn)
