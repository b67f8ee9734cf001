"""A sandbox that another process started: its state folder, and clients of it."""

from __future__ import annotations

import configparser
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import botocore.loaders
import botocore.session
from botocore.config import Config

from sandbox.errors import SandboxError

# Delivery retries by itself: one attempt per call, and Lambda's five minutes for an invocation.
_CLIENT_CONFIG = Config(
    retries={"total_max_attempts": 1},
    connect_timeout=5,
    read_timeout=310,
    max_pool_connections=32,
    s3={"addressing_style": "path"},
    parameter_validation=False,
)

PREFIX = "ddb-lake-sandbox-"  # how the names of state folders begin

# Shared by all sessions: reading a service's model takes longer than most calls to the service.
MODELS = botocore.loaders.create_loader()

_NEXT = "run this inside `python -m sandbox exec -- …`, or paste the lines that `make sandbox` prints"


def state_folder() -> Path:
    """The state folder of the sandbox this command runs in. Raises SandboxError outside of one."""
    folder = os.environ.get("SANDBOX_STATE")
    if not folder and "AWS_CONFIG_FILE" in os.environ:
        folder = str(Path(os.environ["AWS_CONFIG_FILE"]).parent)  # `sandbox serve` exports the profiles only
        if not (Path(folder) / "state.json").is_file() and not Path(folder).name.startswith(PREFIX):
            folder = None
    if not folder:
        raise SandboxError(f"this command does not run in a sandbox: {_NEXT}")
    return Path(folder)


def _runs(pid: int | None) -> bool:
    """Whether the process runs; a sandbox without a process id counts as running."""
    try:
        if pid is not None:
            os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # another user's
        return True
    return True


@dataclass(frozen=True)
class RunningSandbox:
    """The contents of `state.json`: where the accounts are served and how fast time runs."""

    folder: Path
    endpoint: str
    ca_bundle: str
    region: str
    accounts: dict[str, str]  # profile → account id
    speed: float

    @classmethod
    def read(cls, folder: Path) -> RunningSandbox:
        """Read the state folder of a running sandbox. Raises SandboxError for one that has ended."""
        try:
            state = json.loads((folder / "state.json").read_text())
        except FileNotFoundError:
            raise SandboxError(f"the sandbox of {folder} has ended and its folder is gone: {_NEXT}") from None
        if not _runs(state.get("pids", {}).get("sandbox")):
            raise SandboxError(f"the sandbox of {folder} has ended: {_NEXT}")
        return cls(
            folder=folder,
            endpoint=state["endpoint"],
            ca_bundle=state["ca_bundle"],
            region=state["region"],
            accounts=dict(state["accounts"]),
            speed=float(state["speed"]),
        )

    def client(self, service: str, session: boto3.Session) -> Any:
        """A client of `service` in this sandbox."""
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
