"""The response budget: what a Lambda response holds, counted as the runtime will serialize it.

"6 MB each for request and response (synchronous)" (Lambda Developer Guide, "Lambda quotas"). Firehose
loses the whole batch to a larger response (Firehose Developer Guide, "Transform source data").
The Python runtimes serialize with json's default separators, up to 3.11 with ASCII escapes and from 3.12
without (awslambdaric, lambda_runtime_marshaller.py). The longer form is counted.
"""

import json
from collections.abc import Sequence
from typing import Any, Final

RESPONSE_LIMIT_BYTES: Final = 6_291_456

_FRAME: Final = len('{"records": []}')
_OK: Final = len('{"recordId": , "result": "Ok", "data": ""}')
_FAILED: Final = len('{"recordId": , "result": "ProcessingFailed"}')
# What partition keys add to an Ok answer; to be counted with its data.
PARTITION_KEYS_LENGTH: Final = len(', "metadata": {"partitionKeys": {"dt": "2026-11-20"}}')


def _serialized(record_ids: list[Any]) -> int:
    """Bytes of the ids in JSON, and of what separates them: answers are separated alike."""
    return len(json.dumps(record_ids)) - len("[]")


def fits_alone(record_id: Any, data_length: int) -> bool:
    """Whether an Ok answer with this much data fits in a response of its own."""
    return _FRAME + _OK + _serialized([record_id]) + data_length <= RESPONSE_LIMIT_BYTES


def left_out(record_ids: list[Any], data_lengths: Sequence[int | None]) -> set[int]:
    """Positions of the rows for which the response has no room: the longest, and as few as possible.

    A row that is many times as long as its neighbours costs none of them. Every record is at least answered
    as failed, which fits: each such answer is shorter than its record in the event, which obeys the same
    limit (a record carries its id and, at the least, its arrival time and the name `data`).

    :param data_lengths: of the data of an Ok answer, for each record; None where the record failed
    """
    least = _FRAME + _serialized(record_ids) + _FAILED * len(record_ids)
    more_than_failed = [length + _OK - _FAILED for length in data_lengths if length is not None]
    lacking = least + sum(more_than_failed) - RESPONSE_LIMIT_BYTES
    positions: set[int] = set()
    if lacking <= 0:
        return positions
    longest_first = sorted(
        ((-length, position) for position, length in enumerate(data_lengths) if length is not None)
    )
    for length, position in longest_first:
        if lacking <= 0:
            break
        lacking -= _OK - _FAILED - length
        positions.add(position)
    return positions
