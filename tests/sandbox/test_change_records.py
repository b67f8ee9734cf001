"""Change records as AWS sends them, for every operation that writes an item."""

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import pytest
from botocore.exceptions import ClientError

from sandbox.lifecycle import Sandbox
from tests.sandbox.waiting import wait_until

pytestmark = pytest.mark.sandbox
Item = dict[str, Any]
SORT = "State#Date"
UPDATE_STATEMENT = """UPDATE "{}" SET v='new' WHERE pk='a' AND "State#Date"=1"""
DELETE_STATEMENT = """DELETE FROM "{}" WHERE pk='a' AND "State#Date"=1"""
INSERT_STATEMENT = """INSERT INTO "{}" VALUE {{'pk':'{}','State#Date':1}}"""


@dataclass
class Source:
    """A table streamed into a Kinesis stream of one shard."""

    dynamodb: Any
    kinesis: Any
    table: str
    stream_arn: str

    def key(self, partition: str, sort: str = "1") -> Item:
        return {"pk": {"S": partition}, SORT: {"N": sort}}

    def records(self) -> list[Item]:
        """Every Kinesis record of the stream, its data parsed."""
        iterator = self.kinesis.get_shard_iterator(
            StreamARN=self.stream_arn, ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        found = self.kinesis.get_records(ShardIterator=iterator, StreamARN=self.stream_arn)["Records"]
        return [{**record, "Change": json.loads(record["Data"])} for record in found]

    def changes(self) -> list[Item]:
        """The change records alone."""
        return [record["Change"] for record in self.records()]


@pytest.fixture
def make_source(emulator: Sandbox, unique: str) -> Callable[..., Source]:
    """Create a table `unique` with keys pk (S) and State#Date (N), streamed at the given precision."""
    session = emulator.session("producer")
    dynamodb, kinesis = session.client("dynamodb"), session.client("kinesis")

    def make(precision: Literal["MICROSECOND", "MILLISECOND"] = "MICROSECOND") -> Source:
        kinesis.create_stream(StreamName=unique, ShardCount=1)
        arn = kinesis.describe_stream_summary(StreamName=unique)["StreamDescriptionSummary"]["StreamARN"]
        dynamodb.create_table(
            TableName=unique,
            KeySchema=[
                {"AttributeName": "pk", "KeyType": "HASH"},
                {"AttributeName": SORT, "KeyType": "RANGE"},
            ],
            AttributeDefinitions=[
                {"AttributeName": "pk", "AttributeType": "S"},
                {"AttributeName": SORT, "AttributeType": "N"},
            ],
            BillingMode="PAY_PER_REQUEST",
        )
        dynamodb.enable_kinesis_streaming_destination(
            TableName=unique,
            StreamArn=arn,
            EnableKinesisStreamingConfiguration={"ApproximateCreationDateTimePrecision": precision},
        )
        return Source(dynamodb, kinesis, unique, arn)

    return make


@pytest.fixture
def source(make_source: Callable[..., Source]) -> Source:
    """A table streamed at microseconds."""
    return make_source()


def test_record_has_the_format_of_aws(source: Source) -> None:
    """Field for field as a record published from us-east-1: compact, without fields of DynamoDB Streams."""
    before = time.time()
    source.dynamodb.put_item(TableName=source.table, Item={**source.key("a"), "b": {"B": b"\x00\xff"}})

    (record,) = source.records()
    change = record["Change"]
    assert list(change) == [
        "awsRegion",
        "eventID",
        "eventName",
        "userIdentity",
        "recordFormat",
        "tableName",
        "dynamodb",
        "eventSource",
    ]
    assert b'", "' not in record["Data"]
    assert b'": ' not in record["Data"]
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", change["eventID"])
    assert re.fullmatch(r"[0-9A-F]{32}", record["PartitionKey"])
    stamp = change["dynamodb"].pop("ApproximateCreationDateTime")
    assert before - 1 < stamp / 1e6 < time.time() + 1
    assert {**change, "eventID": ""} == {
        "awsRegion": "us-east-1",
        "eventID": "",
        "eventName": "INSERT",
        "userIdentity": None,
        "recordFormat": "application/json",
        "tableName": source.table,
        "dynamodb": {
            "Keys": source.key("a"),
            "NewImage": {**source.key("a"), "b": {"B": "AP8="}},
            "SizeBytes": 2 * (len("pk") + 1 + len(SORT) + 2) + 1 + 2,
            "ApproximateCreationDateTimePrecision": "MICROSECOND",
        },
        "eventSource": "aws:dynamodb",
    }


def test_millisecond_tables_send_milliseconds(make_source: Callable[..., Source]) -> None:
    """The unit is the table's precision, and the record contains it."""
    source = make_source("MILLISECOND")
    source.dynamodb.put_item(TableName=source.table, Item=source.key("a"))

    (change,) = source.changes()
    assert abs(change["dynamodb"]["ApproximateCreationDateTime"] / 1e3 - time.time()) < 60
    assert change["dynamodb"]["ApproximateCreationDateTimePrecision"] == "MILLISECOND"


def test_numbers_arrive_as_dynamodb_stores_them(source: Source) -> None:
    """No leading or trailing zeros, no exponent, every digit."""
    sent = ["1.0", "007", "1E3", "-0.50", "12345678901234567890123456789012345678", "0.00"]
    source.dynamodb.put_item(
        TableName=source.table, Item={**source.key("a"), "l": {"L": [{"N": number} for number in sent]}}
    )

    (change,) = source.changes()
    kept = [number["N"] for number in change["dynamodb"]["NewImage"]["l"]["L"]]
    assert kept == ["1", "7", "1000", "-0.5", "12345678901234567890123456789012345678", "0"]


def test_arithmetic_and_partiql_keep_every_digit(source: Source) -> None:
    """A sum has up to 38 digits, and a statement's parameter is trimmed like any other number."""
    source.dynamodb.execute_statement(
        Statement=f"""INSERT INTO "{source.table}" VALUE {{'pk':'a','{SORT}':1,'n':?}}""",
        Parameters=[{"N": "01.50"}],
    )
    source.dynamodb.update_item(
        TableName=source.table,
        Key=source.key("a"),
        UpdateExpression="SET big = n + :big",
        ExpressionAttributeValues={":big": {"N": "1234567890123456789012345678901234567"}},
    )

    image = source.changes()[-1]["dynamodb"]["NewImage"]
    assert (image["n"]["N"], image["big"]["N"]) == ("1.5", "1234567890123456789012345678901234568.5")


def _put(source: Source) -> None:
    source.dynamodb.put_item(TableName=source.table, Item={**source.key("a"), "v": {"S": "new"}})


def _update(source: Source) -> None:
    source.dynamodb.update_item(
        TableName=source.table,
        Key=source.key("a"),
        UpdateExpression="SET v = :v",
        ExpressionAttributeValues={":v": {"S": "new"}},
    )


def _batch(source: Source) -> None:
    item = {**source.key("a"), "v": {"S": "new"}}
    source.dynamodb.batch_write_item(RequestItems={source.table: [{"PutRequest": {"Item": item}}]})


def _transaction(source: Source) -> None:
    item = {**source.key("a"), "v": {"S": "new"}}
    source.dynamodb.transact_write_items(TransactItems=[{"Put": {"TableName": source.table, "Item": item}}])


def _partiql(source: Source) -> None:
    source.dynamodb.execute_statement(Statement=UPDATE_STATEMENT.format(source.table))


def _partiql_transaction(source: Source) -> None:
    statement = UPDATE_STATEMENT.format(source.table)
    source.dynamodb.execute_transaction(TransactStatements=[{"Statement": statement}])


@pytest.mark.parametrize("write", [_put, _update, _batch, _transaction, _partiql, _partiql_transaction])
def test_every_operation_sends_both_images(source: Source, write: Callable[[Source], None]) -> None:
    """MODIFY has the item before and after, for every operation."""
    source.dynamodb.put_item(TableName=source.table, Item={**source.key("a"), "v": {"S": "old"}})
    write(source)

    insert, modify = source.changes()
    assert insert["eventName"] == "INSERT"
    assert "OldImage" not in insert["dynamodb"]
    assert modify["eventName"] == "MODIFY"
    assert modify["dynamodb"]["OldImage"]["v"] == {"S": "old"}
    assert modify["dynamodb"]["NewImage"]["v"] == {"S": "new"}


def _delete(source: Source) -> None:
    source.dynamodb.delete_item(TableName=source.table, Key=source.key("a"))


def _delete_in_batch(source: Source) -> None:
    source.dynamodb.batch_write_item(
        RequestItems={source.table: [{"DeleteRequest": {"Key": source.key("a")}}]}
    )


def _delete_by_partiql(source: Source) -> None:
    source.dynamodb.execute_statement(Statement=DELETE_STATEMENT.format(source.table))


@pytest.mark.parametrize("delete", [_delete, _delete_in_batch, _delete_by_partiql])
def test_delete_sends_the_last_state(source: Source, delete: Callable[[Source], None]) -> None:
    """REMOVE has the old image only; a second delete changes and sends nothing."""
    _put(source)
    delete(source)
    delete(source)

    _, remove = source.changes()
    assert remove["eventName"] == "REMOVE"
    assert remove["userIdentity"] is None
    assert remove["dynamodb"]["OldImage"]["v"] == {"S": "new"}
    assert "NewImage" not in remove["dynamodb"]


def test_write_without_a_change_sends_nothing(source: Source) -> None:
    """The same numbers in another notation, and the same set in another order, are the same data."""
    item = {**source.key("a"), "n": {"N": "1"}, "s": {"SS": ["x", "y"]}}
    source.dynamodb.put_item(TableName=source.table, Item=item)
    source.dynamodb.put_item(
        TableName=source.table, Item={**item, "n": {"N": "1.00"}, "s": {"SS": ["y", "x"]}}
    )

    assert [change["eventName"] for change in source.changes()] == ["INSERT"]


def test_cancelled_transaction_sends_nothing(source: Source) -> None:
    """MiniStack applies the statements, then restores a snapshot: no record may be sent before that."""
    first, second = (INSERT_STATEMENT.format(source.table, partition) for partition in "ab")
    source.dynamodb.execute_statement(Statement=first)
    with pytest.raises(ClientError, match="TransactionCanceled"):
        source.dynamodb.execute_transaction(TransactStatements=[{"Statement": second}, {"Statement": first}])

    assert [change["dynamodb"]["Keys"]["pk"]["S"] for change in source.changes()] == ["a"]


def test_changes_of_one_item_have_an_order(source: Source) -> None:
    """Their microseconds and sequence numbers are strictly increasing."""
    for number in range(40):
        source.dynamodb.put_item(TableName=source.table, Item={**source.key("a"), "n": {"N": str(number)}})

    records = source.records()
    times = [record["Change"]["dynamodb"]["ApproximateCreationDateTime"] for record in records]
    sequences = [int(record["SequenceNumber"]) for record in records]
    assert times == sorted(set(times))
    assert sequences == sorted(set(sequences))
    assert len(times) == 40


def test_ttl_deletes_with_the_identity_of_the_service(source: Source) -> None:
    """Only expired items; those with text, a time long ago or a time in the future stay."""
    source.dynamodb.update_time_to_live(
        TableName=source.table, TimeToLiveSpecification={"Enabled": True, "AttributeName": "until"}
    )
    now = int(time.time())
    for name, value in {
        "text": {"S": str(now - 1)},
        "ancient": {"N": str(now - 6 * 365 * 86_400)},
        "future": {"N": str(now + 3600)},
        "expired": {"N": str(now - 1)},  # last: it may be deleted at once, when the others exist
    }.items():
        source.dynamodb.put_item(TableName=source.table, Item={**source.key(name), "until": value})

    def removed() -> list[Item]:
        return [change for change in source.changes() if change["eventName"] == "REMOVE"]

    (remove,) = wait_until(removed, "an expired item is deleted")
    assert remove["userIdentity"] == {"type": "Service", "principalId": "dynamodb.amazonaws.com"}
    assert remove["dynamodb"]["Keys"] == source.key("expired")
    left = source.dynamodb.scan(TableName=source.table)["Items"]
    assert sorted(item["pk"]["S"] for item in left) == ["ancient", "future", "text"]


def test_disabled_destination_receives_nothing(source: Source) -> None:
    """After DisableKinesisStreamingDestination writes continue without records."""
    source.dynamodb.disable_kinesis_streaming_destination(TableName=source.table, StreamArn=source.stream_arn)
    _put(source)

    assert source.changes() == []
