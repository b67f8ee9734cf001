"""Query executions: their states, and their results in memory and in S3."""

import contextvars
import dataclasses
import logging
import threading
import time
import uuid
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from sandbox.athena.api.access import Caller
from sandbox.athena.api.emulated import EmulatedCatalog, EmulatedStore
from sandbox.athena.engine import results
from sandbox.athena.engine.query import Query
from sandbox.athena.errors import AccessDeniedError, CancelledError, QueryError
from sandbox.athena.statements.dispatch import Kind, run

logger = logging.getLogger("athena")

CONCURRENT_QUERIES = 4  # Athena's default quota is 20 or more, which would not help on two cores
KEPT_RESULT_CELLS = 1_000_000  # rows kept in memory for GetQueryResults (about 80 MB), oldest dropped first

_workers = ThreadPoolExecutor(CONCURRENT_QUERIES, thread_name_prefix="athena")


@dataclass
class Execution:
    """One query execution; `record` is GetQueryExecution's answer."""

    record: dict[str, Any]
    caller: Caller
    result_encryption: dict[str, str]
    scan_limit: int | None
    result: results.Result | None = None
    query: Query | None = None
    stopped: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def state(self) -> str:
        """QUEUED, RUNNING, SUCCEEDED, FAILED or CANCELLED."""
        return str(self.record["Status"]["State"])

    def __deepcopy__(self, memo: dict[int, Any]) -> "Execution":
        return self  # MiniStack copies its state to persist it; executions are not persisted


def new_record(
    sql: str, kind: Kind, *, workgroup: str, context: dict[str, str], output: str, encryption: dict[str, str]
) -> dict[str, Any]:
    """A QueryExecution in state QUEUED; its result will be `<output>/<id><extension>`."""
    identifier = str(uuid.uuid4())
    configuration: dict[str, Any] = {"OutputLocation": f"{output.rstrip('/')}/{identifier}{kind.extension}"}
    if encryption:
        configuration["EncryptionConfiguration"] = encryption
    return {
        "QueryExecutionId": identifier,
        "Query": sql,
        "StatementType": kind.type,
        "ResultConfiguration": configuration,
        "ResultReuseConfiguration": {"ResultReuseByAgeConfiguration": {"Enabled": False}},
        "QueryExecutionContext": context,
        "Status": {"State": "QUEUED", "SubmissionDateTime": time.time()},
        "Statistics": {"DataScannedInBytes": 0, "EngineExecutionTimeInMillis": 0},
        "WorkGroup": workgroup,
        "EngineVersion": {
            "SelectedEngineVersion": "AUTO",
            "EffectiveEngineVersion": "Athena engine version 3",
        },
        "SubstatementType": kind.substatement,
    }


def start(execution: Execution) -> None:
    """Run it on a worker, in the request's account and Region."""
    context = contextvars.copy_context()
    _workers.submit(context.run, _run, execution)


def stop(execution: Execution) -> None:
    """Cancel a running query; one that has ended does not change."""
    with execution.lock:
        if execution.state not in ("QUEUED", "RUNNING"):
            return
        execution.stopped = True
        if execution.query is not None:
            execution.query.cancel("Query was cancelled by user")
        else:
            _end(execution, "CANCELLED", "Query was cancelled by user")


def _run(execution: Execution) -> None:
    started = time.time()
    record = execution.record
    with execution.lock:
        if execution.stopped:
            return
        record["Status"]["State"] = "RUNNING"
        store = EmulatedStore(execution.caller)
        execution.query = Query(
            EmulatedCatalog(execution.caller),
            store,
            database=record["QueryExecutionContext"]["Database"],
            scan_limit=execution.scan_limit,
            default_location=record["ResultConfiguration"]["OutputLocation"].rsplit("/", 1)[0],
        )
    queued = started - record["Status"]["SubmissionDateTime"]
    state, reason, error = "SUCCEEDED", "", None
    try:
        result = run(execution.query, record["_running"])
        _write(execution, result, store)
        execution.result = result
        _keep(execution)
    except CancelledError as cancelled:
        state, reason = "CANCELLED", str(cancelled)
    except QueryError as failure:
        state, reason, error = "FAILED", str(failure), failure
    except Exception as failure:  # a query must end after any error
        logger.error("query %s: %s in the engine", record["QueryExecutionId"], type(failure).__name__)
        logger.debug("the query's traceback", exc_info=True)
        state = "FAILED"
        reason = (
            f"GENERIC_INTERNAL_ERROR: the sandbox's Athena has a bug ({type(failure).__name__}). "
            "Report the query, or run it on AWS."
        )
    elapsed = round((time.time() - started) * 1_000)
    with execution.lock:
        record["Statistics"].update(
            EngineExecutionTimeInMillis=elapsed,
            TotalExecutionTimeInMillis=elapsed + round(queued * 1_000),
            QueryQueueTimeInMillis=round(queued * 1_000),
            ServiceProcessingTimeInMillis=0,
            DataScannedInBytes=execution.query.scanned_bytes,
        )
        _end(execution, state, reason, error)
        execution.query = None


_kept: OrderedDict[str, Execution] = OrderedDict()
_kept_lock = threading.Lock()


def _keep(execution: Execution) -> None:
    """Keep the rows of the newest results in memory; those of older ones are read from S3 when requested."""
    with _kept_lock:
        _kept[execution.record["QueryExecutionId"]] = execution
        cells = {identifier: _cells(kept) for identifier, kept in _kept.items()}
        while sum(cells.values()) > KEPT_RESULT_CELLS and len(_kept) > 1:
            identifier, oldest = _kept.popitem(last=False)
            cells.pop(identifier)
            if oldest.result is not None:
                oldest.result = dataclasses.replace(oldest.result, rows=None)


def _cells(execution: Execution) -> int:
    result = execution.result
    return len(result.rows) * max(1, len(result.columns)) if result is not None and result.rows else 1


def result_of(execution: Execution) -> results.Result:
    """A succeeded execution's result with its rows, from memory or from its result object."""
    result = execution.result
    if result is None or result.rows is not None:
        return result or results.Result()
    location = urlsplit(execution.record["ResultConfiguration"]["OutputLocation"])
    store = EmulatedStore(execution.caller)
    key = location.path.lstrip("/")
    body = next(
        (store.read(found) for found in store.list_objects(location.netloc, key) if found.key == key), b""
    )
    rows = results.from_text(body) if result.text else results.from_csv(body)
    return dataclasses.replace(result, rows=rows)


def _end(execution: Execution, state: str, reason: str, error: QueryError | None = None) -> None:
    status = execution.record["Status"]
    if reason:
        status["StateChangeReason"] = reason
    if state == "FAILED":
        status["AthenaError"] = {
            "ErrorCategory": 2 if error else 1,  # user, system (Athena API reference, "AthenaError")
            "ErrorType": 1003 if isinstance(error, AccessDeniedError) else 1006,
            "Retryable": False,
            "ErrorMessage": reason,
        }
    status["CompletionDateTime"] = time.time()
    status["State"] = state  # last: a client that polls can then read the rest


def _write(execution: Execution, result: results.Result, store: EmulatedStore) -> None:
    location = execution.record["ResultConfiguration"]["OutputLocation"]
    parts = urlsplit(location)
    key = parts.path.lstrip("/")
    objects = {f"{key}.metadata": results.to_metadata(result.columns)}
    if result.update_count is not None:
        objects[f"{key}-manifest.csv"] = "".join(f"{path}\n" for path in result.manifest).encode()
        execution.record["Statistics"]["DataManifestLocation"] = f"{location}-manifest.csv"
    elif result.text:
        objects[key] = results.to_text(result.rows or [])
    else:
        objects[key] = results.to_csv(result.columns, result.rows or [])
    kind = "text/plain" if result.text else "application/octet-stream"
    try:
        for name, body in objects.items():
            store.put(parts.netloc, name, body, {"content-type": kind, **execution.result_encryption})
    except AccessDeniedError:
        raise AccessDeniedError(
            "",
            f"Access denied when writing output to url: {location} . Please ensure you are allowed to access "
            "the S3 bucket. If you are encrypting query results with KMS key, please ensure you are allowed "
            "to access your KMS key",
        ) from None
