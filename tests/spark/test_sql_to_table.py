"""The deployed job on Spark: what a statement reads, what becomes of it, and who reads it back.

One sandbox and one Spark session for all runs, with the job's own role. The example of docs/spark.md runs
from the text of the page.
"""

from __future__ import annotations

import base64
import json
import re
import shlex
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from botocore import xform_name

from sandbox import accounts
from sandbox.launches import plan_launches
from sandbox.lifecycle import Sandbox
from sandbox.spark import assembly
from tests.sandbox.lake import Lake
from tests.sandbox.roles import refused_roles
from tests.sandbox.rows import item_lines, lines, record
from tests.spark import connector, programs
from tests.spark.deployed import DeployedJob, RunFailedError

PAGE = (Path(__file__).parents[2] / "docs" / "spark.md").read_text(encoding="utf-8")
FILES = "shop-files"
DIGITS = "12345678901234567890.123456789012345678"
ORDERS = [
    ("o-1", "lamp", "2026-11-20T09:15:02Z", "19.90"),
    ("o-2", "lamp", "2026-11-20T10:00:00Z", "0.10"),
    ("o-3", "lamp", "2026-10-31T10:00:00Z", "5"),
    ("o-4", "sofa", "2026-11-20T10:00:00Z", "12345678901234567890.12"),
    ("o-5", "lamp", "2026-11-20T11:00:00Z", "1000"),
]
ITEMS = [
    {"pk": {"S": pk}, "product": {"S": product}, "ordered_at": {"S": time}, "total": {"N": total}}
    for pk, product, time, total in ORDERS
]
DAY = "2026-11-20"


def blocks(language: str) -> list[str]:
    """The blocks of the page in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


def of_the_cli(line: str) -> tuple[str, str, dict[str, Any]]:
    """An AWS CLI command as service, operation and parameters of botocore. The profile is left out."""
    _, service, operation, *words = shlex.split(line)
    parameters = {name.removeprefix("--"): value for name, value in zip(words[::2], words[1::2], strict=True)}
    del parameters["profile"]
    return (
        service,
        operation,
        {
            "".join(part.capitalize() for part in name.split("-")): json.loads(value)
            if value[0] in "[{"
            else value
            for name, value in parameters.items()
        },
    )


class Shop(Lake):
    """The lake's account, with a bucket of other files and two tables for results."""

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(sandbox)
        session = sandbox.session("consumer")
        self.dynamodb, self.s3 = session.client("dynamodb"), session.client("s3")

    def columns(self) -> list[str]:
        """The data columns of `changes`."""
        definition = self.glue.get_table(DatabaseName=self.database, Name="changes")["Table"]
        return [column["Name"] for column in definition["StorageDescriptor"]["Columns"]]

    def declare_columns(self, names: set[str]) -> None:
        """Append text columns to `changes`, as the catalog function does."""
        table: Any = self.glue.get_table(DatabaseName=self.database, Name="changes")["Table"]
        descriptor = table["StorageDescriptor"]
        more = [{"Name": name, "Type": "string"} for name in sorted(names - set(self.columns()))]
        definition: Any = {name: table[name] for name in ("Name", "TableType", "Parameters", "PartitionKeys")}
        definition["StorageDescriptor"] = {**descriptor, "Columns": [*descriptor["Columns"], *more]}
        self.glue.update_table(DatabaseName=self.database, TableInput=definition)

    def file(self, key: str, body: str | bytes) -> str:
        """Put a file; returns its address."""
        self.s3.put_object(Bucket=FILES, Key=key, Body=body)
        return f"s3://{FILES}/{key}"

    def items(self, table: str = "results") -> list[dict[str, Any]]:
        """All items of a table by key."""
        pages = self.dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
        found = [item for page in pages for item in page["Items"]]
        return sorted(found, key=lambda item: json.dumps(item, default=str, sort_keys=True))

    def empty(self, table: str = "results") -> None:
        """Remove all items."""
        for item in self.items(table):
            self.dynamodb.delete_item(TableName=table, Key={"id": item["id"]})

    def cli(self, line: str) -> dict[str, Any]:
        """Run an AWS CLI command of the page."""
        service, operation, parameters = of_the_cli(line)
        client = self.dynamodb if service == "dynamodb" else None
        assert client, line
        answer: dict[str, Any] = getattr(client, operation.replace("-", "_"))(**parameters)
        return answer


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    """The lake's stack and the option stack, as the page launches it but for a second table."""
    deploy = next(line for line in blocks("sh")[0].splitlines() if "scripts.deploy" in line)
    words = shlex.split(deploy)
    parameters = [words[at + 1] for at, word in enumerate(words) if word == "--parameter"]
    more = f",arn:aws:dynamodb:{accounts.REGION}:{accounts.CONSUMER}:table/results"
    parameters = [one + more if one.startswith("TargetTableArns") else one for one in parameters]
    with Sandbox(speed=20) as sandbox:
        sandbox.launch(plan_launches("consumer", "spark-sql", parameters={"spark-sql": parameters}))
        shop = Shop(sandbox)
        shop.s3.create_bucket(Bucket=FILES)
        shop.cli(next(line for line in blocks("sh")[0].splitlines() if "create-table" in line))
        shop.dynamodb.create_table(
            TableName="results",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        )
        yield shop
        table = f"arn:aws:dynamodb:{accounts.REGION}:{accounts.CONSUMER}:table/no-such-table"
        assert [one.partition(": ")[2] for one in refused_roles(sandbox)] == [
            f"dynamodb:DescribeTable on {table}"  # of the one test that names it
        ]


@pytest.fixture(scope="module")
def job(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeployedJob]:
    """The deployed job, with one Spark session for all its runs."""
    folder = tmp_path_factory.mktemp("sql")
    with DeployedJob(shop.sandbox, assembly.require(), folder, "SqlJobName") as running:
        yield running


@pytest.fixture(scope="module")
def settled(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The settled table of `orders`, with the newest state of each item; the last one was deleted."""
    rows = [json.loads(line, parse_float=str, parse_int=str) for line in item_lines(*ITEMS)]
    rows[-1] |= {"change_type": "REMOVE"}
    names = sorted({name for row in rows for name in row})
    folder = tmp_path_factory.mktemp("settled")
    table = f"lake.{shop.database}.settled_items_orders"
    given = {
        "table": table,
        "warehouse": f"s3://{shop.bucket}/settled/",
        "columns": names,
        "rows": [[row.get(name) for name in names] for row in rows],
    }
    assert programs.run("settled_table", shop.sandbox, folder, given) == len(ITEMS)
    return table


@pytest.fixture(autouse=True)
def nothing_written(shop: Shop) -> None:
    """Each test begins with an empty table of results."""
    shop.empty()


def run(job: DeployedJob, statement: str, **changed: str) -> str:
    """Run a statement into the table `results`; returns the log."""
    given: dict[str, Any] = {
        "table": "results",
        "items_per_second": "100000",
        "statement": statement,
    } | changed
    if "statement_location" in changed:
        del given["statement"]
    log: str = job.run(**given)["log"]
    return log


def refusal(job: DeployedJob, statement: str, **changed: str) -> str:
    """The error of a run that is refused. Nothing was written."""
    with pytest.raises(RunFailedError) as raised:
        run(job, statement, **changed)
    return str(raised.value).partition("\n")[0]


@pytest.mark.usefixtures("settled")
def test_the_example_of_the_page_fills_the_table_that_an_application_reads(
    job: DeployedJob, shop: Shop
) -> None:
    """Statement, arguments and query are those of docs/spark.md; a second run changes nothing."""
    [statement], [arguments] = blocks("sql"), blocks("json")
    given = {
        name.removeprefix("--").replace("-", "_"): value for name, value in json.loads(arguments).items()
    }
    shop.file(given["statement_location"].removeprefix(f"s3://{FILES}/"), statement)
    shop.file("products.csv", 'product,title\nlamp,"A ""bright"", lamp"\nsofa,Sofa\n')
    log = job.run(**given, dry_run="true")["log"]
    assert "turnover: decimal(38,2) becomes N" in log
    assert "dry run: nothing was written" in log
    assert shop.items("orders-per-day") == []
    assert "3 items written into orders-per-day, 0 sent again" in job.run(**given)["log"]
    before = shop.items("orders-per-day")
    query = next(line for block in blocks("sh") for line in block.splitlines() if "dynamodb query" in line)
    title = {"S": 'A "bright", lamp'}
    assert shop.cli(query)["Items"] == [
        {
            "product": {"S": "lamp"},
            "day": {"S": DAY},
            "title": title,
            "orders": {"N": "2"},
            "turnover": {"N": "20"},
        }
    ]
    job.run(**given)
    assert shop.items("orders-per-day") == before


def test_raw_rows_are_the_text_that_athena_reads(job: DeployedJob, shop: Shop) -> None:
    """Every column of every change, between lines that are none, on the days that the run names."""
    rows = item_lines(*ITEMS)
    rows += lines(
        [record(ITEMS[0], old=ITEMS[1], event_id="m"), record(ITEMS[1], removed=True, event_id="r")]
    )
    rows += [
        b'{"change_type":"INSERT","change_key":"k1","change_table":"orders","total":1.50,"list":[1.50,"</a>"]}',
        b"{'change_type':'INSERT','change_key':'k2','change_table':'orders','total':0x10}",
        b"garbage",
        b"",
    ]
    shop.declare_columns({name for item in ITEMS for name in item} | {"list"})
    shop.put(rows, DAY)
    shop.put(item_lines(ITEMS[0]), "2026-11-21")
    columns = [*shop.columns(), "dt"]
    guard = "change_type IN ('INSERT', 'MODIFY', 'REMOVE', 'SNAPSHOT')"
    expected = shop.query(f"SELECT {', '.join(columns)} FROM changes WHERE dt = '{DAY}' AND {guard}")[1]
    statement = (
        "SELECT CAST(row_number() OVER (ORDER BY change_key, change_id) AS STRING) AS id, "
        f"{', '.join(columns)} FROM changes"
    )
    log = run(job, statement, changes_days=DAY)
    assert "changes: 1 objects" in log
    found = [tuple(item[name]["S"] if name in item else None for name in columns) for item in shop.items()]
    assert len(found) == len(ITEMS) + 4
    assert sorted(found, key=repr) == sorted((tuple(row) for row in expected), key=repr)
    run(job, "SELECT change_id AS id FROM changes", changes_days="2026-11-21..2026-12-31")
    assert {item["id"]["S"] for item in shop.items()} > {"e-0"}


def test_every_type_arrives_exactly(job: DeployedJob, shop: Shop) -> None:
    """38 digits as a decimal and as text, and what is null is left out."""
    statement = f"""
    SELECT 'a' AS id, CAST({DIGITS} AS DECIMAL(38, 18)) AS exact, '{"9" * 38}' AS text, '1E-130' AS tiny,
      true AS yes, X'00FF' AS raw, DATE'2026-11-20' AS day, CAST(7 AS TINYINT) AS byte,
      array(1, NULL, 3) AS list, map('x', 1.50BD, 'y', NULL) AS map,
      named_struct('n', CAST(NULL AS STRING), 'm', array(named_struct('deep', {DIGITS}BD))) AS struct,
      CAST(NULL AS STRING) AS gone, '' AS empty -- a comment at the end
    """
    run(job, statement, numbers="text,tiny")
    assert shop.items() == [
        {
            "id": {"S": "a"},
            "exact": {"N": DIGITS},
            "text": {"N": "9" * 38},
            "tiny": {"N": shop.items()[0]["tiny"]["N"]},
            "yes": {"BOOL": True},
            "raw": {"B": b"\x00\xff"},
            "day": {"S": "2026-11-20"},
            "byte": {"N": "7"},
            "list": {"L": [{"N": "1"}, {"NULL": True}, {"N": "3"}]},
            "map": {"M": {"x": {"N": "1.5"}}},
            "struct": {"M": {"m": {"L": [{"M": {"deep": {"N": DIGITS}}}]}}},
            "empty": {"S": ""},
        }
    ]
    assert Decimal(shop.items()[0]["tiny"]["N"]) == Decimal("1E-130")


def test_csv_and_json_and_parquet_are_tables(
    job: DeployedJob, shop: Shop, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Cells with quotes, commas and line breaks; numbers of JSON with all digits, which Spark rounds."""
    shop.file("in/c/1.csv", 'id,text\n1,"a ""b"", c\nd"\n002,\n')
    shop.file("in/c/2.csv", "id,text\n3,ä\n")
    big = "12345678901234567890123456789012345678"
    shop.file(
        "in/j/1.json", f'{{"id": "4", "n": {DIGITS}, "o": {{"x": 1.50}}}}\n\n{{"id": "5", "n": {big}}}\n'
    )
    inputs = f"c=csv:s3://{FILES}/in/c/ j=json:s3://{FILES}/in/j/1.json"
    statement = "SELECT id, text AS v, NULL AS o FROM c UNION ALL SELECT id, n, o FROM j"
    run(job, statement, inputs=inputs)
    assert [(item["id"]["S"], item.get("v"), item.get("o")) for item in shop.items()] == [
        ("002", None, None),
        ("1", {"S": 'a "b", c\nd'}, None),
        ("3", {"S": "ä"}, None),
        ("4", {"S": DIGITS}, {"S": '{"x":1.50}'}),
        ("5", {"S": big}, None),
    ]


@pytest.mark.parametrize(
    ("body", "format_", "reason"),
    [
        ("id,v\n1,secret,3\n", "csv", "has a record with more or fewer cells than its header"),
        ("id,v\nsecret\n", "csv", "has a record with more or fewer cells than its header"),
        ('{"id": "1"}\nsecret\n', "json", "has a line that is not a JSON object"),
        ('["secret"]\n', "json", "has a line that is not a JSON object"),
        (
            '{"id": "1", "a": 1}\n{"id": "2", "A": 2}',
            "json",
            "has members whose names differ only in case: A, a",
        ),
    ],
)
def test_an_input_that_is_not_its_format_is_named(
    job: DeployedJob, shop: Shop, body: str, format_: str, reason: str
) -> None:
    """The error names the input and no value."""
    message = refusal(job, "SELECT * FROM c", inputs=f"c={format_}:{shop.file('bad/1', body)}")
    assert f"input c {reason}" in message
    assert "secret" not in message
    assert shop.items() == []


def test_csv_objects_of_different_headers_are_refused(job: DeployedJob, shop: Shop) -> None:
    """Spark goes by the place of a column: another order would mix the columns up."""
    shop.file("mixed/1.csv", "id,v\n1,a\n")
    shop.file("mixed/2.csv", "v,id\nb,2\n")
    assert "Spark could not run the statement" in refusal(
        job, "SELECT * FROM c", inputs=f"c=csv:s3://{FILES}/mixed/"
    )


@pytest.mark.parametrize(
    "statement",
    ["DROP TABLE lake.ddb_lake.x", "INSERT INTO x SELECT 1", "SET a = b", "SELECT 1; SELECT 2",
     "CREATE TABLE x AS SELECT 1", "DELETE FROM lake.ddb_lake.x", "SELECT FROM WHERE"],
)  # fmt: skip
def test_a_statement_that_is_no_query_is_refused(job: DeployedJob, statement: str) -> None:
    """The job reads, and writes into its table only."""
    assert "It must be one query: SELECT or WITH" in refusal(job, statement)


@pytest.mark.parametrize(
    ("statement", "changed", "reason"),
    [
        ("SELECT * FROM nowhere", {}, "Name a settled table as lake.DATABASE.TABLE"),
        ("SELECT * FROM changes", {}, "the raw table as changes with --changes-days"),
        ("SELECT 'a' AS id, missing FROM (SELECT 1 AS x)", {}, "UNRESOLVED_COLUMN"),
        ("SELECT 1 AS x", {}, "the result has no column id"),
        ("SELECT 1 AS id", {}, "column id is integer, which becomes N, but as a key"),
        ("SELECT 'a' AS id, 1.5D AS v", {}, "column v: a double"),
        ("SELECT 'a' AS id, sum('1.5') AS v", {}, "column v: a double"),
        ("SELECT explode(array('a', 'a', 'b', NULL)) AS id", {}, "1 rows: column id: a key is null; 2 rows"),
        ("SELECT 'a' AS id, repeat('x', 409600) AS v", {}, "DynamoDB accepts 409,600 per item"),
        ("SELECT 'a' AS id, CAST('secret' AS INT) AS v", {}, "CAST_INVALID_INPUT"),
        ("SELECT 'a' AS id", {"table": "no-such-table"}, "Add the table's ARN to the parameter"),
        ("SELECT 'a' AS id FROM p", {"inputs": "p=parquet:s3://shop-files/none/"}, "Correct the address"),
        ("SELECT 'a' AS id", {"statement_location": "s3://shop-files/none.sql"}, "NoSuchKey"),
    ],
)  # fmt: skip
def test_what_cannot_be_written_is_refused_before_it_is(
    job: DeployedJob, shop: Shop, statement: str, changed: dict[str, str], reason: str
) -> None:
    """With the next step, and without a value."""
    message = refusal(job, statement, **changed)
    assert reason in message
    assert "Next: " in message
    assert "secret" not in message
    assert shop.items() == []


def test_a_run_keeps_its_rate(job: DeployedJob, shop: Shop) -> None:
    """200 items at 40 a second take 5 seconds; 2 KB each and 100 units a second make 4."""
    log = run(job, "SELECT CAST(id AS STRING) AS id FROM range(200)", items_per_second="40")
    assert len(shop.items()) == 200
    assert "200 items written into results" in log
    taken = int(re.findall(r"done in (\d+) s", log)[0])
    assert taken >= 5
    sized = "SELECT CAST(id AS STRING) AS id, repeat('x', 1500) AS v FROM range(200)"
    log = run(job, sized, items_per_second="", write_units_per_second="100")
    assert "400 write units" in log
    assert int(re.findall(r"done in (\d+) s", log)[0]) >= 4


def test_a_result_larger_than_memory_goes_through(job: DeployedJob, shop: Shop) -> None:
    """A dry run of 1.7 GB with 1.5 GB of memory: the result lies on disk, and only keys are shuffled."""
    statement = "SELECT CAST(id AS STRING) AS id, repeat(CAST(id AS STRING), 1000) AS v FROM range(300000)"
    log = run(job, statement, dry_run="true")
    assert "300,000 items, 1," in log
    assert shop.items() == []


def test_the_connector_of_emr_reads_the_items_back(
    job: DeployedJob, shop: Shop, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """It shares no code with the job: an InputFormat of Hadoop with its own client and types."""
    statement = f"""
    SELECT CAST(id AS STRING) AS id, CAST(id AS DECIMAL(38, 0)) + {DIGITS}BD AS exact, id % 2 = 0 AS even,
      array(id, NULL) AS list, map('m', CAST(id AS STRING)) AS map, X'00FF' AS raw FROM range(100)
    """
    run(job, statement)
    folder = tmp_path_factory.mktemp("connector")
    given = {"table": "results", "endpoint": shop.sandbox.endpoint, "region": accounts.REGION}
    found = programs.run("connector_items", shop.sandbox, folder, given, jars=connector.require())
    expected = sorted(
        ({name: _as_the_connector(value) for name, value in item.items()} for item in shop.items()),
        key=lambda item: item["id"]["s"],
    )
    assert sorted(map(json.loads, found), key=lambda item: item["id"]["s"]) == expected
    assert len(found) == 100


def _as_the_connector(value: dict[str, Any]) -> dict[str, Any]:
    """An AttributeValue as the connector prints it: the type in camel case, binary as base64."""
    ((type_, content),) = value.items()
    name = {"BOOL": "bOOL", "NULL": "nULLValue"}.get(type_, type_.lower())
    if type_ == "L":
        return {name: [_as_the_connector(one) for one in content]}
    if type_ == "M":
        return {name: {key: _as_the_connector(one) for key, one in content.items()}}
    return {name: base64.b64encode(content).decode() if type_ == "B" else content}


def test_the_names_of_the_command_line_are_those_of_botocore() -> None:
    """As `cli` sends the commands of the page."""
    service, operation, parameters = of_the_cli("aws dynamodb query --profile consumer --table-name t")
    assert (service, operation, parameters) == ("dynamodb", "query", {"TableName": "t"})
    assert xform_name("TableName", "-") == "table-name"
