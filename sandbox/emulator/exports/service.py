"""ExportTableToPointInTime, DescribeExport and ListExports. MiniStack says COMPLETED and writes nothing.

AWS facts (API reference of the three operations)
- An unknown table is a TableNotFoundException ("Table not found: ARN"), a table without PITR a
  PointInTimeRecoveryUnavailableException ("Point in time recovery is not enabled for table 'NAME'") (texts:
  tests of moto that run against AWS).
- The same ClientToken within 8 hours returns the same export; with other parameters it is an
  ExportConflictException. At most 300 exports may be in progress in an account (developer guide, "Quotas in
  Amazon DynamoDB"); one more is a LimitExceededException.
- ListExports returns exports in reverse alphanumeric order of their ARNs, at most 25 per page.
- dynamodb:ExportTableToPointInTime is authorised on the table, dynamodb:DescribeExport on the export,
  dynamodb:ListExports on the table, if the request names one (service authorization reference, "Actions,
  resources, and condition keys for Amazon DynamoDB"). MiniStack finds no resource in such a request.

[unverified]: the members of the description of an incremental export: it has IncrementalExportSpecification
and no ExportTime here.
"""

import json
import os
import secrets
import threading
import time
from typing import Any

from sandbox.emulator import change_records, point_in_time
from sandbox.emulator.exports import destination, requests, tasks
from sandbox.emulator.exports.requests import ExportError, Request
from sandbox.emulator.seam import Seam

EXPORT = Seam("services.dynamodb", "_export_table_to_point_in_time", "7de9a0bcce549037")
DESCRIBE = Seam("services.dynamodb", "_describe_export", "28915d45df50e6ae")
LIST = Seam("services.dynamodb", "_list_exports", "90853a7992a00f28")
RESOURCE_ARN = Seam("core.iam_actions", "extract_resource_arn", "82f51700695c62fd")
SEAMS = (EXPORT, DESCRIBE, LIST, RESOURCE_ARN)

Item = dict[str, Any]
_PAGE = 25
_TOKEN_MICROSECONDS = 8 * 3600 * 1_000_000
_RUNNING = threading.BoundedSemaphore(4)  # more would only compete for the processor
_HEADERS, _BODY = (
    2,
    3,
)  # of extract_resource_arn's arguments after the service: method, path, headers, body, …
_RESOURCES = {
    "ExportTableToPointInTime": "TableArn",
    "DescribeExport": "ExportArn",
    "ListExports": "TableArn",
}

# (account, token): the time of the first request, its parameters and the ARN of its export
_tokens: dict[tuple[str, str], tuple[int, Item, str]] = {}


def _clock() -> int:
    return time.time_ns() // 1000


def export_id(started: int) -> str:
    """The id of a new export that started at this time (microseconds)."""
    return f"{started // 1000:014d}-{secrets.token_hex(4)}"


def check_limit(in_progress: int) -> None:
    """Raise ExportError if one more export would be too many."""
    if in_progress >= requests.MOST_AT_ONCE:
        raise ExportError(
            "LimitExceededException",
            f"At most {requests.MOST_AT_ONCE} exports may be in progress in an account at the same time",
        )


def _repeated(account: str, request: Request, now: int) -> Item | None:
    """The export that an earlier request with this ClientToken started."""
    from ministack.services import dynamodb  # noqa: PLC0415  only the emulator process loads MiniStack

    token = request.parameters.get("ClientToken")
    first = _tokens.get((account, token)) if token else None
    if first is None or now - first[0] > _TOKEN_MICROSECONDS:
        return None
    if first[1] != request.parameters:
        raise ExportError("ExportConflictException", "Duplicate request detected")
    found: Item | None = dynamodb._exports.get(first[2])
    return found


def _description(export: tasks.Export) -> Item:
    request, period = export.request, export.period
    described: Item = {
        "ExportArn": export.arn,
        "ExportStatus": "IN_PROGRESS",
        "StartTime": export.started // 1000 / 1000,
        "TableArn": request.table_arn,
        "TableId": export.table["TableId"],
        "S3SseAlgorithm": request.algorithm,
        "ExportFormat": "ION" if request.ion else "DYNAMODB_JSON",
        "ExportType": "INCREMENTAL_EXPORT" if request.incremental else "FULL_EXPORT",
        **{name: request.parameters[name] for name in requests.REPEATED if request.parameters.get(name)},
    }
    if period.start is None:
        described["ExportTime"] = period.end // 1000 / 1000
    else:
        described["IncrementalExportSpecification"] = {
            "ExportFromTime": period.start // 1000 / 1000,
            "ExportToTime": period.end // 1000 / 1000,
            "ExportViewType": "NEW_AND_OLD_IMAGES" if request.old_images else "NEW_IMAGE",
        }
    return described


def _accept(request: Request, speed: float) -> tasks.Export:
    """The export with all that it needs of the table, taken at once. Raises ExportError."""
    from ministack.services import dynamodb  # noqa: PLC0415

    table = dynamodb._tables.get(dynamodb._table_name_from_arn(request.table_arn) or "")
    if not table or table["TableArn"] != request.table_arn:
        raise ExportError("TableNotFoundException", f"Table not found: {request.table_arn}")
    history = point_in_time.history_of(table)
    if history is None:
        raise ExportError(
            "PointInTimeRecoveryUnavailableException",
            f"Point in time recovery is not enabled for table '{table['TableName']}'",
        )
    now = change_records.now_microseconds()
    period = requests.period_of(request, history.earliest(now), now, speed)
    check_limit(sum(one["ExportStatus"] == "IN_PROGRESS" for one in dynamodb._exports.values()))
    started = now // 1_000_000 * 1_000_000 if request.incremental else now
    names = {name: table[name] for name in ("TableId", "pk_name", "sk_name")}
    incremental = period.start is not None
    return tasks.Export(
        request,
        f"{request.table_arn}/export/{export_id(started)}",
        period,
        started,
        names,
        [] if incremental else point_in_time.items_of(table),
        history.after(period.end) if period.start is None else history.between(period.start, period.end),
    )


def _run(export: tasks.Export, caller: destination.Caller, described: Item) -> None:
    from ministack.services import dynamodb  # noqa: PLC0415

    _, _, _, region, account, _ = export.arn.split(":", 5)
    with _RUNNING:
        try:
            request = export.request
            bucket = destination.Destination(caller, region, request.bucket, request.bucket_owner or account)
            bucket.encrypt(request.algorithm, request.key)
            result = tasks.run(export, bucket, dynamodb._item_size_bytes, _clock)
        except BaseException as error:
            described |= tasks.failed("UNKNOWN", type(error).__name__, _clock())
            raise
        described |= result


def _start(given: Item, speed: float) -> Item:
    from ministack.core.responses import get_account_id  # noqa: PLC0415
    from ministack.services import dynamodb  # noqa: PLC0415

    request = requests.parse(given)
    account = get_account_id()
    if (repeated := _repeated(account, request, change_records.now_microseconds())) is not None:
        return repeated
    export = _accept(request, speed)
    described = _description(export)
    dynamodb._exports[export.arn] = described
    if token := given.get("ClientToken"):
        _tokens[account, token] = export.started, dict(given), export.arn
    answer = dict(described)  # IN_PROGRESS, whatever the thread has done until it is sent
    caller = destination.Caller.of_request()
    threading.Thread(target=_run, args=(export, caller, described), name="export", daemon=True).start()
    return answer


def page_of(arns: list[str], most: int, token: str | None) -> tuple[list[str], str | None]:
    """One page of these exports, in reverse order, and the token of the next page."""
    ordered = sorted(arns, reverse=True)
    if token is not None:
        ordered = [arn for arn in ordered if arn < token]
    page = ordered[:most]
    return page, page[-1] if len(ordered) > most else None


def _listed(given: Item) -> Item:
    from ministack.services import dynamodb  # noqa: PLC0415

    most = given.get("MaxResults", _PAGE)
    if type(most) is not int or not 1 <= most <= _PAGE:
        raise ExportError("ValidationException", f"MaxResults must be between 1 and {_PAGE}")
    table = given.get("TableArn")
    found = {one["ExportArn"]: one for one in dynamodb._exports.values() if table in {None, one["TableArn"]}}
    page, token = page_of(list(found), most, given.get("NextToken"))
    members = ("ExportArn", "ExportStatus", "ExportType")
    summaries = [{name: found[arn][name] for name in members} for arn in page]
    return {"ExportSummaries": summaries, **({"NextToken": token} if token else {})}


def _described(given: Item) -> Item:
    from ministack.services import dynamodb  # noqa: PLC0415

    arn = given.get("ExportArn")
    if not isinstance(arn, str) or "/export/" not in arn:
        raise ExportError("ValidationException", "Invalid Export ARN")
    found = dynamodb._exports.get(arn)
    if not found:
        raise ExportError("ExportNotFoundException", f"Export not found: {arn}")
    return {"ExportDescription": dict(found)}


def install() -> None:
    """Answer the three operations, and authorise them on the table or export that they name."""
    from ministack.core.responses import error_response_json, json_response  # noqa: PLC0415

    speed = float(os.environ.get("SANDBOX_SPEED", "1"))

    def answering(operation: Any) -> Any:
        def answer(given: Item) -> Any:
            try:
                return json_response(operation(given))
            except ExportError as error:
                return error_response_json(error.code, error.message, 400)

        return answer

    EXPORT.replace(answering(lambda given: {"ExportDescription": _start(given, speed)}))
    DESCRIBE.replace(answering(_described))
    LIST.replace(answering(_listed))
    resource_arn = RESOURCE_ARN.check()

    def arn_of_request(service: str, *request: Any) -> Any:
        found = resource_arn(service, *request)
        if service != "dynamodb" or found != "*":
            return found
        operation = request[_HEADERS].get("x-amz-target", "").rpartition(".")[2]
        try:
            asked = json.loads(request[_BODY] or b"{}")
        except ValueError:
            return found
        named = asked.get(_RESOURCES.get(operation, "")) if isinstance(asked, dict) else None
        return named if isinstance(named, str) and named else found

    RESOURCE_ARN.replace(arn_of_request)
