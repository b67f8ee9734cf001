"""Athena for the sandbox: the Athena API on DuckDB over the emulator's Glue and S3.

`install()` patches MiniStack in process; `sandbox.athena.engine.Query` runs SQL without any emulator.
"""

import json
from typing import Any


def install() -> None:
    """Answer the query operations of MiniStack's Athena service with this engine.

    The seam: `ministack.services.athena.handle_request(method, path, headers, body, query_params)`, looked up
    by name at every request. Raises RuntimeError when MiniStack has moved it.
    """
    from ministack.services import athena  # noqa: PLC0415  only the emulator process loads MiniStack

    from sandbox.athena import api  # noqa: PLC0415

    original = athena.handle_request
    if getattr(original, "answers_with_duckdb", False):
        return
    for name in ("_ensure_default_workgroup", "_ensure_default_data_catalog", "_executions", "_workgroups"):
        if not hasattr(athena, name):
            raise RuntimeError(
                f"MiniStack's Athena service has no {name}: sandbox/athena patches a version it knew"
            )

    async def handle_request(
        method: str, path: str, headers: dict[str, str], body: bytes, query_params: dict[str, Any]
    ) -> Any:
        action = headers.get("x-amz-target", "").rsplit(".", 1)[-1]
        if action not in api.OPERATIONS:
            return await original(method, path, headers, body, query_params)
        athena._ensure_default_workgroup()
        athena._ensure_default_data_catalog()
        return api.answer(action, json.loads(body or b"{}"), headers, query_params)

    handle_request.answers_with_duckdb = True  # type: ignore[attr-defined]
    athena.handle_request = handle_request
