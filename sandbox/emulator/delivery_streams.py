"""Firehose's control plane for sandbox.delivery, without MiniStack's own data plane.

AWS facts
- DescribeDeliveryStream returns the whole configuration, with FileExtension, CustomTimeZone and the S3
  backup's description (S3BackupDescription, from S3BackupConfiguration) (Firehose API reference,
  "ExtendedS3DestinationDescription"). MiniStack omits these.
- Records of the source stream are delivered by `sandbox.delivery`. MiniStack also delivers the records of
  PutRecord and PutRecords, one object per record, without the function: a replay into the stream would reach
  the lake twice.
- PutRecord and PutRecordBatch are rejected for a delivery stream with a Kinesis source (developer guide,
  "Configure Kinesis stream as source").
"""

from typing import Any

from sandbox.emulator.seam import Seam

DESCRIPTION = Seam("services.firehose", "_dest_description", "64df867dbdbd3227")
INGEST = Seam("services.firehose", "ingest_from_kinesis_source", "7dceac1c06ae2037")
PUT_RECORD = Seam("services.firehose", "_put_record", "6a7ed0471aef7e04")
PUT_RECORD_BATCH = Seam("services.firehose", "_put_record_batch", "5e868d2aec51e622")
SEAMS = (DESCRIPTION, INGEST, PUT_RECORD, PUT_RECORD_BATCH)

Request = dict[str, Any]
_KEPT = ("FileExtension", "CustomTimeZone")


def install() -> None:
    """Return whole descriptions, deliver nothing twice, reject puts that bypass the source stream."""
    from ministack.core.responses import error_response_json  # noqa: PLC0415  only the emulator loads MiniStack
    from ministack.services import firehose  # noqa: PLC0415

    describe = DESCRIPTION.check()

    def description(destination: Request) -> Request:
        answer: Request = describe(destination)
        extended = answer.get("ExtendedS3DestinationDescription")
        if extended is not None:
            config = destination["config"]
            extended.update({name: config[name] for name in _KEPT if name in config})
            backup = config.get("S3BackupConfiguration") or config.get("S3BackupUpdate")
            if backup:
                extended["S3BackupDescription"] = backup
        return answer

    def refused(put: Any) -> Any:
        def put_unless_sourced(data: Request) -> Any:
            stream = firehose._streams.get(data.get("DeliveryStreamName", ""))
            if stream and stream["type"] == "KinesisStreamAsSource":
                return error_response_json(
                    "InvalidArgumentException",
                    "This operation is not permitted on KinesisStreamAsSource delivery stream type.",
                    400,
                )
            return put(data)

        return put_unless_sourced

    DESCRIPTION.replace(description)
    INGEST.replace(lambda *_: None)
    for seam, operation in ((PUT_RECORD, "PutRecord"), (PUT_RECORD_BATCH, "PutRecordBatch")):
        firehose._HANDLERS[operation] = refused(seam.check())
