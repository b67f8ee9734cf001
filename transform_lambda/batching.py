"""The response budget: what a Lambda response holds, counted as the runtime will serialize it.

"6 MB each for request and response (synchronous)" (Lambda Developer Guide, "Lambda quotas"). Firehose
loses the whole batch to a larger response (Firehose Developer Guide, "Transform source data").
The Python runtimes serialize with json's default separators, up to 3.11 with ASCII escapes and from 3.12
without (awslambdaric, lambda_runtime_marshaller.py). The longer form is counted.
"""

import json
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


class ResponseBudget:
    """Bytes left in a response in which every record is at least answered as failed.

    That least response fits: each answer is shorter than its record in the event, which obeys the same
    limit (a record carries its id and, at the least, its arrival time and the name `data`).
    """

    def __init__(self, record_ids: list[Any]) -> None:
        least = _FRAME + _serialized(record_ids) + _FAILED * len(record_ids)
        self._free = RESPONSE_LIMIT_BYTES - least

    def take(self, data_length: int) -> bool:
        """Turn one failed answer into an Ok one with this much data; False when there is no room."""
        extra = _OK - _FAILED + data_length
        if extra > self._free:
            return False
        self._free -= extra
        return True
