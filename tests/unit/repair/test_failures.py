"""Lines of error objects: every documented form becomes a row, everything else states its reason."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any

import pytest

from repair.error_objects import ErrorObject, error_object
from repair.failures import NO_CODE, Recovered, Unrecoverable, outcome
from tests.unit.transform.records import EVERY_TYPE, SEQUENCE, change_record
from transform_lambda.change import transform
from transform_lambda.flatten import RowSettings

SETTINGS = RowSettings(keep_images=True)
RECORD = json.dumps(change_record(new={"pk": {"S": "a"}, **EVERY_TYPE})).encode()
ROW, TIME = transform(RECORD, None, SETTINGS)
SECRET = "canary-of-the-payload"
TRANSFORMATION: dict[str, Any] = {
    "attemptsMade": 4,
    "arrivalTimestamp": 1795168800000,
    "errorCode": "Lambda.FunctionError",
    "errorMessage": "The Lambda function was successfully invoked but it returned an error result.",
    "attemptEndingTimestamp": 1795168800507,
    "lambdaArn": "arn:aws:lambda:us-east-1:111111111111:function:transform:$LATEST",
}
AS_TEXT: dict[str, Any] = {name: str(value) for name, value in TRANSFORMATION.items()}
CONVERSION: dict[str, Any] = {
    "attemptsMade": 1,
    "arrivalTimestamp": 1795168860000,
    "attemptEndingTimestamp": 1795168861000,
    "sequenceNumber": SEQUENCE,
    "subSequenceNumber": 0,
    "dataCatalogTable": {"databaseName": "ddb_lake", "tableName": "changes", "versionId": "LATEST"},
}
PARTITIONING: dict[str, Any] = {
    "attemptsMade": 1,
    "arrivalTimestamp": 1795168801000,
    "errorCode": "DynamicPartitioning.MetadataExtractionFailed",
    "errorMessage": "partitionKeys values must not be null or empty",
    "attemptEndingTimestamp": 1795168801500,
    "lambdaARN": "arn:aws:lambda:us-east-1:111111111111:function:transform:$LATEST",
}


def source(error_type: str = "processing-failed") -> ErrorObject:
    """An error object of this kind."""
    found = error_object(f"errors/{error_type}/dt=2026-11-20/ddb-lake-1-x")
    assert found is not None
    return found


def line(payload: bytes = RECORD, **members: Any) -> bytes:
    """An error line with this record."""
    return json.dumps({**members, "rawData": base64.b64encode(payload).decode()}).encode()


def recovered(text: bytes | int, error_type: str = "processing-failed") -> Recovered:
    """The row of a line, which must have one."""
    result = outcome(text, source(error_type), SETTINGS)
    assert isinstance(result, Recovered), result
    return result


def unrecoverable(text: bytes | int, error_type: str = "processing-failed") -> tuple[str, dict[str, Any]]:
    """The class of the error, and the line that states it, which must be complete."""
    result = outcome(text, source(error_type), SETTINGS)
    assert isinstance(result, Unrecoverable), result
    assert result.line.endswith(b"}\n")
    assert result.line.count(b"\n") == 1
    statement: dict[str, Any] = json.loads(result.line)
    assert statement["errorCode"] == type(result.error).__name__
    assert statement["sourceObject"] == source(error_type).key
    assert SECRET not in statement["errorMessage"]
    return type(result.error).__name__, statement


@pytest.mark.parametrize(
    ("error_type", "members", "code"),
    [
        ("processing-failed", TRANSFORMATION, "Lambda.FunctionError"),
        ("processing-failed", AS_TEXT, "Lambda.FunctionError"),
        ("metadata-extraction-failed", PARTITIONING, PARTITIONING["errorCode"]),
        ("activePartitionExceeded", {**PARTITIONING, "lambdaARN": None}, PARTITIONING["errorCode"]),
        ("decompression-failed", {"errorCode": "Decompression.Failed"}, "Decompression.Failed"),
        ("processing-failed", {}, NO_CODE),
        ("processing-failed", {"errorCode": 7}, NO_CODE),
        ("processing-failed", {"errorCode": "any text of a record"}, NO_CODE),
    ],
)
def test_documented_forms_become_the_row_of_the_function(
    error_type: str, members: dict[str, Any], code: str
) -> None:
    """The bytes are those that the function writes without a sequence number, and the code is Firehose's."""
    result = recovered(line(**members), error_type)
    assert (result.row.line, result.row.time) == (ROW, TIME)
    assert (result.code, result.table, result.payload) == (code, json.loads(ROW)["change_table"], RECORD)


@pytest.mark.parametrize("spelling", ["errorCode", "ErrorCode", "lastErrorCode"])
def test_format_conversion_keeps_the_sequence_number(spelling: str) -> None:
    """Each spelling of the code is read, and the row has the stream's number, as from the function."""
    code = "DataFormatConversion.MalformedData"
    members: dict[str, Any] = {**CONVERSION, spelling: code}
    result = recovered(line(**members), "format-conversion-failed")
    assert result.row.line == transform(RECORD, SEQUENCE, SETTINGS)[0]
    assert result.code == code


@pytest.mark.parametrize("name", ["rawData", "RawData", "rawdata"])
def test_raw_data_is_found_in_any_case(name: str) -> None:
    """The table `errors` matches names in any case, too."""
    text = json.dumps({name: base64.b64encode(RECORD).decode()}).encode()
    assert recovered(text).row.line == ROW


def test_compressed_record_is_decompressed() -> None:
    """A record that Firehose could not decompress is delivered as it was sent."""
    result = recovered(line(gzip.compress(RECORD)), "decompression-failed")
    assert (result.row.line, result.payload) == (ROW, RECORD)


@pytest.mark.parametrize("kind", ["metadata-extraction-failed", "activePartitionExceeded"])
def test_row_of_the_function_stays_as_it_is(kind: str) -> None:
    """A failure after the function may have the row instead of the record; the stream does not take it."""
    result = recovered(line(ROW), kind)
    assert (result.row.line, result.row.time, result.payload) == (ROW, TIME, None)


def test_row_before_the_function_is_not_a_change() -> None:
    """Only a failure after the function can have a row: any other one is somebody's own text."""
    assert unrecoverable(line(ROW))[0] == "ChangeShapeError"


@pytest.mark.parametrize(
    "change",
    [
        {"change_time": "2026-11-20"},
        {"change_time": f"2026-11-20T00:00:00.000000Z/../{SECRET}"},
        {"change_type": SECRET},
        {"change_id": ""},
        {"change_key": None},
        {"change_table": ["x"]},
    ],
)
def test_almost_a_row_is_unrecoverable(change: dict[str, Any]) -> None:
    """A row whose metadata is not the function's would be a wrong row of the lake."""
    text = json.dumps({**json.loads(ROW), **change}).encode()
    assert unrecoverable(line(text), "metadata-extraction-failed")[0] == "ChangeShapeError"


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (b"not JSON " + SECRET.encode(), "UnknownFormError"),
        (b'"' + SECRET.encode() + b'"', "UnknownFormError"),
        (b"[1, 2]", "UnknownFormError"),
        (b'{"errorCode": "x"}', "UnknownFormError"),
        (b'{"rawData": "", "RAWDATA": ""}', "UnknownFormError"),
        (b'{"a":' * 5000 + b"1" + b"}" * 5000, "UnknownFormError"),
        (b'{"rawData": {"S": "x"}}', "RawDataError"),
        (b'{"rawData": null}', "RawDataError"),
        (b'{"rawData": "*' + SECRET.encode() + b'*"}', "RawDataError"),
        (b'{"rawData": "e30=*"}', "RawDataError"),
        ('{"rawData": "ä"}'.encode(), "RawDataError"),
        (b'{"rawData": ""}', "JsonError"),
        (line(SECRET.encode()), "JsonError"),
        (line(b"[" * 100_000), "JsonError"),
        (line(b'{"eventName": "DROP"}'), "ChangeShapeError"),
        (line(json.dumps(change_record(new={"pk": {"X": SECRET}})).encode()), "AttributeValueError"),
        (line(RECORD.replace(b'"eventName"', b'"eventName":"MODIFY","eventName"')), "DuplicateNameError"),
        (line(gzip.compress(RECORD)[:-9]), "RawDataError"),
        (line(gzip.compress(RECORD) * 2), "RawDataError"),
        (line(b"\x1f\x8bno gzip"), "RawDataError"),
        (line(gzip.compress(bytes(13 * 1024 * 1024))), "RawDataError"),
        (20_000_000, "LineTooLongError"),
    ],
    ids=range(22),
)
def test_hostile_line_states_its_reason(text: bytes | int, error: str) -> None:
    """Nothing raises, no message has the payload, and nothing of the record is gone."""
    found, statement = unrecoverable(text, "decompression-failed")
    assert found == error
    if isinstance(text, int):
        assert statement["rawData"] is None
        return
    raw = None if error == "UnknownFormError" else json.loads(text)["rawData"]
    if isinstance(raw, str):
        assert statement["rawData"] == raw
    else:
        assert base64.b64decode(statement["rawData"]) == text


def test_compressed_record_has_a_limit() -> None:
    """A record that is larger than any of a stream is not decompressed further."""
    _, statement = unrecoverable(line(gzip.compress(bytes(13 * 1024 * 1024))))
    assert statement["errorMessage"] == "rawData is compressed, and has more than 12582912 bytes"


def test_unrecoverable_line_has_the_form_of_firehose() -> None:
    """The members of the guide first, with the values of the failure, then where it comes from."""
    _, statement = unrecoverable(line(b"x", **TRANSFORMATION))
    assert list(statement)[:7] == [
        "attemptsMade",
        "arrivalTimestamp",
        "errorCode",
        "errorMessage",
        "attemptEndingTimestamp",
        "rawData",
        "lambdaArn",
    ]
    kept = ("attemptsMade", "arrivalTimestamp", "attemptEndingTimestamp", "lambdaArn")
    assert {name: statement[name] for name in kept} == {name: TRANSFORMATION[name] for name in kept}
    assert statement["sourceErrorCode"] == "Lambda.FunctionError"


def test_members_of_another_shape_are_not_kept() -> None:
    """The table `errors` reads these as text: a nested value would be part of somebody's payload."""
    _, statement = unrecoverable(line(b"x", arrivalTimestamp={"a": SECRET}, lambdaArn=SECRET * 200))
    assert (statement["arrivalTimestamp"], statement["lambdaArn"]) == (None, None)
