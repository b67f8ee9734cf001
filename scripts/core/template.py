"""What a CloudFormation template asks for, read without resolving it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from scripts.core.console import CommandError, nearest
from scripts.core.marker import kind_of

NON_ASCII = re.compile(r"[^\x00-\x7f]")
ROOT = Path(__file__).resolve().parents[2]


# Quotas: docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
BODY_LIMIT = 51_200  # bytes of a template in a request; a larger one goes through S3
URL_LIMIT = 1_000_000  # bytes of a template in S3


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # C where libyaml is there
    """YAML with CloudFormation's short tags kept as the functions they stand for."""


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
    """A template: its text as launched and the parts of it that a deployment reads."""

    path: Path
    body: str
    parameters: Mapping[str, Mapping[str, Any]]
    resources: Mapping[str, Mapping[str, Any]]
    outputs: Mapping[str, Mapping[str, Any]]
    needs_macros: bool = False
    kind: str | None = None  # of the stack that it makes, by its marker

    @property
    def size(self) -> int:
        """Bytes of the body as sent."""
        return len(self.body.encode())


def parse(body: str) -> Any:
    """A template's text (YAML or JSON) as data, short tags as the functions they stand for."""
    return yaml.load(body, _Loader)  # noqa: S506  the loader is a SafeLoader


def comparable(body: str | Mapping[str, Any]) -> Any:
    """A template as data that equals what CloudFormation answers of it.

    Its answers have a question mark for every character beyond ASCII (seen by AWS CDK, which compares them
    the same way).
    """
    text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
    return parse(NON_ASCII.sub("?", text))


def read(path: Path) -> Template:
    """Read a template file (YAML or JSON).

    Raises CommandError when it is no template, or larger than CloudFormation takes.
    """
    try:
        body = path.read_text(encoding="utf-8")
        document = parse(body)
    except UnicodeDecodeError as error:
        raise CommandError(f"{path} is not UTF-8 text", "Name a template file with --template.") from error
    except yaml.YAMLError as error:
        place = getattr(error, "problem_mark", None)
        where = f", line {place.line + 1}" if place else ""
        raise CommandError(
            f"{path}{where} is not YAML: {getattr(error, 'problem', error)}",
            "Correct the file, then deploy again.",
        ) from error
    if not isinstance(document, dict) or not isinstance(document.get("Resources"), dict):
        raise CommandError(
            f"{path} has no Resources section", "Name a CloudFormation template with --template."
        )
    made = Template(
        path=path,
        body=body,
        parameters=document.get("Parameters") or {},
        resources=document["Resources"],
        outputs=document.get("Outputs") or {},
        needs_macros="Transform" in document or "Fn::Transform" in body,
        kind=kind_of(document),
    )
    if made.size > URL_LIMIT:
        raise CommandError(
            f"{path} has {made.size:,} bytes; CloudFormation takes {URL_LIMIT:,}",
            "Split the template into stacks.",
        )
    return made


def check_names(template: Template, names: Iterable[str]) -> None:
    """Refuse parameters that the template does not have."""
    for name in names:
        if name not in template.parameters:
            raise CommandError(
                f"{template.path.name} has no parameter {name}",
                f"Nearest: {nearest(name, template.parameters)}.",
                parameter=name,
            )


def check_values(
    template: Template, values: Mapping[str, str], *, kept: frozenset[str] = frozenset()
) -> None:
    """Refuse values that CloudFormation would refuse, all of them in one message, before anything is created.

    `kept` names the parameters whose value the existing stack already has.
    """
    wrong = []
    for name, parameter in template.parameters.items():
        if name in values:
            problem = _problem(parameter, values[name])
            if problem:
                wrong.append(f"{name}={_shown(parameter, values[name])}: {problem}")
        elif "Default" not in parameter and name not in kept:
            wrong.append(
                f"{name} has no value: {str(parameter.get('Description', 'it is required')).strip()}"
            )
    if wrong:
        raise CommandError(
            "; ".join(wrong), "Give each with --parameter NAME=VALUE (or fill it with --outputs-of STACK)."
        )


def _shown(parameter: Mapping[str, Any], value: str) -> str:
    return "****" if str(parameter.get("NoEcho", "")).lower() == "true" else value


def _problem(parameter: Mapping[str, Any], value: str) -> str | None:
    """Why CloudFormation would refuse a value, in the template author's words where there are any."""
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
        # CloudFormation holds every member against the pattern.
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
        return True  # a Java pattern that Python does not read: CloudFormation judges it


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
