"""A sandbox that another process started: what its state folder says, and clients that talk to it."""

from __future__ import annotations

import configparser
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import botocore.loaders
import botocore.session
from botocore.config import Config

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
MODELS = botocore.loaders.create_loader()


@dataclass(frozen=True)
class RunningSandbox:
    """What `state.json` says: where the accounts live and how fast time runs."""

    folder: Path
    endpoint: str
    ca_bundle: str
    region: str
    accounts: dict[str, str]  # profile → account id
    speed: float

    @classmethod
    def read(cls, folder: Path) -> RunningSandbox:
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
        core.register_component("data_loader", MODELS)
        return boto3.Session(
            **dict(credentials[profile]),
            region_name=self.region,
            botocore_session=core,
        )
