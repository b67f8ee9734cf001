"""Delete one stack, after showing the account, the Region, what goes and what stays.

If the stack streams a table, the command first stops the table's stream and waits until Firehose has
delivered every change.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from scripts.core.connection import Connection
from scripts.core.console import CommandError, Output, confirm, location_options, parser, run
from scripts.core.interruption import unwinding
from scripts.stacks import KINDS

if TYPE_CHECKING:
    from scripts.core.dependents import Dependents
    from scripts.core.draining import Draining
    from scripts.core.removal import Resource
    from scripts.core.settled_leftovers import SettledLeftovers
    from scripts.core.stack import Stack

# README.md says the same, word for word.
CONFIRMATION = """\
Without --yes the command asks for the stack's name; without a terminal it refuses, with exit code 1."""
EPILOG = f"""\
Remove the stacks that you have in this order: {", ".join(kind.stack_name for kind in reversed(KINDS))}.
Resources with data (table, buckets, keys) stay. The command prints how to delete them.
If the stack streams a table, the command first stops the table's stream and waits until Firehose has
delivered every change.
A stack that does not belong to ddb-lake is refused, and so is a stack whose outputs another stack of the
same account still uses. A tables stack is refused while views read its tables; the message says how to make
them raw again. The settled tables stay.
{CONFIRMATION}
Ctrl-C before the deletion leaves the stack as it is; the table's stream may be off already. Run the command
again to continue."""


EMPTY = "REVIEW_IN_PROGRESS"  # the stack has only a change set


def options() -> argparse.ArgumentParser:
    """The options of `remove`."""
    result = parser("remove", "Delete one stack.", epilog=EPILOG)
    result.add_argument("stack", metavar="STACK", help="the stack's name")
    result.add_argument(
        "--dry-run", action="store_true", help="show what would go and what would stay; change nothing"
    )
    result.add_argument(
        "--no-drain",
        action="store_true",
        help="do not wait for the delivery; changes that Firehose has not delivered yet are lost",
    )
    result.add_argument(
        "--leave-views",
        action="store_true",
        help="remove a tables stack although views read its tables, which nothing extends from then on",
    )
    result.add_argument("--yes", action="store_true", help="do not ask for confirmation")
    return result


def main(arguments: Sequence[str], out: Output) -> int:
    """Delete one stack."""
    args = options().parse_args(arguments)
    out.interruption = "nothing was deleted. Run the command again."
    with unwinding():
        return _remove(args, out)


def _remove(args: argparse.Namespace, out: Output) -> int:
    from scripts.core import removal  # noqa: PLC0415
    from scripts.core.dependents import Dependents  # noqa: PLC0415  boto3 is behind these
    from scripts.core.draining import Draining  # noqa: PLC0415
    from scripts.core.ownership import check_stack  # noqa: PLC0415
    from scripts.core.settled_leftovers import SettledLeftovers  # noqa: PLC0415
    from scripts.core.stack import Stack  # noqa: PLC0415

    connection = Connection.of(args)
    account, region = connection.account, connection.region
    location = location_options(args)
    formation = connection.client("cloudformation")
    stack = Stack(formation, args.stack)
    description = stack.describe()
    where = f"account {account}, Region {region}"
    if description is None:
        raise CommandError(
            f"there is no stack {args.stack} in {where}", "Correct the name, --profile or --region."
        )
    kind = check_stack(stack, description, where)
    status = str(description["StackStatus"])
    if description.get("EnableTerminationProtection"):
        raise CommandError(
            f"stack {args.stack} has termination protection",
            "Turn it off: `aws cloudformation update-termination-protection "
            f"--no-enable-termination-protection --stack-name {args.stack}{location}`.",
        )
    dependents = Dependents.of(kind, description, formation, account, out)
    draining = Draining.of(description, connection, skipped=args.no_drain, location=location, out=out)
    of_stack = removal.resources_of(stack, formation, status)
    resources = [*of_stack, *removal.tables_of(of_stack, connection, out)]
    resources += removal.left_behind(draining.source.left_behind if draining else None)
    settled = SettledLeftovers.of(kind, description, connection, out)
    resources += settled.resources() if settled else []
    resources += removal.uploads_of(description, account, region)
    out.say(f"{where}: delete stack {args.stack} ({status})", "bold")
    removal.show(resources, out)
    dependents.show(out)
    if draining:
        draining.announce(out)
    report: dict[str, Any] = {"stack": args.stack, "account": account, "region": region}
    report |= _beside(dependents, draining, settled)
    if args.dry_run:
        out.say("dry run: nothing was changed")
        out.answer({**report, "status": status, "stays": _stays(resources)})
        return 0
    dependents.refuse(args.stack, location)
    if settled:
        settled.check(leave=args.leave_views, location=location, out=out)
    purpose = f"delete it in {where}"
    confirm(args.yes, args.stack, purpose, "nothing was changed", called="the stack's name")
    if draining:
        draining.run(out)
    status = _delete(formation, stack, description, of_stack, location=location, out=out)
    staying = [r for r in resources if r.stays]
    if staying:
        out.say("AWS still bills the storage of what stays. To delete it for good:")
        # Delete the data before the keys that encrypt it.
        for resource in sorted(staying, key=lambda r: r.type == "AWS::KMS::Key"):
            out.say(f"  {resource.logical_id}: {removal.by_hand(resource)}{location}")
    out.answer({**report, "status": status, "stays": _stays(resources)})
    return 0


def _beside(
    dependents: Dependents, draining: Draining | None, settled: SettledLeftovers | None
) -> dict[str, Any]:
    """What the removal concerns besides the stack's resources, for `--output json`."""
    result: dict[str, Any] = {}
    if dependents.stacks:
        result["remove_first"] = dependents.document()
    if draining:
        source = draining.source
        result["source"] = {"table": source.table, "stream": source.stream_arn, "status": source.status}
    if settled and settled.views:
        result["views"] = [*settled.views]
    return result


def _delete(
    formation: Any,
    stack: Stack,
    description: Mapping[str, Any],
    resources: Sequence[Resource],
    *,
    location: str,
    out: Output,
) -> str:
    """Delete the stack and follow it; raises CommandError with the resources that could not go."""
    from scripts.core.delete_failures import Failure, failures_of, way_out  # noqa: PLC0415
    from scripts.core.stack import Stack  # noqa: PLC0415
    from scripts.core.stack_progress import StackProgress  # noqa: PLC0415

    seen = stack.event_ids()
    # Once it is deleted, a stack is found by its id alone.
    stack_id = str(description["StackId"])
    out.interruption = (  # from here on, an interrupted call may have reached AWS
        f"CloudFormation continues to delete stack {stack.name}. See how far it is: "
        f"`aws cloudformation describe-stack-events --stack-name {stack_id}{location}`."
    )
    formation.delete_stack(StackName=stack.name)
    by_id = Stack(formation, stack_id)
    if description["StackStatus"] == EMPTY:
        by_id.wait_until_gone()
        out.say(f"stack {stack.name} is DELETE_COMPLETE", "green")
        return "DELETE_COMPLETE"
    goes = [(one.logical_id, one.type) for one in resources if not one.stays]
    with StackProgress(out, stack.name, "delete", goes) as progress:
        status, first = by_id.follow(seen, progress.show, progress.look)
    if status != "DELETE_COMPLETE":
        failures = failures_of(formation, stack_id)
        if not failures and first:
            failures = [Failure(first.logical_id, first.type, first.physical_id, first.reason)]
        reasons = "; ".join(f"{each.logical_id} ({each.type}): {each.reason}" for each in failures)
        raise CommandError(
            f"stack {stack.name} ended in {status}: {reasons or 'see its events'}",
            way_out(stack.name, failures, location),
            status=status,
        )
    number = len(goes)
    noun = "resource" if number == 1 else "resources"
    out.say(f"stack {stack.name} is {status}: {number} {noun} deleted in {progress.elapsed}", "green")
    return status


def _stays(resources: Sequence[Resource]) -> list[dict[str, str]]:
    return [{"resource": r.logical_id, "type": r.type, "name": r.physical_id} for r in resources if r.stays]


if __name__ == "__main__":
    sys.exit(run(main))
