"""The credentials of an emulated service: the account's own to discover, a role's to read and write data.

Firehose assumes the role as `firehose.amazonaws.com` and sends the account id as the external id
(developer guide, "Controlling access with Amazon Data Firehose").
"""

from __future__ import annotations

import datetime as dt
import threading
from dataclasses import dataclass, field
from typing import Any

import boto3
import botocore.session
from botocore.credentials import RefreshableCredentials

from sandbox.accounts import as_service
from sandbox.running import MODELS, RunningSandbox


def role_arn(role: str, account: str) -> str:
    """A role of this account, by name or ARN, as an ARN."""
    return role if role.startswith("arn:") else f"arn:aws:iam::{account}:role/{role}"


@dataclass
class Roles:
    """Clients with the credentials of roles that trust a service, renewed before they expire.

    `source_arn` is the resource for which the service acts; `external_id` is sent if the service sends one.
    """

    sandbox: RunningSandbox
    account: str
    service: str
    session_name: str
    source_arn: str
    external_id: str | None = None
    _clients: dict[tuple[str, str], Any] = field(default_factory=dict)
    _sessions: dict[str, boto3.Session] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def client(self, role_arn: str, service: str) -> Any:
        """A client of `service` with the role's credentials. Raises ClientError when it cannot be assumed."""
        with self._lock:
            client = self._clients.get((role_arn, service))
            if client is None:
                session = self._sessions.get(role_arn)
                if session is None:
                    session = self._sessions[role_arn] = self._session(role_arn)
                client = self._clients[role_arn, service] = self.sandbox.client(service, session)
            return client

    def environment(self, role_arn: str, seconds: int) -> dict[str, str]:
        """New credentials of a role, valid for `seconds`, as environment variables. Raises ClientError."""
        keys = self._assume(role_arn, DurationSeconds=seconds)
        return {
            "AWS_ACCESS_KEY_ID": keys["access_key"],
            "AWS_SECRET_ACCESS_KEY": keys["secret_key"],
            "AWS_SESSION_TOKEN": keys["token"],
        }

    def _assume(self, role_arn: str, **more: Any) -> dict[str, str]:
        sts = as_service(
            self.sandbox.client("sts", self.sandbox.root(self.account)), self.service, self.source_arn
        )
        external_id = {"ExternalId": self.external_id} if self.external_id else {}
        answer = sts.assume_role(RoleArn=role_arn, RoleSessionName=self.session_name, **external_id, **more)
        keys = answer["Credentials"]
        expiry: dt.datetime = keys["Expiration"]
        return {
            "access_key": keys["AccessKeyId"],
            "secret_key": keys["SecretAccessKey"],
            "token": keys["SessionToken"],
            "expiry_time": expiry.isoformat(),
        }

    def _session(self, role_arn: str) -> boto3.Session:
        credentials = RefreshableCredentials.create_from_metadata(
            metadata=self._assume(role_arn),
            refresh_using=lambda: self._assume(role_arn),
            method="sts-assume-role",
        )
        core = botocore.session.get_session()
        core.register_component("data_loader", MODELS)
        core._credentials = credentials  # type: ignore[attr-defined]
        return boto3.Session(botocore_session=core, region_name=self.sandbox.region)
