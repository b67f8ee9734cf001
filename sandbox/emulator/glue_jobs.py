"""A Glue job keeps its execution property, its class and whether runs wait; a stack's numbers are numbers.

AWS fact: GetJob returns the `ExecutionProperty` (`MaxConcurrentRuns`, 1 by default), the `ExecutionClass` and
`JobRunQueuingEnabled` of a job (Glue API reference, "Job"); a property that is removed from the template
returns to its default (CloudFormation template reference, "AWS::Glue::Job"). `Timeout`, `NumberOfWorkers`,
`MaxRetries` and `MaxConcurrentRuns` are integers there, whatever a template has.

MiniStack drops the first three, and keeps the text of a template's parameter.
"""

from typing import Any

from sandbox.emulator.seam import Seam

CREATE_JOB = Seam("services.glue", "_create_job", "a6e2c6ef3e8ee2a3")
UPDATE_JOB = Seam("services.glue", "_update_job", "e31cf7aa93c708fa")
JOB_FIELDS = Seam("services.cloudformation.provisioners", "_glue_job_fields", "7921dc98654e9749")
SEAMS = (CREATE_JOB, UPDATE_JOB, JOB_FIELDS)

Request = dict[str, Any]
_DEFAULTS: Request = {
    "ExecutionProperty": {"MaxConcurrentRuns": 1},
    "ExecutionClass": "STANDARD",
    "JobRunQueuingEnabled": False,
}
_NUMBERS = frozenset({"Timeout", "NumberOfWorkers", "MaxRetries"})


def _with_numbers(fields: Request) -> Request:
    """The fields with integers where the API has them."""
    found: Request = {name: int(value) if name in _NUMBERS else value for name, value in fields.items()}
    if isinstance(limit := found["ExecutionProperty"].get("MaxConcurrentRuns"), str):
        found["ExecutionProperty"] = {**found["ExecutionProperty"], "MaxConcurrentRuns": int(limit)}
    return found


def install() -> None:
    """Keep them, from the API and from CloudFormation."""
    from ministack.services import glue  # noqa: PLC0415  importing it starts its state

    create, update, fields = CREATE_JOB.check(), UPDATE_JOB.check(), JOB_FIELDS.check()

    def create_job(data: Request) -> Any:
        answer = create(data)
        if answer[0] == 200:
            glue._jobs[data["Name"]].update(
                {name: data.get(name) or value for name, value in _DEFAULTS.items()}
            )
        return answer

    def update_job(data: Request) -> Any:
        answer = update(data)
        if answer[0] == 200:
            wanted = data.get("JobUpdate") or {}
            settings = {name: wanted[name] for name in _DEFAULTS if wanted.get(name) is not None}
            glue._jobs[data["JobName"]].update(settings)
        return answer

    CREATE_JOB.replace(create_job)
    UPDATE_JOB.replace(update_job)
    JOB_FIELDS.replace(
        lambda properties: _with_numbers(
            fields(properties) | {name: properties.get(name) or _DEFAULTS[name] for name in _DEFAULTS}
        )
    )
