"""DescribeDeliveryStream's answer as delivery reads it, and the settings that it rejects."""

import datetime as dt
import re
from typing import Any

import pytest

from sandbox.delivery.description import MIB, Buffering, UnsupportedDeliveryStreamError, parse

ROLE = "arn:aws:iam::111111111111:role/r"
ERRORS = "errors/!{firehose:error-output-type}/"


def described(source: bool = True, processors: list[Any] | None = None, **destination: Any) -> dict[str, Any]:
    """A DeliveryStreamDescription with the S3 settings given."""
    config = {"BucketARN": "arn:aws:s3:::lake", "RoleARN": ROLE, **destination}
    if processors is not None:
        config["ProcessingConfiguration"] = {"Enabled": True, "Processors": processors}
    return {
        "DeliveryStreamName": "name",
        "DeliveryStreamARN": "arn:aws:firehose:eu-west-1:111111111111:deliverystream/name",
        "VersionId": "3",
        "Source": {
            "KinesisStreamSourceDescription": {
                "KinesisStreamARN": "arn:stream",
                "RoleARN": ROLE,
                "DeliveryStartTimestamp": dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
            }
        }
        if source
        else {},
        "Destinations": [{"ExtendedS3DestinationDescription": config}],
    }


def function(**parameters: str) -> dict[str, Any]:
    """A Lambda processor."""
    description = {"LambdaArn": "arn:function", **parameters}
    pairs = [{"ParameterName": name, "ParameterValue": value} for name, value in description.items()]
    return {"Type": "Lambda", "Parameters": pairs}


def test_defaults_are_those_of_firehose() -> None:
    """5 MiB and 300 s for S3; 1 MiB, 60 s and three retries for the function; UTC; no compression."""
    stream = parse(described(processors=[function()]))
    assert stream.destination.buffering == Buffering(5 * MIB, 300.0)
    assert (stream.destination.compression, stream.destination.time_zone) == ("UNCOMPRESSED", dt.UTC)
    assert stream.processor is not None
    assert stream.processor.buffering == Buffering(MIB, 60.0)
    assert (stream.processor.retries, stream.processor.role_arn) == (3, ROLE)
    assert (stream.account, stream.region, stream.version) == ("111111111111", "eu-west-1", "3")
    assert stream.started == 1767225600.0


def test_every_setting_is_read_from_the_description() -> None:
    """The sandbox has no second configuration."""
    stream = parse(
        described(
            processors=[
                function(
                    BufferSizeInMBs="0.2",
                    BufferIntervalInSeconds="0",
                    NumberOfRetries="0",
                    RoleArn="arn:other",
                )
            ],
            Prefix="p/",
            ErrorOutputPrefix="e/",
            CompressionFormat="GZIP",
            FileExtension=".json.gz",
            CustomTimeZone="Asia/Tokyo",
            BufferingHints={"SizeInMBs": 1, "IntervalInSeconds": 0},
            EncryptionConfiguration={"KMSEncryptionConfig": {"AWSKMSKeyARN": "arn:key"}},
            CloudWatchLoggingOptions={"Enabled": True, "LogGroupName": "g", "LogStreamName": "s"},
            S3BackupMode="Enabled",
            S3BackupDescription={"BucketARN": "arn:aws:s3:::backup", "RoleARN": ROLE},
        )
    )
    destination = stream.destination
    assert destination.buffering == Buffering(MIB, 0.0)
    assert (destination.prefix, destination.error_prefix) == ("p/", "e/")
    assert (destination.compression, destination.file_extension) == ("GZIP", ".json.gz")
    assert (str(destination.time_zone), destination.kms_key_arn) == ("Asia/Tokyo", "arn:key")
    assert destination.log is not None
    assert (destination.log.group, destination.log.stream) == ("g", "s")
    assert stream.processor is not None
    assert stream.processor.buffering == Buffering(int(0.2 * MIB), 0.0)
    assert (stream.processor.retries, stream.processor.role_arn) == (0, "arn:other")
    assert stream.backup is not None
    assert stream.backup.bucket == "backup"


def test_disabled_processing_has_no_processor() -> None:
    """Enabled false keeps the configuration but skips it."""
    description = described()
    description["Destinations"][0]["ExtendedS3DestinationDescription"]["ProcessingConfiguration"] = {
        "Enabled": False,
        "Processors": [function()],
    }
    assert parse(description).processor is None


def test_dynamic_partitioning_has_the_keys_of_the_prefix() -> None:
    """The keys that the prefix takes from the function's metadata."""
    stream = parse(
        described(
            Prefix="data/dt=!{partitionKeyFromLambda:day}/",
            ErrorOutputPrefix=ERRORS,
            BufferingHints={"SizeInMBs": 64, "IntervalInSeconds": 60},
            DynamicPartitioningConfiguration={"Enabled": True},
        )
    )
    assert stream.partition_keys == ("day",)


@pytest.mark.parametrize(
    ("description", "reason"),
    [
        (described(source=False), "not a Kinesis stream"),
        ({**described(), "Destinations": []}, "destination is not S3"),
        (described(CompressionFormat="Snappy"), "CompressionFormat Snappy"),
        (described(CustomTimeZone="Mars/Base"), "the time zone"),
        (described(processors=[{"Type": "MetadataExtraction"}]), "MetadataExtraction"),
        (described(processors=[function(), function()]), "one Lambda processor"),
        (described(DataFormatConversionConfiguration={"Enabled": True}), "format conversion"),
        (described(S3BackupMode="Enabled"), "without an S3 backup"),
        (described(Prefix="!{timestamp:yyyy}/"), "ErrorOutputPrefix is required"),
        (
            described(
                Prefix="!{partitionKeyFromLambda:k}/",
                ErrorOutputPrefix=ERRORS,
                DynamicPartitioningConfiguration={"Enabled": True},
            ),
            "at least 64 MiB",
        ),
        (
            described(
                Prefix="!{partitionKeyFromLambda:k}/",
                ErrorOutputPrefix=ERRORS,
                BufferingHints={"SizeInMBs": 64, "IntervalInSeconds": 59},
                DynamicPartitioningConfiguration={"Enabled": True},
            ),
            "at least 60 s",
        ),
    ],
)
def test_unsupported_setting_raises_an_error_with_the_name(description: dict[str, Any], reason: str) -> None:
    """It is never ignored: the message begins with the delivery stream's name."""
    with pytest.raises(UnsupportedDeliveryStreamError, match=f"^name: .*{re.escape(reason)}"):
        parse(description)
