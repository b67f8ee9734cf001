"""What to do when there are no credentials: it depends on whether a profile was named."""

from __future__ import annotations

from typing import Optional


def no_credentials(profile: Optional[str]) -> tuple[str, str]:  # noqa: UP045  put_items runs on Python 3.9
    """What is wrong and what to do, for a session without credentials."""
    if profile is None:
        return (
            "no credentials were found",
            "Name a profile with --profile, or sign in (`aws configure`, `aws sso login`).",
        )
    return (
        f"profile {profile} has no credentials",
        f"Sign in: `aws sso login --profile {profile}`, or store a key: `aws configure --profile {profile}`. "
        "If the keys are in another file, set AWS_SHARED_CREDENTIALS_FILE.",
    )
