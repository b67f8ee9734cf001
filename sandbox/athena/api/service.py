"""The seam to MiniStack: its Athena service answers query operations with this engine."""

from typing import Any

from sandbox.emulator.seam import Seam

HANDLE_REQUEST = Seam("services.athena", "handle_request", "2f5558612ebaccc6")
# Functions that queries call in process: after a change in a release, read them before updating the digest.
SEAMS = (
    HANDLE_REQUEST,
    Seam("services.athena", "_parse_ddl", "28404b7ed0da4aca"),
    Seam("services.athena", "_create_table_input", "49c61547f8295798"),
    Seam("services.s3", "_foreign_bucket_allows", "7865eb38b093e5a8"),
    Seam("services.s3", "_get_object_data", "8735d1f5e3313076"),
    Seam("services.s3", "_put_object", "cf5861e4d9999243"),
)


def install() -> None:
    """Answer the query operations of MiniStack's Athena service with this engine.

    The seam: `ministack.services.athena.handle_request(method, path, headers, body, query_params)`, looked up
    by name at every request. Raises `SeamMovedError` when a release of MiniStack has changed it.
    """
    from ministack.services import athena  # noqa: PLC0415  only the emulator process loads MiniStack

    from sandbox.athena.api import operations, resource_arns  # noqa: PLC0415  they load MiniStack too

    for seam in SEAMS:
        seam.check()
    original: Any = HANDLE_REQUEST.check()
    resource_arns.install()

    async def handle_request(
        method: str, path: str, headers: dict[str, str], body: bytes, query_params: dict[str, Any]
    ) -> Any:
        action = headers.get("x-amz-target", "").rsplit(".", 1)[-1]
        if action not in operations.OPERATIONS:
            return await original(method, path, headers, body, query_params)
        athena._ensure_default_workgroup()
        athena._ensure_default_data_catalog()
        return operations.answer(action, body, headers, query_params)

    HANDLE_REQUEST.replace(handle_request)
