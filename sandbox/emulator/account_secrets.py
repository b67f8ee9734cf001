"""The secret keys of the accounts' root users: only those that the sandbox created are valid.

MiniStack accepts every 12-digit access key, and `test`, as the root user of an account, all with the same
secret, which it rarely checks. Here only the accounts with a profile exist, each with its profile's secret.
"""

import configparser
import dataclasses
import os
from pathlib import Path
from typing import Any

from sandbox.emulator.seam import Seam

RESOLVE = Seam("core.iam_evaluator", "resolve_credential", "32276bd395ef6a6a")
SEAMS = (RESOLVE,)


def read_secrets(folder: Path) -> dict[str, str]:
    """The secret keys of the profiles in a state folder, by access key."""
    profiles = configparser.ConfigParser(interpolation=None)
    profiles.read(folder / "credentials")
    return {
        profiles[name]["aws_access_key_id"]: profiles[name]["aws_secret_access_key"]
        for name in profiles.sections()
    }


def install() -> None:
    """Resolve every root user to the secret key of its profile."""
    resolve = RESOLVE.check()
    secrets = read_secrets(Path(os.environ["SANDBOX_STATE"]))

    def resolve_credential(*arguments: Any, **named: Any) -> Any:
        from ministack.core import iam_evaluator  # noqa: PLC0415  only the emulator process loads MiniStack

        found = resolve(*arguments, **named)
        if getattr(found, "principal_type", "") != "Root":
            return found
        secret = secrets.get(found.access_key_id)
        if secret is None:
            return iam_evaluator._unknown_access_key()
        return dataclasses.replace(found, secret_access_key=secret)

    RESOLVE.replace(resolve_credential)
