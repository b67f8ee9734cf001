"""The query operations of the Athena API, patched into MiniStack's Athena service.

Source: Athena API reference (StartQueryExecution, GetQueryExecution, GetQueryResults, StopQueryExecution,
ListQueryExecutions, BatchGetQueryExecution). MiniStack answers for workgroups, named queries, catalogs and
tags.
"""

import json
from typing import Any
from urllib.parse import urlsplit

from ministack import app
from ministack.core.responses import error_response_json, get_account_id, get_region, json_response
from ministack.core.router import extract_access_key_id
from ministack.services import athena, s3

from sandbox.athena.api import executions
from sandbox.athena.api.access import Caller
from sandbox.athena.api.emulated import EmulatedCatalog
from sandbox.athena.api.executions import Execution
from sandbox.athena.engine import results
from sandbox.athena.errors import QueryError, unsupported
from sandbox.athena.sql.parameters import with_parameters
from sandbox.athena.statements import dispatch

MAX_QUERY_BYTES = 262_144  # Athena service quotas, "Query string length"
MAX_RESULTS = 1_000

Response = tuple[int, dict[str, str], bytes]


class RequestError(Exception):
    """A request rejected at once; `code` is the API's exception name."""

    def __init__(self, message: str, code: str = "InvalidRequestException", athena_code: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.athena_code = athena_code

    def response(self) -> Response:
        """The API's response."""
        extra = {"AthenaErrorCode": self.athena_code} if self.athena_code else None
        return error_response_json(self.code, str(self), 400, extra=extra)  # type: ignore[no-any-return]


def current_caller(headers: dict[str, str], query_params: dict[str, Any]) -> Caller:
    """The caller of the current request."""
    account, region = get_account_id(), get_region()
    return Caller(account, region, extract_access_key_id(headers, query_params) if app.AUTH else None)


def _workgroup(name: str) -> dict[str, Any]:
    found = athena._workgroups.get(name)
    if found is None:
        raise RequestError(f"WorkGroup is not found. WorkGroup: {name}")
    if found.get("State") == "DISABLED":
        raise RequestError(f"WorkGroup {name} is disabled.")
    return dict(found)


def _output(request: dict[str, Any], workgroup: dict[str, Any]) -> tuple[str, dict[str, str]]:
    """The location and encryption of the result; an enforcing workgroup overrides the request."""
    configuration = workgroup.get("Configuration") or {}
    own = configuration.get("ResultConfiguration") or {}
    requested = request.get("ResultConfiguration") or {}
    enforced = configuration.get("EnforceWorkGroupConfiguration", workgroup.get("Name") != "primary")
    chosen = own if enforced and own.get("OutputLocation") else {**own, **requested}
    location = chosen.get("OutputLocation")
    if not location:
        raise RequestError(
            "No output location provided. An output location is required either through the Workgroup result "
            "configuration setting or as an API input."
        )
    if not str(location).startswith("s3://"):
        raise RequestError("outputLocation is not a valid S3 path.")
    bucket = urlsplit(str(location)).netloc
    owner = s3._bucket_owner_account(bucket)
    if owner is None or chosen.get("ExpectedBucketOwner", owner) != owner:
        raise RequestError(f"Unable to verify/create output bucket {bucket}")
    return str(location), dict(chosen.get("EncryptionConfiguration") or {})


def _encryption_headers(encryption: dict[str, str]) -> dict[str, str]:
    option = encryption.get("EncryptionOption")
    if option == "SSE_S3":
        return {"x-amz-server-side-encryption": "AES256"}
    if option in ("SSE_KMS", "CSE_KMS"):
        if option == "CSE_KMS":
            raise RequestError(unsupported("the encryption option CSE_KMS", "Use SSE_S3 or SSE_KMS."))
        return {
            "x-amz-server-side-encryption": "aws:kms",
            "x-amz-server-side-encryption-aws-kms-key-id": encryption.get("KmsKey", ""),
        }
    return {}


def start_query_execution(request: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """StartQueryExecution: checked at once, run on a worker."""
    sql = str(request.get("QueryString") or "")
    if not sql.strip():
        raise RequestError("QueryString must not be empty")
    if len(sql.encode()) > MAX_QUERY_BYTES:
        raise RequestError("Query string length exceeds the maximum of 262144 bytes")
    name = request.get("WorkGroup") or "primary"
    workgroup = _workgroup(name)
    location, encryption = _output(request, workgroup)
    token = request.get("ClientRequestToken")
    marker = (sql, name, str(request.get("ExecutionParameters")))
    for execution in athena._executions.values() if token else ():
        if execution.record.get("_token") == token:
            if execution.record["_request"] != marker:
                raise RequestError("Idempotent parameters do not match")
            return {"QueryExecutionId": execution.record["QueryExecutionId"]}
    try:
        kind = dispatch.kind_of(sql)
        if parameters := request.get("ExecutionParameters"):
            running = with_parameters(sql, [str(value) for value in parameters])
        else:
            running = sql
    except QueryError as error:
        raise RequestError(str(error), athena_code="MALFORMED_QUERY") from None
    requested = request.get("QueryExecutionContext") or {}
    context = {
        "Database": str(requested.get("Database") or "default").strip("`"),
        "Catalog": requested.get("Catalog") or "AwsDataCatalog",
    }
    record = executions.new_record(
        sql, kind, workgroup=name, context=context, output=location, encryption=encryption
    )
    record["_token"], record["_request"], record["_running"] = token, marker, running
    if parameters:
        record["ExecutionParameters"] = parameters
    cutoff = (workgroup.get("Configuration") or {}).get("BytesScannedCutoffPerQuery")
    execution = Execution(record, caller, _encryption_headers(encryption), int(cutoff) if cutoff else None)
    athena._executions[record["QueryExecutionId"]] = execution
    executions.start(execution)
    return {"QueryExecutionId": record["QueryExecutionId"]}


def _execution(request: dict[str, Any]) -> Execution:
    identifier = request.get("QueryExecutionId")
    found = athena._executions.get(identifier)
    if found is None:
        raise RequestError(f"QueryExecution {identifier} was not found")
    return found  # type: ignore[no-any-return]


def _public(execution: Execution) -> dict[str, Any]:
    with execution.lock:
        return {key: value for key, value in execution.record.items() if not key.startswith("_")}


def get_query_execution(request: dict[str, Any], _: Caller) -> dict[str, Any]:
    """GetQueryExecution."""
    return {"QueryExecution": _public(_execution(request))}


def get_query_results(request: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """GetQueryResults, a page of at most 1,000 rows, the header row included; it reads the caller's S3
    object.
    """
    execution = _execution(request)
    if execution.state == "FAILED":
        raise RequestError(
            f"Query did not finish successfully. Final query state: FAILED. "
            f"{execution.record['Status'].get('StateChangeReason', '')}".strip()
        )
    if execution.state == "CANCELLED":
        raise RequestError("Query did not finish successfully. Final query state: CANCELLED")
    if execution.state != "SUCCEEDED" or execution.result is None:
        raise RequestError(f"Query has not yet finished. Current state: {execution.state}")
    location = urlsplit(execution.record["ResultConfiguration"]["OutputLocation"])
    if not caller.may_s3("s3:GetObject", location.netloc, location.path.lstrip("/")):
        raise RequestError(
            "You do not seem to have access to the S3 location of your query results. Please confirm your "
            "account has access to the S3 location where your query results are saved and try again. If "
            "specifying an expected bucket owner, confirm the bucket is owned by the expected account."
        )
    token = str(request.get("NextToken") or "0")
    limit = int(request.get("MaxResults") or MAX_RESULTS)
    if not token.isdigit():
        raise RequestError("Invalid NextToken")
    if not 1 <= limit <= MAX_RESULTS:
        raise RequestError("MaxResults is more than maximum allowed length 1000.")
    return results.page(executions.result_of(execution), int(token), limit)


def stop_query_execution(request: dict[str, Any], _: Caller) -> dict[str, Any]:
    """StopQueryExecution."""
    executions.stop(_execution(request))
    return {}


def list_query_executions(request: dict[str, Any], _: Caller) -> dict[str, Any]:
    """ListQueryExecutions, newest first."""
    name = request.get("WorkGroup") or "primary"
    _workgroup(name)
    start, limit = int(request.get("NextToken") or 0), int(request.get("MaxResults") or 50)
    found = [
        e.record["QueryExecutionId"] for e in athena._executions.values() if e.record["WorkGroup"] == name
    ][::-1]
    answer: dict[str, Any] = {"QueryExecutionIds": found[start : start + limit]}
    if start + limit < len(found):
        answer["NextToken"] = str(start + limit)
    return answer


def batch_get_query_execution(request: dict[str, Any], _: Caller) -> dict[str, Any]:
    """BatchGetQueryExecution."""
    wanted = request.get("QueryExecutionIds") or []
    return {
        "QueryExecutions": [_public(athena._executions[i]) for i in wanted if i in athena._executions],
        "UnprocessedQueryExecutionIds": [
            {
                "QueryExecutionId": i,
                "ErrorCode": "INTERNAL_FAILURE",
                "ErrorMessage": "Query execution was not found",
            }
            for i in wanted
            if i not in athena._executions
        ],
    }


def get_work_group(request: dict[str, Any], _: Caller) -> dict[str, Any]:
    """GetWorkGroup, with the settings AWS always states; a created workgroup enforces them by default."""
    name = str(request.get("WorkGroup") or "")
    found = athena._workgroups.get(name)
    if found is None:
        raise RequestError(f"WorkGroup is not found. WorkGroup: {name}")
    configuration = {
        "ResultConfiguration": {},
        "EnforceWorkGroupConfiguration": name != "primary",
        "PublishCloudWatchMetricsEnabled": name != "primary",
        "RequesterPaysEnabled": False,
        "EnableMinimumEncryptionConfiguration": False,
        **(found.get("Configuration") or {}),
    }
    engine = {"SelectedEngineVersion": "AUTO", "EffectiveEngineVersion": "Athena engine version 3"}
    configuration["EngineVersion"] = {**engine, **(configuration.get("EngineVersion") or {})}
    return {"WorkGroup": {**found, "Configuration": configuration}}


def get_table_metadata(request: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """GetTableMetadata of an existing table; MiniStack invents one for any other."""
    database, name = str(request.get("DatabaseName")).lower(), str(request.get("TableName")).lower()
    if EmulatedCatalog(caller).table(database, name) is None:
        raise RequestError(
            f"EntityNotFoundException: Entity Not Found ({database}.{name})", "MetadataException"
        )
    answered = json.loads(athena._get_table_metadata({"DatabaseName": database, "TableName": name})[2])
    return dict(answered)


OPERATIONS = {
    "GetTableMetadata": get_table_metadata,
    "GetWorkGroup": get_work_group,
    "StartQueryExecution": start_query_execution,
    "GetQueryExecution": get_query_execution,
    "GetQueryResults": get_query_results,
    "StopQueryExecution": stop_query_execution,
    "ListQueryExecutions": list_query_executions,
    "BatchGetQueryExecution": batch_get_query_execution,
}


def answer(action: str, body: bytes, headers: dict[str, str], query_params: dict[str, Any]) -> Response:
    """Answer one call of an operation of this module."""
    try:
        request = json.loads(body or b"{}")
        if not isinstance(request, dict):
            raise RequestError("The request is not a JSON object", "SerializationException")
        answered = OPERATIONS[action](request, current_caller(headers, query_params))
    except RequestError as error:
        return error.response()
    except ValueError:
        return RequestError("The request is not valid", "SerializationException").response()
    return json_response(answered)  # type: ignore[no-any-return]
