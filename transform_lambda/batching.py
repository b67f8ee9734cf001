"""The response budget: what a Lambda response holds, counted as the runtime will serialize it.

"6 MB each for request and response (synchronous)" (Lambda Developer Guide, "Lambda quotas"); Firehose
loses the whole batch to a larger one (Firehose Developer Guide, "Transform source data").
The Python runtimes serialize with json's default separators; up to 3.11 with ASCII escapes, from 3.12
without (awslambdaric, lambda_runtime_marshaller.py). The longer form is counted.
"""

import json
from typing import Any, Final

RESPONSE_LIMIT_BYTES: Final = 6_291_456

_FRAME: Final = len('{"records": []}')
_SEPARATOR: Final = len(", ")
_OK: Final = len('{"recordId": , "result": "Ok", "data": ""}')
_FAILED: Final = len('{"recordId": , "result": "ProcessingFailed"}')


def _identifier_size(record_id: Any) -> int:
    return len(json.dumps(record_id))


class ResponseBudget:
    """Bytes left in a response in which every record is at least answered as failed.

    That least answer always fits: it is shorter than the record in the event, which obeys the same limit.
    """

    def __init__(self, record_ids: list[Any]) -> None:
        failed = sum(_FAILED + _SEPARATOR + _identifier_size(record_id) for record_id in record_ids)
        self._free = RESPONSE_LIMIT_BYTES - _FRAME + _SEPARATOR - failed

    def take(self, data_length: int) -> bool:
        """Turn one failed answer into an Ok one with this much data; False when there is no room."""
        extra = _OK - _FAILED + data_length
        if extra > self._free:
            return False
        self._free -= extra
        return True


def fits_alone(record_id: Any, data_length: int) -> bool:
    """Whether an Ok answer with this much data fits in a response of its own."""
    return _FRAME + _OK + _identifier_size(record_id) + data_length <= RESPONSE_LIMIT_BYTES
