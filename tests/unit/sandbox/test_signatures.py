"""Only signatures as botocore computes them are valid; clock and every kind of payload are checked."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

import botocore.auth
import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.compat import HTTPHeaders
from botocore.credentials import Credentials

from sandbox.emulator import signatures
from sandbox.emulator.signatures import RefusedError, Request, verify

KEY, SECRET, REGION = "111111111111", "secret", "eu-west-1"
NOW = dt.datetime(2026, 11, 28, 12, 0, tzinfo=dt.UTC)


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """botocore signs at NOW, for however long the tests run."""

    def now(*, remove_tzinfo: bool = True) -> dt.datetime:
        return NOW.replace(tzinfo=None) if remove_tzinfo else NOW

    monkeypatch.setattr(botocore.auth, "get_current_datetime", now)


def request(
    service: str = "dynamodb",
    *,
    url: str = "https://localhost:1/",
    method: str = "POST",
    body: bytes = b"{}",
    seconds: int | None = None,
    secret: str = SECRET,
    payload: str | None = None,
    more: Mapping[str, str] | None = None,
) -> Request:
    """A request as it arrives, signed by botocore. With `seconds`, the URL is presigned."""
    unsigned = AWSRequest(method, url, headers={"Host": "localhost:1", **(more or {})}, data=body)
    signer: Any
    kinds = (S3SigV4Auth, S3SigV4QueryAuth) if service == "s3" else (SigV4Auth, SigV4QueryAuth)
    if seconds is None:
        signer = kinds[0](Credentials(KEY, secret, None), service, REGION)
    else:
        signer = kinds[1](Credentials(KEY, secret, None), service, REGION, expires=seconds)
    if payload is not None:
        signer.payload = lambda _: payload
    signer.add_auth(unsigned)
    address = urlsplit(str(unsigned.url))
    lines = {name.lower(): [str(value)] for name, value in unsigned.headers.items()}
    sent = body if seconds is None or service == "s3" else b""  # botocore presigns a request without a body
    return Request(method, address.path or "/", address.query, lines, sent)


def judge(signed: Request, now: dt.datetime = NOW) -> str:
    """The error code, or an empty string."""
    try:
        verify(signed, lambda _: SECRET, now)
    except RefusedError as error:
        return error.code
    return ""


@pytest.mark.parametrize(
    "url",
    [
        "https://localhost:1/",
        "https://localhost:1/a%20b/%C3%BC?prefix=a%2Fb&list-type=2",
        "https://localhost:1/a?tagging",
        "https://localhost:1/2015-03-31/functions/arn%3Aaws%3Alambda/policy?a=1&a=0",
    ],
)
@pytest.mark.parametrize("service", ["s3", "lambda", "dynamodb"])
@pytest.mark.parametrize("seconds", [None, 60])
def test_signature_of_botocore_is_valid(url: str, service: str, seconds: int | None) -> None:
    """In the header or in the query, for S3 and for others; another secret key is rejected."""
    assert judge(request(service, url=url, seconds=seconds, more={"X-Amz-Target": "T"})) == ""
    assert judge(request(service, url=url, seconds=seconds, secret="other")) == "SignatureDoesNotMatch"


@pytest.mark.parametrize("minutes", [-14, 14])
def test_clock_may_differ_by_fourteen_minutes(minutes: int) -> None:
    """The limit is 15 minutes."""
    assert judge(request(), NOW + dt.timedelta(minutes=minutes)) == ""


@pytest.mark.parametrize("minutes", [-16, 16])
def test_clock_that_differs_by_sixteen_minutes_is_rejected(minutes: int) -> None:
    """An intercepted signature is worthless after a quarter of an hour."""
    assert judge(request(), NOW + dt.timedelta(minutes=minutes)) == "RequestTimeTooSkewed"


def test_presigned_url_is_valid_until_it_expires() -> None:
    """Longer than the clock's tolerance, and not a second longer than its X-Amz-Expires."""
    signed = request("s3", method="GET", body=b"", seconds=3600)
    assert judge(signed, NOW + dt.timedelta(minutes=59)) == ""
    assert judge(signed, NOW + dt.timedelta(minutes=61)) == "RequestExpired"
    assert judge(signed, NOW - dt.timedelta(minutes=16)) == "RequestTimeTooSkewed"
    assert judge(request("s3", method="GET", seconds=604_801)) == "IncompleteSignature"


def changed(signed: Request, **headers: str | None) -> Request:
    """The request with other headers; None removes one."""
    lines = dict(signed.headers)
    for name, value in headers.items():
        lines.pop(name.replace("_", "-"), None)
        if value is not None:
            lines[name.replace("_", "-")] = [value]
    return Request(signed.method, signed.raw_path, signed.query, lines, signed.body)


def test_request_without_a_signature_is_rejected() -> None:
    """A missing signature, or one that is not of version 4, has its own error code."""
    signed = request()
    assert judge(changed(signed, authorization=None)) == "MissingAuthenticationToken"
    for other in (
        "AWS key:signature",
        "Bearer x",
        "AWS4-HMAC-SHA256 Credential=x",
        "AWS4-ECDSA-P256-SHA256 x",
    ):
        assert judge(changed(signed, authorization=other)) == "IncompleteSignature"


def test_two_signatures_are_rejected() -> None:
    """One could be checked and the other used: in header and query, or twice in one of them."""
    signed, url = request("s3"), request("s3", seconds=60)
    both = Request("POST", "/", url.query, signed.headers, signed.body)
    assert judge(both) == "IncompleteSignature"
    twice = {**signed.headers, "authorization": signed.headers["authorization"] * 2}
    assert judge(Request("POST", "/", "", twice, signed.body)) == "IncompleteSignature"
    for more in ("&X-Amz-Credential=x", "&x-amz-credential=x", "&AWSAccessKeyId=x"):
        again = Request("POST", "/", url.query + more, url.headers, url.body)
        assert judge(again) != ""
    named = Request("POST", "/", "AWSAccessKeyId=222222222222", signed.headers, signed.body)
    assert judge(named) == "IncompleteSignature"


def test_date_of_the_scope_must_match_the_request() -> None:
    """A key that was derived for one day signs no other day."""
    signed = request()
    assert judge(changed(signed, x_amz_date=f"{NOW + dt.timedelta(days=1):%Y%m%dT%H%M%SZ}")) != ""
    other = signed.headers["authorization"][0].replace(f"/{NOW:%Y%m%d}/", "/20200101/")
    assert judge(changed(signed, authorization=other)) == "CredentialDateMismatch"
    assert judge(changed(signed, x_amz_date="yesterday")) == "IncompleteSignature"
    assert judge(changed(signed, x_amz_date=None)) == "IncompleteSignature"


@pytest.mark.parametrize("header", ["x-sandbox-service", "x-sandbox-source-arn"])
@pytest.mark.parametrize(("service", "seconds"), [("dynamodb", None), ("s3", None), ("s3", 60)])
def test_header_with_an_effect_must_be_signed(service: str, seconds: int | None, header: str) -> None:
    """The owner of a presigned URL, or of a request, must not be able to act as a service."""
    signed = request(service, seconds=seconds)
    assert judge(changed(signed, **{header: "firehose.amazonaws.com"})) == "SignatureDoesNotMatch"
    assert judge(request(service, seconds=seconds, more={header: "firehose.amazonaws.com"})) == ""


def test_every_amazon_header_of_s3_must_be_signed() -> None:
    """An ACL or a target that was added later is rejected."""
    assert judge(changed(request("s3", seconds=60), x_amz_acl="public-read")) == "SignatureDoesNotMatch"
    assert judge(changed(request("s3"), x_amz_target="T")) == "SignatureDoesNotMatch"


def signed_for(*hosts: str) -> Request:
    """A request whose signature covers its date, and these hosts: one or none."""
    unsigned = AWSRequest("POST", "https://localhost:1/", data=b"{}")
    signer: Any = SigV4Auth(Credentials(KEY, SECRET), "dynamodb", REGION)

    def headers_to_sign(request: Any) -> HTTPHeaders:
        named = {
            "x-amz-date": request.headers["X-Amz-Date"],
            **dict.fromkeys(("host",) if hosts else (), "".join(hosts)),
        }
        return HTTPHeaders.from_dict(named)

    signer.headers_to_sign = headers_to_sign
    signer.add_auth(unsigned)
    lines = {name.lower(): [str(value)] for name, value in unsigned.headers.items()}
    return Request("POST", "/", "", {**lines, "host": ["localhost:1"]}, b"{}")


def test_host_must_be_signed() -> None:
    """A signature without a host would be valid for every host."""
    assert judge(signed_for("localhost:1")) == ""
    assert judge(signed_for("localhost:2")) == "SignatureDoesNotMatch"
    assert judge(signed_for()) == "SignatureDoesNotMatch"


def test_body_must_match_its_hash() -> None:
    """S3 accepts the stated hash only for its body; others have no unsigned payload."""
    other = b'{"other": 1}'
    for service in ("s3", "dynamodb"):
        signed = request(service)
        swapped = Request(signed.method, signed.raw_path, signed.query, signed.headers, other)
        assert judge(swapped) == "SignatureDoesNotMatch"
    assert judge(request("s3", payload=signatures.UNSIGNED)) == ""
    assert judge(request("s3", payload=signatures.STREAMED_UNSIGNED)) == ""
    assert judge(request("dynamodb", payload=signatures.UNSIGNED)) == "SignatureDoesNotMatch"
    named = request("dynamodb", more={"X-Amz-Content-Sha256": signatures.UNSIGNED})
    assert judge(named) == "SignatureDoesNotMatch"
    assert judge(changed(request("s3"), x_amz_content_sha256=None)) == "SignatureDoesNotMatch"


CHUNKS = (b"a" * 9, b"b" * 5, b"")


def in_chunks(trailer: bytes = b"") -> tuple[Request, list[bytes]]:
    """An upload in signed chunks, and the parts of its body. The signatures follow S3's documentation."""
    kind = signatures.STREAMED_SIGNED_TRAILER if trailer else signatures.STREAMED_SIGNED
    signed = request("s3", method="PUT", payload=kind)
    before = signed.headers["authorization"][0].rpartition("=")[2]
    timestamp = signed.headers["x-amz-date"][0]
    signer = SigV4Auth(Credentials(KEY, SECRET), "s3", REGION)
    context = AWSRequest("PUT", "https://localhost/")
    context.context["timestamp"] = timestamp
    scope = signer.credential_scope(context)
    parts = []
    for chunk in CHUNKS:
        text = [
            "AWS4-HMAC-SHA256-PAYLOAD",
            timestamp,
            scope,
            before,
            sha256(b"").hexdigest(),
            sha256(chunk).hexdigest(),
        ]
        before = signer.signature("\n".join(text), context)
        parts.append(f"{len(chunk):x};chunk-signature={before}\r\n".encode() + chunk)
        if chunk or not trailer:
            parts[-1] += b"\r\n"
    if trailer:
        text = ["AWS4-HMAC-SHA256-TRAILER", timestamp, scope, before, sha256(trailer + b"\n").hexdigest()]
        signature = signer.signature("\n".join(text), context)
        parts.append(trailer + f"\r\nx-amz-trailer-signature:{signature}\r\n\r\n".encode())
    return signed, parts


def upload(signed: Request, parts: list[bytes]) -> str:
    """The verdict on a body in these parts."""
    return judge(Request(signed.method, signed.raw_path, signed.query, signed.headers, b"".join(parts)))


@pytest.mark.parametrize("trailer", [b"", b"x-amz-checksum-crc32c:AAAAAA=="])
def test_every_chunk_and_the_trailer_must_be_signed(trailer: bytes) -> None:
    """In order, complete and unchanged."""
    signed, parts = in_chunks(trailer)
    assert upload(signed, parts) == ""
    assert upload(signed, [parts[1], parts[0], *parts[2:]]) == "SignatureDoesNotMatch"
    for number in range(len(parts)):
        assert upload(signed, parts[:number] + parts[number + 1 :]) == "SignatureDoesNotMatch"
        first = parts[number][:1]
        swapped = [*parts[:number], bytes([first[0] ^ 1]) + parts[number][1:], *parts[number + 1 :]]
        assert upload(signed, swapped) == "SignatureDoesNotMatch"
    for body in (b"", b"x" * 100, b"9\r\n" + b"a" * 9, parts[0]):
        assert upload(signed, [body]) == "SignatureDoesNotMatch"
    assert upload(signed, [part.replace(b"aaa", b"aba") for part in parts]) == "SignatureDoesNotMatch"


def test_nothing_may_follow_the_last_chunk() -> None:
    """A trailer that was not announced is not signed."""
    signed, parts = in_chunks()
    assert upload(signed, [*parts, b"x-amz-checksum-crc32:AAAA\r\n\r\n"]) == "SignatureDoesNotMatch"
