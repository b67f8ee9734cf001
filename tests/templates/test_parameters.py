"""The values parameters accept, the combinations rules refuse, and the resources each choice creates."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts.build.wheels import DEFAULT_ARCHITECTURE, DEFAULT_PYTHON
from scripts.core import template as scripts_template
from scripts.stacks import STACKS
from tests.templates import launches
from tests.templates.resolver import ResolveError, shipped_template

ROOT = Path(__file__).resolve().parents[2]

# A value is checked against the pattern of every template that has the parameter.
ADMITTED = [
    ("PartitionKeyName", "State#Date"),
    ("PartitionKeyName", "a key with blanks, ünïcödé and 🔑"),
    ("PartitionKeyName", "k" * 255),
    ("SortKeyName", ""),
    ("TtlAttributeName", "expires.at"),
    ("TableName", "abc"),
    ("ExistingTableName", "Orders_2026.v2"),
    ("KeepWhole", "address,a name with blanks"),
    ("ExcludeAttributes", "ssn"),
    ("VpcCidr", "192.168.255.192/26"),
    ("VpcId", "vpc-0a1b2c3d4e5f67890"),
    ("SubnetIds", "subnet-0a1b2c3d,subnet-0a1b2c3d4e5f67890"),
    ("RouteTableIds", "rtb-0a1b2c3d"),
    ("S3PrefixListId", "pl-63a5400a"),
    ("DynamoDbPrefixListId", "pl-02cd2c6b"),
    ("LakeKeyArn", "arn:aws-us-gov:kms:us-gov-west-1:123456789012:key/mrk-0123456789abcdef"),
    ("LakeBucketName", "lake.of-team-1"),
    ("AccessLogBucketName", "logs"),
    ("ArtifactBucketName", "abc"),
    ("ProducerAccountId", "000000000001"),
    ("ConsumerAccountId", "000000000001"),
    ("DeliveryRoleName", "team+deliver=a,b.c@d_e-f"),
    ("DeliveryRolePath", "/team/"),
    ("DeliveryStreamName", "d" * 58),
    ("FirstDay", "2026-12-31"),
    ("CrawlerSchedule", "cron(0/30 * * * ? *)"),
    ("CrawlerSchedule", ""),
    ("CatalogKeyArn", "arn:aws-us-gov:kms:us-gov-west-1:222222222222:key/mrk-0ccccccc00004000"),
    ("AnalystPrincipalArn", "arn:aws:iam::222222222222:role/aws-reserved/sso.amazonaws.com/A_1"),
    ("AnalystPrincipalArn", "arn:aws:identitystore:::group/0ccccccc-0000-4000-8000-000000000003"),
    ("ItemColumns", "customer__address__city"),
    ("ItemColumns", ""),
    ("DatabaseName", "lake_2"),
    ("SettleSchedule", "cron(0/30 * * * ? *)"),
    ("SettleSchedule", ""),
    ("SourceTables", "Orders.eu-1_a"),
    ("SourceTables", ""),
    ("ResultsBucketName", "lake.of-team-1-results"),
    (
        "CatalogFunctionArn",
        "arn:aws-us-gov:lambda:us-gov-west-1:222222222222:function:lake-Catalog-Ab1_c",
    ),
    ("SettleScriptKey", "jobs/settle_changes-0f3a.py"),
    ("SettleLibraryKey", "jobs/settle-0f3a.zip"),
    ("WorkgroupName", "Lake.team_1-a"),
    ("ChangesTableName", "changes"),
    ("LogGroupPrefix", "/ddb-lake/orders-lake"),
    ("AlarmTopicArn", "arn:aws:sns:eu-central-1:123456789012:on-call"),
    ("CatalogArtifactKey", "functions/catalog-0f3a.zip"),
    ("TransformArtifactKey", "functions/transform-0f3a.zip"),
    ("CatalogArtifactVersion", "3sL4kqtJlcpXroDTDmJ+rmSpXd3dIbrHY+MTRCxf3vjVBH40Nr8X8gdRQBpUMLUo"),
    ("TransformArtifactVersion", ""),
    *(("RolePath", path) for path in ("/", "/team/", "/a.b/c_d/e-f/")),
    ("PermissionsBoundaryArn", "arn:aws-us-gov:iam::123456789012:policy/team/bound"),
    ("AdmittedAccountId", "000000000001"),
    ("RepairRoleName", "ddb-lake-consumer-RepairRole-47F6D20160B7"),
    ("ExportRoleName", "team+export=a,b.c@d_e-f"),
    ("ExportRolePath", "/team/lake/"),
    ("ExportPrefix", "exports-2.of_a"),
    ("BackfillScriptKey", "jobs/backfill_export-0f3a.py"),
    ("BackfillLibraryKey", "jobs/backfill-0f3a.zip"),
    ("BackfillWheelsKey", "jobs/backfill_wheels-0f3a.gluewheels.zip"),
    ("SqlScriptKey", "jobs/run_sql-0f3a.py"),
    ("SqlLibraryKey", "jobs/sql_to_table-0f3a.zip"),
    ("TargetTableArns", "arn:aws-us-gov:dynamodb:us-gov-west-1:123456789012:table/a.b-C_1"),
    ("TargetKeyArns", ""),
    ("TargetKeyArns", "arn:aws:kms:eu-west-1:123456789012:key/mrk-0123456789abcdef"),
    ("InputArns", ""),
    ("InputArns", "arn:aws:s3:::my-bucket/products/*"),
    ("InputArns", "arn:aws:s3:::my-bucket/a=1/b_(2).csv"),
    ("InputBucketArns", ""),
    ("InputBucketArns", "arn:aws-us-gov:s3:::my.bucket-2"),
    ("InputKeyArns", ""),
    ("InputKeyArns", "arn:aws:kms:eu-west-1:123456789012:key/mrk-0123456789abcdef"),
    ("ExportAccountId", "000000000001"),
    ("ExportBucketAccountId", "000000000001"),
    ("ExportBucketName", "ddb-lake-exports-222222222222-0f3a"),
    ("ExportKeyArn", "arn:aws-us-gov:kms:us-gov-west-1:123456789012:key/mrk-0123456789abcdef"),
    ("SourceTableName", "a.b-C_1"),
    ("AvailabilityZoneA", "us-gov-west-1a"),
    ("AvailabilityZoneB", "ap-southeast-2c"),
]
REFUSED = [
    ("PartitionKeyName", ""),
    ("PartitionKeyName", "k" * 256),
    ("SortKeyName", "k" * 256),
    ("TtlAttributeName", "k" * 256),
    ("TableName", "ab"),
    ("TableName", "a/b"),
    ("ExistingTableName", "ab"),
    ("ExistingTableName", "arn:aws:dynamodb:us-east-1:123456789012:table/orders"),
    ("KeepWhole", "a,,b"),
    ("ExcludeAttributes", ","),
    ("VpcCidr", "10.42.0.0/28"),
    ("VpcCidr", "10.42.0.256/24"),
    ("VpcId", "vpc-XYZ"),
    ("SubnetIds", "subnet-0a1b2c3d"),
    ("SubnetIds", "subnet-0a1b2c3d, subnet-0a1b2c3e"),
    ("RouteTableIds", "rtb-0a1b2c3d, rtb-0a1b2c3e"),
    ("S3PrefixListId", "com.amazonaws.us-east-1.s3"),
    ("DynamoDbPrefixListId", "pl-1"),
    ("LakeKeyArn", "arn:aws:kms:us-east-1:123456789012:alias/lake"),
    *((name, "s3://bucket") for name in ("LakeBucketName", "AccessLogBucketName", "ArtifactBucketName")),
    *((name, "ab") for name in ("LakeBucketName", "AccessLogBucketName", "ArtifactBucketName")),
    ("ProducerAccountId", "1111-1111-1111"),
    ("ProducerAccountId", "11111111111"),
    ("ConsumerAccountId", "1111111111111"),
    ("DeliveryRoleName", "service-role/firehose"),
    ("DeliveryStreamName", "d" * 59),
    ("DeliveryStreamName", "a/b"),
    ("FirstDay", "2026-13-01"),
    ("FirstDay", "2026-1-1"),
    ("CrawlerSchedule", "rate(1 day)"),
    ("CatalogKeyArn", "arn:aws:kms:us-east-1:222222222222:alias/catalog"),
    ("AnalystPrincipalArn", "IAM_ALLOWED_PRINCIPALS"),
    ("ItemColumns", "Title"),
    ("DatabaseName", "my-lake"),
    ("SettleSchedule", "rate(1 hour)"),
    ("SourceTables", "orders, lines"),
    ("SourceTables", "a/b"),
    ("ResultsBucketName", "s3://results"),
    ("CatalogFunctionArn", "arn:aws:lambda:us-east-1:222222222222:function:catalog:1"),
    ("CatalogFunctionArn", "catalog"),
    ("SettleScriptKey", "s3://b/x.py"),
    ("SettleLibraryKey", "/x.zip"),
    ("WorkgroupName", "my lake"),
    ("ChangesTableName", "Changes"),
    ("LogGroupPrefix", "/aws-glue/jobs"),
    ("AlarmTopicArn", "on-call"),
    *(
        (name, "/leading")
        for name in ("CatalogArtifactKey", "TransformArtifactKey", "BackfillScriptKey", "BackfillLibraryKey")
    ),
    *((name, "a version") for name in ("CatalogArtifactVersion", "TransformArtifactVersion")),
    *(
        ("RolePath", path)
        for path in ("", "team", "/team", "team/", "//", "/a*/", "/a b/", "/" + f"{'p' * 64}/" * 8)
    ),
    ("DeliveryRolePath", "/team"),
    ("PermissionsBoundaryArn", "arn:aws:iam::123456789012:role/bound"),
    ("AdmittedAccountId", "1111-1111-1111"),
    ("RepairRoleName", "team/repair"),
    ("ExportRoleName", "team/export"),
    ("ExportRolePath", "/team"),
    ("ExportPrefix", ""),
    ("ExportPrefix", "exports/"),
    ("ExportPrefix", "a/b"),
    ("ExportPrefix", "*"),
    ("BackfillScriptKey", "s3://b/x.py"),
    ("BackfillLibraryKey", "/x.zip"),
    ("BackfillWheelsKey", "jobs/backfill_wheels.zip"),
    ("SqlScriptKey", "s3://b/x.py"),
    ("SqlLibraryKey", "/x.zip"),
    ("TargetTableArns", ""),
    ("TargetTableArns", "orders-per-day"),
    ("TargetTableArns", "arn:aws:dynamodb:us-east-1:123456789012:table/*"),
    ("TargetTableArns", "arn:aws:dynamodb:us-east-1:123456789012:table/orders/index/x"),
    ("TargetKeyArns", "alias/table"),
    ("InputArns", "s3://my-bucket/products/"),
    ("InputArns", "arn:aws:s3:::my-bucket"),
    ("InputArns", "arn:aws:s3:::*/products/x"),
    ("InputBucketArns", "arn:aws:s3:::my-bucket/*"),
    ("InputBucketArns", "*"),
    ("InputKeyArns", "*"),
    ("ExportAccountId", "1111-1111-1111"),
    ("ExportBucketAccountId", ""),
    ("ExportBucketName", "A"),
    ("ExportKeyArn", "alias/exports"),
    ("SourceTableName", "ab"),
    ("SourceTableName", "*"),
    ("AvailabilityZoneA", "us-east-1"),
    ("AvailabilityZoneB", "use1-az1"),
]
# Parameters that contradict each other → the rule that refuses them before anything is created.
CONTRADICTIONS = [
    ("producer", {"ExistingTableName": "orders", "TableName": "orders-2"}, "AdoptedTableIsLeftAlone"),
    ("producer", {"ExistingTableName": "orders", "SortKeyName": "sk"}, "AdoptedTableIsLeftAlone"),
    ("producer", {"ExistingTableName": "orders", "TtlAttributeName": "ttl"}, "AdoptedTableIsLeftAlone"),
    (
        "producer",
        {"ExistingTableName": "orders", "TableDeletionProtection": "true"},
        "AdoptedTableIsLeftAlone",
    ),
    ("producer", {"SortKeyName": "pk"}, "KeysAreTwoAttributes"),
    *(
        ("producer", {"PartitionBy": "event", "BufferSizeMiB": str(size)}, "EventBuffersAreLarge")
        for size in (1, 5, 63, "64.5")
    ),
    *(
        ("producer", {"PartitionBy": "event", "BufferIntervalSeconds": str(seconds)}, "EventBuffersAreLarge")
        for seconds in (0, 1, 59)
    ),
    ("producer", {"VpcId": "vpc-0a1b2c3d"}, "VpcHasItsSubnets"),
    ("producer", {"SubnetIds": "subnet-0a1b2c3d,subnet-0a1b2c3e"}, "SubnetsHaveTheirVpc"),
    ("producer", {"RouteTableIds": "rtb-0a1b2c3d"}, "SubnetsHaveTheirVpc"),
    ("producer", {"AvailabilityZoneA": "us-east-1a"}, "ZonesAreTwo"),
    ("producer", {"AvailabilityZoneB": "us-east-1a"}, "ZonesAreTwo"),
    ("producer", {"AvailabilityZoneA": "us-east-1a", "AvailabilityZoneB": "us-east-1a"}, "ZonesAreTwo"),
    ("consumer", {"DatabaseName": "default"}, "DatabaseIsNew"),
    ("consumer", {"WorkgroupName": "primary"}, "WorkgroupIsNew"),
    ("consumer", {"AnalystPrincipalArn": "arn:aws:iam::222222222222:role/Analyst"}, "AnalystsAreGranted"),
]
OWN_VPC = {"VpcId": "vpc-0a1b2c3d", "SubnetIds": "subnet-0a1b2c3d,subnet-0a1b2c3e"}


def patterns() -> dict[str, dict[str, str]]:
    """The pattern of each parameter, by kind of stack."""
    found: dict[str, dict[str, str]] = {}
    for kind in STACKS:
        for name, parameter in shipped_template(kind)["Parameters"].items():
            if "AllowedPattern" in parameter:
                found.setdefault(name, {})[kind] = parameter["AllowedPattern"]
    return found


@pytest.mark.parametrize(("name", "value"), ADMITTED)
def test_legal_value_is_accepted(name: str, value: str) -> None:
    """No pattern prevents a valid launch."""
    assert [kind for kind, pattern in patterns()[name].items() if not re.fullmatch(pattern, value)] == []


@pytest.mark.parametrize(("name", "value"), REFUSED)
def test_illegal_value_is_refused(name: str, value: str) -> None:
    """A value that would fail half-way through a launch is refused before the launch."""
    assert [kind for kind, pattern in patterns()[name].items() if re.fullmatch(pattern, value)] == []


@pytest.mark.parametrize("cases", [ADMITTED, REFUSED], ids=["accepted", "refused"])
def test_every_pattern_has_values(cases: list[tuple[str, str]]) -> None:
    """Without a refused value, a pattern could become `.*` unnoticed."""
    assert patterns().keys() == {name for name, _ in cases}


def test_every_pattern_means_the_same_in_java_and_python() -> None:
    """CloudFormation uses Java's syntax, so no pattern uses a construct in which the two differ."""
    differing = r"\(\?P|\\[AZzGbBdDwWsSpPQE]|&&|\[\[|(?<!\[)\^|\$"
    found = [(name, each) for name, by_kind in patterns().items() for each in by_kind.values()]
    assert [name for name, pattern in found if re.search(differing, pattern)] == []


@pytest.mark.parametrize(("kind", "parameters", "rule"), CONTRADICTIONS)
def test_contradiction_is_refused(kind: str, parameters: dict[str, str], rule: str) -> None:
    """Rules refuse a contradiction before the launch, instead of a rollback during it."""
    launch = {"producer": launches.producer, "consumer": launches.consumer}[kind]
    assert launches.broken_rules(launch(**parameters)) == [rule]
    assert launches.broken_rules(launches.single_account(**parameters)) == [rule]


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"ExistingTableName": "orders"},
        {"TableName": "orders", "SortKeyName": "State#Date", "TtlAttributeName": "ttl"},
        OWN_VPC,
        {**OWN_VPC, "RouteTableIds": "rtb-0a1b2c3d"},
        {"AvailabilityZoneA": "us-east-1c", "AvailabilityZoneB": "us-east-1a"},
        {"BufferSizeMiB": "1", "BufferIntervalSeconds": "0"},
        {"PartitionBy": "event"},
        *({"PartitionBy": "event", "BufferSizeMiB": str(size)} for size in range(64, 129)),
        {"PartitionBy": "event", "BufferIntervalSeconds": "60"},
        {"PartitionBy": "event", "BufferIntervalSeconds": "900"},
    ],
)
def test_valid_combination_breaks_no_rule(parameters: dict[str, str]) -> None:
    """The rules refuse only contradictions."""
    assert launches.broken_rules(launches.producer(**parameters)) == []


def test_every_rule_has_a_contradiction() -> None:
    """A rule that has never refused anything proves nothing."""
    rules = {name for kind in ("consumer", "producer") for name in shipped_template(kind)["Rules"]}
    assert rules == {rule for _, _, rule in CONTRADICTIONS}


# The table


def test_table_has_the_keys_of_the_parameters() -> None:
    """Every attribute name that DynamoDB allows is passed to the table unchanged."""
    table = launches.producer(PartitionKeyName="State#Date", SortKeyName="n", SortKeyType="N").resource(
        "SourceTable"
    )
    assert table.properties["KeySchema"] == [
        {"AttributeName": "State#Date", "KeyType": "HASH"},
        {"AttributeName": "n", "KeyType": "RANGE"},
    ]
    assert table.properties["AttributeDefinitions"] == [
        {"AttributeName": "State#Date", "AttributeType": "S"},
        {"AttributeName": "n", "AttributeType": "N"},
    ]


def test_table_by_default_has_one_key_and_no_time_to_live() -> None:
    """Settings without a parameter are absent, including the name."""
    table = launches.producer().resource("SourceTable").properties
    assert table["KeySchema"] == [{"AttributeName": "pk", "KeyType": "HASH"}]
    assert {"TimeToLiveSpecification", "TableName"}.isdisjoint(table)


def test_adopted_table_is_not_changed() -> None:
    """No resource of the stack creates or changes the table; the documented command starts its stream."""
    stack = launches.producer(ExistingTableName="orders")
    assert stack.of_type("AWS::DynamoDB::Table") == []
    stream = stack.outputs["SourceStreamArn"]
    assert stack.outputs["SourceTableName"] == "orders"
    assert stack.outputs["EnableStreamingCommand"] == (
        f"aws dynamodb enable-kinesis-streaming-destination --region us-east-1 --table-name orders "
        f"--stream-arn {stream} "
        "--enable-kinesis-streaming-configuration ApproximateCreationDateTimePrecision=MICROSECOND"
    )


def test_new_table_needs_no_command() -> None:
    """Its stream is on after the launch; switching it off before removal is the same for both."""
    outputs = launches.producer().outputs
    assert "EnableStreamingCommand" not in outputs
    assert outputs["DisableStreamingCommand"] == (
        "aws dynamodb disable-kinesis-streaming-destination --region us-east-1 "
        f"--table-name {outputs['SourceTableName']} --stream-arn {outputs['SourceStreamArn']}"
    )


@pytest.mark.parametrize("name", ["SourceTableReplicationFailedAlarm", "SourceTableReplicationLateAlarm"])
def test_replication_alarms_watch_new_and_adopted_tables(name: str) -> None:
    """The alarms query the table that is streamed, new or adopted."""
    for stack in (launches.producer(), launches.producer(ExistingTableName="orders")):
        (query,) = stack.resource(name).properties["Metrics"]
        assert query["Expression"].endswith(f"WHERE TableName = '{stack.outputs['SourceTableName']}'")


# The stream


@pytest.mark.parametrize(("shards", "mode"), [(0, "ON_DEMAND"), (1, "PROVISIONED"), (500, "PROVISIONED")])
def test_stream_has_the_shards_of_the_parameter(shards: int, mode: str) -> None:
    """Zero means on-demand, which has no shard count."""
    stream = launches.producer(ShardCount=shards).resource("SourceStream").properties
    assert stream["StreamModeDetails"] == {"StreamMode": mode}
    assert stream.get("ShardCount") == (str(shards) if shards else None)


# The network


def test_function_runs_in_two_private_subnets() -> None:
    """In two zones, with a route table whose only routes are those of the gateway endpoints."""
    stack = launches.producer()
    function = stack.resource("TransformFunction").properties["VpcConfig"]
    subnets = [stack.resource(name) for name in ("PrivateSubnetA", "PrivateSubnetB")]
    assert function["SubnetIds"] == [subnet.name for subnet in subnets]
    assert len({subnet.properties["AvailabilityZone"] for subnet in subnets}) == 2
    assert len({subnet.properties["CidrBlock"] for subnet in subnets}) == 2
    table = stack.resource("PrivateRouteTable").name
    associations = [stack.resource(f"{s.logical_id}Routes").properties for s in subnets]
    assert associations == [{"RouteTableId": table, "SubnetId": subnet.name} for subnet in subnets]
    for name in ("S3Endpoint", "DynamoDbEndpoint"):
        assert stack.resource(name).properties["RouteTableIds"] == [table]


def test_subnets_are_in_the_zones_of_the_parameters() -> None:
    """Lambda does not serve every zone, and CloudFormation does not know which."""
    stack = launches.producer(AvailabilityZoneA="us-east-1d", AvailabilityZoneB="us-east-1b")
    subnets = [stack.resource(name).properties for name in ("PrivateSubnetA", "PrivateSubnetB")]
    assert [subnet["AvailabilityZone"] for subnet in subnets] == ["us-east-1d", "us-east-1b"]


def test_function_reaches_nothing_by_default() -> None:
    """The shipped function calls nothing, so its only security group allows no connection."""
    stack = launches.producer()
    (group,) = stack.of_type("AWS::EC2::SecurityGroup")
    assert stack.resource("TransformFunction").properties["VpcConfig"]["SecurityGroupIds"] == [group.name]
    assert [rule["CidrIp"] for rule in group.properties["SecurityGroupEgress"]] == ["127.0.0.1/32"]
    assert "SecurityGroupIngress" not in group.properties


def test_each_prefix_list_opens_one_service() -> None:
    """Each prefix list allows HTTPS to its service."""
    stack = launches.producer(S3PrefixListId="pl-0a1b2c3d", DynamoDbPrefixListId="pl-0a1b2c3e")
    _, *opened = stack.resource("FunctionSecurityGroup").properties["SecurityGroupEgress"]
    assert [(rule["DestinationPrefixListId"], rule["FromPort"], rule["ToPort"]) for rule in opened] == [
        ("pl-0a1b2c3d", 443, 443),
        ("pl-0a1b2c3e", 443, 443),
    ]


def test_existing_network_is_used_and_not_changed() -> None:
    """An existing VPC gets no subnet or route table, and endpoints only for the named tables."""
    stack = launches.producer(**OWN_VPC)
    kinds = {resource.type for resource in stack.resources.values()}
    assert {kind for kind in kinds if kind.startswith("AWS::EC2::")} == {"AWS::EC2::SecurityGroup"}
    assert stack.resource("FunctionSecurityGroup").properties["VpcId"] == "vpc-0a1b2c3d"
    subnets = stack.resource("TransformFunction").properties["VpcConfig"]["SubnetIds"]
    assert subnets == ["subnet-0a1b2c3d", "subnet-0a1b2c3e"]
    named = launches.producer(**OWN_VPC, RouteTableIds="rtb-0a1b2c3d,rtb-0a1b2c3e")
    for name in ("S3Endpoint", "DynamoDbEndpoint"):
        assert named.resource(name).properties["RouteTableIds"] == ["rtb-0a1b2c3d", "rtb-0a1b2c3e"]


def interface_endpoints(**parameters: Any) -> list[dict[str, Any]]:
    """The properties of the interface endpoints of a launch."""
    stack = launches.producer(**parameters)
    endpoints = [endpoint.properties for endpoint in stack.of_type("AWS::EC2::VPCEndpoint")]
    return [properties for properties in endpoints if properties["VpcEndpointType"] == "Interface"]


def test_interface_endpoints_are_created_on_request() -> None:
    """They are billed by the hour: none by default, four services with a policy each on request."""
    assert interface_endpoints() == []
    endpoints = interface_endpoints(CreateInterfaceEndpoints="true")
    assert [endpoint["ServiceName"].rpartition(".")[2] for endpoint in endpoints] == [
        "kinesis-streams",
        "kinesis-firehose",
        "kms",
        "logs",
    ]
    assert all(endpoint["PolicyDocument"]["Statement"] for endpoint in endpoints)


def test_interface_endpoints_use_private_dns_only_in_the_stacks_own_vpc() -> None:
    """In an existing VPC, private DNS would send all calls to endpoints that admit only the function.

    Gateway endpoints have no private DNS: they serve only the route tables that are named.
    """
    for own, network in ((True, {}), (False, OWN_VPC)):
        endpoints = interface_endpoints(CreateInterfaceEndpoints="true", **network)
        assert {endpoint["PrivateDnsEnabled"] for endpoint in endpoints} == {own}


@pytest.mark.parametrize("network", [{}, OWN_VPC], ids=["new", "existing"])
def test_outputs_have_the_name_of_each_interface_endpoint(network: dict[str, str]) -> None:
    """An extended function calls these names if the services' names do not lead to the endpoints."""
    stack = launches.producer(CreateInterfaceEndpoints="true", **network)
    for endpoint in stack.of_type("AWS::EC2::VPCEndpoint"):
        if endpoint.properties["VpcEndpointType"] == "Interface":
            name = stack.outputs[f"{endpoint.logical_id}DnsName"]
            assert re.fullmatch(rf"{endpoint.name}-\w+\.us-east-1\.vpce\.amazonaws\.com", name)
    assert not any(name.endswith("EndpointDnsName") for name in launches.producer(**network).outputs)


def test_price_of_interface_endpoints_matches_the_description() -> None:
    """The number of endpoints, times zones, times 730 hours, times the hourly price in the description."""
    endpoints = interface_endpoints(CreateInterfaceEndpoints="true")
    zones = len(endpoints[0]["SubnetIds"])
    month = len(endpoints) * zones * 730 * 0.01
    words = shipped_template("producer")["Parameters"]["CreateInterfaceEndpoints"]["Description"]
    assert f"{len(endpoints)} endpoints in {zones} zones cost about {month:.0f} USD a month" in words


def test_only_the_function_reaches_its_interface_endpoints() -> None:
    """A second group allows the function to call the endpoints, whose group admits only that group."""
    stack = launches.producer(CreateInterfaceEndpoints="true")
    function, access, endpoint = (
        stack.resource(name)
        for name in ("FunctionSecurityGroup", "EndpointAccessSecurityGroup", "EndpointSecurityGroup")
    )
    groups = stack.resource("TransformFunction").properties["VpcConfig"]["SecurityGroupIds"]
    assert groups == [function.name, access.name]
    (way_out,) = access.properties["SecurityGroupEgress"]
    (way_in,) = endpoint.properties["SecurityGroupIngress"]
    assert way_out["DestinationSecurityGroupId"] == endpoint.name
    assert way_in["SourceSecurityGroupId"] == function.name
    assert {way_out["ToPort"], way_in["ToPort"]} == {443}
    for properties in interface_endpoints(CreateInterfaceEndpoints="true"):
        assert properties["SecurityGroupIds"] == [endpoint.name]


# The lake


def test_crawler_runs_on_the_schedule_of_the_parameter() -> None:
    """The schedule is always set, even if switched off: an update without it would keep the old one."""
    # Empty in the template, the last possible year in Glue, which may not accept an empty schedule.
    never = "cron(0 0 1 1 ? 2199)"
    for parameters, schedule in (({}, "cron(15 3 * * ? *)"), ({"CrawlerSchedule": ""}, never)):
        crawler = launches.consumer(**parameters).resource("Crawler").properties
        assert crawler["Schedule"] == {"ScheduleExpression": schedule}


def test_access_is_logged_on_request() -> None:
    """Both buckets, each with its own prefix."""
    assert "LoggingConfiguration" not in launches.consumer().resource("LakeBucket").properties
    stack = launches.consumer(AccessLogBucketName="my-logs")
    logged = [bucket.properties["LoggingConfiguration"] for bucket in stack.of_type("AWS::S3::Bucket")]
    assert {log["DestinationBucketName"] for log in logged} == {"my-logs"}
    assert len({log["LogFilePrefix"] for log in logged}) == 2


@pytest.mark.parametrize("megabytes", [10, 100_000, 7_000_000])
def test_scan_limit_is_in_bytes(megabytes: int) -> None:
    """Athena expects bytes, at least 10,000,000."""
    workgroup = launches.consumer(QueryScanLimitMB=megabytes).resource("Workgroup").properties
    limit = int(workgroup["WorkGroupConfiguration"]["BytesScannedCutoffPerQuery"])
    assert limit == megabytes * 1_000_000 >= 10_000_000


@pytest.mark.parametrize("launch", [launches.consumer, launches.producer])
def test_alarms_notify_the_topic(launch: Any) -> None:
    """Every alarm of the stack does, if a topic is set."""
    topic = "arn:aws:sns:us-east-1:111111111111:on-call"
    for stack, actions in ((launch(), None), (launch(AlarmTopicArn=topic), [topic])):
        alarms = stack.of_type("AWS::CloudWatch::Alarm")
        assert alarms
        assert all(alarm.properties.get("AlarmActions") == actions for alarm in alarms)


def test_unknown_parameter_is_an_error() -> None:
    """No test can pass by setting a parameter that the template lacks."""
    with pytest.raises(ResolveError, match="no parameter Nonsense"):
        launches.producer(Nonsense="x")


# taskcat


def test_taskcat_uses_existing_templates_and_parameters() -> None:
    """Its tests name existing templates and parameters, with values that are accepted."""
    project = yaml.safe_load((ROOT / ".taskcat.yml").read_text(encoding="utf-8"))
    zips = f"transform-{DEFAULT_PYTHON}-{DEFAULT_ARCHITECTURE}.zip", "catalog.zip"
    common = {**project["project"]["parameters"], "ArtifactBucketName": "autobucket"}
    keys = {common[name] for name in ("TransformArtifactKey", "CatalogArtifactKey")}
    assert keys == {f"{project['project']['name']}/build/{name}" for name in zips}
    for test in project["tests"].values():
        read = scripts_template.read(ROOT / test["template"])
        parameters = {**common, **test["parameters"]}
        scripts_template.check_names(read, parameters)
        scripts_template.check_values(read, parameters)
        assert launches.broken_rules(launches.single_account(**parameters)) == []
