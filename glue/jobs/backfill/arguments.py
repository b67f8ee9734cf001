"""The job's arguments: one export, the table that it is of, and the settings of its rows."""

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from repair.backfill import Source
from repair.exports.records import KeySchema
from transform_lambda.flatten import RowSettings

from .errors import JobError

_KEY_TYPES = frozenset("SNB")


@dataclass(frozen=True)
class Arguments:
    """What one run converts. `manifest` is the key of manifest-summary.json in the export bucket."""

    manifest: str
    source: Source
    schema: KeySchema
    export_bucket: str
    lake_bucket: str
    region: str


def options() -> argparse.ArgumentParser:
    """The options. Glue passes more, which are ignored."""
    parser = argparse.ArgumentParser(
        "backfill_export", description="Turn one export into rows of the lake.", allow_abbrev=False
    )
    parser.add_argument("--manifest", required=True, help="the key of the export's manifest-summary.json")
    parser.add_argument("--source-id", required=True, help="the export's id, the beginning of each change_id")
    parser.add_argument("--source-table", required=True, help="the table's name")
    parser.add_argument("--key-schema", required=True, help='the key as JSON: [["pk", "S"], ["sk", "N"]]')
    parser.add_argument("--time", required=True, help="the rows' change_time, the time of the export")
    parser.add_argument("--settings", required=True, help="the settings of the table's rows, as JSON")
    parser.add_argument("--export-bucket", required=True, help="the bucket of the export")
    parser.add_argument("--lake-bucket", required=True, help="the bucket of the lake")
    parser.add_argument("--lake-region", required=True, help="the Region of both buckets")
    return parser


def read(arguments: Sequence[str]) -> Arguments:
    """The arguments of a run. Raises JobError if one cannot be read."""
    given, _ = options().parse_known_args(arguments)
    source = Source(given.source_id, given.time, given.source_table, settings_of(given.settings))
    return Arguments(
        given.manifest,
        source,
        schema_of(given.key_schema),
        given.export_bucket,
        given.lake_bucket,
        given.lake_region,
    )


def settings_of(text: str) -> RowSettings:
    """The settings from their JSON: max_depth, keep_whole, exclude, keep_images. Raises JobError.

    A missing or unknown member is refused: rows with other settings than the stream's would differ from it.
    """
    members = _json("--settings", text)
    kinds = {"max_depth": int, "keep_whole": list, "exclude": list, "keep_images": bool}
    if not isinstance(members, dict) or {name: type(one) for name, one in members.items()} != kinds:
        raise _refused("--settings", text)
    return RowSettings(
        max_depth=members["max_depth"],
        keep_whole=frozenset(members["keep_whole"]),
        exclude=frozenset(members["exclude"]),
        keep_images=members["keep_images"],
    )


def schema_of(text: str) -> KeySchema:
    """The key attributes with their types from JSON, the partition key first. Raises JobError."""
    pairs = _json("--key-schema", text)
    if not isinstance(pairs, list) or len(pairs) not in (1, 2) or not all(map(_is_key, pairs)):
        raise _refused("--key-schema", text)
    return tuple((name, kind) for name, kind in pairs)


def _is_key(pair: Any) -> bool:
    """Whether it is the name of an attribute and the type of a key."""
    return (
        isinstance(pair, list)
        and len(pair) == 2
        and all(isinstance(text, str) for text in pair)
        and pair[1] in _KEY_TYPES
    )


def _json(name: str, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise _refused(name, text) from None


def _refused(name: str, text: str) -> JobError:
    return JobError(f"{name} is {text[:200]!r}", "Start the run with `python -m scripts.backfill`")
