"""Create or update one stack: parse, plan, confirm, apply, report."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scripts.core import template as templates
from scripts.core.console import CommandError, Output, client, parser, place, profile_setting, run, session
from scripts.core.deployment import partitioning

if TYPE_CHECKING:
    import boto3

    from scripts.core.artifacts import ArtifactBucket
    from scripts.core.stack import Change, Event, Stack

EPILOG = """\
examples:
  python -m scripts.deploy consumer --profile consumer --parameter ProducerAccountId=111111111111
  python -m scripts.deploy producer --profile producer \\
      --outputs-of ddb-lake-consumer --outputs-profile consumer
  python -m scripts.deploy single-account --dry-run
  python -m scripts.deploy columnar --profile consumer --outputs-of ddb-lake-consumer

An update keeps the value of every parameter that is not given. Without a terminal nothing is asked; a plan
that removes or replaces what is there then needs --yes."""

# The parameters that say where a function's zip is, and in which bucket.
CATALOG_KEY, TRANSFORM_KEY, BUCKET = "CatalogArtifactKey", "TransformArtifactKey", "ArtifactBucketName"
SCRIPT_KEY, LIBRARY_KEY = "JobScriptKey", "JobLibraryKey"  # and where a job's code is
CODE = (CATALOG_KEY, TRANSFORM_KEY, SCRIPT_KEY, LIBRARY_KEY)
ARCHITECTURE = "FunctionArchitecture"
ARCHITECTURES = ("arm64", "x86_64", "host")  # host: this machine's, where an emulator runs functions on it
# In the two-account kinds, the parameter that names the other account.
OTHER_ACCOUNT = {"consumer": "ProducerAccountId", "producer": "ConsumerAccountId"}
ADMITTED = "AdmittedAccountId"  # the consumer stack's output: the one account that may deliver
ADOPTED = "ExistingTableName"  # a table of the account that a stack is to stream, made by someone else
ENABLE = "EnableStreamingCommand"  # the output that turns its stream on, once the stack is complete
DECLARED = "ChangesTable"  # the resource whose columns the catalog function adds, after the template
CRAWL = "CrawlNowCommand"  # and the output that has it look for them now
HOLDER = "ConsumerAccountId"  # and the one that holds the lake, where its options belong


@dataclass
class Plan:
    """What a deployment would do, before it is done."""

    kind: str
    stack: Stack
    template: templates.Template
    account: str
    region: str
    update: bool
    values: dict[str, str]
    kept: list[str] = field(default_factory=list)
    left_behind: str | None = None  # the delivery stream that goes on beside its successor
    uploads: dict[str, bytes] = field(default_factory=dict)  # key in the artifact bucket: content


def _pairs(given: Sequence[str], option: str) -> dict[str, str]:
    """K=V options as a dictionary."""
    pairs = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise CommandError(
                f"{option} {text} is not NAME=VALUE", f"Write it as {option} NAME=VALUE.", exit_code=2
            )
        if name in pairs:
            raise CommandError(f"{option} {name} is given twice", "Give it once.", exit_code=2)
        pairs[name] = value
    return pairs


def options() -> argparse.ArgumentParser:
    """The options of `deploy`."""
    made = parser("deploy", "Create or update one stack from its template.", epilog=EPILOG)
    made.add_argument("kind", choices=tuple(templates.KINDS), help="which template")
    made.add_argument(
        "--stack-name", metavar="NAME", help="default: ddb-lake-KIND; ddb-lake for single-account"
    )
    made.add_argument(
        "--template", metavar="FILE", type=Path, help="a changed copy instead of the shipped one"
    )
    made.add_argument("--parameter", metavar="K=V", action="append", default=[], help="a parameter's value")
    made.add_argument(
        "--outputs-of", metavar="STACK", help="fill parameters from the outputs of the same name"
    )
    made.add_argument("--outputs-profile", metavar="PROFILE", help="the profile that may read that stack")
    made.add_argument("--outputs-region", metavar="REGION", help="that stack's Region, if it is another")
    made.add_argument(
        "--arch",
        choices=ARCHITECTURES,
        help="of the functions (default: the profile's ddb_lake_arch, else as the stack is, else arm64)",
    )
    made.add_argument(
        "--role-arn", metavar="ARN", help="the role CloudFormation acts with (default: the caller)"
    )
    made.add_argument(
        "--tag", metavar="K=V", action="append", default=[], help="a tag of the stack and its resources"
    )
    made.add_argument(
        partitioning.OPTION,
        action="store_true",
        help="let a changed PartitionBy make a delivery stream beside the one there is",
    )
    made.add_argument("--dry-run", action="store_true", help="show the plan and change nothing")
    made.add_argument("--yes", action="store_true", help="do not ask")
    return made


def main(arguments: Sequence[str], out: Output) -> int:
    """Deploy one stack."""
    given = options().parse_args(arguments)
    parameters, tags = _pairs(given.parameter, "--parameter"), _pairs(given.tag, "--tag")
    name = given.stack_name or templates.KINDS[given.kind]
    if not re.fullmatch(r"[A-Za-z][-A-Za-z0-9]{0,127}", name):
        raise CommandError(
            f"{name} is no stack name",
            "Use letters, digits and hyphens, a letter first, 128 at most.",
            exit_code=2,
        )
    template = templates.read(given.template or templates.shipped(given.kind))
    templates.check_names(template, parameters)

    from scripts.core.artifacts import ArtifactBucket  # noqa: PLC0415  boto3 is behind it: after the cheap checks
    from scripts.core.stack import Stack  # noqa: PLC0415

    here = session(given.profile, given.region)
    account, partition = _identity(here, given.endpoint_url)
    formation = client(here, "cloudformation", given.endpoint_url)
    arch = given.arch or profile_setting(here, "ddb_lake_arch")
    if arch not in (None, *ARCHITECTURES):
        raise CommandError(
            f"the profile's ddb_lake_arch is {arch}",
            f"Set it to one of {', '.join(ARCHITECTURES)}.",
            exit_code=2,
        )
    if arch == "host" and "amazonaws.com" in formation.meta.endpoint_url:
        raise CommandError(
            "--arch host builds for this machine's Python, which Lambda does not run",
            "Give --arch arm64 or --arch x86_64; host is for the sandbox.",
            exit_code=2,
        )
    stack = Stack(formation, name)
    found = stack.check_state(place(given))
    verb = "create" if found is None else "update"
    out.say(f"account {account}, Region {here.region_name}: {verb} stack {name}", "bold")
    values = {**_outputs(given, template, here), **parameters}
    plan = Plan(given.kind, stack, template, account, here.region_name, found is not None, values)
    plan.kept = _kept(found, plan)
    _check_accounts(plan)
    plan.left_behind = partitioning.succeeded(found, template, values, allowed=given.second_delivery_stream)
    bucket = ArtifactBucket(
        client(here, "s3", given.endpoint_url),
        account,
        here.region_name,
        partition,
        out,
        name=_named_bucket(parameters, found, account, here.region_name),
    )
    asked = [key for key in CODE if key in template.parameters and key not in values]
    filled = {*asked, BUCKET} if asked else set()
    templates.check_values(template, plan.values, kept=frozenset(filled | set(plan.kept)))
    _check_table(plan, client(here, "dynamodb", given.endpoint_url), out)
    _package(arch, plan, found, out, asked=asked, bucket=bucket.name)
    return _deploy(plan, bucket, tags, given, out)


def _identity(here: boto3.Session, endpoint: str | None) -> tuple[str, str]:
    """The account that is deployed to, and its partition."""
    identity = client(here, "sts", endpoint).get_caller_identity()
    return identity["Account"], identity["Arn"].split(":")[1]


def _outputs(given: argparse.Namespace, template: templates.Template, here: boto3.Session) -> dict[str, str]:
    """The other stack's outputs that are parameters of this template."""
    if not given.outputs_of:
        if given.outputs_profile or given.outputs_region:
            raise CommandError("no stack to read outputs of", "Name it with --outputs-of STACK.", exit_code=2)
        return {}
    from scripts.core.stack import Stack, outputs_of  # noqa: PLC0415

    there = session(given.outputs_profile or given.profile, given.outputs_region or here.region_name)
    if there.region_name != here.region_name:
        raise CommandError(
            f"stack {given.outputs_of} would be read in Region {there.region_name}, and this one deployed in "
            f"{here.region_name}: keys and policies of both stacks name one Region",
            "Give both the same Region: --region and --outputs-region.",
        )
    found = Stack(client(there, "cloudformation", given.endpoint_url), given.outputs_of).describe()
    if found is None:
        account, _ = _identity(there, given.endpoint_url)
        raise CommandError(
            f"there is no stack {given.outputs_of} in account {account}, Region {there.region_name}",
            "Deploy it first, or correct --outputs-of, --outputs-profile and --outputs-region.",
        )
    given_out = outputs_of(found)
    account, _ = _identity(here, given.endpoint_url)
    if given.kind in templates.OPTIONS:
        if (holder := given_out.get(HOLDER, account)) != account:
            raise CommandError(
                f"stack {given.outputs_of} holds its lake in account {holder}, and this would deploy to "
                f"{account}",
                f"Deploy with a --profile of account {holder}.",
            )
    elif (admitted := given_out.get(ADMITTED, account)) != account:
        raise CommandError(
            f"stack {given.outputs_of} admits account {admitted}, and this would deploy to {account}: "
            "nothing could be delivered",
            f"Deploy with a --profile of account {admitted}, or give the other stack "
            f"ProducerAccountId={account} first.",
        )
    outputs = {name: value for name, value in given_out.items() if name in template.parameters}
    if not outputs:
        raise CommandError(
            f"stack {given.outputs_of} ({found['StackStatus']}) has no output that is a parameter here",
            "Name the stack whose outputs these are, once it is complete.",
        )
    return outputs


def _named_bucket(
    parameters: Mapping[str, str], found: Mapping[str, Any] | None, account: str, region: str
) -> str | None:
    """The artifact bucket that is the user's own, given now or at an earlier deployment; None for ours."""
    from scripts.core.artifacts import bucket_name  # noqa: PLC0415

    name = parameters.get(BUCKET) or _current(found).get(BUCKET)
    return None if name == bucket_name(account, region) else name


def _current(found: Mapping[str, Any] | None) -> dict[str, str]:
    """The values that the parameters of the stack have now."""
    return {one["ParameterKey"]: one["ParameterValue"] for one in (found or {}).get("Parameters", [])}


def _kept(found: Mapping[str, Any] | None, plan: Plan) -> list[str]:
    """The parameters that keep the value the stack has."""
    current = _current(found)
    return [name for name in plan.template.parameters if name in current and name not in plan.values]


def _check_accounts(plan: Plan) -> None:
    """Refuse an account id that cannot be the other account's."""
    name = OTHER_ACCOUNT.get(plan.kind, "")
    other = plan.values.get(name)
    if other is None or name not in plan.template.parameters:
        return
    if not re.fullmatch(r"\d{12}", other):
        raise CommandError(
            f"{name}={other} is no account id",
            "An account id has 12 digits: `aws sts get-caller-identity` shows it.",
        )
    if other == plan.account:
        raise CommandError(
            f"{name}={other} is the account that this would deploy to",
            "Name the other account, or deploy with the other account's --profile; "
            "for a lake in the table's own account deploy single-account.",
        )


def _check_table(plan: Plan, dynamodb: Any, out: Output) -> None:
    """Refuse to adopt a table that is not there: the stack would be made, and nothing would ever arrive."""
    name = plan.values.get(ADOPTED)
    if not name or ADOPTED not in plan.template.parameters:
        return
    from botocore.exceptions import ClientError  # noqa: PLC0415

    try:
        dynamodb.describe_table(TableName=name)
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        if code == "AccessDeniedException":  # a launch needs no such permission
            out.say(f"whether there is a table {name} was not checked: dynamodb:DescribeTable is not granted")
            return
        if code != "ResourceNotFoundException":
            raise
        raise CommandError(
            f"there is no table {name} in account {plan.account}, Region {plan.region}",
            f"Correct {ADOPTED}, --profile or --region: `aws dynamodb list-tables` shows what is there.",
        ) from None


def _package(
    arch: str | None,
    plan: Plan,
    found: Mapping[str, Any] | None,
    out: Output,
    *,
    asked: Sequence[str],
    bucket: str,
) -> None:
    """Build the zips the template asks for; what they are called goes into the plan's parameters."""
    from scripts.build import package  # noqa: PLC0415  loaded when there is something to build
    from scripts.core.artifacts import key_of  # noqa: PLC0415

    named = plan.values.get(ARCHITECTURE) or _current(found).get(ARCHITECTURE) or package.DEFAULT_ARCHITECTURE
    arch = arch or named
    if ARCHITECTURE in plan.template.parameters:
        plan.values[ARCHITECTURE] = package.host_architecture() if arch == "host" else arch
    for name in asked:
        if name in (SCRIPT_KEY, LIBRARY_KEY):
            folder, built = "jobs", package.build_job()[name == LIBRARY_KEY]
        elif name == CATALOG_KEY:
            folder, built = "functions", package.build_catalog()
        else:
            folder, built = "functions", package.build_transform(package.target(arch), out)
        out.say(f"packaged {built.name}: {built.size:,} bytes")
        content = built.path.read_bytes()
        key = key_of(folder, built.name, content)
        plan.uploads[key] = content
        plan.values[name] = key
        if BUCKET in plan.template.parameters:
            plan.values[BUCKET] = bucket
    plan.kept = [name for name in plan.kept if name not in plan.values]


def _deploy(
    plan: Plan, bucket: ArtifactBucket, tags: Mapping[str, str], given: argparse.Namespace, out: Output
) -> int:
    """Show what the plan changes, ask, and carry it out."""
    from scripts.core.stack import outputs_of, show_event  # noqa: PLC0415

    stack = plan.stack
    large = plan.template.size > templates.BODY_LIMIT
    if given.dry_run and large and not bucket.exists():
        rows = [(name, str(resource.get("Type"))) for name, resource in plan.template.resources.items()]
        out.table(
            "resources of the template (those whose condition holds are made)", ("resource", "type"), rows
        )
        out.say(f"dry run: nothing was changed; bucket {bucket.name} would be made")
        return _report(plan, {}, [], out)
    request = _request(plan, bucket, tags, given.role_arn, large=large)
    change_set, changes = stack.propose(request, update=plan.update)
    if not change_set:
        found = stack.describe() or {}
        out.say(f"stack {stack.name} is as the template and the parameters say: nothing to do", "green")
        out.pairs("outputs", sorted(outputs_of(found).items()))
        return _report(plan, found, [], out)
    _show(changes, out)
    if given.dry_run:
        stack.withdraw(change_set, update=plan.update)
        out.say("dry run: nothing was changed")
        return _report(plan, stack.describe() or {}, changes, out)
    try:
        if not _confirmed(given.yes, plan, changes):
            raise CommandError(
                "not confirmed: nothing was changed", "Run it again and answer y, or give --yes."
            )
        for key, content in plan.uploads.items():
            bucket.put(key, content)
    except BaseException:  # Ctrl-C at the question and a refused upload too: nothing half-made is left behind
        stack.withdraw(change_set, update=plan.update)
        raise
    touched = set[str]()

    def show(event: Event) -> None:
        touched.add(event.logical_id)
        show_event(event, out)

    try:
        found = stack.execute(change_set, show)
    except CommandError as error:
        if plan.update and DECLARED in touched:
            _columns_too(error, outputs_of(stack.describe() or {}), given.profile)
        raise
    except KeyboardInterrupt:
        out.say("CloudFormation goes on without this command; see the stack's events in the console")
        raise
    out.say(f"stack {stack.name} is {found['StackStatus']}", "green")
    out.pairs("outputs", sorted(outputs_of(found).items()))
    _lead_on(given, plan, outputs_of(found), out)
    return _report(plan, found, changes, out)


def _columns_too(error: CommandError, outputs: Mapping[str, str], profile: str | None) -> None:
    """Say how columns come back: a rollback of the table's definition takes them away.

    The template names no attribute. The catalog function declares all that the table ever had, after a crawl.
    """
    if crawl := outputs.get(CRAWL):
        option = f" --profile {profile}" if profile else ""
        error.next_step += f" Start the crawler too, for columns that went with the rollback: {crawl}{option}"


def _lead_on(given: argparse.Namespace, plan: Plan, outputs: Mapping[str, str], out: Output) -> None:
    """The command that most people run after a first launch."""
    profile = f" --profile {given.profile}" if given.profile else ""
    if plan.kind == "consumer" and not plan.update:
        there = f" --outputs-profile {given.profile}" if given.profile else ""
        producer = "python -m scripts.deploy producer --profile PROFILE_OF_THE_OTHER_ACCOUNT"
        region = f" --region {given.region}" if given.region else ""
        out.say(f"next: {producer}{region} --outputs-of {plan.stack.name}{there}")
    elif plan.left_behind:
        out.say(partitioning.next_step(plan.left_behind, plan.region, profile))
    elif ENABLE in outputs and not plan.update:
        out.say(f"next: {outputs[ENABLE]}{profile}")
    elif "SourceTableName" in outputs and not plan.update:
        out.say(f"next: python -m scripts.put_items {outputs['SourceTableName']}{place(given)}")


def _request(
    plan: Plan, bucket: ArtifactBucket, tags: Mapping[str, str], role: str | None, *, large: bool
) -> dict[str, Any]:
    """The change set that is asked for."""
    from scripts.core.artifacts import key_of  # noqa: PLC0415
    from scripts.core.stack import parameters  # noqa: PLC0415

    request: dict[str, Any] = {
        "Parameters": parameters(plan.values, plan.kept),
        "Capabilities": [
            "CAPABILITY_NAMED_IAM",
            *(["CAPABILITY_AUTO_EXPAND"] if plan.template.needs_macros else []),
        ],
        "Description": "python -m scripts.deploy",
    }
    if large:
        content = plan.template.body.encode()
        request["TemplateURL"] = bucket.url(
            bucket.put(key_of("templates", plan.template.path.name, content), content)
        )
    else:
        request["TemplateBody"] = plan.template.body
    if tags:
        request["Tags"] = [{"Key": key, "Value": value} for key, value in tags.items()]
    if role:
        request["RoleARN"] = role
    return request


def _show(changes: Sequence[Change], out: Output) -> None:
    """The change set as a table; account and Region stand above it."""
    title = f"{len(changes)} change{'' if len(changes) == 1 else 's'}"
    replaced = {"True": "yes", "Conditional": "perhaps", "False": "no"}
    rows = [
        (
            c.action,
            c.logical_id,
            c.type,
            replaced.get(c.replacement, "") if c.action == "Modify" else "",
            c.scope,
        )
        for c in changes
    ]
    out.table(title, ("action", "resource", "type", "replaced", "what"), rows)


def _confirmed(yes: bool, plan: Plan, changes: Sequence[Change]) -> bool:
    """Whether to go on: by --yes, by answer, or because nobody is there to ask and nothing goes away."""
    if yes:
        return True
    lost = [change.logical_id for change in changes if change.loses]
    if not sys.stdin.isatty():
        return not lost
    loss = f" ({len(lost)} removed or replaced: {', '.join(lost)})" if lost else ""
    sys.stderr.write(f"{plan.stack.name} in account {plan.account}, {plan.region}{loss}: go on? [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _report(plan: Plan, found: Mapping[str, Any], changes: Sequence[Change], out: Output) -> int:
    """The one JSON document; people have read the tables."""
    from scripts.core.stack import outputs_of  # noqa: PLC0415

    out.answer(
        {
            "stack": plan.stack.name,
            "account": plan.account,
            "region": plan.region,
            "status": found.get("StackStatus"),
            "changes": [
                {"action": c.action, "resource": c.logical_id, "type": c.type, "replacement": c.replacement}
                for c in changes
            ],
            "outputs": outputs_of(found),
        }
    )
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
