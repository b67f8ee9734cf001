"""Clients that people use, and the shipped stack: awswrangler, the named queries, views in the catalog."""

from typing import Any

import awswrangler as wr
import pytest

from sandbox.lifecycle import Sandbox
from tests.sandbox.athena_scene import Scene, make_scene
from tests.sql.cases import QUERIES

pytestmark = pytest.mark.sandbox


@pytest.fixture
def scene(emulator: Sandbox, unique: str, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """Two rows, and awswrangler pointed at the sandbox as a profile points it."""
    scene = make_scene(emulator, unique)
    scene.put('{"change_id":"1","pk":"a","n":1.5}', '{"change_id":"2","pk":"b"}')
    for name, value in emulator.environment().items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)
    return scene


def ask(scene: Scene, sql: str, **more: Any) -> Any:
    """Awswrangler's result of a query, NaN as None."""
    frame = wr.athena.read_sql_query(
        sql, database=scene.database, workgroup=scene.name, boto3_session=scene.session, **more
    )
    return frame.astype(object).where(frame.notna(), None).values.tolist()


@pytest.mark.parametrize(
    "how",
    [
        {"ctas_approach": False},
        {"ctas_approach": True},
        {"ctas_approach": False, "unload_approach": True},
    ],
    ids=["csv", "ctas", "unload"],
)
def test_awswrangler_reads_results_in_all_its_modes(scene: Scene, how: dict[str, bool]) -> None:
    """By the CSV object, by CREATE TABLE AS and by UNLOAD the values and types are the same."""
    if how.get("unload_approach"):
        how = {**how, "s3_output": f"s3://{scene.name}/results/unloaded/"}  # type: ignore[dict-item]
    sql = "SELECT change_id, try_cast(n AS double) AS n, length(pk) AS size FROM changes ORDER BY change_id"
    rows = ask(scene, sql, **how)
    assert [[row[0], None if str(row[1]) == "<NA>" else row[1], row[2]] for row in rows] == [
        ["1", 1.5, 1],
        ["2", None, 1],
    ]


def test_awswrangler_passes_parameters(scene: Scene) -> None:
    """Question marks are sent as ExecutionParameters."""
    rows = ask(
        scene,
        "SELECT change_id FROM changes WHERE pk = ?",
        ctas_approach=False,
        params=["'b'"],
        paramstyle="qmark",
    )
    assert rows == [["2"]]


def test_awswrangler_describes_tables(scene: Scene) -> None:
    """SHOW CREATE TABLE and DESCRIBE, as the client parses them."""
    arguments = {"database": scene.database, "workgroup": scene.name, "boto3_session": scene.session}
    assert "CREATE EXTERNAL TABLE" in wr.athena.show_create_table("changes", **arguments)
    described = wr.athena.describe_table("changes", **arguments)
    assert described["Column Name"].tolist()[:2] == ["change_id", "change_type"]


def test_view_created_through_athena_is_in_the_catalog(scene: Scene) -> None:
    """CREATE VIEW, SELECT and DROP VIEW have the same effect in Glue as on AWS."""
    scene.run("CREATE OR REPLACE VIEW typed AS SELECT change_id, try_cast(n AS double) AS n FROM changes")
    table = scene.session.client("glue").get_table(DatabaseName=scene.database, Name="typed")["Table"]
    assert table["TableType"] == "VIRTUAL_VIEW"
    assert [(c["Name"], c["Type"]) for c in table["StorageDescriptor"]["Columns"]] == [
        ("change_id", "string"),
        ("n", "double"),
    ]
    assert scene.rows("SELECT sum(n) FROM typed") == [["1.5"]]
    assert scene.run("DROP VIEW typed")["Status"]["State"] == "SUCCEEDED"
    assert "TABLE_NOT_FOUND" in scene.reason("SELECT 1 FROM typed")


def test_every_named_query_runs_in_the_shipped_workgroup(two_accounts: Sandbox) -> None:
    """The saved queries equal the files, and each one succeeds on the lake."""
    session = two_accounts.session("consumer")
    athena, workgroup = session.client("athena"), two_accounts.outputs["WorkgroupName"]
    ids = athena.list_named_queries(WorkGroup=workgroup)["NamedQueryIds"]
    named = {q["Name"]: q for q in athena.batch_get_named_query(NamedQueryIds=ids)["NamedQueries"]}
    assert set(named) >= {path.stem for path in QUERIES.glob("*.sql")}
    helper = Scene(two_accounts, workgroup, "", session, "")
    for name, query in named.items():
        takes = "Parameter 1:" in query["QueryString"]
        execution = helper.run(
            query["QueryString"],
            QueryExecutionContext={"Database": query["Database"]},
            **({"ExecutionParameters": ["'{}'"]} if takes else {}),
        )
        assert execution["Status"]["State"] == "SUCCEEDED", (name, execution["Status"])
