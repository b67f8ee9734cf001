"""Where a verb works: one account and Region, through one profile."""

from __future__ import annotations

import argparse
from functools import cached_property
from typing import TYPE_CHECKING, Any

from scripts.core.console import CommandError

if TYPE_CHECKING:
    import boto3


def open_session(profile: str | None, region: str | None) -> boto3.Session:
    """A boto3 session; a Region is required, since every verb works in one."""
    import boto3  # noqa: PLC0415  `--help` and bad options answer without the third of a second boto3 takes

    session = boto3.Session(profile_name=profile, region_name=region)
    if not session.region_name:
        raise CommandError("no Region is set", "Name one with --region, or in the profile.")
    return session


def open_client(session: boto3.Session, service: str, endpoint: str | None) -> Any:
    """A client of the session; at an endpoint of one's own, buckets go in the path."""
    from botocore.config import Config  # noqa: PLC0415

    config = Config(retries={"mode": "standard", "max_attempts": 4}, user_agent_extra="ddb-lake")
    if endpoint:
        config = config.merge(Config(s3={"addressing_style": "path"}))
    return session.client(service, endpoint_url=endpoint, config=config)  # type: ignore[call-overload]


class Connection:
    """The account and Region that a verb works in. No call is made before one is asked for."""

    def __init__(self, profile: str | None, region: str | None, endpoint: str | None) -> None:
        self.session = open_session(profile, region)
        self.endpoint = endpoint
        self.region: str = self.session.region_name

    @classmethod
    def of(cls, args: argparse.Namespace) -> Connection:
        """The connection that the options every verb has ask for."""
        return cls(args.profile, args.region, args.endpoint_url)

    def client(self, service: str) -> Any:
        """A client of one service."""
        return open_client(self.session, service, self.endpoint)

    @cached_property
    def _identity(self) -> tuple[str, str]:
        identity = self.client("sts").get_caller_identity()
        return identity["Account"], identity["Arn"]

    @property
    def caller(self) -> str:
        """The caller's ARN: a user's, or that of a role's session."""
        return self._identity[1]

    @property
    def account(self) -> str:
        """The caller's account id."""
        return self._identity[0]

    @property
    def partition(self) -> str:
        """The partition the account is in: aws, aws-us-gov, aws-cn."""
        return self.caller.split(":")[1]

    def profile_setting(self, name: str) -> str | None:
        """A setting of ours in the session's profile, in ~/.aws/config beside AWS's own."""
        value = self.session._session.get_scoped_config().get(name)
        return None if value is None else str(value)
