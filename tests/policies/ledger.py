"""The access ledger: who may do what, as data (``actors.yaml``, ``access-*.yaml``), judged by the simulator.

An entry reads like a sentence: an actor, an action, its resource, and the context that AWS sends with it
(``with``). ``also`` lists further decisions of the same call (the key of an encrypted object): the call is
allowed only if all of them are. ``through`` names the VPC endpoint that the call uses. ``only`` names the one
layout to which the entry applies. Lists of actors, actions or resources mean one request per combination.

``each side`` means that each of the two accounts refuses on its own. The request is repeated with a resource
whose owner admits everybody, and by an actor whose account grants it everything. Within one account the
permission of either side is enough, so these two repetitions are only in the two-account layout.

AWS sends these keys with every request, and so does the ledger: ``aws:PrincipalArn``,
``aws:PrincipalAccount``, ``aws:SecureTransport``, ``aws:RequestedRegion``, ``aws:ResourceAccount`` and,
by S3, ``s3:ResourceAccount`` (IAM user guide, "AWS global condition context keys"; service authorization
reference, "Condition keys for Amazon S3").
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from tests.policies.documents import CONSUMER, EXAMPLES, LAYOUTS, PRODUCER, REGION, STRANGER, Documents
from tests.policies.simulation import Decision, Policy, Request, judge

FOLDER = Path(__file__).resolve().parent


_KEYS = {"actor", "action", "resource", "with", "also", "through", "only", "each side", "why"}
_SIDES = {
    "open": "though its owner let everybody in",
    "granted": "though its own account granted everything",
}

# Replaces a resource's policy when only the actor's own side is judged.
_OPEN = Policy(
    "an owner who lets everybody in",
    "resource",
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Sid": "Everybody", "Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"},
        ],
    },
)


class LedgerError(ValueError):
    """An entry of the ledger is invalid. The message names it and states what to write instead."""


@dataclass(frozen=True)
class Actor:
    """The caller. ``principal`` signs the request (None if unsigned), ``role`` is its aws:PrincipalArn."""

    name: str
    principal: str | None
    role: str | None
    account: str | None
    policies: tuple[str, ...]


@dataclass(frozen=True)
class Part:
    """One authorisation decision of a call. Policies are names, so that a mutant can replace them."""

    actor: Actor
    action: str
    resource: str
    account: str
    context: Mapping[str, Any] = field(hash=False)
    owner: str | None
    endpoints: tuple[str, ...]

    @property
    def policies(self) -> set[str]:
        return {*self.actor.policies, *self.endpoints, *([self.owner] if self.owner else [])}

    def request(self, policies: Mapping[str, Policy]) -> Request:
        return Request(
            principal=self.actor.principal,
            action=self.action,
            resource=self.resource,
            account=self.account,
            context=self.context,
            identity=tuple(policies[name] for name in self.actor.policies),
            owner=policies[self.owner] if self.owner else None,
            endpoints=tuple(policies[name] for name in self.endpoints),
        )


@dataclass(frozen=True)
class Entry:
    """One request of the ledger in one layout. The call is allowed if every part is allowed."""

    number: int
    title: str
    shown: str  # the resource as written in the ledger
    circumstances: str  # the relevant context, as written in the ledger
    parts: tuple[Part, ...]
    allowed: bool

    @property
    def name(self) -> str:
        first = self.parts[0]
        when = f", {self.circumstances}" if self.circumstances else ""
        return f"{first.actor.name}: {first.action} on {self.shown}{when} ({self.title})"

    @property
    def policies(self) -> set[str]:
        return set().union(*(part.policies for part in self.parts))


@dataclass(frozen=True)
class Verdict:
    entry: Entry
    decisions: tuple[Decision, ...]
    reason: str

    @property
    def allowed(self) -> bool:
        return all(decision.allowed for decision in self.decisions)

    @property
    def right(self) -> bool:
        return self.allowed == self.entry.allowed


class Ledger:
    """All entries of one layout, bound to its documents."""

    def __init__(self, documents: Documents) -> None:
        self.documents = documents
        self.policies: dict[str, Policy] = dict(documents.policies)
        self._cast = yaml.safe_load((FOLDER / "actors.yaml").read_text(encoding="utf-8"))
        single = documents.layout == "single-account"
        self._values = {
            "producer": CONSUMER if single else PRODUCER,
            "consumer": CONSUMER,
            "stranger": STRANGER,
            "region": REGION,
            "lake stack": "ddb-lake" if single else "ddb-lake-consumer",
        }

    @cached_property
    def entries(self) -> list[Entry]:
        entries: list[Entry] = []
        for path in sorted(FOLDER.glob("access-*.yaml")):
            for section in yaml.safe_load(path.read_text(encoding="utf-8")):
                for expected in ("allowed", "denied"):
                    for written in section.get(expected, []):
                        if written.get("only", self.documents.layout) != self.documents.layout:
                            continue
                        entries += self.expanded(section, written, expected == "allowed", len(entries))
        return entries

    def expanded(
        self, section: dict[str, Any], written: dict[str, Any], allowed: bool, so_far: int
    ) -> Iterator[Entry]:
        """The requests of one entry, one for each combination of its lists."""
        unknown = set(written) - _KEYS
        if unknown or written.get("only", LAYOUTS[0]) not in LAYOUTS:
            raise LedgerError(f"{section['title']}: {', '.join(unknown) or written['only']} is not supported")
        base: dict[str, Any] = {"actor": section.get("actor"), "through": section.get("through")} | written
        product = itertools.product(*(_listed(base[key]) for key in ("actor", "action", "resource")))
        sides: tuple[str | None, ...] = (None,)
        if written.get("each side") and self.documents.layout == "two-accounts":
            sides = (None, *_SIDES)
        called = itertools.product(product, sides)
        for number, ((actor, action, on), side) in enumerate(called, start=so_far + 1):
            call = base | {"actor": actor, "action": action, "resource": on, "side": side}
            also = [self.part({"actor": actor} | part) for part in base.get("also", [])]
            circumstances = _circumstances(written, _SIDES.get(side or "", ""))
            parts = (self.part(call), *also)
            yield Entry(number, section["title"], _spelled(on), circumstances, parts, allowed)

    def part(self, call: dict[str, Any]) -> Part:
        """One authorisation decision, from the keys `actor`, `action`, `resource`, `with`, `through`."""
        actor = self.actor_named(call["actor"])
        resource, account, owner = self.located(call["resource"], actor)
        if call.get("side") == "open":
            owner = self._known(_OPEN)
        elif call.get("side") == "granted":
            policies = (self._granted("administrator", "everything"),)
            actor = Actor(actor.name, actor.principal, actor.role, actor.account, policies)
        through = [name for name in _listed(call.get("through") or []) if name in self.documents.endpoint]
        if call.get("through") and not through:
            raise LedgerError(f"{call['through']} is not a VPC endpoint of the templates")
        endpoints = tuple(self.documents.endpoint[name] for name in through)
        context = {key: self.filled(str(value)) for key, value in call.get("with", {}).items()}
        return self.part_with_context(
            actor, call["action"], resource, account, owner, context=context, endpoints=endpoints
        )

    def part_with_context(
        self,
        actor: Actor,
        action: str,
        resource: str,
        account: str,
        owner: str | None,
        *,
        context: Mapping[str, Any],
        endpoints: tuple[str, ...] = (),
    ) -> Part:
        """One authorisation decision with ``context`` and the keys that AWS sends with every request."""
        sent: dict[str, Any] = {"aws:SecureTransport": "true", "aws:RequestedRegion": REGION}
        sent["aws:ResourceAccount"] = account
        if action.startswith("s3:"):
            sent["s3:ResourceAccount"] = account
        if actor.role is not None:
            sent |= {"aws:PrincipalArn": actor.role, "aws:PrincipalAccount": actor.account}
        return Part(actor, action, resource, account, sent | dict(context), owner, endpoints)

    def actor_named(self, name: str) -> Actor:
        """The actor of actors.yaml, with its policies in this layout."""
        if name not in self._cast["actors"]:
            raise LedgerError(f"no actor has the name {name}: add it to actors.yaml")
        cast = self._cast["actors"][name]
        if "service" in cast:
            return Actor(name, self.filled(cast["service"]), None, None, ())
        if cast.get("unsigned"):
            return Actor(name, None, None, None, ())
        policies: list[str] = []
        if "role" in cast:
            resource = self.documents.resource(cast["role"])
            if resource is None:
                raise LedgerError(f"{name}: no template has the role {cast['role']}")
            arn = resource.arn
            policies += self.documents.identity.get(arn, [])
        else:
            arn = f"arn:aws:iam::{self.filled(cast['account'])}:role/{self.filled(cast['named'])}"
        policies += cast.get("attached", [])
        if "grants" in cast:
            policies.append(self._granted(name, cast["grants"]))
        return self.signed_by(name, arn, policies)

    def signed_by(self, name: str, role: str, policies: Iterable[str]) -> Actor:
        """An actor that signs with a session of the role (an ARN) and has these policies."""
        account = role.split(":")[4]
        session = f"arn:aws:sts::{account}:assumed-role/{role.rsplit('/', 1)[-1]}/session"
        return Actor(name, session, role, account, tuple(policies))

    def _granted(self, actor: str, statements: Any) -> str:
        name = f"{actor}'s own"
        if name not in self.policies:
            if statements == "everything":
                statements = [{"Sid": "Everything", "Effect": "Allow", "Action": "*", "Resource": "*"}]
            document = {"Version": "2012-10-17", "Statement": self.filled_in(statements)}
            self.policies[name] = Policy(name, "identity", document)
        return name

    def located(self, on: str, actor: Actor) -> tuple[str, str, str | None]:
        """The ARN, the account that owns it, and the name of its own policy."""
        if on == "*":
            return on, actor.account or PRODUCER, None
        match = re.match(r"([A-Z]\w*)(.*)", on)
        elsewhere = self._cast["elsewhere"]
        if match and match[1] in elsewhere:
            neighbour = elsewhere[match[1]]
            owner = self._known(_OPEN) if neighbour.get("open") else self._of_neighbour(neighbour)
            return self.filled(neighbour["arn"]) + match[2], self.filled(neighbour["account"]), owner
        if match:
            resource = self.documents.resource(match[1])
            if resource is None:
                raise LedgerError(f"no template has a resource {match[1]}: begin with its logical id")
            arn = resource.arn.removesuffix(":*")
            return arn + self.filled(match[2]), resource.stack.account, self.documents.owner.get(arn)
        arn = self.filled(on)
        if not arn.startswith("arn:"):
            raise LedgerError(f"`resource: {on}` is neither a logical id, an ARN nor '*'")
        return arn, arn.split(":")[4], self.documents.owner.get(arn)

    def _known(self, policy: Policy) -> str:
        return self.policies.setdefault(policy.name, policy).name

    def _of_neighbour(self, neighbour: Mapping[str, Any]) -> str | None:
        """The policy that the documentation shows for a resource outside the templates, or its default."""
        if "trust" not in neighbour:
            return self._default(neighbour)
        document = json.loads((EXAMPLES / neighbour["trust"]).read_text(encoding="utf-8"))
        return self._known(Policy(neighbour["trust"], "trust", document))

    def _default(self, neighbour: Mapping[str, Any]) -> str | None:
        """The policy of a key or role outside the templates: its account decides.

        For a key, it is the default (KMS developer guide, "Default key policy").
        """
        service = {"kms": "kms", "iam": "sts"}.get(self.filled(neighbour["arn"]).split(":")[2])
        if service is None:
            return None
        root = f"arn:aws:iam::{self.filled(neighbour['account'])}:root"
        name = f"default {service} policy of {root.split(':')[4]}"
        statement = {
            "Sid": "AccountDecides",
            "Effect": "Allow",
            "Principal": {"AWS": root},
            "Action": f"{service}:*",
            "Resource": "*",
        }
        if service == "sts":  # a trust policy has no resource
            del statement["Resource"]
        document = {"Version": "2012-10-17", "Statement": [statement]}
        return self._known(Policy(name, "resource", document))

    def filled(self, text: str) -> str:
        """The text with ``${LogicalId}``, ``${LogicalId.Arn}``, ``${producer}`` and the like replaced."""

        def value(match: re.Match[str]) -> str:
            name, _, attribute = match[1].partition(".")
            if name in self._values:
                return self._values[name]
            resource = self.documents.resource(name)
            if resource is None:
                raise LedgerError(f"${{{match[1]}}}: no template has the resource {name}")
            filled = resource.stack.attribute(name, attribute) if attribute else resource.name
            return str(filled)

        return re.sub(r"\$\{([^}]+)\}", value, text)

    def filled_in(self, value: Any) -> Any:
        """The value with the names in all its texts replaced."""
        if isinstance(value, dict):
            return {key: self.filled_in(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.filled_in(item) for item in value]
        return self.filled(value) if isinstance(value, str) else value

    # Judgement

    def judged(self, trials: Iterable[tuple[Entry, Mapping[str, Policy]]]) -> list[Verdict]:
        """The verdict on each entry with some policies replaced (name: mutant), in one batch."""
        trials = list(trials)
        requests = [
            part.request({**self.policies, **replaced}) for entry, replaced in trials for part in entry.parts
        ]
        decisions = iter(zip(requests, judge(requests), strict=True))
        verdicts = []
        for entry, _ in trials:
            judged = [next(decisions) for _ in entry.parts]
            refused = [(request, decision) for request, decision in judged if not decision.allowed]
            reason = " · ".join(decision.why(request) for request, decision in refused or judged)
            verdicts.append(Verdict(entry, tuple(decision for _, decision in judged), reason))
        return verdicts

    def verdicts(self) -> list[Verdict]:
        return self.judged((entry, {}) for entry in self.entries)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _spelled(text: str) -> str:
    """A resource in readable form: ``consumer's glue database/LakeDatabase`` for an ARN."""
    text = re.sub(r"arn:aws:([\w-]+):\$\{region\}:\$\{(\w+)\}:", r"\2's \1 ", text)
    return re.sub(r"\$\{([^}]+)\}", r"\1", text)


def _circumstances(written: Mapping[str, Any], side: str) -> str:
    """The context that distinguishes requests on one resource: ``plaintext; through S3Endpoint``."""
    found = [str(written["why"])] if "why" in written else []
    if not found:
        for key, value in written.get("with", {}).items():
            if (key, str(value)) == ("aws:SecureTransport", "false"):
                found.append("plaintext")
                continue
            short = key.replace("kms:EncryptionContext:", "context ").replace("server-side-encryption", "sse")
            found.append(f"{short} = {_spelled(str(value))}")
    if "also" in written:
        found.append(
            "with " + ", ".join(f"{part['action']} on {part['resource']}" for part in written["also"])
        )
    if "through" in written:
        found.append(f"through {written['through']}")
    return "; ".join([*found, *([side] if side else [])])
