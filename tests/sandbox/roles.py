"""Roles: who may assume one, clients with its credentials, and denied calls of the shipped stacks' roles."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sandbox.emulator.refusals import refusals
from sandbox.lifecycle import Sandbox


def trust_policy(principal: Mapping[str, Any], **more: Any) -> str:
    """A role's trust policy: this principal may assume it. `more` are members of the statement."""
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole", **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def account_root(account: str) -> dict[str, str]:
    """The principal for everyone whom an account's own policies allow."""
    return {"AWS": f"arn:aws:iam::{account}:root"}


def credential_arguments(credentials: Mapping[str, Any]) -> dict[str, Any]:
    """AssumeRole's `Credentials` as arguments of boto3."""
    return {
        "aws_access_key_id": credentials["AccessKeyId"],
        "aws_secret_access_key": credentials["SecretAccessKey"],
        "aws_session_token": credentials["SessionToken"],
    }


def credential_environment(credentials: Mapping[str, Any]) -> dict[str, str]:
    """The same as environment variables."""
    return {name.upper(): value for name, value in credential_arguments(credentials).items()}


def client_as(session: Any, service: str, credentials: Mapping[str, Any]) -> Any:
    """A client with a role's credentials, and the endpoint of the session's profile."""
    return session.client(service, **credential_arguments(credentials))


def refused_roles(sandbox: Sandbox) -> list[str]:
    """The denied calls of the stacks' own roles so far: role, action and resource, each once."""
    found = (
        f"{line['principal'].split('/')[1]}: {line['action']} on {line['resource']}"
        for line in refusals(sandbox.folder)
        if ":assumed-role/ddb-lake-" in line["principal"]
    )
    return list(dict.fromkeys(found))
