"""Step 4: check that the deployed code is the built code.

A function's `CodeSha256` is the digest of its deployment package (Lambda API reference,
FunctionConfiguration). A Glue job reads its script and its library from the bucket at every run and takes no
version, so for these only the objects in the bucket can be checked.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError

from scripts.core.console import CommandError, Output
from scripts.core.deployment.apply import Outcome
from scripts.core.deployment.planning import Built, Plan
from scripts.core.deployment.prepare import Request
from scripts.core.template import Template

FUNCTION = "AWS::Lambda::Function"
WHO = "CloudTrail shows who called {call}"


def verify(request: Request, plan: Plan, outcome: Outcome, out: Output) -> None:
    """Compare every function and every object of this deployment with the built files.

    Raises CommandError with the command that restores it if one differs. A dry run deploys nothing.
    """
    if request.dry_run or not plan.built or not outcome.found:
        return
    physical: Mapping[str, str] = {}
    lambda_: Any = None
    for parameter, built in plan.built.items():
        functions = list(_functions(plan.target.template, parameter))
        if functions and lambda_ is None:
            physical = plan.target.stack.physical_ids()
            lambda_ = plan.target.connection.client("lambda")
        for logical_id in functions:
            if name := physical.get(logical_id):
                _check_function(lambda_, name, built, request.location_options, out)
        if not functions:
            _check_object(plan, built)


def _functions(template: Template, parameter: str) -> Iterator[str]:
    """The functions whose code is the object that the parameter names."""
    for logical_id, resource in template.resources.items():
        if resource.get("Type") == FUNCTION:
            code = (resource.get("Properties") or {}).get("Code") or {}
            if code.get("S3Key") == {"Ref": parameter}:
                yield logical_id


def _check_function(lambda_: Any, name: str, built: Built, options: str, out: Output) -> None:
    try:
        runs = lambda_.get_function_configuration(FunctionName=name)["CodeSha256"]
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") != "AccessDeniedException":
            raise
        out.say(
            f"the code of function {name} was not checked: lambda:GetFunctionConfiguration is not granted",
            "yellow",
        )
        return
    ours = base64.b64encode(hashlib.sha256(built.content).digest()).decode()
    if runs != ours:
        raise CommandError(
            f"function {name} does not run the code that was built: its CodeSha256 is {runs}, "
            f"that of {built.path.name} is {ours}",
            f"{WHO.format(call='UpdateFunctionCode or PutObject')}. Restore the code: "
            f"`aws lambda update-function-code --function-name {name} --zip-file fileb://{built.path}{options}`.",
            function=name,
        )


def _check_object(plan: Plan, built: Built) -> None:
    bucket = plan.target.bucket
    if bucket.stored(built.key, built.content) is None:
        raise CommandError(
            f"s3://{bucket.name}/{built.key} differs from the uploaded file, and the stack's job reads it at "
            "every run",
            f"{WHO.format(call='PutObject')}. Deploy again, which uploads the object again.",
        )
