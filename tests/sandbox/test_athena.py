"""The Athena API of the emulator: executions, results, workgroups and permissions."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.lifecycle import Sandbox
from tests.sandbox.athena_scene import DAY, Scene, allow, document, make_scene

pytestmark = pytest.mark.sandbox


@pytest.fixture
def scene(emulator: Sandbox, unique: str) -> Scene:
    """A lake with one object of two rows."""
    scene = make_scene(emulator, unique)
    scene.put('{"change_id":"1","pk":"a","n":1.50}', '{"change_id":"2","pk":"b","n":null}')
    return scene


# Executions and results


def test_query_is_answered_through_the_api(scene: Scene) -> None:
    """StartQueryExecution, GetQueryExecution and GetQueryResults as a client calls them."""
    stored = scene.put('{"change_id":"3"}', day="2026-11-19")
    execution = scene.run(
        "SELECT change_id, n, count(*) OVER () FROM changes WHERE dt = '2026-11-20' ORDER BY 1"
    )
    answer = scene.session.client("athena").get_query_results(QueryExecutionId=execution["QueryExecutionId"])
    rows = [[datum.get("VarCharValue") for datum in row["Data"]] for row in answer["ResultSet"]["Rows"]]
    assert rows == [["change_id", "n", "_col2"], ["1", "1.50", "2"], ["2", None, "2"]]
    columns = answer["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]
    assert [(c["Name"], c["Type"]) for c in columns] == [
        ("change_id", "varchar"),
        ("n", "varchar"),
        ("_col2", "bigint"),
    ]
    assert (execution["StatementType"], execution["SubstatementType"]) == ("DML", "SELECT")
    assert execution["EngineVersion"]["EffectiveEngineVersion"] == "Athena engine version 3"
    listed = scene.session.client("s3").list_objects_v2(Bucket=scene.name, Prefix=f"data/dt={DAY}")[
        "Contents"
    ]
    assert execution["Statistics"]["DataScannedInBytes"] == sum(entry["Size"] for entry in listed) != stored


def test_results_come_in_pages(scene: Scene) -> None:
    """The header row counts, NextToken continues, and the last page has none."""
    identifier = scene.start("SELECT x FROM UNNEST(sequence(1, 2500)) AS t(x)")
    scene.finish(identifier)
    pages = list(
        scene.session.client("athena")
        .get_paginator("get_query_results")
        .paginate(QueryExecutionId=identifier)
    )
    values = [row["Data"][0]["VarCharValue"] for page in pages for row in page["ResultSet"]["Rows"]]
    assert [len(page["ResultSet"]["Rows"]) for page in pages] == [1000, 1000, 501]
    assert values == ["x", *map(str, range(1, 2501))]


def test_result_object_follows_the_settings_of_the_workgroup(scene: Scene) -> None:
    """The result is CSV with NULL as nothing. Location and key are the workgroup's, with any request."""
    execution = scene.run(
        "SELECT change_id, n, '' AS e FROM changes ORDER BY 1",
        ResultConfiguration={"OutputLocation": f"s3://{scene.name}/elsewhere/"},
    )
    location = execution["ResultConfiguration"]["OutputLocation"]
    assert location == f"s3://{scene.name}/results/{execution['QueryExecutionId']}.csv"
    key = location.removeprefix(f"s3://{scene.name}/")
    found = scene.session.client("s3").get_object(Bucket=scene.name, Key=key)
    assert found["Body"].read().decode() == '"change_id","n","e"\n"1","1.50",""\n"2",,""\n'
    assert (found["ServerSideEncryption"], found["SSEKMSKeyId"]) == ("aws:kms", scene.key)
    metadata = scene.session.client("s3").get_object(Bucket=scene.name, Key=f"{key}.metadata")["Body"].read()
    assert [column["Name"] for column in json.loads(metadata)["columns"]] == ["change_id", "n", "e"]


def test_location_of_the_request_is_used_without_enforcement(scene: Scene) -> None:
    """Without enforcement the request's location counts; without any location the query is rejected."""
    scene.session.client("athena").create_work_group(
        Name=f"{scene.name}-free", Configuration={"EnforceWorkGroupConfiguration": False}
    )
    requested = {"OutputLocation": f"s3://{scene.name}/results/mine/"}
    execution = scene.run("SELECT 1", WorkGroup=f"{scene.name}-free", ResultConfiguration=requested)
    assert execution["ResultConfiguration"]["OutputLocation"].startswith(requested["OutputLocation"])
    assert "No output location provided" in scene.refused("SELECT 1", WorkGroup=f"{scene.name}-free")
    nowhere = {"OutputLocation": "s3://no-such-bucket-anywhere/"}
    assert "Unable to verify/create output bucket" in scene.refused(
        "SELECT 1", WorkGroup=f"{scene.name}-free", ResultConfiguration=nowhere
    )


@pytest.mark.parametrize(
    ("sql", "more", "message"),
    [
        ("SELEC 1", {}, "InvalidRequestException: line 1:"),
        ("SELECT 1; SELECT 2", {}, "Only one sql statement is allowed"),
        (" ", {}, "InvalidRequestException"),
        ("SELECT 1", {"WorkGroup": "no-such-group"}, "WorkGroup is not found. WorkGroup: no-such-group"),
        ("SELECT ?", {"ExecutionParameters": ["1", "2"]}, "expected 1 but found 2"),
        ("SELECT ?", {"ExecutionParameters": ["1; DROP TABLE changes"]}, "is not a literal"),
        ("SELECT '" + "x" * 262_144 + "'", {}, "exceeds the maximum"),
    ],
)
def test_invalid_request_is_rejected_at_once(
    scene: Scene, sql: str, more: dict[str, Any], message: str
) -> None:
    """No execution is created for text that does not parse, or without a workgroup."""
    assert message in scene.refused(sql, **more)


def test_failed_query_has_a_reason(scene: Scene) -> None:
    """FAILED with the engine's reason, AthenaError, and no results."""
    execution = scene.run("SELECT nope FROM changes")
    status = execution["Status"]
    assert status["State"] == "FAILED"
    assert status["StateChangeReason"] == "COLUMN_NOT_FOUND: line 1:8: Column 'nope' cannot be resolved"
    assert (status["AthenaError"]["ErrorCategory"], status["AthenaError"]["Retryable"]) == (2, False)
    with pytest.raises(ClientError, match="Final query state: FAILED"):
        scene.session.client("athena").get_query_results(QueryExecutionId=execution["QueryExecutionId"])


def test_scan_limit_of_the_workgroup_cancels(scene: Scene) -> None:
    """A query over the limit (10 MB is AWS's minimum) is cancelled with Athena's reason; a pruned one
    passes.
    """
    scene.put('{"change_id":"3"}', day="2026-11-19")
    big = b'{"change_id":"big","pk":"' + b"x" * 10_000_000 + b'"}'
    scene.session.client("s3").put_object(Bucket=scene.name, Key=f"data/dt={DAY}/big.json", Body=big)
    status = scene.run("SELECT pk FROM changes")["Status"]
    assert (status["State"], status["StateChangeReason"]) == (
        "CANCELLED", "Query cancelled! : Bytes scanned limit was exceeded",
    )  # fmt: skip
    assert scene.rows("SELECT change_id FROM changes WHERE dt = '2026-11-19'") == [["3"]]


def test_running_query_can_be_stopped(scene: Scene) -> None:
    """StopQueryExecution cancels a query; a query that has ended does not change."""
    identifier = scene.start(
        "SELECT count(*) FROM UNNEST(sequence(1,100000)) a(x), UNNEST(sequence(1,1000000)) b(y)"
    )
    time.sleep(0.3)
    scene.session.client("athena").stop_query_execution(QueryExecutionId=identifier)
    assert scene.finish(identifier)["Status"]["State"] == "CANCELLED"
    done = scene.run("SELECT 1")
    scene.session.client("athena").stop_query_execution(QueryExecutionId=done["QueryExecutionId"])
    assert scene.finish(done["QueryExecutionId"])["Status"]["State"] == "SUCCEEDED"


def test_same_token_returns_the_same_execution(scene: Scene) -> None:
    """ClientRequestToken: the same request again is the same execution; another query needs another token."""
    token = "t" * 32
    first = scene.start("SELECT 1", ClientRequestToken=token)
    assert scene.start("SELECT 1", ClientRequestToken=token) == first
    assert "Idempotent parameters do not match" in scene.refused("SELECT 2", ClientRequestToken=token)
    assert scene.start("SELECT 1") != first


def test_executions_are_listed_and_fetched_together(scene: Scene) -> None:
    """ListQueryExecutions newest first, by workgroup; BatchGetQueryExecution lists unknown ids."""
    athena = scene.session.client("athena")
    started = [scene.run(f"SELECT {number}")["QueryExecutionId"] for number in range(3)]
    assert athena.list_query_executions(WorkGroup=scene.name)["QueryExecutionIds"] == started[::-1]
    first = athena.list_query_executions(WorkGroup=scene.name, MaxResults=2)
    rest = athena.list_query_executions(WorkGroup=scene.name, MaxResults=2, NextToken=first["NextToken"])
    assert first["QueryExecutionIds"] + rest["QueryExecutionIds"] == started[::-1]
    unknown = "00000000-0000-0000-0000-000000000000"
    batch = athena.batch_get_query_execution(QueryExecutionIds=[*started, unknown])
    assert [e["Query"] for e in batch["QueryExecutions"]] == ["SELECT 0", "SELECT 1", "SELECT 2"]
    assert [e["QueryExecutionId"] for e in batch["UnprocessedQueryExecutionIds"]] == [unknown]


def test_parameters_are_sql_literals(scene: Scene) -> None:
    """ExecutionParameters fill the question marks, in order."""
    rows = scene.rows("SELECT change_id, ? FROM changes WHERE pk = ?", ExecutionParameters=["1 + 1", "'b'"])
    assert rows == [["2", "2"]]


def test_many_queries_run_at_once(scene: Scene) -> None:
    """Each has its own answer."""
    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(
                lambda n: scene.rows("SELECT count(*) + ? FROM changes", ExecutionParameters=[str(n)]),
                range(16),
            )
        )
    assert answers == [[[str(number + 2)]] for number in range(16)]


def test_log_of_the_emulator_contains_no_query_and_no_row(scene: Scene) -> None:
    """Queries and data stay out of the logs, also after failures."""
    canary = "canary-4d1f"
    scene.put(f'{{"change_id":"{canary}","n":"{canary}"}}', day="2026-11-18")
    requested = f"FROM changes WHERE change_id = '{canary}'"
    scene.rows(f"SELECT * {requested}")
    scene.reason(f"SELECT CAST(n AS bigint) {requested}")
    scene.reason(f'SELECT "{canary}"')
    logs = [path.read_text(errors="replace") for path in scene.sandbox.folder.glob("*.log")]
    assert logs
    assert not [log for log in logs if canary in log]


def test_older_results_are_read_from_their_objects(scene: Scene) -> None:
    """Only the newest results stay in memory."""
    identifier = scene.start("SELECT change_id, n FROM changes ORDER BY 1")
    scene.finish(identifier)
    scene.run("SELECT x, x, x FROM UNNEST(sequence(1, 400)) AS a(x), UNNEST(sequence(1, 900)) AS b(y)")
    answer = scene.session.client("athena").get_query_results(QueryExecutionId=identifier)
    rows = [[datum.get("VarCharValue") for datum in row["Data"]] for row in answer["ResultSet"]["Rows"]]
    assert rows == [["change_id", "n"], ["1", "1.50"], ["2", None]]


def test_metadata_of_a_missing_table_is_an_error(scene: Scene) -> None:
    """GetTableMetadata returns existing tables only."""
    athena = scene.session.client("athena")
    where = {"CatalogName": "AwsDataCatalog", "DatabaseName": scene.database}
    known = athena.get_table_metadata(**where, TableName="changes")["TableMetadata"]
    assert [key["Name"] for key in known["PartitionKeys"]] == ["dt"]
    with pytest.raises(ClientError, match="MetadataException"):
        athena.get_table_metadata(**where, TableName="nope")


# Whose permissions


def test_minimal_permissions_are_enough(scene: Scene) -> None:
    """An analyst with permissions for the table, its objects, the results and the key, and no others."""
    analyst = scene.role(
        "analyst",
        scene.athena_statement(),
        scene.glue_statement(),
        *scene.data_statements(),
        *scene.result_statements(),
    )
    assert scene.rows("SELECT count(*) FROM changes", analyst) == [["2"]]
    assert "glue:GetTable" in scene.reason("SELECT 1 FROM another", analyst)


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        ("glue:GetTable", "is not authorized to perform: glue:GetTable"),
        ("s3:ListBucket", "PERMISSION_DENIED: Access Denied"),
        ("s3:GetObject", "PERMISSION_DENIED: Access Denied"),
        ("kms:Decrypt", "PERMISSION_DENIED: Access Denied"),
        ("s3:PutObject", "Access denied when writing output to url"),
        ("kms:GenerateDataKey", "Access denied when writing output to url"),
    ],
)
def test_query_fails_when_its_caller_lacks_one_permission(scene: Scene, missing: str, words: str) -> None:
    """With Athena's message."""
    statements = [
        scene.athena_statement(),
        scene.glue_statement(),
        *scene.data_statements(),
        *scene.result_statements(),
    ]
    for statement in statements:
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        statement["Action"] = [action for action in actions if action != missing] or ["s3:GetBucketLocation"]
    analyst = scene.role("analyst", *statements)
    assert words in scene.reason("SELECT pk FROM changes", analyst)


def test_cached_object_is_not_readable_by_every_caller(scene: Scene) -> None:
    """Parsed objects stay in memory; a caller without permission for the object does not get them."""
    assert scene.rows("SELECT pk FROM changes ORDER BY pk") == [["a"], ["b"]]
    statements = [scene.athena_statement(), scene.glue_statement(), *scene.result_statements()]
    outsider = scene.role("outsider", *statements, allow("s3:ListBucket", f"arn:aws:s3:::{scene.name}"))
    assert "PERMISSION_DENIED: Access Denied" in scene.reason("SELECT pk FROM changes", outsider)
    assert "PERMISSION_DENIED: Access Denied" in scene.reason("SELECT count(*) FROM changes", outsider)


def test_results_are_read_with_the_callers_permissions(scene: Scene) -> None:
    """GetQueryResults reads the caller's object: without permission for it there are no rows."""
    writer = scene.role(
        "writer",
        scene.athena_statement(),
        scene.glue_statement(),
        *scene.data_statements(),
        allow("s3:PutObject", f"arn:aws:s3:::{scene.name}/results/*"),
        allow("kms:GenerateDataKey", scene.key),
    )
    identifier = scene.start("SELECT pk FROM changes", writer)
    assert scene.finish(identifier, writer)["Status"]["State"] == "SUCCEEDED"
    with pytest.raises(ClientError, match="You do not seem to have access to the S3 location"):
        writer.client("athena").get_query_results(QueryExecutionId=identifier)


def test_permission_for_the_workgroup_is_required(scene: Scene) -> None:
    """A role for another workgroup can neither start, read nor stop a query of this one."""
    other = scene.role(
        "other", allow("athena:*", f"arn:aws:athena:us-east-1:{scene.account}:workgroup/another")
    )
    identifier = scene.run("SELECT 1")["QueryExecutionId"]
    assert "AccessDenied" in scene.refused("SELECT 1", other)
    for operation in ("get_query_execution", "get_query_results", "stop_query_execution"):
        with pytest.raises(ClientError, match="AccessDenied"):
            getattr(other.client("athena"), operation)(QueryExecutionId=identifier)


def test_stranger_reads_nothing_through_its_own_table(scene: Scene) -> None:
    """An account whose table points at the lake's bucket is denied, its root user too."""
    stranger = scene.sandbox.session("stranger")
    account = stranger.client("sts").get_caller_identity()["Account"]
    s3, athena = stranger.client("s3"), stranger.client("athena")
    glue: Any = stranger.client("glue")
    s3.create_bucket(Bucket=f"{scene.name}-stranger")
    glue.create_database(DatabaseInput={"Name": scene.name})
    table: Any = scene.session.client("glue").get_table(DatabaseName=scene.name, Name="changes")["Table"]
    kept = ("Name", "TableType", "Parameters", "PartitionKeys", "StorageDescriptor")
    glue.create_table(DatabaseName=scene.name, TableInput={name: table[name] for name in kept})
    athena.create_work_group(
        Name=scene.name,
        Configuration={
            "ResultConfiguration": {"OutputLocation": f"s3://{scene.name}-stranger/results/"},
        },
    )
    plain = b'{"change_id":"plain","pk":"p"}'
    scene.session.client("s3").put_object(
        Bucket=scene.name, Key="data/dt=2026-11-17/plain.json", Body=plain, ServerSideEncryption="AES256"
    )
    of_plain = "SELECT pk FROM changes WHERE dt = '2026-11-17'"
    assert "Access Denied" in scene.reason(of_plain, stranger)
    lists_and_reads = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
        "Action": ["s3:ListBucket", "s3:GetObject"],
        "Resource": [f"arn:aws:s3:::{scene.name}", f"arn:aws:s3:::{scene.name}/*"],
    }
    scene.session.client("s3").put_bucket_policy(Bucket=scene.name, Policy=document(lists_and_reads))
    assert scene.rows(of_plain, stranger) == [["p"]]
    assert "Access Denied" in scene.reason("SELECT pk FROM changes", stranger), "the key has not consented"


def test_deny_in_the_bucket_policy_applies_to_queries(scene: Scene) -> None:
    """Also to a role that may do everything."""
    admin = scene.role("admin", allow("*", "*"))
    assert scene.rows("SELECT count(*) FROM changes", admin) == [["2"]]
    deny = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{scene.name}/data/*",
    }
    scene.session.client("s3").put_bucket_policy(Bucket=scene.name, Policy=document(deny))
    assert "Access Denied" in scene.reason("SELECT pk FROM changes", admin)
