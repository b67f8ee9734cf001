"""The table of needs (``needs.yaml``): the permissions that AWS services need because of a property.

A property can make a service send requests with a role, or use a key with its own identity. For example, a
crawler with a security configuration reads that configuration with the crawler's role. A missing permission
does not show when a stack is created. So every property path is listed, under its resource type, in one of
three sections:

* ``needs``: the requests that the property causes. ``who`` sends them (a role, an actor of actors.yaml, or a
  service with its own identity), ``action`` on ``resource``, with the context ``with``; ``source`` is the AWS
  page. The policy simulator judges each request by the policies of the launched templates. If a property
  accepts several kinds of resource, ``service`` is the service in the ARNs to which the line applies.
* ``outside``: the permissions that a resource or person outside the templates must grant, with the source.
* ``none``: the property causes no request, with the reason.

A path is written as in the template. ``[]`` is an item of a list; an item with a ``ParameterName`` is
identified by it (``Parameters[LambdaArn]``). ``*`` is any one key of a map whose keys are free.
``Parent.**`` covers the parent and everything below it. No other path covers a new property.

In ``who``, ``resource`` and ``with``, ``{path}`` is a property of the same resource, ``{Ref}`` and ``{Arn}``
are its name and ARN, ``{account}`` and ``{region}`` its account and Region. ``{path > other}`` is a property
of the resource that the first property names, by name, ARN or ``s3://`` location. A location becomes an ARN,
a Firehose expression (``!{timestamp:…}``) an example. A property with several values causes one request per
value.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from scripts.stacks import STACKS
from tests.policies.documents import Documents
from tests.policies.ledger import Actor, Ledger, Part
from tests.templates.resolver import Resource

TABLE = Path(__file__).resolve().parent / "needs.yaml"

# ("Tags", "[]", "Key")
PropertyPath = tuple[str, ...]


class NeedError(ValueError):
    """A line of needs.yaml cannot be read; the message names it."""


@dataclass(frozen=True)
class Need:
    """One line below ``needs``: the requests that a property causes, with expressions not yet replaced."""

    type: str
    path: str
    who: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    context: tuple[tuple[str, str], ...]
    source: str
    service: str = ""  # in the ARNs to which it applies, if the property accepts several kinds

    @property
    def name(self) -> str:
        return f"{self.type} {self.path}: {', '.join(self.actions)} by {self.who}"


@dataclass(frozen=True)
class Listed:
    """One property path of the table, or a pattern of paths."""

    type: str
    path: str
    kind: str  # needs, outside or none
    explanation: str  # the reason or the source

    def covers(self, resource_type: str, path: PropertyPath) -> bool:
        return resource_type == self.type and _matches(_segments(self.path), path)


class Table:
    """The content of needs.yaml, or of a text in its format."""

    def __init__(self, text: str | None = None) -> None:
        written = yaml.safe_load(TABLE.read_text(encoding="utf-8") if text is None else text)
        self.listed: list[Listed] = []
        self.needs: list[Need] = []
        for resource_type, body in written.items():
            if unknown := set(body) - {"needs", "outside", "none"}:
                raise NeedError(f"{resource_type}: {', '.join(sorted(unknown))} is not supported")
            for kind in ("outside", "none"):
                for explanation, paths in body.get(kind, {}).items():
                    self.listed += [Listed(resource_type, path, kind, explanation) for path in paths]
            for path, lines in body.get("needs", {}).items():
                needs = [_need(resource_type, path, line) for line in lines]
                self.listed.append(Listed(resource_type, path, "needs", needs[0].source))
                self.needs += needs

    def covering(self, resource_type: str, path: PropertyPath) -> list[Listed]:
        return [line for line in self.listed if line.covers(resource_type, path)]

    def requests(self, ledger: Ledger) -> Iterator[tuple[Need, Resource, Part]]:
        """Every request that the shipped stacks of one launch cause, with its need and its resource."""
        for stack in (stack for kind, stack in ledger.documents.stacks.items() if kind in STACKS):
            for resource in stack.resources.values():
                for path, needs in self._needs_of(resource).items():
                    parts = [
                        (need, part) for need in needs for part in _Filled(need, resource, ledger).parts()
                    ]
                    if not parts:
                        raise NeedError(
                            f"{resource.logical_id}: no line of {path} applies to the resource that it names"
                        )
                    for need, part in parts:
                        yield need, resource, part

    def _needs_of(self, resource: Resource) -> dict[str, list[Need]]:
        """The needs of each path that the resource sets."""
        found: dict[str, list[Need]] = {}
        for need in self.needs:
            if need.type == resource.type and _values(resource.properties, _segments(need.path)):
                found.setdefault(need.path, []).append(need)
        return found


def template_paths(template: Mapping[str, Any]) -> dict[str, set[PropertyPath]]:
    """Resource type → every property path that the template sets, on both sides of each condition."""
    found: dict[str, set[PropertyPath]] = {}
    for resource in template["Resources"].values():
        found.setdefault(resource["Type"], set()).update(_paths(resource.get("Properties", {})))
    return found


def spelled(path: PropertyPath) -> str:
    return ".".join(path).replace(".[", "[")


def _need(resource_type: str, path: str, line: Mapping[str, Any]) -> Need:
    unknown = set(line) - {"who", "action", "resource", "with", "source", "service"}
    missing = {"who", "action", "resource", "source"} - set(line)
    if unknown or missing:
        wrong = ", ".join(sorted(unknown | missing))
        raise NeedError(f"{resource_type} {path}: {wrong} is missing or not supported")
    return Need(
        resource_type,
        path,
        line["who"],
        tuple(_listed(line["action"])),
        tuple(_listed(line["resource"])),
        tuple(line.get("with", {}).items()),
        line["source"],
        line.get("service", ""),
    )


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


# Paths


def _paths(value: Any, path: PropertyPath = ()) -> Iterator[PropertyPath]:
    if isinstance(value, dict):
        if len(value) == 1:
            ((key, argument),) = value.items()
            if key == "Fn::If":
                yield from _paths(argument[1], path)
                yield from _paths(argument[2], path)
                return
            if value == {"Ref": "AWS::NoValue"}:
                return
            if key == "Ref" or key.startswith("Fn::"):
                yield path
                return
        for key, item in value.items():
            yield from _paths(item, (*path, key))
    elif isinstance(value, list):
        for item in value:
            yield from _paths(item, (*path, _item(item)))
    else:
        yield path


def _item(item: Any) -> str:
    name = item.get("ParameterName") if isinstance(item, dict) else None
    return f"[{name}]" if isinstance(name, str) else "[]"


def _segments(path: str) -> PropertyPath:
    return tuple(segment for segment in re.split(r"\.|(?=\[)", path) if segment)


def _matches(pattern: PropertyPath, path: PropertyPath) -> bool:
    if pattern[-1] == "**":
        pattern, path = pattern[:-1], path[: len(pattern) - 1]
    return len(pattern) == len(path) and all(
        wanted in ("*", segment) for wanted, segment in zip(pattern, path, strict=True)
    )


def _values(value: Any, path: PropertyPath) -> list[Any]:
    """The values at the path in a resolved resource's properties; empty if it does not set the path."""
    if not path:
        return [value]
    segment, rest = path[0], path[1:]
    if segment == "**":
        return [value]
    if isinstance(value, list):
        found = [item for item in value if segment in ("[]", _item(item))]
        return [each for item in found for each in _values(item, rest)]
    if isinstance(value, dict):
        found = list(value.values()) if segment == "*" else [value[segment]] if segment in value else []
        return [each for item in found for each in _values(item, rest)]
    return []


# Requests


# Examples of the values that replace Firehose's expressions ("Custom prefixes for Amazon S3 objects").
_EXAMPLES = {
    "firehose:error-output-type": "processing-failed",
    "partitionKeyFromLambda:dt": "2026-11-20",
    "timestamp:yyyy-MM-dd": "2026-11-20",
}


class _Filled:
    """One need of one resource, with its expressions replaced by values."""

    def __init__(self, need: Need, resource: Resource, ledger: Ledger) -> None:
        self._need, self._resource, self._ledger = need, resource, ledger

    def parts(self) -> Iterator[Part]:
        partition = self._resource.stack.partition
        contexts = [self._texts(value) for _, value in self._need.context]
        for who, action, written in itertools.product(
            self._texts(self._need.who), self._need.actions, self._need.resources
        ):
            for on, *values in itertools.product(self._texts(written), *contexts):
                if self._need.service and not on.startswith(f"arn:{partition}:{self._need.service}:"):
                    continue
                keys = [key for key, _ in self._need.context]
                yield self._part(who, action, on, dict(zip(keys, values, strict=True)))

    def _part(self, who: str, action: str, on: str, context: dict[str, str]) -> Part:
        actor = self._actor(who)
        owned = next((resource for resource in self._resources() if _is_of(on, resource)), None)
        account = owned.stack.account if owned else actor.account or self._resource.stack.account
        owner = self._ledger.documents.owner.get(owned.arn.removesuffix(":*")) if owned else None
        return self._ledger.part_with_context(actor, action, on, account, owner, context=context)

    def _actor(self, who: str) -> Actor:
        if who.startswith("arn:"):
            policies = self._ledger.documents.identity.get(who)
            if policies is None:
                raise self._error(f"{who} is not a role of the templates")
            return self._ledger.signed_by(who, who, policies)
        if who.endswith(".amazonaws.com"):
            return Actor(who, who, None, None, ())
        return self._ledger.actor_named(who)

    def _texts(self, text: str) -> list[str]:
        """The text with its expressions replaced, once for each combination of their values."""
        parts = re.split(r"\{([^{}]+)\}", text)
        choices = [
            self._of(part) if index % 2 else [part]  # re.split puts the group at every second index
            for index, part in enumerate(parts)
        ]
        arn = f"arn:{self._resource.stack.partition}:s3:::"
        return ["".join(chosen).replace("s3://", arn) for chosen in itertools.product(*choices)]

    def _of(self, expression: str) -> list[str]:
        found = [self._resource]
        *steps, last = re.split(r"\s+>\s+", expression)
        for step in steps:
            found = [self._named(value) for resource in found for value in self._read(resource, step)]
        values = [value for resource in found for value in self._read(resource, last)]
        return [re.sub(r"!\{([^}]+)\}", lambda match: _EXAMPLES[match[1]], value) for value in values]

    def _read(self, resource: Resource, step: str) -> list[str]:
        stack = resource.stack
        known = {"Ref": resource.name, "account": stack.account, "region": stack.region}
        if step == "Arn":
            return [resource.arn.removesuffix(":*")]
        if step in known:
            return [known[step]]
        values = [str(value) for value in _values(resource.properties, _segments(step))]
        if not values:
            raise self._error(f"{resource.logical_id} does not set {step}")
        return values

    def _named(self, value: str) -> Resource:
        value = re.sub(r"^s3://([^/]+)/.*$", r"\1", value)
        for resource in self._resources():
            if value == resource.name or (value.startswith("arn:") and value == _arn(resource)):
                return resource
        raise self._error(f"no resource of the templates has the name {value}")

    def _resources(self) -> Iterator[Resource]:
        for stack in self._ledger.documents.stacks.values():
            yield from stack.resources.values()

    def _error(self, problem: str) -> NeedError:
        return NeedError(f"{self._resource.logical_id}, {self._need.name}: {problem}")


# Types that have their own policy.
_OWNED = {
    "AWS::IAM::Role",
    "AWS::KMS::Key",
    "AWS::Lambda::Function",
    "AWS::S3::Bucket",
    "AWS::SNS::Topic",
    "AWS::SQS::Queue",
}


def _arn(resource: Resource) -> str | None:
    try:
        return resource.arn.removesuffix(":*")
    except ValueError:  # a type whose ARN the resolver does not know
        return None


def _is_of(arn: str, resource: Resource) -> bool:
    """Whether the ARN belongs to the resource or, for a bucket, to an object in it."""
    if resource.type not in _OWNED:
        return False
    own = resource.arn
    return arn == own or (resource.type == "AWS::S3::Bucket" and arn.startswith(own + "/"))


def launched(layout: str, **options: str) -> Ledger:
    """The ledger of one launch; its policies decide about the needs."""
    return Ledger(Documents.of(layout, options=options))
