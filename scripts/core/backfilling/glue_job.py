"""Have the option stack's Glue job convert an export: start it or find its run, and wait for the end."""

from __future__ import annotations

import json
from typing import Any

from repair.backfill import Source
from repair.exports.manifest import SUMMARY, Manifest
from repair.exports.records import KeySchema
from scripts.core import glue_runs
from scripts.core.console import CommandError, Output
from scripts.core.source_stream import Clock
from transform_lambda.flatten import RowSettings

_SOURCE_ID = "--source-id"


def settings_text(settings: RowSettings) -> str:
    """The settings of the rows as the job reads them: JSON."""
    return json.dumps(
        {
            "max_depth": settings.max_depth,
            "keep_whole": sorted(settings.keep_whole),
            "exclude": sorted(settings.exclude),
            "keep_images": settings.keep_images,
        }
    )


def arguments(manifest: Manifest, schema: KeySchema, source: Source, lake_bucket: str) -> dict[str, str]:
    """The job's arguments for one export."""
    return {
        "--manifest": f"{manifest.prefix}{SUMMARY}",
        _SOURCE_ID: source.id,
        "--source-table": source.table,
        "--key-schema": json.dumps([list(key) for key in schema]),
        "--time": source.time,
        "--settings": settings_text(source.settings),
        "--lake-bucket": lake_bucket,
    }


def run(glue: Any, job: str, values: dict[str, str], clock: Clock, out: Output) -> str:
    """Run the job, or wait for a run of the same export that has begun already. Returns the id of the run.

    Raises CommandError if the run does not succeed.
    """
    run_id = _begun(glue, job, values[_SOURCE_ID])
    if run_id is None:
        run_id = str(glue.start_job_run(JobName=job, Arguments=values)["JobRunId"])
        out.say(f"started run {run_id} of Glue job {job}")
    else:
        out.say(f"run {run_id} of Glue job {job} has begun already")
    found = glue_runs.ended(glue, job, run_id, clock, out)
    state = found["JobRunState"]
    if state != glue_runs.SUCCEEDED:
        reason = found.get("ErrorMessage", glue_runs.NO_REASON)
        raise CommandError(
            f"run {run_id} of Glue job {job} is {state}: {reason}",
            "Correct the cause that the message names, and run the command again: it writes the rest.",
            run=run_id,
        )
    return run_id


def _begun(glue: Any, job: str, source_id: str) -> str | None:
    """The run of this export that has not ended; None if there is none."""
    for found in glue.get_job_runs(JobName=job).get("JobRuns", []):
        if (
            found["JobRunState"] in glue_runs.RUNNING
            and found.get("Arguments", {}).get(_SOURCE_ID) == source_id
        ):
            return str(found["Id"])
    return None
