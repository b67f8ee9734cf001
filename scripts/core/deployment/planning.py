"""Step 2: find a value for every parameter; find mistakes before anything is created.

The first of these that has a value sets a parameter: --parameter; an output of the other stack (`takes` in
scripts/stacks.py); an output of a stack beside it (`takes_beside`); a file that is built now; the existing
stack; the template's default.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.build.wheels import DEFAULT_ARCHITECTURE, host_architecture
from scripts.build.wheels import target as interpreter
from scripts.core import marker
from scripts.core import template as templates
from scripts.core.connection import Connection
from scripts.core.console import EXIT_USAGE, CommandError, Output
from scripts.core.deployment import partitioning
from scripts.core.deployment.prepare import BUCKET, Request, Target
from scripts.stacks import ARTIFACTS, STACKS, version_parameter

if TYPE_CHECKING:
    from scripts.core.stack import Stack

ARCHITECTURE = "FunctionArchitecture"
ADOPTED = "ExistingTableName"  # an existing table that the stack streams


@dataclass(frozen=True)
class Built:
    """A built file: its path, its content, and its key in the artifact bucket."""

    path: Path
    content: bytes
    key: str


@dataclass(frozen=True)
class Plan:
    """The parameters of a deployment: `values` are set, `kept` keep the stack's current value."""

    target: Target
    values: Mapping[str, str]
    kept: tuple[str, ...]
    left_behind: str | None = None  # the old delivery stream, which keeps running
    built: Mapping[str, Built] = field(default_factory=dict)  # by the parameter that names its key


def plan(request: Request, target: Target, out: Output) -> Plan:
    """Set every parameter and build the artifacts. Raises CommandError for values that would fail later."""
    template, current = target.template, target.current
    values = {**_outputs(request, target, out), **_beside(request, target), **request.parameters}
    _check_versions(target, values)
    _check_accounts(request, target, values)
    left_behind = partitioning.succeeded(
        target.found, template, values, allowed=request.second_delivery_stream
    )
    wanted = [name for name in ARTIFACTS if name in template.parameters and name not in values]
    kept = [name for name in template.parameters if name in current and name not in values]
    to_fill = {*wanted, BUCKET} if wanted else set()
    templates.check_values(template, values, kept=frozenset(to_fill | set(kept)))
    _check_table(target, values, out)
    _check_routes(target, values, out)
    filled, built = _build(target, values, wanted, out)
    values |= filled
    return Plan(target, values, tuple(name for name in kept if name not in values), left_behind, built)


def _check_versions(target: Target, values: dict[str, str]) -> None:
    """Check that a version is given only with its key. A key without a version means the newest version."""
    for name in ARTIFACTS:
        version = version_parameter(name)
        if version not in target.template.parameters:
            continue
        if name in values:
            values.setdefault(version, "")
        elif version in values:
            raise CommandError(
                f"{version} is given without {name}, the key of that object",
                "Give both or neither. With neither, the command builds and uploads the object itself.",
                exit_code=EXIT_USAGE,
            )
        else:
            values[version] = ""  # until the upload


def _outputs(request: Request, target: Target, out: Output) -> dict[str, str]:
    """The outputs of the other stack that set parameters of this template."""
    if not request.outputs_of:
        return {}
    from scripts.core.stack import Stack, outputs_of  # noqa: PLC0415  boto3 is behind it

    region = target.connection.region
    other = Connection(
        request.outputs_profile or request.profile,
        request.outputs_region or region,
        target.connection.endpoint,
    )
    if other.region != region:
        raise CommandError(
            f"stack {request.outputs_of} is in Region {other.region}, but this stack would be deployed to "
            f"{region}; the keys and policies of both stacks need the same Region",
            "Use the same Region for both: --region and --outputs-region.",
        )
    stack = Stack(other.client("cloudformation"), request.outputs_of)
    found = stack.describe()
    if found is None:
        raise CommandError(
            f"there is no stack {request.outputs_of} in account {other.account}, Region {region}",
            "Deploy it first, or correct --outputs-of, --outputs-profile and --outputs-region.",
        )
    outputs = outputs_of(found)
    parameters = target.template.parameters
    values = {name: outputs[name] for name in request.kind.takes if name in outputs and name in parameters}
    if not values:
        raise CommandError(
            f"stack {request.outputs_of} ({found['StackStatus']}) has no output that sets a parameter here",
            "Wait until that stack is complete, or name another stack with --outputs-of.",
        )
    _check_source(request, stack, f"account {other.account}, Region {region}", out)
    _check_rule(request, target, outputs)
    foreign = sorted(name for name in outputs if name in parameters and name not in request.kind.takes)
    if foreign:
        out.say(
            f"not taken from stack {request.outputs_of}: {', '.join(foreign)}. Stacks do not pass these on; "
            "set them with --parameter if you need them",
            "yellow",
        )
    return values


def _beside(request: Request, target: Target) -> dict[str, str]:
    """The outputs of the stack beside this one, where they are neither given nor known from before."""
    kind, known = request.kind, {*request.parameters, *({} if request.beside else target.current)}
    missing = [name for name in kind.takes_beside if name not in known and name in target.template.parameters]
    if not missing:
        return {}
    from scripts.core.stack import Stack, outputs_of  # noqa: PLC0415  boto3 is behind it

    client = target.connection.client("cloudformation")
    names = [request.beside] if request.beside else [STACKS[name].stack_name for name in kind.beside]
    for name in names:
        found = Stack(client, name).describe()
        outputs = outputs_of(found) if found else {}
        if all(output in outputs for output in missing):
            return {output: outputs[output] for output in missing}
    raise CommandError(
        f"account {target.connection.account}, Region {target.connection.region} has no stack "
        f"{' or '.join(names)} with the output {', '.join(missing)}",
        f"Name the {' or '.join(kind.beside)} stack with --beside STACK, or set --parameter "
        f"{missing[0]}=VALUE.",
    )


def _check_source(request: Request, stack: Stack, where: str, out: Output) -> None:
    """Refuse the outputs of a stack that is not ddb-lake's, or of a kind that does not fit this one."""
    from botocore.exceptions import ClientError  # noqa: PLC0415

    try:
        kind = marker.kind_of(stack.template())
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") not in ("AccessDenied", "AccessDeniedException"):
            raise
        # A profile that reads outputs in another account may lack the permission for templates.
        out.say(f"the kind of stack {stack.name} was not checked: GetTemplate is not granted there")
        return
    if kind not in request.kind.outputs_of:
        is_one = f"is a ddb-lake {kind} stack" if kind else "is not a ddb-lake stack"
        raise CommandError(
            f"stack {stack.name} in {where} {is_one}: a {request.kind.name} stack takes the outputs of "
            f"{' or '.join(request.kind.outputs_of)}",
            "Correct --outputs-of, --outputs-profile or --outputs-region.",
            stack=stack.name,
        )


def _check_rule(request: Request, target: Target, outputs: Mapping[str, str]) -> None:
    """Refuse an account that the other stack does not admit."""
    rule, account = request.kind.account_rule, target.connection.account
    expected = outputs.get(rule.output, account)
    if expected != account:
        words = {"stack": request.outputs_of, "expected": expected, "account": account}
        raise CommandError(rule.mismatch.format(**words), rule.way_out.format(**words))


def _check_accounts(request: Request, target: Target, values: Mapping[str, str]) -> None:
    """Refuse an id that cannot be the other account's."""
    name = request.kind.other_account
    if name is None or name not in values or name not in target.template.parameters:
        return
    other = values[name]
    if not re.fullmatch(r"\d{12}", other):
        raise CommandError(
            f"{name}={other} is not an account id",
            "An account id has 12 digits; `aws sts get-caller-identity` shows it.",
        )
    if other == target.connection.account:
        raise CommandError(
            f"{name}={other} is the account that this command deploys to",
            "Give the id of the other account, or use the other account's --profile. "
            "For a lake in the table's own account, deploy single-account.",
        )


def _check_table(target: Target, values: Mapping[str, str], out: Output) -> None:
    """Refuse to adopt a table that does not exist: the stack would launch, but no change would arrive."""
    name = values.get(ADOPTED)
    if not name or ADOPTED not in target.template.parameters:
        return
    from botocore.exceptions import ClientError  # noqa: PLC0415

    try:
        target.connection.client("dynamodb").describe_table(TableName=name)
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        if code == "AccessDeniedException":  # a launch does not need this permission
            out.say(f"that table {name} exists was not checked: dynamodb:DescribeTable is not granted")
            return
        if code != "ResourceNotFoundException":
            raise
        raise CommandError(
            f"there is no table {name} in account {target.connection.account}, "
            f"Region {target.connection.region}",
            f"Correct {ADOPTED}, --profile or --region; `aws dynamodb list-tables` lists the tables.",
        ) from None


def _check_routes(target: Target, values: Mapping[str, str], out: Output) -> None:
    """Refuse gateway endpoints that would cut off others."""
    from scripts.core.deployment import routes  # noqa: PLC0415  boto3 is behind it

    if routes.TABLES in target.template.parameters:
        routes.check(values, target.current, target.connection, out)


def _build(
    target: Target, values: Mapping[str, str], wanted: list[str], out: Output
) -> tuple[dict[str, str], dict[str, Built]]:
    """Build the artifacts; return the parameters with their future place, and the files to upload."""
    from scripts.core.artifacts import key_of  # noqa: PLC0415  boto3 is behind it

    parameters = target.template.parameters
    named = values.get(ARCHITECTURE) or target.current.get(ARCHITECTURE) or DEFAULT_ARCHITECTURE
    architecture = target.architecture or named
    filled: dict[str, str] = {}
    built: dict[str, Built] = {}
    if ARCHITECTURE in parameters:
        filled[ARCHITECTURE] = host_architecture() if architecture == "host" else architecture
    for name in wanted:
        artifact = ARTIFACTS[name]
        package = artifact.build(interpreter(architecture), out, None)
        out.say(f"packaged {package.name}: {package.size:,} bytes")
        content = package.path.read_bytes()
        filled[name] = key_of(artifact.folder, package.name, content)
        built[name] = Built(package.path, content, filled[name])
        if BUCKET in parameters:
            filled[BUCKET] = target.bucket.name
    return filled, built
