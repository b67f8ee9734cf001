"""A Glue job returns how often it may run at once and whether runs wait, created by API or stack."""

from typing import Any

import pytest

from sandbox.lifecycle import Sandbox
from tests.sandbox.stacks import Stacks

pytestmark = pytest.mark.sandbox
COMMAND = {"Name": "glueetl", "ScriptLocation": "s3://b/script.py"}
ROLE = "arn:aws:iam::222222222222:role/r"


def test_job_keeps_its_execution_property_and_class(emulator: Sandbox, unique: str) -> None:
    """Through the API: the defaults, the values set, and those of an update."""
    glue: Any = emulator.session("consumer").client("glue")
    glue.create_job(Name=unique, Role=ROLE, Command=COMMAND)
    found = glue.get_job(JobName=unique)["Job"]
    assert (found["ExecutionProperty"], found["ExecutionClass"]) == ({"MaxConcurrentRuns": 1}, "STANDARD")
    assert found["JobRunQueuingEnabled"] is False
    glue.update_job(JobName=unique, JobUpdate={"JobRunQueuingEnabled": True})
    assert glue.get_job(JobName=unique)["Job"]["JobRunQueuingEnabled"] is True
    update = {
        "ExecutionProperty": {"MaxConcurrentRuns": 3},
        "ExecutionClass": "FLEX",
        "JobRunQueuingEnabled": False,
    }
    glue.update_job(JobName=unique, JobUpdate=update)
    found = glue.get_job(JobName=unique)["Job"]
    assert (found["ExecutionProperty"], found["ExecutionClass"]) == ({"MaxConcurrentRuns": 3}, "FLEX")
    assert found["JobRunQueuingEnabled"] is False


def test_stack_sets_and_resets_the_execution_property_and_class(emulator: Sandbox, unique: str) -> None:
    """A property that is removed from the template returns to its default. Texts become numbers."""
    stacks, glue = Stacks(emulator, "consumer"), emulator.session("consumer").client("glue")
    job: dict[str, Any] = {"Name": unique, "Role": ROLE, "Command": COMMAND, "Timeout": "30"}
    job["ExecutionProperty"] = {"MaxConcurrentRuns": "2"}
    job["JobRunQueuingEnabled"] = True
    stacks.create(unique, {"Job": {"Type": "AWS::Glue::Job", "Properties": job}})
    found = glue.get_job(JobName=unique)["Job"]
    assert (found["ExecutionProperty"], found["Timeout"]) == ({"MaxConcurrentRuns": 2}, 30)
    assert found["JobRunQueuingEnabled"] is True
    del job["ExecutionProperty"], job["JobRunQueuingEnabled"]
    job["ExecutionClass"] = "FLEX"
    stacks.update(unique, {"Job": {"Type": "AWS::Glue::Job", "Properties": job}})
    found = glue.get_job(JobName=unique)["Job"]
    assert (found["ExecutionProperty"], found["ExecutionClass"]) == ({"MaxConcurrentRuns": 1}, "FLEX")
    assert found["JobRunQueuingEnabled"] is False


def test_security_configuration_keeps_the_encryption_of_objects(emulator: Sandbox, unique: str) -> None:
    """The template's `S3Encryptions` are the API's `S3Encryption`."""
    encrypted = {"S3Encryptions": [{"S3EncryptionMode": "SSE-S3"}]}
    properties = {"Name": unique, "EncryptionConfiguration": encrypted}
    Stacks(emulator, "consumer").create(
        unique, {"S": {"Type": "AWS::Glue::SecurityConfiguration", "Properties": properties}}
    )
    glue = emulator.session("consumer").client("glue")
    found = glue.get_security_configuration(Name=unique)["SecurityConfiguration"]
    assert found["EncryptionConfiguration"]["S3Encryption"] == encrypted["S3Encryptions"]
