"""The sandbox's accounts as an AWS user has them: profiles, a certificate authority, an environment.

The emulator takes a 12-digit access key as the root user of that account, so a profile is an account.
"""

import os
import secrets
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import botocore.session
import trustme
from botocore.config import Config

REGION = "us-east-1"
PRODUCER = "111111111111"
CONSUMER = "222222222222"
STRANGER = "333333333333"
PROFILES: Mapping[str, str] = {"producer": PRODUCER, "consumer": CONSUMER, "stranger": STRANGER}

# With these headers an account's root user acts as an AWS service, so that trust policies apply to it.
SERVICE_HEADER = "x-sandbox-service"
SOURCE_ARN_HEADER = "x-sandbox-source-arn"

# Variables that an AWS SDK reads before or instead of the profile; each could lead a command to real AWS.
_OVERRIDES = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_CA_BUNDLE",
    "REQUESTS_CA_BUNDLE",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
)


@dataclass(frozen=True)
class Certificates:
    """PEM files of a sandbox: the authority that clients trust, and the server's chain and key."""

    authority: Path
    chain: Path
    key: Path


def make_certificates(folder: Path) -> Certificates:
    """Create a temporary authority and a certificate for localhost: AWS endpoints accept TLS only."""
    authority = trustme.CA(organization_name="ddb-lake sandbox")
    server = authority.issue_cert("localhost", "127.0.0.1", "::1", "*.localhost")
    files = Certificates(folder / "ca.pem", folder / "server.pem", folder / "server.key")
    authority.cert_pem.write_to_path(str(files.authority))
    # The chain includes the authority: the emulator passes this file to Lambda functions as their CA bundle.
    for pem in (*server.cert_chain_pems, authority.cert_pem):
        pem.write_to_path(str(files.chain), append=True)
    files.key.touch(mode=0o600)
    server.private_key_pem.write_to_path(str(files.key))
    return files


@dataclass(frozen=True)
class ProfileFiles:
    """The two files that every AWS SDK reads, with a profile for each account."""

    config: Path
    credentials: Path
    authority: Path

    def environment(self) -> dict[str, str]:
        """The two variables that make an SDK read these files."""
        return {"AWS_CONFIG_FILE": str(self.config), "AWS_SHARED_CREDENTIALS_FILE": str(self.credentials)}

    def session(self, profile: str) -> boto3.Session:
        """A boto3 session of one profile; this process's environment does not change."""
        session = botocore.session.Session(profile=profile)
        session.set_config_variable("config_file", str(self.config))
        session.set_config_variable("credentials_file", str(self.credentials))
        session.set_config_variable(
            "ca_bundle", str(self.authority)
        )  # AWS_CA_BUNDLE would override the profile
        session.set_default_client_config(Config(proxies={}))  # the endpoint is on this machine
        return boto3.Session(botocore_session=session)


def write_profiles(folder: Path, endpoint: str, authority: Path, speed: float = 1.0) -> ProfileFiles:
    """Write the profiles `producer`, `consumer` and `stranger`, all served by `endpoint`.

    Each has its own secret key, which only this file contains and which is valid in this sandbox only.
    """
    files = ProfileFiles(folder / "config", folder / "credentials", authority)
    files.config.write_text(
        "\n".join(
            f"[profile {name}]\nregion = {REGION}\nendpoint_url = {endpoint}\nca_bundle = {authority}\n"
            "s3 =\n    addressing_style = path\nretry_mode = standard\n"
            "ddb_lake_arch = host\n"  # default of scripts.deploy --arch: functions run on this machine
            f"ddb_lake_speed = {speed}\n"  # scripts.remove divides its waiting time by it
            for name in PROFILES
        )
    )
    files.credentials.touch(mode=0o600)
    files.credentials.write_text(
        "\n".join(
            f"[{name}]\naws_access_key_id = {account}\naws_secret_access_key = {new_secret()}\n"
            for name, account in PROFILES.items()
        )
    )
    return files


def as_service(client: Any, service: str, source_arn: str = "") -> Any:
    """Make a client of an account's root user call as an AWS service, e.g. `firehose.amazonaws.com`.

    `source_arn` is the resource for which it acts (`aws:SourceArn`). Only a service can assume a role that
    trusts a service, on AWS and in the sandbox.
    """

    def declare(request: Any, **_: Any) -> None:
        request.headers[SERVICE_HEADER] = service
        if source_arn:
            request.headers[SOURCE_ARN_HEADER] = source_arn

    client.meta.events.register("before-sign", declare)
    return client


def new_secret() -> str:
    """A secret key for the root user of an account; it is valid in one sandbox only."""
    return secrets.token_urlsafe(30)


def overriding_variables(environment: Mapping[str, str]) -> list[str]:
    """The variables of `environment` that override the sandbox's profiles."""
    return [name for name in environment if name in _OVERRIDES or name.startswith("AWS_ENDPOINT_URL")]


def lines_to_paste(environment: Mapping[str, str]) -> list[str]:
    """The lines that a shell with this environment needs besides the two exports, before or after them."""
    lines = []
    replaced = (
        "AWS_CONFIG_FILE",
        "AWS_SHARED_CREDENTIALS_FILE",
    )  # after the exports, unset would remove them
    if overriding := [name for name in overriding_variables(environment) if name not in replaced]:
        lines.append(f"unset {' '.join(overriding)}")
    if any(environment.get(name) for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")):
        direct = {name: without_overrides(environment)[name] for name in ("no_proxy", "NO_PROXY")}
        if not direct.items() <= environment.items():
            lines.append(" ".join(["export", *(f"{n}={shlex.quote(v)}" for n, v in direct.items())]))
    return lines


def without_overrides(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """`environment` without variables that could make an SDK call real AWS instead of the sandbox.

    A proxy stays, for downloads, but is not used for this machine.
    """
    dropped = set(overriding_variables(environment))
    kept = {name: value for name, value in environment.items() if name not in dropped}
    direct = kept.get("no_proxy") or kept.get("NO_PROXY") or ""
    if direct != "*":
        direct = ",".join([*filter(None, [direct]), "localhost", "127.0.0.1"])
    return {**kept, "no_proxy": direct, "NO_PROXY": direct}
