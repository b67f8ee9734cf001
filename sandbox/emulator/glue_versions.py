"""Glue keeps the versions of a table, newest first.

AWS fact: UpdateTable archives the version it replaces unless `SkipArchive` is set, and GetTableVersions lists
them with the current one, at most 100 at a time (Glue API reference, "UpdateTable", "GetTableVersions").
MiniStack counts versions and forgets them.
"""

import copy
import json
from typing import Any

from sandbox.emulator.seam import Seam

CREATE_TABLE = Seam("services.glue", "_create_table", "6cd8e49bce8eee6b")
UPDATE_TABLE = Seam("services.glue", "_update_table", "34e01bfff3873beb")
REQUESTS = Seam("services.glue", "_handle_request_sync", "23d06ad23cad5713")
SEAMS = (CREATE_TABLE, UPDATE_TABLE, REQUESTS)

Request = dict[str, Any]
_PAGE = 100


def install() -> None:
    """Keep every replaced version of a table, and answer GetTableVersions."""
    from ministack.core.responses import AccountRegionScopedDict, error_response_json, json_response  # noqa: PLC0415
    from ministack.services import glue  # noqa: PLC0415

    archive: Any = AccountRegionScopedDict()  # "database/table" -> earlier versions, oldest first
    create, update, requests = CREATE_TABLE.check(), UPDATE_TABLE.check(), REQUESTS.check()

    def create_table(data: Request) -> Any:
        answer = create(data)
        if answer[0] == 200:
            archive[f"{data['DatabaseName']}/{data['TableInput']['Name']}"] = []
        return answer

    def update_table(data: Request) -> Any:
        name = f"{data.get('DatabaseName')}/{(data.get('TableInput') or {}).get('Name')}"
        before = copy.deepcopy(glue._tables.get(name))
        answer = update(data)
        if answer[0] == 200 and not data.get("SkipArchive"):
            archive[name] = [*archive.get(name, []), before]
        return answer

    def get_table_versions(data: Request) -> Any:
        name = f"{data.get('DatabaseName')}/{data.get('TableName')}"
        table = glue._tables.get(name)
        if table is None:
            return error_response_json(
                "EntityNotFoundException", f"Table {data.get('TableName')} not found.", 400
            )
        versions = [table, *reversed(archive.get(name, []))]
        start, size = int(data.get("NextToken") or 0), min(int(data.get("MaxResults") or _PAGE), _PAGE)
        page = [
            {"Table": version, "VersionId": version["VersionId"]}
            for version in versions[start : start + size]
        ]
        more = {"NextToken": str(start + size)} if start + size < len(versions) else {}
        return json_response({"TableVersions": page, **more})

    def handle(method: str, path: str, headers: dict[str, str], body: bytes, query: Any) -> Any:
        if headers.get("x-amz-target", "").endswith(".GetTableVersions"):
            return get_table_versions(json.loads(body or b"{}"))
        return requests(method, path, headers, body, query)

    CREATE_TABLE.replace(create_table)
    UPDATE_TABLE.replace(update_table)
    REQUESTS.replace(handle)
