"""CloudFormation in the emulator creates the same resources from a template as AWS.

Tables and functions have separate files: test_table_resources.py, test_function_resources.py.
"""

from typing import Any

import pytest

from sandbox.lifecycle import Sandbox
from tests.sandbox.stacks import Stacks, Template

pytestmark = pytest.mark.sandbox


def bucket_resources(name: str, **properties: Any) -> Template:
    return {"Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": name, **properties}}}


def test_bucket_with_contents_is_not_deleted(emulator: Sandbox, stacks: Stacks, unique: str) -> None:
    """Neither an object nor an earlier version may be lost with the stack."""
    s3 = emulator.session("producer").client("s3")
    versioned = {"VersioningConfiguration": {"Status": "Enabled"}}
    stacks.create(unique, bucket_resources(unique, **versioned))
    s3.put_object(Bucket=unique, Key="k", Body=b"")
    assert stacks.delete(unique)["StackStatus"] == "DELETE_FAILED"

    s3.delete_object(Bucket=unique, Key="k")
    assert stacks.delete(unique)["StackStatus"] == "DELETE_FAILED"
    assert "not empty" in stacks.reasons(unique)

    found = s3.list_object_versions(Bucket=unique)
    for version in [*found["Versions"], *found["DeleteMarkers"]]:
        s3.delete_object(Bucket=unique, Key="k", VersionId=version["VersionId"])
    assert stacks.delete(unique)["StackStatus"] == "DELETE_COMPLETE"


def test_invalid_bucket_name_fails_the_stack(stacks: Stacks, unique: str) -> None:
    """Upper-case letters are not allowed."""
    assert stacks.create(unique, bucket_resources("Not-A-Bucket"))["StackStatus"] == "ROLLBACK_COMPLETE"
    assert "not valid" in stacks.reasons(unique)


def test_default_key_of_a_bucket_encrypts_new_objects(emulator: Sandbox, stacks: Stacks, unique: str) -> None:
    """An object put without encryption headers has the bucket's algorithm and key."""
    s3 = emulator.session("producer").client("s3")
    key = emulator.session("producer").client("kms").create_key()["KeyMetadata"]["Arn"]
    rule = {
        "BucketKeyEnabled": True,
        "ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key},
    }
    encryption = {"ServerSideEncryptionConfiguration": [rule]}
    stacks.create(unique, bucket_resources(unique, BucketEncryption=encryption))
    s3.put_object(Bucket=unique, Key="k", Body=b"")

    found = s3.head_object(Bucket=unique, Key="k")
    assert (found["ServerSideEncryption"], found["SSEKMSKeyId"]) == ("aws:kms", key)


def test_named_query_is_created_changed_and_deleted(emulator: Sandbox, stacks: Stacks, unique: str) -> None:
    """Every property is create-only: a change creates another query and deletes the previous one."""
    athena = emulator.session("producer").client("athena")

    def resources(sql: str) -> Template:
        properties = {"Database": "default", "QueryString": sql, "Name": unique, "WorkGroup": "primary"}
        return {"Query": {"Type": "AWS::Athena::NamedQuery", "Properties": properties}}

    stacks.create(unique, resources("SELECT 1"))
    first = stacks.physical_id(unique, "Query")
    assert athena.get_named_query(NamedQueryId=first)["NamedQuery"]["QueryString"] == "SELECT 1"

    stacks.update(unique, resources("SELECT 2"))
    second = stacks.physical_id(unique, "Query")
    assert athena.get_named_query(NamedQueryId=second)["NamedQuery"]["QueryString"] == "SELECT 2"

    stacks.delete(unique)
    assert not {first, second} & set(athena.list_named_queries(WorkGroup="primary")["NamedQueryIds"])


def test_lake_formation_permission_is_created_changed_and_deleted(emulator: Sandbox, unique: str) -> None:
    """Granted in its account, again when it changes, revoked with the stack; only for existing resources."""
    session = emulator.session("consumer")
    stacks, lake_formation = Stacks(emulator, "consumer"), session.client("lakeformation")

    def resources(permission: str, **table: Any) -> Template:
        properties = {
            "Principal": {"DataLakePrincipalIdentifier": f"arn:aws:iam::222222222222:role/{unique}"},
            "Resource": {"Table": {"CatalogId": "222222222222", "DatabaseName": unique, **table}},
            "Permissions": [permission],
            "PermissionsWithGrantOption": [],
        }
        return {"P": {"Type": "AWS::LakeFormation::PrincipalPermissions", "Properties": properties}}

    def granted() -> list[list[str]]:
        found = lake_formation.list_permissions()["PrincipalResourcePermissions"]
        mine = [
            grant for grant in found if grant["Principal"]["DataLakePrincipalIdentifier"].endswith(unique)
        ]
        return [grant["Permissions"] for grant in mine]

    session.client("glue").create_database(DatabaseInput={"Name": unique})
    stacks.create(unique, resources("DESCRIBE", TableWildcard={}))
    assert granted() == [["DESCRIBE"]]
    others = emulator.session("producer").client("lakeformation").list_permissions()
    assert unique not in str(others)
    stacks.update(unique, resources("SELECT", TableWildcard={}))
    assert granted() == [["SELECT"]]
    stacks.delete(unique)
    assert granted() == []
    assert stacks.create(f"{unique}x", resources("ALTER", Name="t"))["StackStatus"] == "ROLLBACK_COMPLETE"
    assert f"Entity Not Found: {unique}.t" in stacks.reasons(f"{unique}x")


def test_stream_encryption_follows_the_template(emulator: Sandbox, stacks: Stacks, unique: str) -> None:
    """On, then off again, without replacing the stream."""
    kinesis = emulator.session("producer").client("kinesis")

    def resources(**properties: Any) -> Template:
        stream = {"Name": unique, "ShardCount": 1, **properties}
        return {"Stream": {"Type": "AWS::Kinesis::Stream", "Properties": stream}}

    def now() -> str:
        found = kinesis.describe_stream_summary(StreamName=unique)["StreamDescriptionSummary"]
        return str(found.get("EncryptionType"))

    stacks.create(unique, resources(StreamEncryption={"EncryptionType": "KMS", "KeyId": "alias/k"}))
    assert now() == "KMS"
    stacks.update(unique, resources())
    assert now() == "NONE"


def test_alarm_on_an_expression_is_stored(emulator: Sandbox, stacks: Stacks, unique: str) -> None:
    """Metric math in the alarm equals the template."""
    metric = {"Namespace": "AWS/DynamoDB", "MetricName": "ThrottledPutRecordCount"}
    queries = [
        {"Id": "e1", "Expression": "m1 * 2", "ReturnData": True},
        {
            "Id": "m1",
            "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"},
            "ReturnData": False,
        },
    ]
    alarm = {
        "AlarmName": unique,
        "Metrics": queries,
        "ComparisonOperator": "GreaterThanThreshold",
        "Threshold": 0,
        "EvaluationPeriods": 1,
    }
    stacks.create(unique, {"Alarm": {"Type": "AWS::CloudWatch::Alarm", "Properties": alarm}})

    found = emulator.session("producer").client("cloudwatch").describe_alarms(AlarmNames=[unique])
    described = found["MetricAlarms"][0]["Metrics"]
    assert [query["Id"] for query in described] == ["e1", "m1"]
    assert described[0]["Expression"] == "m1 * 2"
    assert described[1]["MetricStat"]["Metric"]["MetricName"] == "ThrottledPutRecordCount"


def test_glue_keeps_the_versions_of_a_table(emulator: Sandbox, unique: str) -> None:
    """Newest first, with the current one; a skipped archive leaves none."""
    glue: Any = emulator.session("producer").client("glue")
    glue.create_database(DatabaseInput={"Name": unique})

    def definition(*columns: str) -> Template:
        return {"Name": "t", "StorageDescriptor": {"Columns": [{"Name": name} for name in columns]}}

    glue.create_table(DatabaseName=unique, TableInput=definition("a"))
    glue.update_table(DatabaseName=unique, TableInput=definition("a", "b"))
    glue.update_table(DatabaseName=unique, TableInput=definition("c"), SkipArchive=True)

    found = glue.get_table_versions(DatabaseName=unique, TableName="t")["TableVersions"]
    columns = [
        [column["Name"] for column in version["Table"]["StorageDescriptor"]["Columns"]] for version in found
    ]
    assert columns == [["c"], ["a"]]
    assert [int(version["VersionId"]) for version in found] == sorted(
        (int(version["VersionId"]) for version in found), reverse=True
    )
