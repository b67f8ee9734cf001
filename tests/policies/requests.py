"""Generated requests: every operation of S3 on an object, with every header, from botocore's model.

``requests.yaml`` lists the action of each operation and the effect of each header. A missing one is an error,
so someone has to review each new operation and header of S3. The expected verdict of a request is computed
from rules that do not depend on the policies:

* the delivery role writes and reads objects of its own name, as deep as Firehose writes them, and sends
  only headers that Firehose may send;
* the consumer account's administrators may do everything, but store objects only with the lake's key;
* an analyst reads rows, an operator failures, both read and write results, and change nothing else;
* nobody else may do anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import botocore.session
import yaml

from tests.policies.ledger import FOLDER, Ledger, Part
from tests.policies.mutants import service_actions

PROVES, OWNS = "delivery role", "consumer administrator"
PEOPLE = {"analyst": r"(data|settled)/", "operator": r"errors/"}
STRANGERS = ("stranger administrator", "stranger's delivery role", "anybody unsigned")
# In the layout of one account, they are administrators of the lake's account.
NEIGHBOURS = ("producer administrator", "look-alike role")

ROW = "data/dt=2026-11-20/ddb-lake-3-2026-11-20-09-15-02-6f1c0d4e.gz"
EVENT_ROW = "data/dt=2026-11-20/ddb-lake-event-3-2026-11-20-09-15-02-6f1c0d4e.gz"
FAILURE = "errors/processing-failed/dt=2026-11-20/ddb-lake-3-2026-11-20-09-15-02-6f1c0d4e"
SETTLED = "settled/settled_items_orders/data/00000-1-6f1c0d4e.parquet"
FOREIGN = "other/dt=2026-11-20/x/part-00000.zstd.parquet"
RESULT = "results/0c1d2e3f.csv"
KEYS = {"LakeBucket": (ROW, EVENT_ROW, FAILURE, SETTLED, FOREIGN), "ResultsBucket": (RESULT,)}

_DAY = r"dt=[^/]{4}-[^/]{2}-[^/]{2}"
_DELIVERED = re.compile(rf"(data/{_DAY}|errors/[^/]*/{_DAY})/ddb-lake-[^/]*")
_DELIVERS = {"s3:PutObject", "s3:PutObjectAcl", "s3:GetObject", "s3:AbortMultipartUpload"}
_KEEPS_RESULTS = {"s3:PutObject", "s3:GetObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"}
_BUCKET_KEY = "x-amz-server-side-encryption-bucket-key-enabled"
_CUSTOMER = "x-amz-server-side-encryption-customer-algorithm"


@dataclass(frozen=True)
class Generated:
    """One request and its expected verdict."""

    name: str
    parts: tuple[Part, ...]
    allowed: bool


@dataclass(frozen=True)
class Call:
    """An operation on an object; ``version`` of one of its versions, ``source`` the key that a copy reads."""

    operation: str
    action: str
    kind: str
    version: bool = False
    source: str | None = None

    @property
    def name(self) -> str:
        more = " of a version" if self.version else f" of {self.source}" if self.source else ""
        return self.operation + more


@dataclass(frozen=True)
class Subject:
    """The caller, the operation and the object."""

    actor: str
    call: Call
    bucket: str
    key: str


@lru_cache(maxsize=1)
def table() -> dict[str, dict[str, Any]]:
    """requests.yaml."""
    read: dict[str, dict[str, Any]] = yaml.safe_load((FOLDER / "requests.yaml").read_text(encoding="utf-8"))
    return read


@lru_cache(maxsize=1)
def _model() -> Any:
    return botocore.session.get_session().get_service_model("s3")


def operations() -> list[str]:
    """Every operation of S3 that names an object, or several."""
    found = []
    for name in _model().operation_names:
        shape = _model().operation_model(name).input_shape
        if shape and {"Key", "Delete"} & set(shape.members):
            found.append(name)
    return found


def headers_of(operation: str) -> dict[str, list[str]]:
    """Header → the values that botocore lists for it, of one operation."""
    members = _model().operation_model(operation).input_shape.members.values()
    return {
        str(member.serialization["name"]): list(getattr(member, "enum", None) or [])
        for member in members
        if member.serialization.get("location") in {"header", "headers"}
    }


def calls() -> Iterator[Call]:
    """Every listed operation, on an object and on a version, from each source."""
    for operation, listed in table()["operations"].items():
        if "none" in listed:
            continue
        for source in (ROW, FOREIGN) if listed.get("source") else (None,):
            yield Call(operation, listed["action"], listed["kind"], source=source)
        if "version" in listed:
            yield Call(operation, listed["version"], listed["kind"], version=True)


def neighbouring_keys() -> set[str]:
    """Keys an edit away from those of Firehose: a slash, a character more or a character less, anywhere."""
    found = set()
    for key in (ROW, FAILURE):
        for position in range(len(key) + 1):
            found |= {key[:position] + more + key[position:] for more in ("/", "x")}
            found.add(key[:position] + key[position + 1 :])
    return found - {""}


@dataclass(frozen=True)
class Generator:
    """The requests of one layout."""

    ledger: Ledger

    @cached_property
    def owners(self) -> tuple[str, ...]:
        """The administrators of the account that owns both buckets."""
        return (OWNS, *(NEIGHBOURS if self.ledger.documents.layout == "single-account" else ()))

    @cached_property
    def actors(self) -> tuple[str, ...]:
        """All callers."""
        return (PROVES, OWNS, *PEOPLE, *NEIGHBOURS, *STRANGERS)

    def requests(self) -> Iterator[Generated]:
        """Every operation by every caller, every header of writing operations, and every neighbouring key."""
        for actor in self.actors:
            for bucket, keys in KEYS.items():
                for call in calls():
                    for key in keys:
                        yield self._request(Subject(actor, call, bucket, key), {})
                    if call.kind == "write" or call.operation == "PutObjectAcl":
                        for header, value in self._headers(call.operation):
                            yield self._request(Subject(actor, call, bucket, keys[0]), {header: value})
        put, get = Call("PutObject", "s3:PutObject", "write"), Call("GetObject", "s3:GetObject", "read")
        for key in sorted(neighbouring_keys()):
            yield self._request(Subject(PROVES, put, "LakeBucket", key), {})
            yield self._request(Subject(PROVES, get, "LakeBucket", key), {})

    def _headers(self, operation: str) -> Iterator[tuple[str, str]]:
        for header, values in headers_of(operation).items():
            meaning = table()["headers"][header]
            if "none" not in meaning:
                for value in meaning.get("tried") or values:
                    yield header, self.ledger.filled(value)

    def _request(self, subject: Subject, sent: Mapping[str, str]) -> Generated:
        call, resource = subject.call, f"{subject.bucket}/{subject.key}"
        parts = [{"action": call.action, "resource": resource, "with": _context(call.action, sent)}]
        for header in sent:
            if (needed := table()["headers"][header].get("needs")) and needed != call.action:
                parts.append({"action": needed, "resource": resource, "with": _context(needed, sent)})
        if call.source:
            parts += [{"action": "s3:GetObject", "resource": f"LakeBucket/{call.source}"}]
        parts += _key_use(subject, sent)
        allowed = all(self._may(subject, header, value) for header, value in (sent or {"": ""}).items())
        suffix = "".join(f" with {header}: {value}" for header, value in sent.items())
        resolved = tuple(self.ledger.part({"actor": subject.actor, **part}) for part in parts)
        return Generated(f"{subject.actor}: {call.name} on {resource}{suffix}", resolved, allowed)

    def _may(self, subject: Subject, header: str, value: str) -> bool:
        """The rules, which do not depend on any policy; an empty header counts as no header."""
        call, meaning = subject.call, table()["headers"].get(header, {})
        # For results, only SSE-C is denied: results expire, and Athena encrypts them.
        bound = header == _CUSTOMER or subject.bucket == "LakeBucket"
        if bound and value not in self._values(meaning, "anybody", value):
            return False
        if subject.actor in self.owners:
            return True
        if subject.actor == PROVES:
            touched = [subject.key, *([call.source] if call.source else [])]
            own = subject.bucket == "LakeBucket" and all(_DELIVERED.fullmatch(key) for key in touched)
            return own and call.action in _DELIVERS and value in self._values(meaning, "delivery", value)
        if subject.actor not in PEOPLE:
            return False
        readable = PEOPLE[subject.actor]
        if subject.bucket == "ResultsBucket":
            source = call.source is None or re.match(readable, call.source)
            return call.action in _KEEPS_RESULTS and bool(source) and not meaning.get("needs")
        return call.action == "s3:GetObject" and bool(re.match(readable, subject.key))

    def _values(self, meaning: Mapping[str, Any], whose: str, otherwise: str) -> list[str]:
        return [self.ledger.filled(value) for value in meaning.get(whose, [otherwise])]


def _key_use(subject: Subject, sent: Mapping[str, str]) -> list[dict[str, Any]]:
    """The calls of S3 to the lake's key for the caller, if the object uses that key."""
    action = {"write": "kms:GenerateDataKey", "read": "kms:Decrypt"}.get(subject.call.kind)
    other = sent.get("x-amz-server-side-encryption", "aws:kms") != "aws:kms" or _CUSTOMER in sent
    if action is None or other:
        return []
    # With a Bucket Key, S3 puts the bucket into the context; without one, the object
    # (S3 guide, "Reducing the cost of SSE-KMS with Amazon S3 Bucket Keys").
    context = f"${{{subject.bucket}.Arn}}" + (f"/{subject.key}" if sent.get(_BUCKET_KEY) == "false" else "")
    keys = {"kms:ViaService": "s3.${region}.amazonaws.com", "kms:EncryptionContext:aws:s3:arn": context}
    return [{"action": action, "resource": "LakeKey", "with": keys}]


def _context(action: str, sent: Mapping[str, str]) -> dict[str, str]:
    """The condition keys of the headers, if S3 supports them for the action."""
    known = service_actions("s3")[action.partition(":")[2].lower()]["conditionKeys"]
    return {f"s3:{header}": value for header, value in sent.items() if f"s3:{header}" in known}
