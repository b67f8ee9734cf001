"""The function's time per stage: each stage is timed separately, on the same records as the whole."""

import statistics
import time
from collections.abc import Callable
from typing import Any

import orjson
import pybase64

from benchmarks.contenders import Json, function
from benchmarks.records import change_records, firehose_event
from transform_lambda.canonical import digest, sorted_json
from transform_lambda.change import read_change, row_of
from transform_lambda.columns import with_columns
from transform_lambda.flatten import row_line
from transform_lambda.names import METADATA_COLUMNS
from transform_lambda.values import order_sets


def _decoded(record: Json) -> bytes:
    return pybase64.b64decode(record["data"], validate=True)


def _change(record: Json) -> Any:
    return read_change(orjson.loads(_decoded(record)))


# Stage → a function that prepares its input (not timed), and the timed function.
STAGES: dict[str, tuple[Callable[[Json], Any], Callable[[Any], Any]]] = {
    "decode base64": (lambda record: record, _decoded),
    "parse the record": (_decoded, orjson.loads),
    "read keys, time, sequence, actor, table": (
        lambda record: orjson.loads(_decoded(record)),
        lambda parsed: read_change(parsed, "1" * 56),
    ),
    "flatten the new image": (
        lambda record: _change(record).new_image,
        lambda image: with_columns(dict.fromkeys(METADATA_COLUMNS), image, 32, frozenset()),
    ),
    "check and order the old image": (
        lambda record: _change(record).old_image,
        lambda image: order_sets(image.values()),
    ),
    "canonical texts of both images": (
        _change,
        lambda change: (sorted_json(change.old_image), sorted_json(change.new_image)),
    ),
    "digests of both texts": (
        lambda record: [
            sorted_json(image) for image in (_change(record).old_image, _change(record).new_image)
        ],
        lambda texts: [digest(text) for text in texts],
    ),
    "write the row": (lambda record: row_of(_change(record)), row_line),
    "encode base64": (lambda record: row_line(row_of(_change(record))), pybase64.b64encode_as_string),
}


def measure(records: int, rounds: int) -> dict[str, float]:
    """Seconds per record of every stage and of the whole handler: the medians over all records and rounds."""
    seconds: dict[str, list[float]] = {name: [] for name in (*STAGES, "the whole handler")}
    for number in range(rounds):
        event = firehose_event(change_records(records, seed=number))
        for name, (prepare, run) in STAGES.items():
            for record in event["records"]:
                value = prepare(record)
                start = time.perf_counter()
                run(value)
                seconds[name].append(time.perf_counter() - start)
        start = time.process_time()
        function(event)
        seconds["the whole handler"].append((time.process_time() - start) / records)
    return {name: statistics.median(values) for name, values in seconds.items()}
