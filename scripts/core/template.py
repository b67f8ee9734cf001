"""A CloudFormation template: its parameters, resources and outputs, read without resolving functions."""

from __future__ import annotations

import difflib
import json
import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from scripts.core.console import CommandError
from scripts.core.marker import kind_of

NON_ASCII = re.compile(r"[^\x00-\x7f]")
ROOT = Path(__file__).resolve().parents[2]


# Quotas: docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
BODY_LIMIT = 51_200  # bytes of a template in a request; a larger one goes through S3
URL_LIMIT = 1_000_000  # bytes of a template in S3


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # C where libyaml is there
    """YAML in which CloudFormation's short tags become the functions they stand for."""


def _tagged(loader: Any, suffix: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _tagged)


@dataclass(frozen=True)
class Template:
    """A template: its text, and the parts that a deployment reads."""

    path: Path
    body: str
    parameters: Mapping[str, Mapping[str, Any]]
    resources: Mapping[str, Mapping[str, Any]]
    outputs: Mapping[str, Mapping[str, Any]]
    needs_macros: bool = False
    kind: str | None = None  # the kind of stack it creates, by its marker

    @property
    def size(self) -> int:
        """The size of the body in bytes."""
        return len(self.body.encode())


def parse(body: str) -> Any:
    """Parse a template's text (YAML or JSON). Short tags become the functions they stand for."""
    return yaml.load(body, _Loader)  # noqa: S506  the loader is a SafeLoader


def comparable(body: str | Mapping[str, Any]) -> Any:
    """A template as data that can be compared with a template that CloudFormation returns.

    CloudFormation returns a question mark for every character beyond ASCII (seen by AWS CDK, which compares
    the same way).
    """
    text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
    return parse(NON_ASCII.sub("?", text))


def read(path: Path) -> Template:
    """Read a template file (YAML or JSON).

    Raises CommandError if the file is not a template, or is larger than CloudFormation accepts.
    """
    try:
        body = path.read_text(encoding="utf-8")
        document = parse(body)
    except UnicodeDecodeError as error:
        raise CommandError(f"{path} is not UTF-8 text", "Name a template file with --template.") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise CommandError(
            f"{path}{line} is not YAML: {getattr(error, 'problem', error)}",
            "Correct the file and deploy again.",
        ) from error
    if not isinstance(document, dict) or not isinstance(document.get("Resources"), dict):
        raise CommandError(
            f"{path} has no Resources section", "Name a CloudFormation template with --template."
        )
    result = Template(
        path=path,
        body=body,
        parameters=document.get("Parameters") or {},
        resources=document["Resources"],
        outputs=document.get("Outputs") or {},
        needs_macros="Transform" in document or "Fn::Transform" in body,
        kind=kind_of(document),
    )
    if result.size > URL_LIMIT:
        raise CommandError(
            f"{path} has {result.size:,} bytes; CloudFormation accepts at most {URL_LIMIT:,}",
            "Split the template into several stacks.",
        )
    return result


def check_names(template: Template, names: Iterable[str]) -> None:
    """Refuse parameters that the template does not have."""
    for name in names:
        if name not in template.parameters:
            similar = ", ".join(_similar(name, template.parameters))
            raise CommandError(
                f"{template.path.name} has no parameter {name}",
                (f"Similar: {similar}. " if similar else "") + _how_to_list(template),
                parameter=name,
            )


def _similar(name: str, known: Iterable[str]) -> list[str]:
    """At most three known names that are spelled alike, or that contain the given one."""
    by_lower = {each.lower(): each for each in known}
    lower = name.lower()
    close = difflib.get_close_matches(lower, by_lower, n=3, cutoff=0.6)
    contains = sorted(each for each in by_lower if len(lower) > 2 and lower in each and each not in close)
    return [by_lower[each] for each in [*close, *contains][:3]]


def _how_to_list(template: Template) -> str:
    """How to list the template's parameters: the console's labels name each of them on a line."""
    path = template.path.relative_to(ROOT) if template.path.is_relative_to(ROOT) else template.path
    if all(f"      {name}: {{default: " in template.body for name in template.parameters):
        command = f"grep '^      [A-Z].*{{default: ' {shlex.quote(str(path))}"
        return f"`{command}` lists all {len(template.parameters)} parameters."
    return f"The section Parameters of {path} lists all {len(template.parameters)} parameters."


def check_values(
    template: Template, values: Mapping[str, str], *, kept: frozenset[str] = frozenset()
) -> None:
    """Refuse values that CloudFormation would refuse, in one message, before anything is created.

    `kept` are the parameters that keep the existing stack's value.
    """
    wrong, lacking = [], []
    for name, parameter in template.parameters.items():
        if name in values:
            problem = _problem(parameter, values[name])
            if problem:
                wrong.append(f"{name}={_shown(parameter, values[name])}: {problem}")
        elif "Default" not in parameter and name not in kept:
            lacking.append(
                f"{name} has no value: {str(parameter.get('Description', 'it is required')).strip()}"
            )
    if wrong or lacking:
        steps = ["Correct the value."] if len(wrong) == 1 else ["Correct the values."] if wrong else []
        if lacking:
            steps.append(
                "Set each missing one with --parameter NAME=VALUE, or take it from another stack with "
                "--outputs-of STACK."
            )
        raise CommandError("; ".join([*wrong, *lacking]), " ".join(steps))


def _shown(parameter: Mapping[str, Any], value: str) -> str:
    return "****" if str(parameter.get("NoEcho", "")).lower() == "true" else value


def _problem(parameter: Mapping[str, Any], value: str) -> str | None:
    """Why CloudFormation would refuse a value: the template's ConstraintDescription if there is one."""
    kind = str(parameter.get("Type", "String"))
    allowed = [_plain(item) for item in parameter.get("AllowedValues", [])]
    single = kind in ("String", "Number")
    reason = None
    if allowed and any(item not in allowed for item in ([value] if single else value.split(","))):
        reason = f"must be one of {', '.join(item or '(empty)' for item in allowed)}"
    elif kind == "Number":
        reason = _number_problem(parameter, value)
    elif kind == "String":
        pattern = parameter.get("AllowedPattern")
        if pattern and not _matches(str(pattern), value):
            reason = f"must match {pattern}"
        elif len(value) < int(parameter.get("MinLength", 0)):
            reason = f"must have at least {parameter['MinLength']} characters"
        elif "MaxLength" in parameter and len(value) > int(parameter["MaxLength"]):
            reason = f"must have at most {parameter['MaxLength']} characters"
    elif "AllowedPattern" in parameter and kind.startswith(("CommaDelimitedList", "List<")):
        # CloudFormation checks every member against the pattern.
        for member in value.split(",") if value else []:
            if not _matches(str(parameter["AllowedPattern"]), member.strip()):
                reason = f"each must match {parameter['AllowedPattern']}"
    if reason and "ConstraintDescription" in parameter:
        return str(parameter["ConstraintDescription"]).strip()
    return reason


def _plain(value: object) -> str:
    """A YAML scalar as CloudFormation's text."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _matches(pattern: str, value: str) -> bool:
    try:
        return re.fullmatch(pattern, value) is not None
    except re.error:
        return True  # a Java pattern that Python cannot compile: CloudFormation checks it


def _number_problem(parameter: Mapping[str, Any], value: str) -> str | None:
    try:
        number = float(value)
    except ValueError:
        return "must be a number"
    if "MinValue" in parameter and number < float(parameter["MinValue"]):
        return f"must be at least {parameter['MinValue']}"
    if "MaxValue" in parameter and number > float(parameter["MaxValue"]):
        return f"must be at most {parameter['MaxValue']}"
    return None
