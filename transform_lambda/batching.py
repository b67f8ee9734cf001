"""The response budget: the size of the Lambda response, counted as the runtime will serialize it.

"6 MB each for request and response (synchronous)" (Lambda Developer Guide, "Lambda quotas"). Firehose
loses the whole batch to a larger response (Firehose Developer Guide, "Transform source data").
The Python runtimes serialize with json's default separators: with ASCII escapes up to 3.11, without them from
3.12 (awslambdaric, lambda_runtime_marshaller.py). This module counts the longer form.
"""

import json
from collections.abc import Sequence
from typing import Any, Final

RESPONSE_LIMIT_BYTES: Final = 6_291_456

_FRAME: Final = len('{"records": []}')
_OK: Final = len('{"recordId": , "result": "Ok", "data": ""}')
_FAILED: Final = len('{"recordId": , "result": "ProcessingFailed"}')
# The bytes that partition keys add to an Ok answer. Count them with the answer's data.
PARTITION_KEYS_LENGTH: Final = len(', "metadata": {"partitionKeys": {"dt": "2026-11-20"}}')


def _serialized(record_ids: list[Any]) -> int:
    """Bytes of the ids in JSON, separators included: the answers have the same separators."""
    return len(json.dumps(record_ids)) - len("[]")


def fits_alone(record_id: Any, data_length: int) -> bool:
    """Whether a response with only this Ok answer is within the limit."""
    return _FRAME + _OK + _serialized([record_id]) + data_length <= RESPONSE_LIMIT_BYTES


def left_out(record_ids: list[Any], data_lengths: Sequence[int | None]) -> set[int]:
    """Positions of the rows that do not fit into the response: the longest rows, and as few as possible.

    A very long row never pushes out its shorter neighbours. A left-out record is answered as failed. These
    answers always fit: each is shorter than its record in the event, and the event has the same limit. (A
    record has its id and, at least, its arrival time and the name `data`.)

    :param data_lengths: for each record the length of its Ok answer's data, None if the record failed
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
