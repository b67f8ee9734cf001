"""Resources of Glue and Logs have the ARNs of AWS."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.emulator.resource_arns import glue_resource, logs_resource


@pytest.mark.parametrize(
    ("operation", "request_", "resource"),
    [
        ("GetDatabase", {"Name": "lake"}, "database/lake"),
        ("GetTable", {"DatabaseName": "lake", "Name": "changes"}, "table/lake/changes"),
        ("UpdateTable", {"DatabaseName": "lake", "TableInput": {"Name": "changes"}}, "table/lake/changes"),
        ("GetPartitions", {"DatabaseName": "lake", "TableName": "changes"}, "table/lake/changes"),
        ("GetTables", {"DatabaseName": "lake"}, None),
        ("StartCrawler", {"Name": "crawler"}, None),
        ("GetDatabases", {}, None),
    ],
)
def test_glue_resource_is_a_database_or_a_table(
    operation: str, request_: dict[str, Any], resource: str | None
) -> None:
    """`table/DATABASE/TABLE` and `database/DATABASE`; other requests are left to MiniStack."""
    assert resource == glue_resource(operation, request_)


def test_logs_resource_is_the_stream_of_a_group() -> None:
    """A call on a stream has the stream as its resource, which `GROUP:*` includes."""
    stream = {"logGroupName": "/group", "logStreamName": "2026/11/20"}
    assert logs_resource("PutLogEvents", stream) == "log-group:/group:log-stream:2026/11/20"
    assert logs_resource("CreateLogStream", {"logGroupName": "/group"}) is None
