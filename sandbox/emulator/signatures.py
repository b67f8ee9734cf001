"""Signature Version 4: the expected signature is computed with the caller's secret key and compared.

AWS facts
- The signature covers method, path, query, the signed headers and the payload's hash; `host` and every
  `x-amz-*` header that is sent must be among the signed ones (IAM user guide, "Create a signed AWS API
  request"). So the header with which a caller acts as a service must be signed, too.
- A request is accepted up to 15 minutes from the time of its signature, a presigned URL until its
  `X-Amz-Expires`, at most 7 days (S3 API reference, "Authenticating Requests (AWS Signature Version 4)").
- S3 requires `x-amz-content-sha256`: the hash, `UNSIGNED-PAYLOAD`, or a marker that the body is sent in
  chunks, signed one by one or not at all (same page). A presigned S3 URL signs no payload. Every other
  service hashes the body it received.

Signature Version 2 and 4A, form uploads and operations that AWS serves unsigned are rejected: nothing here
uses them.
"""

import datetime as dt
import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl, quote

from botocore.auth import SigV4Auth
from botocore.credentials import Credentials

from sandbox.accounts import SERVICE_HEADER, SOURCE_ARN_HEADER
from sandbox.emulator import signed_chunks

ALGORITHM = "AWS4-HMAC-SHA256"
SKEW = dt.timedelta(minutes=15)
LONGEST_SECONDS = 7 * 24 * 60 * 60  # of a presigned URL
UNSIGNED = "UNSIGNED-PAYLOAD"
STREAMED_UNSIGNED = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
STREAMED_SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
STREAMED_SIGNED_TRAILER = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"

_SCOPE = r"([^/,\s]+)/(\d{8})/([^/,\s]+)/([^/,\s]+)/aws4_request"
_TIMESTAMP = re.compile(r"[0-9]{8}T[0-9]{6}Z")
_CREDENTIAL = re.compile(_SCOPE)
_HEADER = re.compile(
    rf"{ALGORITHM} +Credential={_SCOPE}, *SignedHeaders=([a-z0-9;._-]+), *Signature=([0-9a-f]{{64}})"
)
_QUERY = (
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-SignedHeaders",
    "X-Amz-Signature",
)
_MARKS = frozenset(name.lower() for name in _QUERY if name != "X-Amz-Expires")


class RefusedError(Exception):
    """The request is rejected. `code` is IAM's name for the reason; no message contains a secret."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


@dataclass(frozen=True, slots=True)
class Request:
    """A request as received: path and query undecoded, header names in lower case, each with its values."""

    method: str
    raw_path: str
    query: str
    headers: Mapping[str, list[str]]
    body: bytes

    def value(self, name: str) -> str:
        """The one value of a header, or an empty string."""
        found = self.headers.get(name, ())
        if len(found) > 1:
            raise RefusedError("IncompleteSignature", f"The header {name} was sent more than once.")
        return found[0] if found else ""


@dataclass(frozen=True, slots=True)
class Signature:
    """The signature data of a request."""

    access_key: str
    date: str
    region: str
    service: str
    signed_headers: tuple[str, ...]
    digest: str
    timestamp: str
    token: str
    presigned_seconds: int | None  # of a presigned URL: how long it is valid


SecretOf = Callable[[Signature], str]  # raises RefusedError for an unknown or expired access key


class _Headers(dict[str, list[str]]):
    """The signed headers, in the form that botocore expects."""

    def get_all(self, name: str) -> list[str]:
        return self[name]


@dataclass(frozen=True, slots=True)
class _Signed:
    """The signed part of a request, in the form that botocore's signer expects."""

    method: str
    url: str
    headers: _Headers
    context: dict[str, Any]
    params: None = None
    data: dict[str, Any] = field(default_factory=dict)


class _Signer(SigV4Auth):
    """botocore's signer, for a request that was signed elsewhere."""

    def __init__(self, signature: Signature, secret: str, payload_hash: str) -> None:
        credentials = Credentials(signature.access_key, secret)
        super().__init__(credentials, signature.service, signature.region)
        self._hash = payload_hash

    def headers_to_sign(self, request: Any) -> Any:
        return request.headers

    def payload(self, request: Any) -> str:  # noqa: ARG002  botocore's parameter
        return self._hash

    def _normalize_url_path(self, path: str) -> str:
        if self._service_name == "s3":  # type: ignore[attr-defined]
            return path
        return str(super()._normalize_url_path(path))  # type: ignore[misc]

    def expected(self, signed: Any) -> str:
        """The signature that the request must have."""
        return str(self.signature(self.string_to_sign(signed, self.canonical_request(signed)), signed))


def _incomplete(message: str) -> RefusedError:
    return RefusedError("IncompleteSignature", message)


def _from_header(request: Request, authorization: str) -> Signature:
    found = _HEADER.fullmatch(authorization.strip())
    if not found:
        raise _incomplete(f"Authorization is not a complete {ALGORITHM} signature.")
    key, date, region, service, headers, digest = found.groups()
    timestamp, token = request.value("x-amz-date"), request.value("x-amz-security-token")
    return Signature(key, date, region, service, tuple(headers.split(";")), digest, timestamp, token, None)


def _from_query(pairs: list[tuple[str, str]]) -> Signature:
    values: dict[str, str] = {}
    for name, value in pairs:
        if name.lower().startswith("x-amz-") and name.lower() in {known.lower() for known in values}:
            raise _incomplete(f"The query parameter {name} was sent more than once.")
        values[name] = value
    if missing := [name for name in _QUERY if not values.get(name)]:
        raise _incomplete(f"AWS query-string parameters must include {', '.join(missing)}.")
    scope = _CREDENTIAL.fullmatch(values["X-Amz-Credential"])
    if not scope or values["X-Amz-Algorithm"] != ALGORITHM:
        raise _incomplete(f"The query string is not a complete {ALGORITHM} signature.")
    seconds = values["X-Amz-Expires"]
    if not (seconds.isascii() and seconds.isdigit()) or not 1 <= int(seconds) <= LONGEST_SECONDS:
        raise _incomplete(f"X-Amz-Expires must be 1 to {LONGEST_SECONDS} seconds.")
    key, date, region, service = scope.groups()
    headers = tuple(values["X-Amz-SignedHeaders"].split(";"))
    token = values.get("X-Amz-Security-Token", "")
    digest, timestamp = values["X-Amz-Signature"], values["X-Amz-Date"]
    return Signature(key, date, region, service, headers, digest, timestamp, token, int(seconds))


def _read(request: Request, pairs: list[tuple[str, str]]) -> Signature:
    """The signature of a request. Raises RefusedError when it has none, or two."""
    authorization = request.value("authorization")
    in_query = any(name.lower() in _MARKS or name == "AWSAccessKeyId" for name, _ in pairs)
    if authorization and in_query:
        raise _incomplete("Only one of Authorization header and query-string signature is allowed.")
    if not authorization and not in_query:
        raise RefusedError("MissingAuthenticationToken", "Request is missing Authentication Token")
    return _from_header(request, authorization) if authorization else _from_query(pairs)


def _check_time(signature: Signature, now: dt.datetime) -> None:
    try:
        if not _TIMESTAMP.fullmatch(signature.timestamp):
            raise ValueError
        signed_at = dt.datetime.fromisoformat(signature.timestamp)
    except ValueError:
        raise _incomplete("X-Amz-Date must have the format YYYYMMDDTHHMMSSZ.") from None
    if signature.timestamp[:8] != signature.date:
        raise RefusedError("CredentialDateMismatch", "The date of the credential scope is not X-Amz-Date's.")
    presigned = signature.presigned_seconds
    if presigned is not None and now > signed_at + dt.timedelta(seconds=presigned):
        raise RefusedError("RequestExpired", "Request has expired")
    if signed_at > now + SKEW or (presigned is None and signed_at < now - SKEW):
        raise RefusedError(
            "RequestTimeTooSkewed",
            f"The request was signed at {signature.timestamp}, more than 15 minutes from "
            f"{now:%Y%m%dT%H%M%SZ}.",
        )


def _check_signed_headers(request: Request, signature: Signature) -> None:
    """Reject a request whose signature does not cover all headers that must be signed."""
    sent = request.headers.keys()
    must = {"host", *({SERVICE_HEADER, SOURCE_ARN_HEADER} & sent)}
    if signature.service == "s3":
        must |= {name for name in sent if name.startswith("x-amz-")}
    elif signature.presigned_seconds is None:
        must.add("x-amz-date")
    if missing := sorted(must - set(signature.signed_headers)):
        raise RefusedError(
            "SignatureDoesNotMatch", f"Headers that were sent are not signed: {', '.join(missing)}."
        )


def payload_hash(request: Request, signature: Signature) -> str:
    """The payload hash that must have been signed. Raises RefusedError for a wrong hash sent to S3."""
    if signature.service != "s3":
        return sha256(request.body).hexdigest()
    if signature.presigned_seconds is not None:
        return UNSIGNED
    named = request.value("x-amz-content-sha256")
    if named in (UNSIGNED, STREAMED_UNSIGNED, STREAMED_SIGNED, STREAMED_SIGNED_TRAILER):
        return named
    if named != (actual := sha256(request.body).hexdigest()):
        raise _mismatch(f"x-amz-content-sha256 is {named[:64]!r}, the body's hash is {actual}.")
    return named


def _mismatch(why: str) -> RefusedError:
    return RefusedError("SignatureDoesNotMatch", f"The signature does not match the request. {why}".strip())


def _canonical_query(pairs: list[tuple[str, str]]) -> str:
    return "&".join(
        f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}"
        for name, value in pairs
        if name != "X-Amz-Signature"
    )


def verify(request: Request, secret_of: SecretOf, now: dt.datetime | None = None) -> Signature:
    """The valid signature of a request. Raises RefusedError for every other request.

    `secret_of` returns the secret key of the signature's access key and checks its session token.
    """
    pairs = parse_qsl(request.query, keep_blank_values=True) if request.query else []
    signature = _read(request, pairs)
    _check_time(signature, now or dt.datetime.now(dt.UTC))
    _check_signed_headers(request, signature)
    secret = secret_of(signature)
    signer = _Signer(signature, secret, hashed := payload_hash(request, signature))
    headers = _Headers({name: request.headers.get(name, []) for name in signature.signed_headers})
    url = f"https://host{request.raw_path}?{_canonical_query(pairs)}"
    signed: Any = _Signed(request.method, url, headers, {"timestamp": signature.timestamp})
    expected = signer.expected(signed)
    if not hmac.compare_digest(expected, signature.digest):
        raise _mismatch("Check the secret key and the way of signing.")
    if hashed in (STREAMED_SIGNED, STREAMED_SIGNED_TRAILER):
        scope = signer.credential_scope(signed)

        def sign(text: str) -> str:
            return str(signer.signature(text, signed))

        chain = signed_chunks.Chain(signature.timestamp, scope, expected, sign)
        if not signed_chunks.match(request.body, chain, trailer=hashed == STREAMED_SIGNED_TRAILER):
            raise _mismatch("A chunk of the body is not the one that was signed.")
    return signature
