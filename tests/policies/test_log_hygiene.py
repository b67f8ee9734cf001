"""Nothing logs a payload: no log line and no error text contains any part of a record."""

from __future__ import annotations

import base64
import json
import logging
import random
import traceback
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from scripts.put_items import command
from scripts.put_items.errors import CommandError, RecordError
from scripts.put_items.reading.source import Source, check
from scripts.put_items.table import Table
from tests.policies.canaries import DIGITS, FAULTS, WORD, change, firehose_record, item, sightings
from transform_lambda import change as change_module
from transform_lambda.handler import handler

generator = random.Random  # the same records in every run: test data, not secrets
RECORDS = 100_000
BATCH = 500


@pytest.fixture(autouse=True)
def everything_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Log lines of all libraries at their most detailed level count too."""
    caplog.set_level(logging.DEBUG)


def printed(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> str:
    out, err = capfd.readouterr()
    text = out + err + caplog.text
    caplog.clear()
    return text


def test_the_search_finds_canaries_in_every_encoding() -> None:
    """A search that finds nothing proves nothing, so every encoding is tested."""
    for shift in ("", "x", "xy", "xyz"):
        for canary in (WORD, DIGITS):
            assert sightings(f"…{shift}{canary}…")
            assert sightings(base64.b64encode(f"{shift}{canary}{shift}".encode()).decode())
    assert sightings(WORD.upper())
    assert sightings(WORD.encode().hex())
    assert not sightings("transformed 500 records, 3 failed: JsonError")


@pytest.mark.xdist_group("hygiene")
def test_no_canary_of_100_000_records_reaches_the_functions_log(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Good and bad records. The summary lines contain only counts and reasons."""
    chance = generator(20261120)
    answered = failed = 0
    lines: list[str] = []
    for start in range(0, RECORDS, BATCH):
        records = [firehose_record(number, chance) for number in range(start, start + BATCH)]
        event = {"invocationId": "i", "deliveryStreamArn": "arn", "region": "us-east-1", "records": records}
        answers = handler(event, SimpleNamespace(aws_request_id="r"))["records"]
        answered += len(answers)
        failed += sum(answer["result"] == "ProcessingFailed" for answer in answers)
        lines.append(printed(capfd, caplog))
    assert answered == RECORDS
    assert failed > RECORDS / 10, "the fuzz must make records that fail"
    assert len([line for text in lines for line in text.splitlines()]) >= RECORDS // BATCH
    assert [seen for text in lines for seen in sightings(text)] == []


@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_no_error_of_the_function_quotes_its_record(fault: str) -> None:
    """Neither the exception nor its traceback contains the payload, in case somebody prints it."""
    chance = generator(fault)
    raised = []
    for _ in range(100):
        text = FAULTS[fault](change(chance), chance).encode("utf-8", "surrogatepass")
        try:
            change_module.transform(text)
        except Exception as error:  # noqa: BLE001 - any exception is searched
            raised.append("".join(traceback.format_exception(error)) + repr(error))
    assert (fault == "none") == (not raised)
    assert [seen for text in raised for seen in sightings(text)] == []


def test_a_row_too_large_to_deliver_is_reported_without_its_content(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """A row that no retry can deliver is reported only by its sequence number."""
    record = change(generator(1))
    record["dynamodb"]["NewImage"] = {"pk": {"S": WORD}, "big": {"S": WORD * 500_000}}
    record["eventName"] = "INSERT"
    data = base64.b64encode(json.dumps(record).encode()).decode()
    metadata = {"sequenceNumber": "123"}
    handler({"records": [{"recordId": "1", "data": data, "kinesisRecordMetadata": metadata}]}, None)
    text = printed(capfd, caplog)
    assert "RowTooLargeError" in text
    assert "123" in text
    assert sightings(text) == []


TABLE = Table("shop", "111111111111", "us-east-1", {"pk": "HASH"}, {"pk": "S"})


@pytest.mark.xdist_group("hygiene")
def test_no_error_of_put_items_quotes_a_value(tmp_path: Path) -> None:
    """A file of bad items is refused by line and attribute; the values stay in the file."""
    chance = generator(7)
    wrong: list[Any] = [{"X": WORD}, {"N": WORD}, {"B": WORD + "!"}, {"S": WORD, "N": DIGITS}, {"SS": []}]
    wrong += [
        {"NS": [DIGITS, DIGITS]},
        {"N": DIGITS * 4},
        {"N": DIGITS + "E999"},
        {"BOOL": WORD},
        {"NULL": DIGITS},
    ]
    path = tmp_path / "items.json"
    with path.open("w", encoding="utf-8") as file:
        for _ in range(5_000):
            good = item(chance)
            # Messages name attributes on purpose, so attribute names are not canaries here.
            bad = {"pk": good["pk"], "attribute": chance.choice(wrong)}
            file.write(
                json.dumps(chance.choice([bad, {"pk": {"N": DIGITS}}, {"pk": {"S": WORD * 1000}}])) + "\n"
            )
    refused = [reason for _, reason, _ in Source(path, TABLE, {}, None).items()]
    assert all(isinstance(error, RecordError) for error in refused)
    assert len(refused) == 5_000
    assert [seen for error in refused for seen in sightings(str(error))] == []


class Refusing:
    """A DynamoDB that refuses every batch and quotes the item in its message, as it does for numbers."""

    def describe_table(self, **_: str) -> dict[str, Any]:
        table: dict[str, Any] = {
            "TableName": "shop",
            "TableStatus": "ACTIVE",
            "KeySchema": [],
            "AttributeDefinitions": [],
        }
        table["TableArn"] = "arn:aws:dynamodb:us-east-1:111111111111:table/shop"
        table["KeySchema"] = [{"AttributeName": "pk", "KeyType": "HASH"}]
        table["AttributeDefinitions"] = [{"AttributeName": "pk", "AttributeType": "S"}]
        return {"Table": table}

    def batch_write_item(self, **request: Any) -> dict[str, Any]:
        message = f"The parameter cannot be converted to a numeric value: {json.dumps(request, default=str)}"
        raise ClientError({"Error": {"Code": "ValidationException", "Message": message}}, "BatchWriteItem")


FILES = {
    "items.json": json.dumps({"pk": {"S": WORD}, "n": {"N": DIGITS}}),
    "broken.json": f'{{"pk": "{WORD}", "n": {DIGITS},, }}',
    "cut.json": f'[{{"pk": "{WORD}"}}, {{"pk": "{WORD}',
    "twice.json": f'{{"pk": "{WORD}", "a": "{WORD}", "a": {DIGITS}}}',
    "nan.json": f'{{"pk": "{WORD}", "a": [NaN, {DIGITS}]}}',
    "list.json": f'["{WORD}", {DIGITS}]',
    "typed.json": json.dumps({"pk": WORD, "a": [{"S": WORD}]}),
    "mixed.json": json.dumps({"pk": {"S": WORD}, "a": WORD}),
    "set.json": json.dumps({"pk": WORD, "a": {"wrapperName": "Set", "values": [WORD], "type": WORD}}),
    "buffer.json": json.dumps({"pk": WORD, "a": {"type": "Buffer", "data": [WORD]}}),
    "condition.json": json.dumps({"Put": {"Item": {"pk": {"S": WORD}}, "ConditionExpression": WORD}}),
    "two.json": json.dumps({"RequestItems": {"shop": [{"PutRequest": {"Item": WORD}}]}}),
    "near.json": json.dumps({"Items": [{"pk": WORD}], "other": DIGITS}),
    "cells.csv": f'pk,m:M\n{WORD},"{{""a"":{{""S"":""{WORD}""}},""b"":{DIGITS}}}"\n',
    "readings.tsv": f'pk\tn\n{WORD}\t"{WORD}\n{WORD}\t{WORD}"\n',
    "numbers.csv": f'pk,n:N\n{WORD},"1,{DIGITS}"\n',
    "json.csv": json.dumps({"pk": WORD, "n": DIGITS}),
    "text.txt": f"{WORD},{DIGITS}\n",
    "items.csv": f"pk,n:N\n{WORD},{DIGITS}{DIGITS}\n{WORD},{WORD}\n",
    "keyless.csv": f"other\n{WORD}\n",
    "ragged.csv": f'pk,n\n{WORD},{DIGITS},{WORD}\n"{WORD}',
}


@pytest.mark.parametrize("name", sorted(FILES))
def test_no_failed_put_items_run_prints_a_value(
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Every failure, from the command line to the exit code, is a message without data."""
    path = tmp_path / name
    path.write_text(FILES[name], encoding="utf-8")
    fake = SimpleNamespace(region_name="us-east-1", client=lambda *_, **__: Refusing())
    monkeypatch.setattr(boto3, "Session", lambda **_: fake)
    assert command.run(["shop", "--file", str(path), "--output", "json"]) != 0
    text = printed(capfd, caplog)
    assert "error" in text
    assert sightings(text.replace(str(tmp_path), "")) == []


def test_a_file_that_is_not_text_is_refused_without_its_bytes(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """A decoding error would contain the bytes of the file."""
    path = tmp_path / "items.json"
    path.write_bytes(b'{"pk": "' + WORD.encode() + b'\xff"}')
    with pytest.raises(CommandError) as caught:
        check(Source(path, TABLE, {}, None))
    assert "not UTF-8" in caught.value.message
    text = "".join(traceback.format_exception(caught.value)) + printed(capfd, caplog)
    assert sightings(text) == []
