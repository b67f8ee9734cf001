"""The workgroup as the resource of an Athena request that names only a query, as on AWS.

AWS fact: the actions on query executions and named queries are authorised on
`arn:aws:athena:<region>:<account>:workgroup/<name>` (Service authorization reference, "Actions, resources,
and condition keys for Amazon Athena"); MiniStack uses `*` unless the request has a WorkGroup.
"""

from collections.abc import Mapping
from typing import Any

from sandbox.emulator import resource_arns

_CATALOG_OPERATIONS = frozenset(
    ("GetDatabase", "ListDatabases", "GetTableMetadata", "ListTableMetadata", "GetDataCatalog")
)


def resource(operation: str, request: Mapping[str, Any]) -> str | None:
    """The resource part of an Athena request's ARN, or None."""
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
    """Make the emulator use these resources for Athena."""
    resource_arns.NAMERS["athena"] = resource
