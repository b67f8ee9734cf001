"""A change set lists the resources of its launch, without those whose condition is false.

AWS fact: "CloudFormation creates the resource only when the condition evaluates to true" (CloudFormation
Template Reference, "Condition attribute"), so a change set has no change for a resource that is not created.

MiniStack lists every resource of the template as added, and misses conditions that a parameter changes.
"""

from typing import Any

from sandbox.emulator.seam import Seam

RESOLVE = Seam("services.cloudformation.changesets", "_resolve_props_for_diff", "b0f1a995e91fdb78")
SEAMS = (RESOLVE,)

Template = dict[str, Any]


def install() -> None:
    """Compare templates without resources whose condition is false."""
    from ministack.services.cloudformation import changesets  # noqa: PLC0415

    resolve = RESOLVE.check()

    def with_conditions(template: Template, parameters: Any, stack_name: str, stack_id: str) -> Template:
        resolved: Template = resolve(template, parameters, stack_name, stack_id)
        if not resolved:
            return resolved
        conditions = changesets._evaluate_conditions(template, parameters)
        kept = {
            name: resource
            for name, resource in resolved["Resources"].items()
            if conditions.get(resource.get("Condition"), True)
        }
        return {**resolved, "Resources": kept}

    RESOLVE.replace(with_conditions)
