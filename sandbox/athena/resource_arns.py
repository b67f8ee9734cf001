"""Name the workgroup an Athena request is about, as AWS does, when the request names only a query.

AWS fact: the actions on query executions and named queries are authorised on
`arn:aws:athena:<region>:<account>:workgroup/<name>` (Service authorization reference, "Actions, resources,
and condition keys for Amazon Athena"); MiniStack asks for `*` unless the request itself has a WorkGroup.
"""

import json
from collections.abc import Mapping
from typing import Any

from sandbox.emulator.seam import Seam

RESOURCE_ARN = Seam("core.iam_actions", "extract_resource_arn", "82f51700695c62fd")
_CATALOG_OPERATIONS = frozenset(
    ("GetDatabase", "ListDatabases", "GetTableMetadata", "ListTableMetadata", "GetDataCatalog")
)


def resource(operation: str, request: Mapping[str, Any]) -> str | None:
    """The resource part of the ARN an Athena request is about; None where there is none to name."""
    from ministack.services import athena  # noqa: PLC0415  only the emulator process loads MiniStack

    if operation in _CATALOG_OPERATIONS:
        return f"datacatalog/{request.get('CatalogName') or request.get('Name') or 'AwsDataCatalog'}"
    if operation in ("CreateWorkGroup", "ListWorkGroups"):
        return f"workgroup/{request['Name']}" if request.get("Name") else None
    identifiers = request.get("QueryExecutionIds") or [request.get("QueryExecutionId")]
    execution = athena._executions.get(identifiers[0])
    if execution is not None:
        return f"workgroup/{execution.record['WorkGroup']}"
    names = request.get("NamedQueryIds") or [request.get("NamedQueryId")]
    named = athena._named_queries.get(names[0])
    if named is not None:
        return f"workgroup/{named['WorkGroup']}"
    return f"workgroup/{request.get('WorkGroup') or 'primary'}"


def install() -> None:
    """Answer Athena's resources ourselves, every other service's as before."""
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
        named = None
        if service == "athena":
            try:
                request = json.loads(body or b"{}")
            except ValueError:
                request = {}
            operation = headers.get("x-amz-target", "").rpartition(".")[2]
            named = resource(operation, request) if isinstance(request, dict) else None
        if named is None:
            return original(service, method, path, headers, body, query, region, account)
        return f"arn:aws:athena:{region}:{account}:{named}"

    RESOURCE_ARN.replace(extract_resource_arn)
