"""docs/connect.md: dbt as its page describes it, with that role alone, and the types that clients see."""

from __future__ import annotations

import gzip
import os
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from sandbox.emulator.refusals import refusals
from sandbox.launches import plan_launches
from sandbox.lifecycle import Sandbox
from sandbox.processes import REPOSITORY
from tests.ci import in_ci
from tests.docs.test_commands import FENCED
from tests.sandbox.athena_scene import Scene
from tests.sandbox.commands import run_module
from tests.sandbox.crawls import crawl, wait_for_column
from tests.sandbox.roles import account_root, trust_policy
from tests.tool_environments import ToolMissingError, tool
from transform_lambda.change import transform

pytestmark = [pytest.mark.sandbox, pytest.mark.xdist_group("connect")]

PAGE = REPOSITORY / "docs" / "connect.md"
TABLE = "shop"
START = 1_795_168_800_000_000  # 2026-11-20T10:00:00Z, in microseconds
TYPES = {
    "total": "decimal(38, 2)",
    "paid": "boolean",
    "pieces": "bigint",
    "weight": "double",
    "due": "date",
    "ordered_at": "timestamp",
}
# The statuses of each order, with the millisecond of each change; None removes the order, "" is no status.
ORDERS: dict[str, list[tuple[int, str | None]]] = {
    "once": [(0, "new")],
    "forward": [(0, "new"), (90_500, "paid"), (1_000_000, "shipped")],
    "back": [(10, "new"), (1_010, "paid"), (3_010, "new"), (7_010, "paid")],
    "gone": [(5, "new"), (65_005, None)],
    "again": [(0, "new"), (1_000, None), (11_000, "new"), (12_500, "paid")],
    "same": [(0, "new"), (5_000, "new"), (9_000, "paid")],
    "bare": [(0, ""), (2_000, "new")],
}


def expected_durations() -> list[list[Any]]:
    """Order, status, seconds, whether it has the status now: counted change by change."""
    seconds: dict[tuple[str, str], float] = defaultdict(float)
    now = set()
    for order, changes in ORDERS.items():
        for (at, status), following in zip(changes, [*changes[1:], None], strict=True):
            if status is None:
                continue
            seconds[order, status] += 0 if following is None else (following[0] - at) / 1000
            if following is None:
                now.add((order, status))
    return sorted([*key, total, key in now] for key, total in seconds.items())


def item(order: str, status: str, at: int) -> dict[str, Any]:
    """An order in DynamoDB JSON; its total differs at each change."""
    return {
        "pk": {"S": order},
        **({"status": {"S": status}} if status else {}),
        "total": {"N": f"{at}.25"},
        "paid": {"BOOL": status == "paid"},
        "pieces": {"N": "3"},
        "weight": {"N": "0.5"},
        "due": {"S": "2026-12-01"},
        "ordered_at": {"S": "2026-11-20T10:00:00Z"},
    }


def lines() -> Iterator[bytes]:
    """The rows of the changes as the function writes them; every third one comes twice."""
    number = 0
    for order, changes in ORDERS.items():
        old: dict[str, Any] | None = None
        for at, status in changes:
            new = None if status is None else item(order, status, at)
            images = {"OldImage": old, "NewImage": new}
            record = {
                "eventID": f"e-{number}",
                "eventName": "REMOVE" if new is None else "INSERT" if old is None else "MODIFY",
                "tableName": TABLE,
                "dynamodb": {
                    "ApproximateCreationDateTime": START + at * 1000,
                    "ApproximateCreationDateTimePrecision": "MICROSECOND",
                    "Keys": {"pk": {"S": order}},
                    **{name: image for name, image in images.items() if image is not None},
                },
            }
            line, _ = transform(orjson.dumps(record), str(number))
            yield from [line] * (2 if number % 3 == 0 else 1)
            old, number = new, number + 1


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """The consumer stack with these rows, and typed views over them."""
    with Sandbox(speed=60) as sandbox:
        sandbox.launch(plan_launches("consumer"))
        session = sandbox.session("consumer")
        session.client("s3").put_object(
            Bucket=sandbox.outputs["LakeBucketName"],
            Key="data/dt=2026-11-20/ddb-lake-1.gz",
            Body=gzip.compress(b"".join(lines()), mtime=0),
        )
        crawl(session.client("glue"), sandbox.outputs["CrawlerName"])
        wait_for_column(session.client("glue"), sandbox.outputs["DatabaseName"], "weight")
        types = tmp_path_factory.mktemp("types") / "orders.yaml"
        types.write_text("".join(f"{column}: {kind}\n" for column, kind in TYPES.items()))
        command = ("scripts.views", TABLE, "--name", "orders", "--profile", "consumer", "--types", str(types))
        done = run_module(sandbox, *command)
        assert done.returncode == 0, done.stderr
        yield sandbox


def rows(lake: Sandbox, workgroup: str, sql: str) -> list[list[str | None]]:
    """The rows of a query of an administrator in the lake's account."""
    return Scene(lake, workgroup, "", lake.session("consumer"), "").rows(sql)


def section(title: str) -> str:
    """A section of the page."""
    text = PAGE.read_text(encoding="utf-8")
    (found,) = re.findall(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    return str(found)


def test_clients_see_the_types_that_the_page_lists(lake: Sandbox) -> None:
    """`information_schema`, the Data Catalog and a result agree, for every type that a file can name."""
    page = section("The types that clients see")
    table = re.findall(r"^\| (.*?) \| (.*?) \| (.*?) \| ", page, re.MULTILINE)
    listed = {kind.strip("`"): (schema.strip("`"), glue.strip("`")) for kind, schema, glue in table}
    listed = {kind: shown for kind, shown in listed.items() if kind not in {"in the file"}}
    kinds = {**TYPES, "status": "not in the file"}
    assert set(kinds.values()) == set(listed)

    database, workgroup = lake.outputs["DatabaseName"], lake.outputs["WorkgroupName"]
    session = lake.session("consumer")
    for view in ("current_orders", "history_orders"):
        found = rows(
            lake,
            workgroup,
            f"SELECT column_name, data_type FROM information_schema.columns"
            f" WHERE table_schema = '{database}' AND table_name = '{view}'",
        )
        schema = {str(column): kind for column, kind in found}
        described = session.client("glue").get_table(DatabaseName=database, Name=view)["Table"]
        catalog = {column["Name"]: column["Type"] for column in described["StorageDescriptor"]["Columns"]}
        assert {c: (schema[c], catalog[c]) for c in kinds} == {c: listed[kind] for c, kind in kinds.items()}
        helper = Scene(lake, workgroup, "", session, "")
        answer = helper.run(f"SELECT * FROM {database}.{view} LIMIT 1")
        metadata = session.client("athena").get_query_results(QueryExecutionId=answer["QueryExecutionId"])
        columns = metadata["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]
        result = {column["Name"]: column["Type"] for column in columns}
        assert {c: result[c] for c in kinds} == {c: listed[k][0].partition("(")[0] for c, k in kinds.items()}


@pytest.fixture(scope="module")
def dbt() -> Path:
    """The program. If it cannot be installed, its tests are left out; in CI they fail."""
    try:
        return tool("dbt")
    except ToolMissingError as missing:
        if in_ci():
            pytest.fail(str(missing), pytrace=False)
        pytest.skip(f"the tests of dbt are left out: {missing}")


@pytest.fixture(scope="module")
def role(lake: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A role without policies, and the environment of somebody whose profile `dbt` takes it."""
    session = lake.session("consumer")
    account = session.client("sts").get_caller_identity()["Account"]
    arn = session.client("iam").create_role(
        RoleName="dbt", AssumeRolePolicyDocument=trust_policy(account_root(account))
    )["Role"]["Arn"]
    environment = lake.environment()
    profiles = Path(environment["AWS_CONFIG_FILE"]).read_text(encoding="utf-8")
    (consumer,) = re.findall(r"^\[profile consumer\]\n((?:.+\n)+)", profiles, re.MULTILINE)
    folder = tmp_path_factory.mktemp("dbt")
    config = folder / "config"
    own = f"[profile dbt]\nrole_arn = {arn}\nsource_profile = consumer\n{consumer}"
    config.write_text(f"{profiles}\n{own}", encoding="utf-8")
    return {
        **environment,
        "AWS_CONFIG_FILE": str(config),
        "DBT_LOG_PATH": str(folder / "logs"),
        "DBT_TARGET_PATH": str(folder / "target"),
    }


def run(script: str, environment: dict[str, str], dbt: Path) -> subprocess.CompletedProcess[str]:
    """A script in one shell, with `aws` and `dbt` on the path."""
    folders = [str(Path(sys.executable).parent), str(dbt.parent), environment["PATH"]]
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=REPOSITORY,
        env={**environment, "PATH": os.pathsep.join(folders)},
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )


def objects(lake: Sandbox, bucket: str) -> dict[str, str]:
    """The keys of a bucket, with the ETags."""
    pages = lake.session("consumer").client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket)
    return {entry["Key"]: entry["ETag"] for page in pages for entry in page.get("Contents", [])}


def test_dbt_builds_the_model_as_the_page_describes(lake: Sandbox, role: dict[str, str], dbt: Path) -> None:
    """The page's blocks in order. The table has the durations, and dbt wrote only into its own place."""
    ours = [lake.outputs["LakeBucketName"], lake.outputs["ResultsBucketName"]]
    before = [objects(lake, bucket) for bucket in ours]
    page = "\n".join(text for language, text in FENCED.findall(section("dbt")) if language == "sh")
    assert "dbt build" in page

    done = run(page, role, dbt)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    assert "PASS=3 WARN=0 ERROR=0" in done.stdout

    described = lake.session("consumer").client("cloudformation").describe_stacks(StackName="ddb-lake-dbt")
    outputs = {line["OutputKey"]: line["OutputValue"] for line in described["Stacks"][0]["Outputs"]}
    built = rows(
        lake,
        outputs["WorkgroupName"],
        "SELECT order_id, coalesce(status, ''), seconds, is_current"
        f" FROM {outputs['DatabaseName']}.order_status_durations",
    )
    found = sorted([row[0], row[1], float(str(row[2])), row[3] == "true"] for row in built)
    assert found == expected_durations()

    written = objects(lake, outputs["BucketName"])
    assert {key.split("/")[0] for key in written} == {"results", "tables"}
    tables = [key for key in written if key.startswith("tables/")]
    assert all(key.startswith("tables/ddb_lake_dbt/order_status_durations/") for key in tables)
    assert [objects(lake, bucket) for bucket in ours] == before
    assert [line for line in refusals(lake.folder) if ":assumed-role/dbt/" in line["principal"]] == []

    # Again, into the same place; and into the lake's database, which it must not change.
    again = page[page.index("AWS_REGION=") :]
    assert run(again, role, dbt).returncode == 0
    denied = run(again, {**role, "DBT_DATABASE_NAME": lake.outputs["DatabaseName"]}, dbt)
    assert denied.returncode != 0
    assert "glue:CreateTable" in denied.stdout
    names = lake.session("consumer").client("glue").get_tables(DatabaseName=lake.outputs["DatabaseName"])
    assert "order_status_durations" not in {table["Name"] for table in names["TableList"]}
    assert [objects(lake, bucket) for bucket in ours] == before
