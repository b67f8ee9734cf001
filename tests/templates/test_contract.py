"""Agreements between files: the stacks, the functions, glue/ and athena/."""

import base64
import fnmatch
import importlib
import inspect
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from catalog_lambda import handler as catalog_handler
from catalog_lambda.catalog import Outcome
from catalog_lambda.columns import Plan
from catalog_lambda.handler import Settings
from scripts.build.consumer import digest, shipped_queries
from scripts.build.sources import Sources
from scripts.core import template as scripts_template
from scripts.stacks import STACKS
from tests.templates import launches
from tests.templates.resolver import Stack, shipped_template
from transform_lambda.configuration import Configuration, row_settings
from transform_lambda.flatten import RowSettings
from transform_lambda.handler import handler
from transform_lambda.names import METADATA_COLUMNS

ROOT = Path(__file__).resolve().parents[2]

# Characters of a delivery stream's name (Firehose API reference, "CreateDeliveryStream").
LONGEST_STREAM_NAME = 64
# Values that the producer stack takes from the consumer stack, by name.
HANDED_OVER = set(STACKS["producer"].takes)
# Outputs that people's commands, scripts and the sandbox use.
ASKED_FOR = {
    "consumer": {
        *HANDED_OVER,
        "AdmittedAccountId",
        "AnalystPolicyArn",
        "CatalogFunctionArn",
        "CatalogFunctionLogGroupName",
        "CatalogFunctionName",
        "CatalogKeyArn",
        "CatalogKeyPolicyArn",
        "ChangesTableName",
        "CrawlNowCommand",
        "CrawlerLogGroupName",
        "CrawlerName",
        "DatabaseName",
        "ErrorsTableName",
        "LakeFormationGrants",
        "LogGroupPrefix",
        "OperatorPolicyArn",
        "RepairRoleArn",
        "RepairRoleName",
        "RepairerPolicyArn",
        "ResultsBucketName",
        "WorkgroupName",
    },
    "producer": {
        "DeliveryLogGroupName",
        "DeliveryRoleArn",
        "DeliveryStreamArn",
        "DeliveryStreamName",
        "DisableStreamingCommand",
        "EnableStreamingCommand",
        "FirehoseEndpointDnsName",
        "KinesisEndpointDnsName",
        "KmsEndpointDnsName",
        "LogsEndpointDnsName",
        "ProducerAccountId",
        "ProducerKeyArn",
        "SourceStreamArn",
        "SourceStreamName",
        "SourceTableName",
        "TransformFunctionLogGroupName",
        "FlattenMaxDepth",
        "KeepWhole",
        "ExcludeAttributes",
        "KeepImages",
        "TransformFunctionName",
        "TransformFunctionRoleArn",
    },
}


def glue(name: str) -> Any:
    """The crawler's settings, or a table's declaration."""
    path = ROOT / "glue" / (f"{name}.yaml" if name == "crawler" else f"tables/{name}.yaml")
    return yaml.safe_load(path.read_text(encoding="utf-8"))


# The stacks


def test_only_the_shared_names_are_both_output_and_parameter() -> None:
    """`scripts.deploy` fills the producer's parameters by name, so no other output may have such a name."""
    outputs = set(shipped_template("consumer")["Outputs"])
    assert outputs & set(shipped_template("producer")["Parameters"]) == HANDED_OVER


def test_consumer_outputs_are_legal_producer_parameters() -> None:
    """The producer stack accepts the outputs of the consumer stack."""
    read = scripts_template.read(STACKS["producer"].template)
    lake = launches.consumer()
    values = {name: lake.outputs[name] for name in HANDED_OVER} | launches.REQUIRED
    scripts_template.check_values(read, {name: values[name] for name in values if name in read.parameters})


@pytest.mark.parametrize(
    ("kind", "required"),
    [
        ("consumer", {"ProducerAccountId", "ArtifactBucketName", "CatalogArtifactKey"}),
        (
            "producer",
            {
                "ConsumerAccountId",
                "LakeBucketName",
                "LakeKeyArn",
                "ArtifactBucketName",
                "TransformArtifactKey",
            },
        ),
        ("single-account", {"ArtifactBucketName", "CatalogArtifactKey", "TransformArtifactKey"}),
    ],
)
def test_launch_requires_only_parameters_without_a_good_default(kind: str, required: set[str]) -> None:
    """Every other parameter has a default that works."""
    parameters = shipped_template(kind)["Parameters"]
    assert {name for name, body in parameters.items() if "Default" not in body} == required


@pytest.mark.parametrize("kind", ["consumer", "producer"])
def test_outputs_are_the_ones_in_use(kind: str) -> None:
    """Removing or renaming an output breaks someone's command."""
    assert set(shipped_template(kind)["Outputs"]) == ASKED_FOR[kind]
    assert ASKED_FOR[kind] <= set(shipped_template("single-account")["Outputs"])


def test_stacks_resolve_with_their_defaults() -> None:
    """A default launch refers to nothing that is missing."""
    for stack in (launches.consumer(), launches.producer(), launches.single_account()):
        assert stack.resources
        assert all(stack.outputs.values())
        assert launches.broken_rules(stack) == []


def test_bucket_name_is_known_before_the_bucket() -> None:
    """The key policy names the bucket, and the bucket needs the key first."""
    lake = launches.consumer()
    bucket = lake.resource("LakeBucket").arn
    statements = {s["Sid"]: s for s in lake.resource("LakeKey").properties["KeyPolicy"]["Statement"]}
    contexts = statements["DeliveryRoleEncryptsObjects"]["Condition"]["ArnLike"][
        "kms:EncryptionContext:aws:s3:arn"
    ]
    assert contexts[0] == bucket
    assert all(context.startswith(f"{bucket}/") for context in contexts[1:])


def test_bucket_name_is_new_at_every_launch_and_legal() -> None:
    """A lake that was kept never blocks the next launch, and 63 characters are enough for any name."""
    names = {
        Stack(
            shipped_template("consumer"),
            name=name,
            account=launches.CONSUMER,
            parameters={"ProducerAccountId": launches.PRODUCER, **CATALOG},
        )
        .resource(bucket)
        .name
        for name in ("one", "Two", "t" * 128)
        for bucket in ("LakeBucket", "ResultsBucket")
    }
    assert len(names) == 6
    assert all(len(name) <= 63 and name == name.lower() for name in names)


CATALOG = {name: launches.REQUIRED[name] for name in ("ArtifactBucketName", "CatalogArtifactKey")}


def under_a_path() -> Stack:
    """A consumer stack whose roles, and so its crawler's log group, have a path in their ARNs."""
    return launches.consumer(RolePath="/team/lake/")


@pytest.mark.parametrize(
    "launch", [launches.consumer, under_a_path, launches.producer, launches.single_account]
)
def test_key_admits_the_stacks_own_log_groups(launch: Any) -> None:
    """CloudWatch Logs may use a key only for the log groups that are encrypted with it."""
    stack = launch()
    for key in stack.of_type("AWS::KMS::Key"):
        (logs,) = (s for s in key.properties["KeyPolicy"]["Statement"] if "logs." in str(s["Principal"]))
        ((_, condition),) = logs["Condition"].items()
        admitted = condition["kms:EncryptionContext:aws:logs:arn"]
        groups = [
            group.arn.removesuffix(":*")
            for group in stack.of_type("AWS::Logs::LogGroup")
            if group.properties["KmsKeyId"] == key.arn
        ]
        if key.logical_id == "LakeKey":  # and the groups of the option stacks, all under one prefix
            prefix = f"{groups[0].partition('log-group:')[0]}log-group:/ddb-lake/{stack.name}"
            options = f"{prefix}/options/*"
            assert options in admitted
            admitted = [pattern for pattern in admitted if pattern != options]
        assert len(groups) == len(admitted)
        for group in groups:
            assert any(fnmatch.fnmatchcase(group, pattern) for pattern in admitted), group
        assert not any(fnmatch.fnmatchcase(f"{group}-2", pattern) for group in groups for pattern in admitted)


# The path of an object


def objects(stream: str) -> list[str]:
    """Keys that a Firehose stream writes: <prefix><stream>-<version>-<time>-<uuid> (Firehose guide)."""
    name = f"{stream}-1-2026-11-20-10-00-00-00000000-0000-4000-8000-000000000000.gz"
    return [
        f"data/dt=2026-11-20/{name}",
        f"errors/processing-failed/dt=2026-11-20/{name}",
        f"errors/format-conversion-failed/dt=2026-11-20/{name}",
    ]


DAYS = {"delivery": "!{timestamp:yyyy-MM-dd}", "event": "!{partitionKeyFromLambda:dt}"}


@pytest.mark.parametrize("stream", ["ddb-lake", "other.stream_2", "s" * 58])
@pytest.mark.parametrize("partition_by", sorted(DAYS))
def test_both_sides_admit_what_the_stream_writes(stream: str, partition_by: str) -> None:
    """Prefixes, role and bucket policy cover the same keys, for any name of the stream."""
    lake = launches.consumer(DeliveryStreamName=stream)
    source = launches.producer(lake, PartitionBy=partition_by)
    delivery = source.resource("DeliveryStream")
    destination = delivery.properties["ExtendedS3DestinationConfiguration"]
    assert destination["Prefix"] == f"data/dt={DAYS[partition_by]}/"
    assert (
        destination["ErrorOutputPrefix"] == "errors/!{firehose:error-output-type}/dt=!{timestamp:yyyy-MM-dd}/"
    )
    policies = (
        lake.resource("LakeBucketPolicy").properties["PolicyDocument"],
        source.resource("DeliveryRole").properties["Policies"][0]["PolicyDocument"],
    )
    for policy in policies:
        of_objects = [
            statement
            for statement in policy["Statement"]
            if re.search(r"s3:(Get|Put)Object|AbortMultipart", str(statement["Action"]))
            and statement["Effect"] == "Allow"
        ]
        granted = {
            action
            for statement in of_objects
            for action in (
                [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]
            )
        }
        assert granted == {"s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject", "s3:PutObjectAcl"}
        for statement in of_objects:
            for key in objects(delivery.name):
                arn = f"arn:aws:s3:::{lake.outputs['LakeBucketName']}/{key}"
                assert any(fnmatch.fnmatchcase(arn, pattern) for pattern in statement["Resource"]), arn
            for key in objects("someone-else"):
                arn = f"arn:aws:s3:::{lake.outputs['LakeBucketName']}/{key}"
                assert not any(fnmatch.fnmatchcase(arn, pattern) for pattern in statement["Resource"]), arn


def test_partitions_are_dynamic_only_with_event() -> None:
    """Partitions by event need the function's keys, Firehose's minimums and a separate delivery stream."""
    by_delivery, by_event = (
        launches.producer(PartitionBy=day).resource("DeliveryStream") for day in ("delivery", "event")
    )
    assert by_event.name == f"{by_delivery.name}-event"
    suffix = len(by_event.name) - len(by_delivery.name)
    allowed = re.compile(shipped_template("producer")["Parameters"]["DeliveryStreamName"]["AllowedPattern"])
    assert allowed.fullmatch("s" * (LONGEST_STREAM_NAME - suffix))
    assert not allowed.fullmatch("s" * (LONGEST_STREAM_NAME - suffix + 1))
    settings = [
        each.properties["ExtendedS3DestinationConfiguration"].get("DynamicPartitioningConfiguration")
        for each in (by_delivery, by_event)
    ]
    assert settings == [None, {"Enabled": True, "RetryOptions": {"DurationInSeconds": 7200}}]
    hints = by_event.properties["ExtendedS3DestinationConfiguration"]["BufferingHints"]
    assert (int(hints["SizeInMBs"]) >= 64, int(hints["IntervalInSeconds"]) >= 60) == (True, True)


def test_a_replaced_delivery_stream_is_kept() -> None:
    """The new one starts at the latest record, so only the old one has the changes it has not written yet."""
    stream = shipped_template("producer")["Resources"]["DeliveryStream"]
    assert (stream["DeletionPolicy"], stream["UpdateReplacePolicy"]) == ("Delete", "Retain")


@pytest.mark.parametrize("path", ["/", "/team/lake/"])
def test_role_is_the_one_the_lake_admits(path: str) -> None:
    """Both accounts use the same role name and path, and the role trusts only its stream."""
    lake = launches.consumer(DeliveryRoleName="another-role", DeliveryRolePath=path)
    source = launches.producer(lake)
    role = source.resource("DeliveryRole")
    assert role.arn == f"arn:aws:iam::{launches.PRODUCER}:role{path}another-role"
    policy = lake.resource("LakeBucketPolicy").properties["PolicyDocument"]
    admitted = {
        s["Condition"]["ArnEquals"]["aws:PrincipalArn"] for s in policy["Statement"] if s["Effect"] == "Allow"
    }
    assert admitted == {role.arn}
    condition = role.properties["AssumeRolePolicyDocument"]["Statement"][0]["Condition"]
    trusted = condition["ArnEqualsIfExists"]["aws:SourceArn"]
    successor = launches.producer(lake, PartitionBy="event").resource("DeliveryStream").arn
    assert trusted == [source.resource("DeliveryStream").arn, successor]
    assert condition["StringEquals"]["sts:ExternalId"] == launches.PRODUCER


def test_streaming_starts_after_the_delivery_stream_exists() -> None:
    """Firehose reads from LATEST: the table is created after it; an adopted one is streamed by a command."""
    assert shipped_template("producer")["Resources"]["SourceTable"]["DependsOn"] == "DeliveryStream"
    table = launches.producer().resource("SourceTable").properties
    assert table["KinesisStreamSpecification"]["ApproximateCreationDateTimePrecision"] == "MICROSECOND"


def test_functions_can_run_before_they_are_called() -> None:
    """Each function's policy is created before anything calls the function."""
    assert (
        shipped_template("producer")["Resources"]["DeliveryStream"]["DependsOn"] == "TransformFunctionPolicy"
    )
    assert (
        shipped_template("consumer")["Resources"]["DeclaredColumns"]["DependsOn"] == "CatalogFunctionPolicy"
    )


# The table, as glue/ has it


@pytest.mark.parametrize(
    ("logical_id", "file"),
    [("ChangesTable", "changes"), ("ChangeLinesTable", "change_lines"), ("ErrorsTable", "errors")],
)
def test_table_is_the_one_glue_describes(logical_id: str, file: str) -> None:
    """glue/*.yaml and the template are equal, including the comments."""
    lake, wanted = launches.consumer(), glue(file)
    bucket = lake.outputs["LakeBucketName"]
    table = lake.resource(logical_id).properties["TableInput"]
    storage = table["StorageDescriptor"]

    def columns(rows: list[dict[str, str]]) -> list[dict[str, str]]:
        return [{key.capitalize(): row[key] for key in ("name", "type", "comment")} for row in rows]

    assert table["Name"] == wanted["name"]
    assert table["TableType"] == wanted["table_type"]
    assert table["PartitionKeys"] == columns(wanted["partition_keys"])
    template = f"s3://{bucket}/{wanted['location_template']}"
    assert table["Parameters"] == {**wanted["parameters"], "storage.location.template": template}
    assert storage["Columns"] == columns(wanted["columns"])
    assert storage["Location"] == f"s3://{bucket}/{wanted['location']}"
    assert storage["InputFormat"] == wanted["input_format"]
    assert storage["OutputFormat"] == wanted["output_format"]
    assert storage["SerdeInfo"]["SerializationLibrary"] == wanted["serde"]["library"]
    assert storage["SerdeInfo"]["Parameters"] == wanted["serde"]["parameters"]


def test_tables_have_the_names_the_outputs_give() -> None:
    """The outputs contain the table names of glue/."""
    outputs = launches.consumer().outputs
    assert outputs["ChangesTableName"] == glue("changes")["name"]
    assert outputs["ErrorsTableName"] == glue("errors")["name"]


def test_lines_are_those_of_changes() -> None:
    """`change_lines` reads the same objects on the same days, one text per line."""
    lines, changes = glue("change_lines"), glue("changes")
    for same in ("location", "location_template", "partition_keys", "parameters"):
        assert lines[same] == changes[same]
    assert [column["type"] for column in lines["columns"]] == ["string"]


def test_errors_are_read_where_the_stream_writes_them() -> None:
    """Type and day are in an error object's key, where projection looks for them."""
    prefix = (
        launches.producer()
        .resource("DeliveryStream")
        .properties["ExtendedS3DestinationConfiguration"]["ErrorOutputPrefix"]
    )
    template = glue("errors")["location_template"]
    assert prefix == template.replace("${error_type}", "!{firehose:error-output-type}").replace(
        "${dt}", "!{timestamp:yyyy-MM-dd}"
    )


def test_no_table_shows_the_payload_of_an_error() -> None:
    """Analysts may read query results, and a failed record contains a whole item."""
    for table in launches.consumer().of_type("AWS::Glue::Table"):
        columns = table.properties["TableInput"]["StorageDescriptor"]["Columns"]
        assert "rawdata" not in [column["Name"] for column in columns], table.logical_id
        if "/errors/" in table.properties["TableInput"]["StorageDescriptor"]["Location"]:
            assert table.logical_id == "ErrorsTable"


def test_metadata_columns_are_what_the_function_writes() -> None:
    """In the same order, all of them text."""
    columns = glue("changes")["columns"]
    assert tuple(column["name"] for column in columns) == METADATA_COLUMNS
    assert {column["type"] for column in columns} == {"string"}


def test_location_is_where_the_stream_writes() -> None:
    """A row's day is in its key, where projection looks for it."""
    prefix = (
        launches.producer()
        .resource("DeliveryStream")
        .properties["ExtendedS3DestinationConfiguration"]["Prefix"]
    )
    assert prefix == glue("changes")["location_template"].replace("${dt}", "!{timestamp:yyyy-MM-dd}")


def test_crawler_is_set_as_glue_describes() -> None:
    """glue/crawler.yaml and the template are equal."""
    lake, wanted = launches.consumer(), glue("crawler")
    crawler = lake.resource("Crawler").properties
    assert crawler["Targets"] == {
        "S3Targets": [{"Path": f"s3://{lake.outputs['LakeBucketName']}/{wanted['path']}"}]
    }
    assert crawler["TablePrefix"] == wanted["table_prefix"]
    assert crawler["SchemaChangePolicy"] == wanted["schema_change_policy"]
    assert crawler["RecrawlPolicy"] == wanted["recrawl_policy"]
    assert json.loads(crawler["Configuration"]) == wanted["configuration"]


def test_crawler_reads_the_rows_and_no_error() -> None:
    """The table and the crawler read the same folder, and errors are outside it."""
    assert glue("crawler")["path"] == glue("changes")["location"]
    assert not "errors/".startswith(glue("crawler")["path"])


def test_digest_follows_the_table() -> None:
    """A changed table calls the catalog function, which declares the dropped columns again."""
    resources = shipped_template("consumer")["Resources"]
    table = resources["ChangesTable"]["Properties"]
    written = resources["DeclaredColumns"]["Properties"]["TableDefinition"]
    scripts_view = scripts_template.parse(STACKS["consumer"].template.read_text(encoding="utf-8"))
    assert written == digest(scripts_view["Resources"]["ChangesTable"]["Properties"])
    changed = {**table, "TableInput": {**table["TableInput"], "Description": "another"}}
    assert digest(changed) != digest(table)


def test_named_queries_are_the_files() -> None:
    """Every athena/queries/*.sql is a named query of the lake, word for word, and there are no others."""
    lake = launches.consumer()
    named = {q.properties["Name"]: q.properties for q in lake.of_type("AWS::Athena::NamedQuery")}
    assert {name: q["QueryString"].rstrip() for name, q in named.items()} == {
        name: sql.rstrip() for name, sql in shipped_queries(Sources()).items()
    }
    for name, query in named.items():
        assert query["Database"] == lake.outputs["DatabaseName"], name
        assert query["WorkGroup"] == lake.outputs["WorkgroupName"], name
        assert len(query["Description"]) > 20, name


# The functions


def test_entry_points_exist() -> None:
    """The templates' handlers are functions of the packages in the zips."""
    stack = launches.single_account()
    for logical_id in ("TransformFunction", "CatalogFunction"):
        module, _, name = stack.resource(logical_id).properties["Handler"].rpartition(".")
        assert callable(getattr(importlib.import_module(module), name))


@pytest.mark.parametrize("depth", [1, 32])
def test_transform_function_reads_its_settings(depth: int) -> None:
    """The template sets the variables of the function, and the outputs repeat the settings of rows."""
    settings = {
        "FlattenMaxDepth": str(depth),
        "KeepWhole": "Scores,customer__scores",
        "ExcludeAttributes": "SSN",
        "KeepImages": "true",
    }
    stack = launches.producer(**settings)
    bounds = shipped_template("producer")["Parameters"]["FlattenMaxDepth"]
    variables = stack.resource("TransformFunction").properties["Environment"]["Variables"]
    event_stream = launches.producer(PartitionBy="event").resource("DeliveryStream").name
    keep, exclude = frozenset({"scores", "customer__scores"}), frozenset({"ssn"})
    expected = RowSettings(depth, keep, exclude, keep_images=True)
    assert Configuration.from_environment(variables) == Configuration(expected, "INFO", event_stream)
    assert {name: stack.outputs[name] for name in settings} == settings
    plain = launches.producer()
    assert (
        row_settings(plain.resource("TransformFunction").properties["Environment"]["Variables"])
        == RowSettings()
    )
    assert [plain.outputs.get(name) for name in settings] == ["32", None, None, "false"]
    assert bounds["MinValue"] <= depth <= bounds["MaxValue"]


def test_catalog_function_reads_its_settings() -> None:
    """From the environment after a crawl, from the properties of the custom resource during a launch."""
    lake = launches.consumer()
    variables = lake.resource("CatalogFunction").properties["Environment"]["Variables"]
    properties = lake.resource("DeclaredColumns").properties
    expected = Settings("ddb_lake", "changes", "crawled_", lake.outputs["CrawlerName"], 200)
    assert Settings.read(variables, {}) == expected
    assert Settings.read({}, properties) == expected
    older = {name: value for name, value in variables.items() if name != "MAX_NEW_COLUMNS_PER_CRAWL"}
    assert Settings.read(older, {}) == expected
    assert properties["ServiceToken"] == lake.resource("CatalogFunction").arn


def test_catalog_function_gets_the_events_of_its_crawler() -> None:
    """The rule matches the events of its crawls, including a crawl that could not start."""
    lake = launches.consumer()
    pattern = lake.resource("CrawlerEndedRule").properties["EventPattern"]
    assert pattern == {
        "source": ["aws.glue"],
        "detail-type": ["Glue Crawler State Change", "Glue Scheduled Crawler Invocation Failure"],
        "detail": {"crawlerName": [lake.outputs["CrawlerName"]]},
    }


@pytest.mark.parametrize("columns", ["", "title,info__rating"])
def test_catalog_function_gets_the_item_columns_with_the_event(columns: str) -> None:
    """The rule's template has the parts of the event that the handler reads, and ItemColumns as text."""
    (target,) = launches.consumer(ItemColumns=columns).resource("CrawlerEndedRule").properties["Targets"]
    transformer = target["InputTransformer"]
    event = {
        "source": "aws.glue",
        "detail-type": "Glue Crawler State Change",
        "detail": {"state": "Succeeded"},
    }
    text = transformer["InputTemplate"]
    for name, path in transformer["InputPathsMap"].items():
        text = text.replace(f"<{name}>", json.dumps(event[path.removeprefix("$.")]))
    heard = json.loads(text)
    assert heard == {**event, "itemColumns": columns}
    source = inspect.getsource(catalog_handler._crawler)
    assert set(re.findall(r'event\.get\("([\w-]+)"', source)) == set(heard)


def test_crawler_logs_into_the_group_of_its_role_and_configuration() -> None:
    """The group it uses with a security configuration, declared with a retention and the lake's key."""
    lake = launches.consumer()
    role, security = lake.resource("CrawlerRole").name, lake.resource("CrawlerSecurity").name
    assert lake.outputs["CrawlerLogGroupName"] == f"/aws-glue/crawlers-role/{role}-{security}"
    assert lake.resource("CrawlerLogs").properties["RetentionInDays"] == "90"


def test_custom_resource_cannot_hang() -> None:
    """The function responds before its own timeout, and CloudFormation waits only a little longer."""
    lake = launches.consumer()
    timeout = lake.resource("CatalogFunction").properties["Timeout"]
    assert timeout < lake.resource("DeclaredColumns").properties["ServiceTimeout"] <= 120


def test_transform_function_is_called_every_day(capsys: pytest.CaptureFixture[str]) -> None:
    """Lambda removes the network of a function that is idle for weeks. The rule sends EventBridge's event."""
    source = launches.producer()
    rule = source.resource("TransformFunctionDailyRule")
    assert rule.properties["ScheduleExpression"] == "rate(1 day)"
    assert "State" not in rule.properties
    assert rule.properties["Targets"] == [
        {"Id": "TransformFunction", "Arn": source.resource("TransformFunction").arn}
    ]
    permission = source.resource("TransformFunctionDailyPermission").properties
    assert (permission["Principal"], permission["SourceArn"]) == ("events.amazonaws.com", rule.arn)
    assert permission["FunctionName"] == rule.properties["Targets"][0]["Arn"]
    event = {"source": "aws.events", "detail-type": "Scheduled Event", "resources": [rule.arn], "detail": {}}
    assert handler(event, None) == {"records": []}
    assert capsys.readouterr().out == ""


def test_retries_last_longer_than_a_wake_up_and_shorter_than_retention() -> None:
    """The maximum of Firehose. A batch that always times out fails long before the stream drops it."""
    source = launches.producer()
    destination = source.resource("DeliveryStream").properties["ExtendedS3DestinationConfiguration"]
    (processor,) = destination["ProcessingConfiguration"]["Processors"]
    values = {entry["ParameterName"]: entry["ParameterValue"] for entry in processor["Parameters"]}
    retries = int(values["NumberOfRetries"])
    assert 100 <= retries <= 300
    longest = (retries + 1) * source.resource("TransformFunction").properties["Timeout"]
    least = shipped_template("producer")["Parameters"]["StreamRetentionHours"]["MinValue"]
    assert longest < least * 3600 / 10
    for alarm in ("TransformFunctionThrottlesAlarm", "DeliveryProcessingAlarm"):
        assert f"{retries} " in source.resource(alarm).properties["AlarmDescription"]


def test_failed_records_are_counted_from_the_summary(capsys: pytest.CaptureFixture[str]) -> None:
    """The metric filter reads fields that the function's log line has."""
    handler({"records": [{"recordId": "1", "data": base64.b64encode(b"{}").decode()}]}, None)
    line = json.loads(capsys.readouterr().out.splitlines()[-1])
    metric = launches.producer().resource("TransformFunctionFailedRecords").properties
    assert metric["FilterPattern"] == '{ ($.message = "transformed") && ($.failed > 0) }'
    assert metric["MetricTransformations"][0]["MetricValue"] == "$.failed"
    assert (line["message"], line["failed"]) == ("transformed", 1)
    alarm = launches.producer().resource("TransformFunctionFailedRecordsAlarm").properties
    for name in ("MetricNamespace", "MetricName"):
        assert metric["MetricTransformations"][0][name] == alarm[name.replace("MetricNamespace", "Namespace")]


def test_undeclared_columns_are_counted_from_the_summary(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The metric filter reads fields of the catalog function's log line, which is one JSON object."""
    outcome = Outcome(Plan(waiting=2, refused={"Odd": "why"}), left_out=("a", "b"))
    monkeypatch.setattr(catalog_handler, "_declare", lambda *_: outcome)
    for name, value in (
        launches.consumer().resource("CatalogFunction").properties["Environment"]["Variables"].items()
    ):
        monkeypatch.setenv(name, value)
    detail = {"crawlerName": launches.consumer().outputs["CrawlerName"], "state": "Succeeded"}
    catalog_handler.handler({"source": "aws.glue", "detail": detail}, None)
    (line,) = capsys.readouterr().out.splitlines()
    metric = launches.consumer().resource("CatalogFunctionUndeclaredColumns").properties
    assert metric["FilterPattern"] == '{ ($.message = "declared") && ($.undeclared > 0) }'
    assert metric["MetricTransformations"][0]["MetricValue"] == "$.undeclared"
    assert (json.loads(line)["message"], json.loads(line)["undeclared"]) == ("declared", 5)
    alarm = launches.consumer().resource("CatalogFunctionUndeclaredColumnsAlarm").properties
    for name in ("MetricNamespace", "MetricName"):
        assert metric["MetricTransformations"][0][name] == alarm[name.replace("MetricNamespace", "Namespace")]


# Quotas of the services


def test_policies_are_within_the_quotas() -> None:
    """IAM, S3 and KMS refuse longer documents. The names have the maximum length."""
    lake = launches.consumer(
        DeliveryRoleName="r" * 64,
        DeliveryRolePath="/" + f"{'p' * 64}/" * 7,
        DeliveryStreamName="s" * 58,
        DatabaseName="d" * 128,
    )
    source = launches.producer(lake, CreateInterfaceEndpoints="true")
    longest = {
        "AWS::IAM::Role": ("AssumeRolePolicyDocument", 2_048),
        "AWS::S3::BucketPolicy": ("PolicyDocument", 20 * 1_024),
        "AWS::KMS::Key": ("KeyPolicy", 32 * 1_024),
        "AWS::EC2::VPCEndpoint": ("PolicyDocument", 20_480),
    }
    for stack in (lake, source):
        for kind, (name, most) in longest.items():
            for resource in stack.of_type(kind):
                assert _length(resource.properties[name]) <= most, resource.logical_id
        for role in stack.of_type("AWS::IAM::Role"):
            own = [policy["PolicyDocument"] for policy in role.properties.get("Policies", [])]
            others = [
                p.properties["PolicyDocument"]
                for p in stack.of_type("AWS::IAM::Policy")
                if role.name in p.properties["Roles"]
            ]
            assert sum(map(_length, own + others)) <= 10_240, role.logical_id


def _length(document: Any) -> int:
    return len(json.dumps(document, separators=(",", ":")))
