"""Step 5: print the result for people and for machines, and the next step."""

from __future__ import annotations

from collections.abc import Mapping

from scripts.core.console import Output
from scripts.core.deployment import partitioning
from scripts.core.deployment.apply import Outcome
from scripts.core.deployment.planning import ADOPTED, Plan
from scripts.core.deployment.prepare import Request


def report(request: Request, plan: Plan, outcome: Outcome, out: Output) -> None:
    """Print the outputs and the next step for people, and the one JSON document for machines."""
    from scripts.core.stack import outputs_of  # noqa: PLC0415  boto3 is behind it

    outputs = outputs_of(outcome.found)
    connection = plan.target.connection
    if outcome.applied or not outcome.changes:
        out.pairs("outputs", sorted(outputs.items()))
    if outcome.applied and (step := next_step(request, plan, outputs)):
        out.say(step)
    out.answer(
        {
            "stack": plan.target.stack.name,
            "account": connection.account,
            "region": connection.region,
            "status": outcome.found.get("StackStatus"),
            "changes": [
                {
                    "action": change.action,
                    "resource": change.logical_id,
                    "type": change.type,
                    "replacement": change.replacement,
                }
                for change in outcome.changes
            ],
            "outputs": outputs,
        }
    )


def next_step(request: Request, plan: Plan, outputs: Mapping[str, str]) -> str | None:
    """What to run next: after a first launch, an adopted table, or a delivery stream that was left behind."""
    profile = f" --profile {request.profile}" if request.profile else ""
    if plan.left_behind:
        return partitioning.next_step(plan.left_behind, plan.target.connection.region, profile)
    if plan.target.update and not adopts(plan):
        return None
    words = {
        **outputs,
        "stack": plan.target.stack.name,
        "profile": profile,
        "region": f" --region {request.region}" if request.region else "",
        "profile_and_region": request.location_options,
        "outputs_profile": f" --outputs-profile {request.profile}" if request.profile else "",
    }
    for step in request.kind.next_steps:
        if all(name in outputs for name in step.outputs):
            return f"next: {step.text.format(**words)}"
    return None


def adopts(plan: Plan) -> bool:
    """Whether an update makes the stack stream an existing table that it did not stream before."""
    return plan.values.get(ADOPTED, "") not in ("", plan.target.current.get(ADOPTED, ""))
