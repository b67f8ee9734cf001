"""Step 1: read the request, find the account and the existing stack. Nothing is changed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scripts.core import marker
from scripts.core import template as templates
from scripts.core.connection import Connection
from scripts.core.console import EXIT_USAGE, CommandError, Output
from scripts.stacks import StackKind

if TYPE_CHECKING:
    from scripts.core.artifacts import ArtifactBucket
    from scripts.core.stack import Stack

ARCHITECTURES = ("arm64", "x86_64", "host")  # host: this machine's, for an emulator that runs functions on it
BUCKET = "ArtifactBucketName"  # the parameter that names the bucket of the functions' zips


@dataclass(frozen=True)
class Request:
    """A deployment as the options describe it; None or empty: not given."""

    kind: StackKind
    stack_name: str | None = None
    template: Path | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    outputs_of: str | None = None
    outputs_profile: str | None = None
    outputs_region: str | None = None
    beside: str | None = None
    architecture: str | None = None
    role_arn: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    second_delivery_stream: bool = False
    dry_run: bool = False
    yes: bool = False
    verbose: bool = False
    profile: str | None = None
    region: str | None = None
    location_options: str = ""  # --profile and --region, for commands that a message shows


@dataclass(frozen=True)
class Target:
    """The account and Region of a stack, its template, and its description (None: it has to be created)."""

    connection: Connection
    template: templates.Template
    stack: Stack
    found: Mapping[str, Any] | None
    bucket: ArtifactBucket
    architecture: str | None

    @property
    def update(self) -> bool:
        """Whether the stack exists already."""
        return self.found is not None

    @property
    def current(self) -> dict[str, str]:
        """The current values of the stack's parameters."""
        return {
            one["ParameterKey"]: one["ParameterValue"] for one in (self.found or {}).get("Parameters", [])
        }


def prepare(request: Request, endpoint: str | None, out: Output) -> Target:
    """Find the account, the Region and the existing stack.

    Raises CommandError, first for mistakes that can be found without an AWS call, then for a stack that does
    not belong to ddb-lake or is of another kind, and for a stack that can be neither created nor updated.
    """
    name = request.stack_name or request.kind.stack_name
    if not re.fullmatch(r"[A-Za-z][-A-Za-z0-9]{0,127}", name):
        raise CommandError(
            f"{name} is not a valid stack name",
            "Use letters, digits and hyphens. Begin with a letter; use 128 characters at most.",
            exit_code=EXIT_USAGE,
        )
    if not request.outputs_of and (request.outputs_profile or request.outputs_region):
        raise CommandError(
            "--outputs-profile and --outputs-region need a stack",
            "Name it with --outputs-of STACK.",
            exit_code=EXIT_USAGE,
        )
    if request.outputs_of and not request.kind.takes:
        raise CommandError(
            f"a {request.kind.name} stack takes no outputs of another stack",
            "Run the command without --outputs-of.",
            exit_code=EXIT_USAGE,
        )
    if request.beside and not request.kind.beside:
        raise CommandError(
            f"a {request.kind.name} stack takes no outputs of a stack beside it",
            "Run the command without --beside.",
            exit_code=EXIT_USAGE,
        )
    template = templates.read(request.template or request.kind.template)
    marker.check_template(template.path.name, template.kind, request.kind.name)
    templates.check_names(template, request.parameters)

    from scripts.core.artifacts import ArtifactBucket, bucket_name  # noqa: PLC0415  boto3 is behind it
    from scripts.core.ownership import check_stack  # noqa: PLC0415
    from scripts.core.stack import Stack  # noqa: PLC0415

    connection = Connection(request.profile, request.region, endpoint)
    account, region = connection.account, connection.region
    formation = connection.client("cloudformation")
    architecture = _architecture(request, connection, formation.meta.endpoint_url)
    stack = Stack(formation, name)
    where = f"account {account}, Region {region}"
    found = stack.describe()
    if found is not None:
        check_stack(stack, found, where, request.kind.name)
    found = stack.check_state(found, request.location_options)
    out.say(f"{where}: {'create' if found is None else 'update'} stack {name}", "bold")
    # The user may have named a bucket now, or in an earlier deployment.
    earlier = {one["ParameterKey"]: one["ParameterValue"] for one in (found or {}).get("Parameters", [])}
    named = request.parameters.get(BUCKET) or earlier.get(BUCKET)
    bucket = ArtifactBucket(
        connection.client("s3"),
        account,
        region,
        connection.partition,
        out,
        name=None if named == bucket_name(account, region) else named,
    )
    return Target(connection, template, stack, found, bucket, architecture)


def _architecture(request: Request, connection: Connection, formation_url: str) -> str | None:
    """The architecture of the functions from the option or the profile's ddb_lake_arch; None if not given."""
    architecture = request.architecture or connection.profile_setting("ddb_lake_arch")
    if architecture not in (None, *ARCHITECTURES):
        raise CommandError(
            f"the profile's ddb_lake_arch is {architecture}",
            f"Set it to one of {', '.join(ARCHITECTURES)}.",
            exit_code=EXIT_USAGE,
        )
    if architecture == "host" and "amazonaws.com" in formation_url:
        raise CommandError(
            "--arch host builds for this machine's Python, which does not run in Lambda",
            "Use --arch arm64 or --arch x86_64; host is for the sandbox.",
            exit_code=EXIT_USAGE,
        )
    return architecture
