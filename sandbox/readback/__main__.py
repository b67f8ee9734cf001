"""Launch the templates, read every resource back, and print the properties that the emulator lost."""

import argparse
import json
import ssl
import sys
import urllib.request
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

from lake import terminal
from sandbox import accounts
from sandbox.emulator.inspection import PATH
from sandbox.errors import SandboxError
from sandbox.launches import DEFAULT, plan_launches
from sandbox.lifecycle import Sandbox
from sandbox.readback import report
from sandbox.readback.compare import Dropped, dropped
from sandbox.readback.readers import READERS
from scripts.stacks import KINDS

# Every optional part of the templates, so that every resource type and property is read back.
LOG_BUCKET = "ddb-lake-readback-access-logs"
BOUNDED = ("RolePath=/readback/", "PermissionsBoundaryArn=arn:aws:iam::aws:policy/PowerUserAccess")
PARAMETERS = {
    "producer": (
        "CreateInterfaceEndpoints=true",
        "SortKeyName=sk",
        "TtlAttributeName=until",
        "FunctionReservedConcurrency=5",
        "PartitionBy=event",
        "AvailabilityZoneA=us-east-1c",
        "AvailabilityZoneB=us-east-1d",
        *BOUNDED,
    ),
    "consumer": (
        f"AccessLogBucketName={LOG_BUCKET}",
        "ItemColumns=title,info__rating",
        f"CatalogKeyArn=arn:aws:kms:{accounts.REGION}:{accounts.PROFILES['consumer']}:key/catalog",
        "LakeFormationGrants=true",
        f"AnalystPrincipalArn=arn:aws:iam::{accounts.PROFILES['consumer']}:role/Analyst",
        "DeliveryRolePath=/readback/delivery/",
        *BOUNDED,
    ),
    "backfill": (f"AccessLogBucketName={LOG_BUCKET}", "ExportRolePath=/readback/export/", *BOUNDED),
    "spark-sql": (
        f"TargetTableArns=arn:aws:dynamodb:{accounts.REGION}:{accounts.PROFILES['consumer']}:table/orders-per-day",
        f"TargetKeyArns=arn:aws:kms:{accounts.REGION}:{accounts.PROFILES['consumer']}:key/table",
        "InputArns=arn:aws:s3:::statement-inputs/products/*",
        "InputBucketArns=arn:aws:s3:::statement-inputs",
        f"InputKeyArns=arn:aws:kms:{accounts.REGION}:{accounts.PROFILES['consumer']}:key/inputs",
        *BOUNDED,
    ),
    "export": ("PermissionsBoundaryArn=arn:aws:iam::aws:policy/PowerUserAccess",),
}


def resources(sandbox: Sandbox, profile: str, stack: str) -> list[dict[str, Any]]:
    """The resources of a stack, with properties as CloudFormation resolved them."""
    trust = ssl.create_default_context(cafile=str(sandbox.profiles.authority))
    address = f"{sandbox.endpoint}{PATH}{accounts.PROFILES[profile]}/{stack}"
    signed = AWSRequest("GET", address)
    if credentials := sandbox.session(
        profile
    ).get_credentials():  # every profile of the sandbox has credentials
        SigV4Auth(credentials, "sandbox", accounts.REGION).add_auth(signed)
    request = urllib.request.Request(address, headers=dict(signed.headers))  # noqa: S310  https, our own
    with urllib.request.urlopen(request, context=trust) as answer:  # noqa: S310
        found: list[dict[str, Any]] = json.load(answer)
    return found


def read_back(sandbox: Sandbox) -> list[Dropped]:
    """The properties of the sandbox's stacks that their services do not return as in the templates."""
    found: list[Dropped] = []
    for stack in sandbox.stacks.values():
        session = sandbox.session(stack["profile"])
        for resource in resources(sandbox, stack["profile"], stack["stack"]):
            kind = resource["Type"]
            if kind not in READERS:
                raise SandboxError(f"{kind} is deployed but has no reader: add one to readback/readers.py")
            answer = READERS[kind](session, resource["PhysicalId"], resource["Properties"])
            found += dropped(kind, resource["LogicalId"], resource["Properties"], answer)
    return found


def launch_everything(sandbox: Sandbox) -> None:
    """Launch the shipped templates with every option."""
    sandbox.session("consumer").client("s3").create_bucket(Bucket=LOG_BUCKET)
    options = [kind.name for kind in KINDS if kind.is_option]
    sandbox.launch(plan_launches(*DEFAULT, *options, parameters=PARAMETERS))


def observe() -> list[Dropped]:
    """The properties that a sandbox with every option does not return as in the templates."""
    with Sandbox() as sandbox:
        launch_everything(sandbox)
        return read_back(sandbox)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the list, as Markdown or with --output json as one document."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.readback", description=__doc__)
    parser.add_argument(
        "--output",
        choices=("markdown", "json"),
        default="markdown",
        help="format of the list (default: %(default)s)",
    )
    options = parser.parse_args(arguments)
    try:
        lost = observe()
        table = report.render(lost)
    except SandboxError as error:
        terminal.tell(f"error: {error}")
        return 1
    terminal.answer(
        terminal.json_text({"dropped": [asdict(dropped_property) for dropped_property in lost]})
        if options.output == "json"
        else table
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
