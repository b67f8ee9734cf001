"""The stacks of both accounts, for verbs that find them by CloudFormation."""

from __future__ import annotations

from typing import Any

from tests.faults.services import refused

PRODUCER, CONSUMER = "111111111111", "222222222222"
OUTPUTS: dict[str, dict[str, dict[str, str]]] = {
    CONSUMER: {
        "ddb-lake-consumer": {
            "AdmittedAccountId": PRODUCER,
            "ConsumerAccountId": CONSUMER,
            "LakeBucketName": "lake",
            "DatabaseName": "ddb_lake",
            "WorkgroupName": "ddb-lake",
        }
    },
    PRODUCER: {
        "ddb-lake-producer": {
            "SourceTableName": "orders",
            "SourceStreamName": "changes",
            "ProducerKeyArn": "arn:aws:kms:eu-west-1:111111111111:key/1",
            "FlattenMaxDepth": "32",
            "KeepImages": "false",
        }
    },
}


class Account:
    """CloudFormation and STS of one account."""

    def __init__(self, account: str) -> None:
        self.account = account

    def get_caller_identity(self) -> dict[str, str]:
        """The caller."""
        return {"Account": self.account, "Arn": f"arn:aws:iam::{self.account}:user/anna"}

    def describe_stacks(self, StackName: str) -> dict[str, Any]:
        """A stack and its outputs."""
        stacks = OUTPUTS[self.account]
        if StackName not in stacks:
            raise refused("ValidationError", "DescribeStacks")
        outputs = [{"OutputKey": key, "OutputValue": value} for key, value in stacks[StackName].items()]
        return {"Stacks": [{"StackStatus": "CREATE_COMPLETE", "Outputs": outputs}]}


def clients(session: Any, service: str, _endpoint: str | None) -> Any:
    """A client of the account that the session's profile leads to."""
    del service
    return Account(CONSUMER if session.profile_name == "consumer" else PRODUCER)
