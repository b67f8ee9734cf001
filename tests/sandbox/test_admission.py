"""Access to the sandbox: no request is accepted without a valid signature, on any open port."""

import contextlib
import datetime as dt
import hashlib
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import urllib3
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from sandbox import accounts
from sandbox.guard import processes_of
from sandbox.lifecycle import Sandbox
from tests.sandbox.roles import account_root, client_as, trust_policy

pytestmark = pytest.mark.sandbox
JSON = "application/x-amz-json-1.0"
LIST_TABLES = {"X-Amz-Target": "DynamoDB_20120810.ListTables", "Content-Type": JSON}
SKEWED = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=16)


def send(
    sandbox: Sandbox,
    method: str,
    path: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    where: str = "localhost",
) -> urllib3.BaseHTTPResponse:
    """A request without a signature, as another program of this machine sends it."""
    with urllib3.PoolManager(ca_certs=str(sandbox.profiles.authority), retries=False) as pool:
        return pool.request(
            method, f"https://{where}:{sandbox.port}{path}", headers=dict(headers or {}), body=body
        )


def signed(
    sandbox: Sandbox,
    secret: str,
    *,
    key: str = accounts.PRODUCER,
    service: str = "dynamodb",
    path: str = "/",
    method: str = "POST",
    body: bytes = b"{}",
    headers: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """The headers of a request signed with a secret key."""
    request = AWSRequest(method, f"{sandbox.endpoint}{path}", headers=dict(headers or LIST_TABLES), data=body)
    signer = S3SigV4Auth if service == "s3" else SigV4Auth
    signer(Credentials(key, secret), service, accounts.REGION).add_auth(request)
    return dict(request.headers)


def secret_of(sandbox: Sandbox, profile: str = "producer") -> str:
    """The secret key of an account's root user."""
    return str(sandbox.session(profile).get_credentials().secret_key)  # type: ignore[union-attr]


def code(answer: urllib3.BaseHTTPResponse) -> str:
    """The error code in a JSON answer."""
    return str(json.loads(answer.data)["__type"]).rpartition("#")[2]


def error_code(call: Any) -> str:
    """The error code of a call of boto3, or an empty string."""
    try:
        call()
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return ""


REQUESTS = {
    "DynamoDB": ("POST", "/", LIST_TABLES),
    "S3, the buckets": ("GET", "/", {}),
    "S3, an object": ("GET", "/bucket/key", {}),
    "Lambda": ("GET", "/2015-03-31/functions/", {}),
    "STS": ("POST", "/?Action=GetCallerIdentity&Version=2011-06-15", {}),
    "STS with a web identity": ("POST", "/?Action=AssumeRoleWithWebIdentity&Version=2011-06-15", {}),
    "Athena": ("POST", "/", {"X-Amz-Target": "AmazonAthena.ListWorkGroups", "Content-Type": JSON}),
    "the crawler": ("POST", "/", {"X-Amz-Target": "AWSGlue.StartCrawler", "Content-Type": JSON}),
    "Lake Formation's grants": ("POST", "/ListPermissions", {}),
    "the resources of a stack": ("GET", f"/_sandbox/stacks/{accounts.PRODUCER}/ddb-lake-producer", {}),
    "a machine's role": ("GET", "/latest/meta-data/iam/security-credentials/", {}),
    "Cognito": ("GET", "/oauth2/userInfo", {}),
    "a browser's question": ("OPTIONS", "/bucket", {"Origin": "https://example.com"}),
}


@pytest.mark.parametrize("asked", REQUESTS)
@pytest.mark.parametrize("by", ["nobody", "an account id", "an account id in the query", "HmacV1"])
def test_request_without_a_valid_signature_is_rejected(emulator: Sandbox, asked: str, by: str) -> None:
    """An account's id, which is its access key, is not enough for any service and endpoint."""
    method, path, headers = REQUESTS[asked]
    claim = f"{accounts.PRODUCER}/{dt.datetime.now(dt.UTC):%Y%m%d}/us-east-1/dynamodb/aws4_request"
    now = f"{dt.datetime.now(dt.UTC):%Y%m%dT%H%M%SZ}"
    if by == "an account id":
        signature = f"SignedHeaders=host;x-amz-date, Signature={'0' * 64}"
        authorization = f"AWS4-HMAC-SHA256 Credential={claim}, {signature}"
        headers = {**headers, "Authorization": authorization, "X-Amz-Date": now}
    elif by == "an account id in the query":
        joint = "&" if "?" in path else "?"
        path += (
            f"{joint}X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={claim}&X-Amz-Date={now}"
            f"&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature={'0' * 64}"
        )
    elif by == "HmacV1":
        headers = {**headers, "Authorization": f"AWS {accounts.PRODUCER}:c2lnbmF0dXJl"}
    answer = send(emulator, method, path, headers=headers, body=b"{}" if method == "POST" else b"")

    assert 400 <= answer.status < 404, answer.data


@pytest.mark.parametrize(
    "path",
    [
        *(f"/_ministack/{name}" for name in ("ready", "config", "reset", "info", "sqs/messages")),
        *(f"/_ministack/{name}" for name in ("cfn-response/x", "cfn-signal/x", "rds/iam-auth")),
        "/%5fministack/reset",
        "/_localstack/health",
        "/_localstack/info",
    ],
)
def test_endpoints_of_the_emulator_itself_are_closed(emulator: Sandbox, path: str) -> None:
    """For every caller, with or without a valid signature; they change nothing."""
    emulator.session("producer").client("s3").create_bucket(Bucket="kept-after-reset")
    for method in ("GET", "POST", "PUT"):
        headers = signed(emulator, secret_of(emulator), path=path, method=method)
        assert send(emulator, method, path).status == 403
        assert send(emulator, method, path, headers=headers, body=b"{}").status == 403
    emulator.session("producer").client("s3").delete_bucket(Bucket="kept-after-reset")


def test_health_endpoint_is_open(emulator: Sandbox) -> None:
    """It shows no resource, and the sandbox waits for it."""
    assert send(emulator, "GET", "/_ministack/health").status == 200
    assert send(emulator, "POST", "/_ministack/health").status == 403


@pytest.mark.parametrize("host", ["attacker.example", "localhost.attacker.example:{port}", "localhost:1", ""])
def test_request_for_another_host_is_rejected(emulator: Sandbox, host: str) -> None:
    """A web page whose name resolves to this machine sends its own name, also with a valid signature."""
    named = {"Host": host.format(port=emulator.port)}
    headers = signed(emulator, secret_of(emulator), headers={**LIST_TABLES, **named})

    assert send(emulator, "POST", "/", headers=headers, body=b"{}").status == 421
    assert send(emulator, "GET", "/_ministack/health", headers=named).status == 421


@pytest.mark.parametrize("where", ["localhost", "127.0.0.1"])
def test_every_name_of_this_machine_is_served(emulator: Sandbox, where: str) -> None:
    """Clients use any of these names."""
    assert send(emulator, "GET", "/_ministack/health", where=where).status == 200


def test_bucket_in_the_host_name_is_served(emulator: Sandbox, unique: str) -> None:
    """Requests of clients that put the bucket there are signed and accepted like others."""
    emulator.session("producer").client("s3").create_bucket(Bucket=unique)
    request = AWSRequest("GET", f"https://{unique}.localhost:{emulator.port}/?list-type=2")
    S3SigV4Auth(Credentials(accounts.PRODUCER, secret_of(emulator)), "s3", accounts.REGION).add_auth(request)
    named = {**dict(request.headers), "Host": f"{unique}.localhost:{emulator.port}"}
    answer = send(emulator, "GET", "/?list-type=2", headers=named)

    assert (answer.status, unique.encode() in answer.data) == (200, True), answer.data


@pytest.mark.parametrize("key", ["a b", "ü/商", "+%2F", "..", "a//b", "~*'()&=", "q?x#y"])
def test_key_with_special_characters_has_the_same_signature_on_both_sides(
    emulator: Sandbox, unique: str, key: str
) -> None:
    """Paths are escaped once for S3, in listings and tags too."""
    s3 = emulator.session("producer").client("s3")
    s3.create_bucket(Bucket=unique)
    s3.put_object(Bucket=unique, Key=key, Body=b"1", Metadata={"a": "x  y"}, Tagging="a=b%20c")

    assert s3.get_object(Bucket=unique, Key=key)["Body"].read() == b"1"
    assert s3.list_objects_v2(Bucket=unique, Prefix=key, Delimiter="+ &")["KeyCount"] == 1


@pytest.mark.skipif(sys.platform != "linux", reason="read from /proc")
def test_only_one_port_is_open_on_this_machine_only(two_accounts: Sandbox) -> None:
    """For all processes of the sandbox: every answer comes from behind the checks."""
    sockets = set()
    for process in processes_of(two_accounts.folder):
        for handle in (Path("/proc") / str(process.pid) / "fd").iterdir():
            with contextlib.suppress(OSError):
                sockets.add(handle.readlink().name)
    listening = []
    for table in ("tcp", "tcp6", "udp", "udp6"):
        for line in (Path("/proc/net") / table).read_text().splitlines()[1:]:
            fields = line.split()
            if f"socket:[{fields[9]}]" in sockets and (fields[3] == "0A" or table.startswith("udp")):
                listening.append((table, fields[1]))

    assert listening == [("tcp", f"0100007F:{two_accounts.port:04X}")]


def test_each_account_has_its_own_secret_key(emulator: Sandbox) -> None:
    """The stranger's secret key is not valid in the producer's account; only the owner can read the file."""
    right, wrong = secret_of(emulator), secret_of(emulator, "stranger")
    answer = send(emulator, "POST", "/", headers=signed(emulator, right), body=b"{}")
    assert answer.status == 200, answer.data
    answer = send(emulator, "POST", "/", headers=signed(emulator, wrong), body=b"{}")
    assert (answer.status, code(answer)) == (400, "InvalidSignatureException")
    assert emulator.profiles.credentials.stat().st_mode & 0o077 == 0
    assert emulator.folder.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("key", ["444444444444", "000000000000", "test", "AKIAUNKNOWN00000000"])
def test_access_key_without_a_profile_is_unknown(emulator: Sandbox, key: str) -> None:
    """The sandbox has only the accounts of its profiles; the emulator would accept others as root users."""
    for secret in ("test", "", secret_of(emulator)):
        headers = signed(emulator, secret, key=key)
        answer = send(emulator, "POST", "/", headers=headers, body=b"{}")
        assert code(answer) == "UnrecognizedClientException"


def test_access_key_of_a_root_user_with_a_token_is_unknown(emulator: Sandbox) -> None:
    """A root user has no session token."""
    more = {**LIST_TABLES, "X-Amz-Security-Token": "x"}
    headers = signed(emulator, secret_of(emulator), headers=more)

    assert send(emulator, "POST", "/", headers=headers, body=b"{}").status >= 400


def test_request_changed_after_signing_is_rejected(emulator: Sandbox) -> None:
    """Body, action, path and method must be as signed; so must every header that has an effect."""
    headers = signed(emulator, secret_of(emulator))
    act = {"X-Amz-Target": "DynamoDB_20120810.DeleteTable"}
    changed: dict[str, tuple[str, str, dict[str, str], bytes]] = {
        "body": ("POST", "/", headers, b'{"Limit": 1}'),
        "action": ("POST", "/", {**headers, **act}, b"{}"),
        "path": ("POST", "/x", headers, b"{}"),
        "method": ("PUT", "/", headers, b"{}"),
        "query": ("POST", "/?a=b", headers, b"{}"),
        "the service that it acts as": ("POST", "/", {**headers, accounts.SERVICE_HEADER: "x"}, b"{}"),
    }
    for part, (method, path, sent, body) in changed.items():
        answer = send(emulator, method, path, headers=sent, body=body)
        assert answer.status in (400, 403), part
    assert send(emulator, "POST", "/", headers=headers, body=b"{}").status == 200


def s3_headers(sandbox: Sandbox, path: str, body: bytes, hashed: str | None = None) -> dict[str, str]:
    """The headers of a signed PutObject, with `hashed` as the body's hash."""
    request = AWSRequest("PUT", f"{sandbox.endpoint}{path}", data=body)
    signer = S3SigV4Auth(Credentials(accounts.PRODUCER, secret_of(sandbox)), "s3", accounts.REGION)
    if hashed is not None:
        signer.payload = lambda request: hashed  # type: ignore[method-assign]  # noqa: ARG005
    signer.add_auth(request)
    return dict(request.headers)


def test_body_of_an_object_must_match_its_hash(emulator: Sandbox, unique: str) -> None:
    """S3 accepts a hash or UNSIGNED-PAYLOAD; another body, or no hash at all, is rejected."""
    s3 = emulator.session("producer").client("s3")
    s3.create_bucket(Bucket=unique)
    path = f"/{unique}/key"
    headers = s3_headers(emulator, path, b"one")
    assert send(emulator, "PUT", path, headers=headers, body=b"one").status == 200
    assert send(emulator, "PUT", path, headers=headers, body=b"two").status == 403
    unsigned = s3_headers(emulator, path, b"", "UNSIGNED-PAYLOAD")
    assert send(emulator, "PUT", path, headers=unsigned, body=b"three").status == 200
    for hashed in ("", "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD", hashlib.sha256(b"two").hexdigest()):
        headers = s3_headers(emulator, path, b"one", hashed)
        assert send(emulator, "PUT", path, headers=headers, body=b"one").status == 403, hashed
    assert s3.get_object(Bucket=unique, Key="key")["Body"].read() == b"three"


def test_presigned_url_is_valid_for_its_request_only(emulator: Sandbox, unique: str) -> None:
    """One object, one method, and no other service through a header that the signature does not cover."""
    s3 = emulator.session("producer").client("s3", config=Config(signature_version="s3v4"))
    s3.create_bucket(Bucket=unique)
    s3.put_object(Bucket=unique, Key="key", Body=b"1")
    location = {"Bucket": unique, "Key": "key"}
    url = s3.generate_presigned_url("get_object", Params=location).removeprefix(emulator.endpoint)
    put = s3.generate_presigned_url("put_object", Params=location).removeprefix(emulator.endpoint)

    assert send(emulator, "GET", url).data == b"1"
    assert send(emulator, "PUT", put, body=b"2").status == 200
    assert send(emulator, "PUT", url, body=b"2").status == 403
    assert send(emulator, "GET", url.replace("/key?", "/other?")).status == 403
    assert send(emulator, "GET", url.replace("X-Amz-Expires=3600", "X-Amz-Expires=86400")).status == 403
    assert send(emulator, "GET", url, headers=LIST_TABLES).status in (400, 403)
    assert send(emulator, "GET", url, headers={"Authorization": "AWS4-HMAC-SHA256 x"}).status in (400, 403)


def test_presigned_request_to_sts_is_answered(emulator: Sandbox) -> None:
    """Services other than S3 accept a signature in the query too, as on AWS."""
    sts = emulator.session("producer").client("sts")
    url = sts.generate_presigned_url("get_caller_identity", HttpMethod="GET").removeprefix(emulator.endpoint)

    assert accounts.PRODUCER in send(emulator, "GET", url).data.decode()


def assumed(sandbox: Sandbox, name: str) -> dict[str, Any]:
    """Credentials of a role of the producer that may do everything."""
    iam = sandbox.session("producer").client("iam")
    trust = trust_policy(account_root(accounts.PRODUCER))
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": everything})
    iam.put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=document)
    sts = sandbox.session("producer").client("sts")
    return dict(sts.assume_role(RoleArn=arn, RoleSessionName="test")["Credentials"])


def test_session_needs_its_secret_key_and_its_token(emulator: Sandbox, unique: str) -> None:
    """Incomplete temporary credentials are rejected."""
    session, credentials = emulator.session("producer"), assumed(emulator, unique)

    def ask(**changed: str) -> str:
        client = client_as(session, "dynamodb", {**credentials, **changed})
        return error_code(client.list_tables)

    assert ask() == ""
    assert ask(SecretAccessKey="x" * 40) == "InvalidSignatureException"
    assert ask(SessionToken="x") == "UnrecognizedClientException"
    assert ask(AccessKeyId=accounts.PRODUCER) != ""


def test_access_key_of_a_user_is_valid_while_it_is_active(emulator: Sandbox, unique: str) -> None:
    """Keys of IAM users are valid credentials."""
    session = emulator.session("producer")
    iam = session.client("iam")
    iam.create_user(UserName=unique)
    key = iam.create_access_key(UserName=unique)["AccessKey"]

    def ask(secret: str) -> str:
        sts = session.client("sts", aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=secret)
        return error_code(sts.get_caller_identity)

    assert ask(key["SecretAccessKey"]) == ""
    assert ask("x" * 40) == "SignatureDoesNotMatch"
    iam.update_access_key(UserName=unique, AccessKeyId=key["AccessKeyId"], Status="Inactive")
    assert ask(key["SecretAccessKey"]) == "InvalidClientTokenId"


def test_credentials_of_a_function_cannot_be_computed(two_accounts: Sandbox) -> None:
    """The emulator derives them from names that are not secret; here that secret key is rejected."""
    function, role = two_accounts.outputs["TransformFunctionName"], "TransformFunctionRoleArn"
    session = two_accounts.session("producer")
    lambda_ = session.client("lambda")
    lambda_.invoke(FunctionName=function, Payload=json.dumps({"invocationId": "x", "records": []}))
    arn = lambda_.get_function_configuration(FunctionName=function)["FunctionArn"]
    digest = hashlib.sha256(f"{arn}:{two_accounts.outputs[role]}".encode()).hexdigest()
    guessed = {
        "AccessKeyId": f"ASIA{digest[:16].upper()}",
        "SecretAccessKey": hashlib.sha256(f"secret:{digest}".encode()).hexdigest(),
        "SessionToken": hashlib.sha256(f"token:{digest}".encode()).hexdigest(),
    }
    sts = client_as(session, "sts", guessed)

    assert error_code(sts.get_caller_identity) == "InvalidClientTokenId"


def test_only_a_root_user_can_inspect_a_stack(two_accounts: Sandbox, unique: str) -> None:
    """Resolved properties may contain values that a role must not see."""
    path = f"/_sandbox/stacks/{accounts.PRODUCER}/ddb-lake-producer"
    keys = assumed(two_accounts, unique)
    for credentials, status in (
        (Credentials(accounts.PRODUCER, secret_of(two_accounts)), 200),
        (Credentials(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"]), 403),
    ):
        request = AWSRequest("GET", f"{two_accounts.endpoint}{path}")
        SigV4Auth(credentials, "sandbox", accounts.REGION).add_auth(request)
        assert send(two_accounts, "GET", path, headers=dict(request.headers)).status == status
