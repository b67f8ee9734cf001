"""The credentials a service works with: the account's own to look, the role's it was given to touch data.

Firehose assumes the role as `firehose.amazonaws.com` and sends the account id as the external id
(developer guide, "Controlling access with Amazon Data Firehose").
"""

from __future__ import annotations

import configparser
import datetime as dt
import json
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import botocore.loaders
import botocore.session
from botocore.config import Config
from botocore.credentials import RefreshableCredentials

from sandbox.accounts import as_service

# Delivery does its own retrying: one visible attempt per call, and Lambda's five minutes for an invocation.
_CLIENT_CONFIG = Config(
    retries={"total_max_attempts": 1},
    connect_timeout=5,
    read_timeout=310,
    max_pool_connections=32,
    s3={"addressing_style": "path"},
    parameter_validation=False,
)

# One for all sessions: reading a service's model takes longer than most calls to the service.
_MODELS = botocore.loaders.create_loader()


@dataclass(frozen=True)
class Sandbox:
    """What `state.json` says: where the accounts live and how fast time runs."""

    folder: Path
    endpoint: str
    ca_bundle: str
    region: str
    accounts: dict[str, str]  # profile → account id
    speed: float

    @classmethod
    def read(cls, folder: Path) -> Sandbox:
        """Read the state folder of a running sandbox (`SANDBOX_STATE`)."""
        state = json.loads((folder / "state.json").read_text())
        return cls(
            folder=folder,
            endpoint=state["endpoint"],
            ca_bundle=state["ca_bundle"],
            region=state["region"],
            accounts=dict(state["accounts"]),
            speed=float(state["speed"]),
        )

    def client(self, service: str, session: boto3.Session) -> Any:
        """A client of `service` that talks to this sandbox."""
        return session.client(  # type: ignore[call-overload]
            service,
            endpoint_url=self.endpoint,
            region_name=self.region,
            verify=self.ca_bundle,
            config=_CLIENT_CONFIG,
        )

    def root(self, account: str) -> boto3.Session:
        """A session of the account's root user, from the profile in the state folder."""
        profile = next(name for name, number in self.accounts.items() if number == account)
        credentials = configparser.ConfigParser()
        credentials.read(self.folder / "credentials")
        core = botocore.session.get_session()
        core.register_component("data_loader", _MODELS)
        return boto3.Session(
            **dict(credentials[profile]),
            region_name=self.region,
            botocore_session=core,
        )


@dataclass
class Roles:
    """Clients with the credentials of roles that trust a service, refreshed before they expire.

    `source_arn` is the resource the service acts for; `external_id` is sent when the service sends one.
    """

    sandbox: Sandbox
    account: str
    service: str
    session_name: str
    source_arn: str
    external_id: str | None = None
    _clients: dict[tuple[str, str], Any] = field(default_factory=dict)
    _sessions: dict[str, boto3.Session] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def client(self, role_arn: str, service: str) -> Any:
        """A client of `service` as the role. Raises ClientError when the role may not be assumed."""
        with self._lock:
            client = self._clients.get((role_arn, service))
            if client is None:
                session = self._sessions.get(role_arn)
                if session is None:
                    session = self._sessions[role_arn] = self._session(role_arn)
                client = self._clients[role_arn, service] = self.sandbox.client(service, session)
            return client

    def _assume(self, role_arn: str) -> dict[str, str]:
        sts = as_service(
            self.sandbox.client("sts", self.sandbox.root(self.account)), self.service, self.source_arn
        )
        external_id = {"ExternalId": self.external_id} if self.external_id else {}
        answer = sts.assume_role(RoleArn=role_arn, RoleSessionName=self.session_name, **external_id)
        given = answer["Credentials"]
        expiry: dt.datetime = given["Expiration"]
        return {
            "access_key": given["AccessKeyId"],
            "secret_key": given["SecretAccessKey"],
            "token": given["SessionToken"],
            "expiry_time": expiry.isoformat(),
        }

    def _session(self, role_arn: str) -> boto3.Session:
        credentials = RefreshableCredentials.create_from_metadata(
            metadata=self._assume(role_arn),
            refresh_using=lambda: self._assume(role_arn),
            method="sts-assume-role",
        )
        core = botocore.session.get_session()
        core.register_component("data_loader", _MODELS)
        core._credentials = credentials  # type: ignore[attr-defined]
        return boto3.Session(botocore_session=core, region_name=self.sandbox.region)
