"""DescribeDeliveryStream's answer as types; settings that the sandbox does not emulate raise an error."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sandbox.delivery.prefix import PrefixError, partition_keys, validate

MIB = 1024 * 1024

# Firehose API reference, "BufferingHints": 5 MiB and 300 s by default.
DEFAULT_SIZE_MIB = 5.0
DEFAULT_INTERVAL_SECONDS = 300.0
# Developer guide, "Transform data in Amazon Data Firehose": 1 MB, 60 s and three retries by default.
DEFAULT_PROCESSOR_SIZE_MIB = 1.0
DEFAULT_PROCESSOR_INTERVAL_SECONDS = 60.0
DEFAULT_PROCESSOR_RETRIES = 3
# The minima with dynamic partitioning; CloudFormation was seen to reject less (aws/aws-cdk,
# aws-kinesisfirehose/lib/private/helpers.ts); "Buffer data for dynamic partitioning": no zero buffering.
DYNAMIC_SIZE_MIB = 64
DYNAMIC_INTERVAL_SECONDS = 60
# Developer guide, "Configure Amazon S3 object name format": the extension of each compression.
EXTENSIONS = {"UNCOMPRESSED": "", "GZIP": ".gz"}


class UnsupportedDeliveryStreamError(Exception):
    """The delivery stream has a setting that is not emulated here, or that Firehose rejects."""


@dataclass(frozen=True)
class Buffering:
    """When a buffer is full: `size` in bytes or `interval` in seconds, whichever comes first."""

    size: int
    interval: float


@dataclass(frozen=True)
class LogStream:
    """The CloudWatch log stream that receives delivery errors."""

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
    """An S3 destination, or its S3 backup."""

    bucket: str
    role_arn: str
    buffering: Buffering
    prefix: str
    error_prefix: str
    compression: str
    file_extension: str
    time_zone: dt.tzinfo
    kms_key_arn: str | None
    log: LogStream | None

    @property
    def arn(self) -> str:
        """The bucket's ARN."""
        return f"arn:aws:s3:::{self.bucket}"


@dataclass(frozen=True)
class DeliveryStream:
    """One delivery stream with a Kinesis source and an S3 destination.

    `started` is DeliveryStartTimestamp, seconds since the epoch: "Firehose starts retrieving records from the
    Kinesis data stream starting with this time stamp" (API reference, KinesisStreamSourceDescription).
    `partition_keys` are those of dynamic partitioning, or empty; `backup` receives the source records.
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
    partition_keys: tuple[str, ...] = ()


def _buffering(hints: Mapping[str, Any]) -> Buffering:
    size = float(hints.get("SizeInMBs") or DEFAULT_SIZE_MIB)
    interval = hints.get("IntervalInSeconds")
    return Buffering(int(size * MIB), DEFAULT_INTERVAL_SECONDS if interval is None else float(interval))


def _log(options: Mapping[str, Any]) -> LogStream | None:
    if not options.get("Enabled"):
        return None
    return LogStream(options["LogGroupName"], options["LogStreamName"])


def _time_zone(name: str) -> dt.tzinfo:
    if name == "UTC":
        return dt.UTC  # needs no time zone database
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise UnsupportedDeliveryStreamError(f"the time zone {name!r} does not exist") from error


def _s3(config: Mapping[str, Any]) -> S3Destination:
    encryption = config.get("EncryptionConfiguration") or {}
    compression = config.get("CompressionFormat") or "UNCOMPRESSED"
    if compression not in EXTENSIONS:
        raise UnsupportedDeliveryStreamError(f"CompressionFormat {compression} is not emulated")
    return S3Destination(
        bucket=config["BucketARN"].removeprefix("arn:aws:s3:::"),
        role_arn=config["RoleARN"],
        buffering=_buffering(config.get("BufferingHints") or {}),
        prefix=config.get("Prefix") or "",
        error_prefix=config.get("ErrorOutputPrefix") or "",
        compression=compression,
        file_extension=config.get("FileExtension") or "",
        time_zone=_time_zone(config.get("CustomTimeZone") or "UTC"),
        kms_key_arn=(encryption.get("KMSEncryptionConfig") or {}).get("AWSKMSKeyARN"),
        log=_log(config.get("CloudWatchLoggingOptions") or {}),
    )


def _processor(config: Mapping[str, Any], role_arn: str) -> Processor | None:
    processing = config.get("ProcessingConfiguration") or {}
    processors = (processing.get("Processors") or []) if processing.get("Enabled") else []
    others = sorted({processor["Type"] for processor in processors} - {"Lambda"})
    if others:
        raise UnsupportedDeliveryStreamError(f"the processor {', '.join(others)} is not emulated")
    if len(processors) > 1:
        raise UnsupportedDeliveryStreamError("Firehose takes one Lambda processor")
    for processor in processors:
        values = {
            parameter["ParameterName"]: parameter["ParameterValue"]
            for parameter in processor.get("Parameters") or []
        }
        size = float(values.get("BufferSizeInMBs", DEFAULT_PROCESSOR_SIZE_MIB))
        interval = float(values.get("BufferIntervalInSeconds", DEFAULT_PROCESSOR_INTERVAL_SECONDS))
        return Processor(
            function_arn=values["LambdaArn"],
            role_arn=values.get("RoleArn", role_arn),
            buffering=Buffering(int(size * MIB), interval),
            retries=int(values.get("NumberOfRetries", DEFAULT_PROCESSOR_RETRIES)),
        )
    return None


def _partition_keys(config: Mapping[str, Any], destination: S3Destination) -> tuple[str, ...]:
    """The keys of dynamic partitioning, after validating both prefixes."""
    dynamic = bool((config.get("DynamicPartitioningConfiguration") or {}).get("Enabled"))
    try:
        validate(destination.prefix, destination.error_prefix, dynamic=dynamic)
    except PrefixError as error:
        raise UnsupportedDeliveryStreamError(str(error)) from error
    if dynamic and destination.buffering.size < DYNAMIC_SIZE_MIB * MIB:
        raise UnsupportedDeliveryStreamError(
            f"dynamic partitioning needs a buffer of at least {DYNAMIC_SIZE_MIB} MiB"
        )
    if dynamic and destination.buffering.interval < DYNAMIC_INTERVAL_SECONDS:
        raise UnsupportedDeliveryStreamError(
            f"dynamic partitioning needs a buffer interval of at least {DYNAMIC_INTERVAL_SECONDS} s"
        )
    return tuple(partition_keys(destination.prefix))


def parse(description: Mapping[str, Any]) -> DeliveryStream:
    """The `DeliveryStreamDescription` of DescribeDeliveryStream → the settings of delivery.

    Raises UnsupportedDeliveryStreamError for an unsupported setting; the message begins with the name.
    """
    name = description["DeliveryStreamName"]
    try:
        return _parse(name, description)
    except UnsupportedDeliveryStreamError as error:
        raise UnsupportedDeliveryStreamError(f"{name}: {error}") from error


def _parse(name: str, description: Mapping[str, Any]) -> DeliveryStream:
    source = (description.get("Source") or {}).get("KinesisStreamSourceDescription")
    if source is None:
        raise UnsupportedDeliveryStreamError("its source is not a Kinesis stream")
    destinations = description.get("Destinations") or []
    config = destinations[0].get("ExtendedS3DestinationDescription") if destinations else None
    if config is None:
        raise UnsupportedDeliveryStreamError("its destination is not S3")
    if (config.get("DataFormatConversionConfiguration") or {}).get("Enabled"):
        raise UnsupportedDeliveryStreamError("record format conversion is not emulated")
    destination = _s3(config)
    backup = None
    if config.get("S3BackupMode") == "Enabled":
        if not config.get("S3BackupDescription"):
            raise UnsupportedDeliveryStreamError("S3BackupMode is Enabled without an S3 backup")
        backup = _s3(config["S3BackupDescription"])
    started = source["DeliveryStartTimestamp"]
    arn = description["DeliveryStreamARN"]
    return DeliveryStream(
        name=name,
        arn=arn,
        version=str(description.get("VersionId") or "1"),
        account=arn.split(":")[4],
        region=arn.split(":")[3],
        started=started.timestamp() if hasattr(started, "timestamp") else float(started),
        source_arn=source["KinesisStreamARN"],
        source_role_arn=source["RoleARN"],
        destination=destination,
        processor=_processor(config, config["RoleARN"]),
        backup=backup,
        partition_keys=_partition_keys(config, destination),
    )
