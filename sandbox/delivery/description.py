"""What DescribeDeliveryStream says, as types; what the sandbox does not emulate is refused, never ignored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MIB = 1024 * 1024

# Firehose API reference, "BufferingHints": 5 MiB and 300 s when not given.
DEFAULT_SIZE_MIB = 5.0
DEFAULT_INTERVAL_SECONDS = 300.0
# Developer guide, "Transform data in Amazon Data Firehose": 1 MB and 60 s when not given, three retries.
DEFAULT_PROCESSOR_SIZE_MIB = 1.0
DEFAULT_PROCESSOR_INTERVAL_SECONDS = 60.0
DEFAULT_PROCESSOR_RETRIES = 3


class UnsupportedDeliveryStreamError(Exception):
    """The delivery stream uses something this data plane does not emulate."""


@dataclass(frozen=True)
class Buffering:
    """When a buffer is full: `size` in bytes or `interval` in seconds, whichever comes first."""

    size: int
    interval: float


@dataclass(frozen=True)
class LogStream:
    """The CloudWatch log stream delivery errors are written to."""

    group: str
    stream: str


@dataclass(frozen=True)
class Processor:
    """The transform function: `retries` is NumberOfRetries, after the first attempt."""

    function_arn: str
    role_arn: str
    buffering: Buffering
    retries: int


@dataclass(frozen=True)
class S3Destination:
    """An S3 destination or the S3 backup of one."""

    bucket: str
    role_arn: str
    buffering: Buffering
    prefix: str
    error_prefix: str
    compression: str
    file_extension: str
    time_zone: str
    kms_key_arn: str | None
    log: LogStream | None


@dataclass(frozen=True)
class DeliveryStream:
    """One delivery stream with a Kinesis source and an S3 destination.

    `started` is DeliveryStartTimestamp, seconds since the epoch: "Firehose starts retrieving records from the
    Kinesis data stream starting with this time stamp" (API reference, KinesisStreamSourceDescription).
    """

    name: str
    arn: str
    version: str
    account: str
    region: str
    started: float
    source_arn: str
    source_role_arn: str
    destination: S3Destination
    processor: Processor | None
    backup: S3Destination | None = None
    dynamic_partitioning: bool = False
    unsupported: tuple[str, ...] = field(default=())


def _buffering(hints: Mapping[str, Any]) -> Buffering:
    size = float(hints.get("SizeInMBs") or DEFAULT_SIZE_MIB)
    interval = hints.get("IntervalInSeconds")
    return Buffering(int(size * MIB), DEFAULT_INTERVAL_SECONDS if interval is None else float(interval))


def _log(options: Mapping[str, Any]) -> LogStream | None:
    if not options.get("Enabled"):
        return None
    return LogStream(options["LogGroupName"], options["LogStreamName"])


def _s3(config: Mapping[str, Any]) -> S3Destination:
    encryption = config.get("EncryptionConfiguration") or {}
    return S3Destination(
        bucket=config["BucketARN"].removeprefix("arn:aws:s3:::"),
        role_arn=config["RoleARN"],
        buffering=_buffering(config.get("BufferingHints") or {}),
        prefix=config.get("Prefix") or "",
        error_prefix=config.get("ErrorOutputPrefix") or "",
        compression=config.get("CompressionFormat") or "UNCOMPRESSED",
        file_extension=config.get("FileExtension") or "",
        time_zone=config.get("CustomTimeZone") or "UTC",
        kms_key_arn=(encryption.get("KMSEncryptionConfig") or {}).get("AWSKMSKeyARN"),
        log=_log(config.get("CloudWatchLoggingOptions") or {}),
    )


def _processor(config: Mapping[str, Any], role_arn: str) -> Processor | None:
    processing = config.get("ProcessingConfiguration") or {}
    if not processing.get("Enabled"):
        return None
    for processor in processing.get("Processors") or []:
        if processor["Type"] != "Lambda":
            continue
        given = {p["ParameterName"]: p["ParameterValue"] for p in processor.get("Parameters") or []}
        size = float(given.get("BufferSizeInMBs", DEFAULT_PROCESSOR_SIZE_MIB))
        return Processor(
            function_arn=given["LambdaArn"],
            role_arn=given.get("RoleArn", role_arn),
            buffering=Buffering(
                int(size * MIB),
                float(given.get("BufferIntervalInSeconds", DEFAULT_PROCESSOR_INTERVAL_SECONDS)),
            ),
            retries=int(given.get("NumberOfRetries", DEFAULT_PROCESSOR_RETRIES)),
        )
    return None


def parse(description: Mapping[str, Any]) -> DeliveryStream:
    """The `DeliveryStreamDescription` of DescribeDeliveryStream → what delivery has to do.

    Raises UnsupportedDeliveryStreamError for a source or destination that is not emulated.
    """
    name = description["DeliveryStreamName"]
    source = (description.get("Source") or {}).get("KinesisStreamSourceDescription")
    if source is None:
        raise UnsupportedDeliveryStreamError(f"{name}: its source is not a Kinesis stream")
    destinations = description.get("Destinations") or []
    config = destinations[0].get("ExtendedS3DestinationDescription") if destinations else None
    if config is None:
        raise UnsupportedDeliveryStreamError(f"{name}: its destination is not S3")
    started = source["DeliveryStartTimestamp"]
    parts = description["DeliveryStreamARN"].split(":")
    return DeliveryStream(
        name=name,
        arn=description["DeliveryStreamARN"],
        version=str(description.get("VersionId") or "1"),
        account=parts[4],
        region=parts[3],
        started=started.timestamp() if hasattr(started, "timestamp") else float(started),
        source_arn=source["KinesisStreamARN"],
        source_role_arn=source["RoleARN"],
        destination=_s3(config),
        processor=_processor(config, config["RoleARN"]),
    )
