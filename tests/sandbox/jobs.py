"""Glue jobs for the tests: one of their own, and a run from its start to its end."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sandbox import accounts
from sandbox.lifecycle import Sandbox
from tests.sandbox.roles import trust_policy
from tests.sandbox.waiting import wait_until

ENDED = frozenset({"SUCCEEDED", "FAILED", "TIMEOUT", "STOPPED"})
RUN_SECONDS = 240  # a busy machine starts Java slowly


class Job:
    """A job in the consumer's account with a script, a bucket and a role, all of one name."""

    def __init__(
        self,
        sandbox: Sandbox,
        name: str,
        script: str,
        *,
        actions: Sequence[str] = ("s3:GetObject", "logs:*"),
        trusted: str = "glue.amazonaws.com",
        **settings: Any,
    ) -> None:
        session = sandbox.session("consumer")
        self.name, self.glue, self.logs = name, session.client("glue"), session.client("logs")
        s3, iam = session.client("s3"), session.client("iam")
        s3.create_bucket(Bucket=name)
        s3.put_object(Bucket=name, Key="script.py", Body=script.encode())
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust_policy({"Service": trusted}))
        grant = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [grant]})
        iam.put_role_policy(RoleName=name, PolicyName="job", PolicyDocument=policy)
        defaults: Any = {
            "Role": f"arn:aws:iam::{accounts.CONSUMER}:role/{name}",
            "Command": {"Name": "glueetl", "ScriptLocation": f"s3://{name}/script.py"},
            "GlueVersion": "5.1",
        }
        self.glue.create_job(Name=name, **{**defaults, **settings})

    def start(self, **settings: Any) -> str:
        """Start a run; its id."""
        return str(self.glue.start_job_run(JobName=self.name, **settings)["JobRunId"])

    def run(self, run_id: str) -> dict[str, Any]:
        """The run as Glue describes it."""
        found: Any = self.glue.get_job_run(JobName=self.name, RunId=run_id)["JobRun"]
        return dict(found)

    def wait(self, run_id: str, states: frozenset[str] = ENDED) -> dict[str, Any]:
        """The run as soon as it is in one of these states."""
        wait_until(
            lambda: self.run(run_id)["JobRunState"] in states,
            f"the run is in {', '.join(sorted(states))}",
            RUN_SECONDS,
            said=lambda: self.run(run_id),
        )
        return self.run(run_id)

    def log(self, run_id: str, kind: str = "output") -> list[str]:
        """The lines of the run's log so far; none if it has no stream."""
        return log_lines(self.logs, f"/aws-glue/jobs/{kind}", f"{run_id}-driver")


def log_lines(logs: Any, group: str, stream: str) -> list[str]:
    """The messages of a log stream; none if there is no such stream."""
    try:
        events = logs.get_log_events(logGroupName=group, logStreamName=stream)["events"]
    except logs.exceptions.ResourceNotFoundException:
        return []
    return [event["message"] for event in events]
