"""Create or update one stack: parse, plan, confirm, apply, report."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from scripts.core.console import EXIT_USAGE, CommandError, Output, location_options, parser, run
from scripts.core.deployment import partitioning
from scripts.core.deployment.apply import apply
from scripts.core.deployment.planning import plan
from scripts.core.deployment.prepare import ARCHITECTURES, Request, prepare
from scripts.core.deployment.report import report
from scripts.core.deployment.verify import verify
from scripts.core.interruption import unwinding
from scripts.stacks import STACKS

# README.md says the same, word for word.
CONFIRMATION = """\
Without --yes the command shows the plan and asks before it applies it.
Without a terminal, for example in a pipe, it cannot ask. Then it applies a plan that only creates and
updates. It refuses a plan that removes, replaces or perhaps replaces a resource, with exit code 1."""
EPILOG = f"""\
examples:
  python -m scripts.deploy consumer --profile consumer --parameter ProducerAccountId=111111111111
  python -m scripts.deploy producer --profile producer \\
      --outputs-of ddb-lake-consumer --outputs-profile consumer
  python -m scripts.deploy single-account --dry-run
  python -m scripts.deploy backfill --profile consumer --outputs-of ddb-lake-consumer
  python -m scripts.deploy export --profile producer \\
      --outputs-of ddb-lake-backfill --outputs-profile consumer

An update keeps the values of all parameters that are not given. The command never touches a stack that does
not belong to ddb-lake.
{CONFIRMATION}"""


def options() -> argparse.ArgumentParser:
    """The options of `deploy`."""
    result = parser("deploy", "Create or update one stack from its template.", epilog=EPILOG)
    result.add_argument("kind", choices=tuple(STACKS), help="which template")
    result.add_argument(
        "--stack-name", metavar="NAME", help="default: ddb-lake-KIND; ddb-lake for single-account"
    )
    result.add_argument("--template", metavar="FILE", type=Path, help="your changed copy of the template")
    result.add_argument(
        "--parameter", metavar="K=V", action="append", default=[], help="set a template parameter"
    )
    result.add_argument("--outputs-of", metavar="STACK", help="set parameters from the outputs of that stack")
    result.add_argument("--outputs-profile", metavar="PROFILE", help="the profile that reads that stack")
    result.add_argument("--outputs-region", metavar="REGION", help="the Region of that stack, if it differs")
    result.add_argument(
        "--beside",
        metavar="STACK",
        help="export only: the stack of the table, in the same account (default: ddb-lake-producer, else "
        "ddb-lake)",
    )
    result.add_argument(
        "--arch",
        choices=ARCHITECTURES,
        help="of the functions (default: the profile's ddb_lake_arch, else the stack's, else arm64)",
    )
    result.add_argument(
        "--role-arn",
        metavar="ARN",
        help="the role that CloudFormation uses (default: the caller's permissions)",
    )
    result.add_argument(
        "--tag", metavar="K=V", action="append", default=[], help="a tag of the stack and its resources"
    )
    result.add_argument(
        partitioning.OPTION,
        action="store_true",
        help="let a changed PartitionBy create a second delivery stream",
    )
    result.add_argument("--dry-run", action="store_true", help="show the plan, change nothing")
    result.add_argument("--yes", action="store_true", help="do not ask")
    result.add_argument(
        "--verbose", action="store_true", help="list every resource of the plan, and every event of the stack"
    )
    return result


def _pairs(texts: Sequence[str], option: str) -> dict[str, str]:
    """K=V options as a dictionary."""
    pairs = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise CommandError(
                f"{option} {text} is not NAME=VALUE",
                f"Write it as {option} NAME=VALUE.",
                exit_code=EXIT_USAGE,
            )
        if name in pairs:
            raise CommandError(f"{option} {name} is given twice", "Give it only once.", exit_code=EXIT_USAGE)
        pairs[name] = value
    return pairs


def _request(args: argparse.Namespace) -> Request:
    """The deployment that the options describe."""
    return Request(
        kind=STACKS[args.kind],
        stack_name=args.stack_name,
        template=args.template,
        parameters=_pairs(args.parameter, "--parameter"),
        outputs_of=args.outputs_of,
        outputs_profile=args.outputs_profile,
        outputs_region=args.outputs_region,
        beside=args.beside,
        architecture=args.arch,
        role_arn=args.role_arn,
        tags=_pairs(args.tag, "--tag"),
        second_delivery_stream=args.second_delivery_stream,
        dry_run=args.dry_run,
        yes=args.yes,
        verbose=args.verbose,
        profile=args.profile,
        region=args.region,
        location_options=location_options(args),
    )


def main(arguments: Sequence[str], out: Output) -> int:
    """Deploy one stack."""
    args = options().parse_args(arguments)
    request = _request(args)
    out.interruption = "the stack was not changed. Run the command again."
    with unwinding():
        target = prepare(request, args.endpoint_url, out)
        planned = plan(request, target, out)
        outcome = apply(request, planned, out)
        verify(request, planned, outcome, out)
    report(request, planned, outcome, out)
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
