"""AWS::Athena::NamedQuery, a type that MiniStack lacks.

AWS fact: every property is create-only, and Ref is the query's id (CloudFormation template reference,
"AWS::Athena::NamedQuery").
"""

from typing import Any

from sandbox.emulator.resource_types import Properties, add_type, call

KIND = "AWS::Athena::NamedQuery"


def _create(logical_id: str, properties: Properties, stack_name: str) -> Any:
    from ministack.services import athena  # noqa: PLC0415

    missing = [name for name in ("Database", "QueryString") if not properties.get(name)]
    if missing:
        raise ValueError(f"{KIND}: the property {missing[0]} is required")
    workgroup = properties.get("WorkGroup", "primary")
    if workgroup != "primary" and workgroup not in athena._workgroups:
        raise ValueError(f"{KIND}: WorkGroup {workgroup} is not found")
    named = {"Name": f"{stack_name}-{logical_id}", **properties}
    query = call(athena._create_named_query, named, KIND)
    return query["NamedQueryId"], {"NamedQueryId": query["NamedQueryId"]}


def _delete(physical_id: str, _: Properties) -> None:
    from ministack.services import athena  # noqa: PLC0415

    call(athena._delete_named_query, {"NamedQueryId": physical_id}, KIND)


def install() -> None:
    """Add the type to CloudFormation."""
    create_only = ("Database", "Description", "Name", "QueryString", "WorkGroup")
    add_type(KIND, {"create": _create, "delete": _delete}, create_only=create_only)
