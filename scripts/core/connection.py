"""The account and Region that a command works in, reached through one profile."""

from __future__ import annotations

import argparse
from functools import cached_property
from typing import TYPE_CHECKING, Any

from scripts.core.console import CommandError, location_options
from scripts.put_items.credentials import no_credentials
from scripts.put_items.ended_sandbox import explain_ended

if TYPE_CHECKING:
    import boto3


def open_session(profile: str | None, region: str | None) -> boto3.Session:
    """Open a boto3 session. Raises CommandError if no Region is set."""
    import boto3  # noqa: PLC0415  it takes a third of a second, which `--help` need not wait for

    session = boto3.Session(profile_name=profile, region_name=region)
    if not session.region_name:
        raise CommandError("no Region is set", "Name one with --region, or set one in the profile.")
    return session


def open_client(session: boto3.Session, service: str, endpoint: str | None) -> Any:
    """Create a client. With an endpoint of the user's own, bucket names go into the URL's path.

    Raises CommandError if the session has no credentials.
    """
    from botocore.config import Config  # noqa: PLC0415
    from botocore.exceptions import NoCredentialsError  # noqa: PLC0415

    if session.get_credentials() is None:
        raise CommandError(*(explain_ended(NoCredentialsError()) or no_credentials(session._session.profile)))
    config = Config(retries={"mode": "standard", "max_attempts": 4}, user_agent_extra="ddb-lake")
    if endpoint:
        config = config.merge(Config(s3={"addressing_style": "path"}))
    return session.client(service, endpoint_url=endpoint, config=config)  # type: ignore[call-overload]


class Connection:
    """The account and Region that a command works in. It makes no call until one is needed."""

    def __init__(self, profile: str | None, region: str | None, endpoint: str | None) -> None:
        self.session = open_session(profile, region)
        self.endpoint = endpoint
        self.profile = profile  # as it was given
        self.location = location_options(argparse.Namespace(profile=profile, region=region))
        self.region: str = self.session.region_name

    @classmethod
    def of(cls, args: argparse.Namespace) -> Connection:
        """The connection for the options that every command has."""
        return cls(args.profile, args.region, args.endpoint_url)

    def client(self, service: str) -> Any:
        """Create a client of one service."""
        return open_client(self.session, service, self.endpoint)

    @cached_property
    def _identity(self) -> tuple[str, str]:
        identity = self.client("sts").get_caller_identity()
        return identity["Account"], identity["Arn"]

    @property
    def caller(self) -> str:
        """The caller's ARN: a user or a role session."""
        return self._identity[1]

    @property
    def account(self) -> str:
        """The caller's account id."""
        return self._identity[0]

    @property
    def partition(self) -> str:
        """The partition of the account: aws, aws-us-gov or aws-cn."""
        return self.caller.split(":")[1]

    def profile_setting(self, name: str) -> str | None:
        """A ddb-lake setting from the session's profile in ~/.aws/config; None if it is not set."""
        value = self.session._session.get_scoped_config().get(name)
        return None if value is None else str(value)
