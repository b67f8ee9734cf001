"""The logs of a job run, in the log groups and with the permissions that Glue uses.

AWS facts (Glue developer guide, "Logging for AWS Glue jobs")
- Since Glue 5.0 Spark's own log goes to the group `/aws-glue/jobs/error`, stdout and stderr of the script go
  to `/aws-glue/jobs/output`, while the job runs. `--custom-logGroup-prefix` replaces `/aws-glue/jobs`.
- With a security configuration, `CONFIGURATION-role/ROLE` comes after the prefix; [unverified] the role's
  path comes before its name.
- The driver's stream is `RUN-driver`; `--custom-logStream-prefix` replaces the run's id.
- They are written with the role's permissions; with a security configuration that encrypts logs,
  logs:AssociateKmsKey is one of them. [unverified] A run without them goes on without a log.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

log = logging.getLogger("jobs")

KINDS = ("error", "output")
_PREFIX = "/aws-glue/jobs"
# Limits of PutLogEvents (CloudWatch Logs API reference): bytes and events of a batch, bytes added per event.
_BATCH_BYTES, _BATCH_EVENTS, _EVENT_BYTES = 1_048_576, 10_000, 26
_LINE_BYTES = 200_000


def group(arguments: Mapping[str, str], security: str, role_arn: str) -> str:
    """The name of the run's log groups, without `/error` and `/output`."""
    prefix = arguments.get("--custom-logGroup-prefix") or _PREFIX
    return f"{prefix}/{security}-role{role_arn.split(':role', 1)[1]}" if security else prefix


def stream(arguments: Mapping[str, str], run_id: str) -> str:
    """The name of the driver's log stream."""
    return f"{arguments.get('--custom-logStream-prefix') or run_id}-driver"


def batches(lines: list[bytes]) -> Iterator[list[str]]:
    """The lines in batches that PutLogEvents accepts. A long line is cut, an empty one left out."""
    batch: list[str] = []
    size = 0
    for line in lines:
        cut = line.rstrip(b"\r\n")[:_LINE_BYTES]
        if not cut.strip():
            continue
        text = cut.decode(errors="replace")
        added = len(text.encode()) + _EVENT_BYTES
        if batch and (size + added > _BATCH_BYTES or len(batch) == _BATCH_EVENTS):
            yield batch
            batch, size = [], 0
        batch.append(text)
        size += added
    if batch:
        yield batch


class Stream:
    """Copies a growing file into one log stream. After a failed request it writes nothing more."""

    def __init__(self, client: Any, group_name: str, stream_name: str, file: Path, key: str | None) -> None:
        """`client` has the role's credentials; `key` is the ARN of the key that encrypts the group."""
        self._client, self._file = client, file
        self._place = {"logGroupName": group_name, "logStreamName": stream_name}
        self._read = 0
        self._writes = self._attempt(lambda: self._open(key))

    def _open(self, key: str | None) -> None:
        name = {"logGroupName": self._place["logGroupName"]}
        with contextlib.suppress(self._client.exceptions.ResourceAlreadyExistsException):
            self._client.create_log_group(**name)
        if key:
            try:
                self._client.associate_kms_key(**name, kmsKeyId=key)
            except ClientError as error:  # MiniStack checks the permission, but has no such operation
                if error.response["Error"]["Code"] != "InvalidOperationException":
                    raise
        self._client.create_log_stream(**self._place)

    def copy(self, *, ended: bool = False) -> None:
        """Write the lines that the file has gained; when its writer has `ended`, also an unfinished one."""
        if not self._writes or not self._file.exists():
            return
        with self._file.open("rb") as file:
            file.seek(self._read)
            lines = file.readlines()
        if lines and not ended and not lines[-1].endswith(b"\n"):
            lines.pop()
        self._read += sum(map(len, lines))
        for batch in batches(lines):
            now = int(time.time() * 1000)
            events = [{"timestamp": now, "message": text} for text in batch]
            self._writes = self._writes and self._attempt(
                lambda events=events: self._client.put_log_events(**self._place, logEvents=events)
            )

    def _attempt(self, request: Any) -> bool:
        try:
            request()
        except (ClientError, BotoCoreError) as error:
            log.warning("no log in %s: %s", self._place["logGroupName"], error)
            return False
        return True
