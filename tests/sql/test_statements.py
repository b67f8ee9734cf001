"""Views, DDL, SHOW and the statements that write."""

import base64
import json

import pytest

from sandbox.athena.engine.results import column_of, from_csv, from_text, to_csv, to_text
from sandbox.athena.errors import MalformedQueryError, QueryError
from sandbox.athena.sql.parameters import with_parameters
from sandbox.athena.statements.dispatch import kind_of
from tests.sql.lake import Lake, column


@pytest.fixture
def lake() -> Lake:
    """A lake with two rows."""
    result = Lake()
    result.put('{"change_id":"1","n":"5","pk":"a"}', '{"change_id":"2","n":"x","pk":"b"}')
    return result


def failure(lake: Lake, sql: str) -> str:
    """The error of a failing statement."""
    with pytest.raises(QueryError) as raised:
        lake.run(sql)
    return str(raised.value)


# Views


def test_view_is_stored_like_in_athena(lake: Lake) -> None:
    """VIRTUAL_VIEW, the definition in base64 with its columns, and Hive's types in the descriptor."""
    lake.run("CREATE VIEW v AS SELECT change_id, try_cast(n AS bigint) AS n FROM changes")
    stored = lake.catalog.definitions["ddb_lake"]["v"]
    text = stored["ViewOriginalText"]
    assert stored["TableType"] == "VIRTUAL_VIEW"
    assert text.startswith("/* Presto View: ")
    definition = json.loads(base64.b64decode(text.removeprefix("/* Presto View: ").removesuffix(" */")))
    assert definition == {
        "originalSql": "SELECT change_id, try_cast(n AS bigint) AS n FROM changes",
        "catalog": "awsdatacatalog",
        "schema": "ddb_lake",
        "columns": [{"name": "change_id", "type": "varchar"}, {"name": "n", "type": "bigint"}],
    }
    assert [c["Type"] for c in stored["StorageDescriptor"]["Columns"]] == ["string", "bigint"]


def test_view_can_be_queried_and_nested(lake: Lake) -> None:
    """A view on a view, aliased, joined, and read from another database."""
    lake.catalog.create_database("other", "", "")
    lake.run("CREATE VIEW v AS SELECT change_id, try_cast(n AS bigint) AS n FROM changes")
    lake.run(
        "CREATE OR REPLACE VIEW other.w AS SELECT change_id AS id, n + 1 AS m FROM v WHERE n IS NOT NULL"
    )
    assert lake.ask("SELECT a.id, b.n FROM other.w AS a JOIN v b ON a.id = b.change_id") == [["1", "5"]]
    assert lake.run("SELECT * FROM other.w").columns[1].type == "bigint"


def test_view_prunes_by_its_own_condition(lake: Lake) -> None:
    """The day in a view's WHERE is a condition on the table."""
    lake.put('{"change_id":"3"}', day="2026-11-01")
    lake.run("CREATE VIEW v AS SELECT change_id FROM changes WHERE dt >= '2026-11-15'")
    lake.ask("SELECT * FROM v")
    assert lake.store.reads == ["data/dt=2026-11-20/ddb-lake-1.gz"]


def test_stale_view_is_reported(lake: Lake) -> None:
    """A view's columns are fixed when it is created. If the table grows, a view with `*` is stale."""
    lake.run("CREATE VIEW v AS SELECT * FROM changes")
    lake.catalog.definitions["ddb_lake"]["changes"]["StorageDescriptor"]["Columns"].append(
        {"Name": "new", "Type": "string"}
    )
    assert failure(lake, "SELECT * FROM v").startswith("INVALID_VIEW")
    lake.run("CREATE OR REPLACE VIEW v AS SELECT * FROM changes")
    assert [column.name for column in lake.run("SELECT * FROM v").columns][-2:] == ["new", "dt"]


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("CREATE VIEW v AS SELECT count(*) FROM changes", "MISSING_COLUMN_NAME"),
        ("CREATE VIEW v AS SELECT 1 AS a, 2 AS a", "DUPLICATE_COLUMN_NAME"),
        ("CREATE VIEW v AS SELECT NULL AS a", "COLUMN_TYPE_UNKNOWN"),
        (
            "CREATE VIEW v AS SELECT now() AS a",
            "NOT_SUPPORTED: Unsupported Hive type: timestamp(3) with time zone",
        ),
        ("CREATE VIEW v AS SELECT nope FROM changes", "COLUMN_NOT_FOUND"),
        ("CREATE VIEW changes AS SELECT 1 AS a", "TABLE_ALREADY_EXISTS"),
        ("CREATE OR REPLACE VIEW changes AS SELECT 1 AS a", "TABLE_ALREADY_EXISTS"),
        ("CREATE VIEW nodb.v AS SELECT 1 AS a", "SCHEMA_NOT_FOUND"),
        ("DROP VIEW changes", "TABLE_NOT_FOUND"),
        ("DROP VIEW nope", "TABLE_NOT_FOUND"),
    ],
)
def test_invalid_view_changes_nothing(lake: Lake, sql: str, reason: str) -> None:
    """An invalid view is not partly created, and a table is never treated as a view."""
    before = dict(lake.catalog.definitions["ddb_lake"])
    assert failure(lake, sql).startswith(reason)
    assert lake.catalog.definitions["ddb_lake"] == before


def test_view_of_itself_is_rejected(lake: Lake) -> None:
    """Replacing a view with a query on itself is an error, not a loop."""
    lake.run("CREATE VIEW v AS SELECT change_id FROM changes")
    lake.run("CREATE OR REPLACE VIEW w AS SELECT change_id FROM v")
    lake.run("CREATE OR REPLACE VIEW v AS SELECT change_id FROM w")
    assert failure(lake, "SELECT * FROM v").startswith("INVALID_VIEW")


def test_drop_view_if_exists(lake: Lake) -> None:
    """With IF EXISTS, a missing view is not an error."""
    lake.run("CREATE VIEW v AS SELECT change_id FROM changes")
    lake.run("DROP VIEW IF EXISTS v")
    lake.run("DROP VIEW IF EXISTS v")
    assert "v" not in lake.catalog.definitions["ddb_lake"]


# DDL and SHOW


def test_external_table_is_declared_and_read(lake: Lake) -> None:
    """CREATE EXTERNAL TABLE with a SerDe, a partition and properties. DROP TABLE keeps the data."""
    lake.run("""
        CREATE EXTERNAL TABLE IF NOT EXISTS `errors` (errorcode string, attemptsmade int)
        PARTITIONED BY (dt string)
        ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'
        LOCATION 's3://lake/errors/'
        TBLPROPERTIES ('projection.enabled'='true', 'projection.dt.type'='date',
          'projection.dt.format'='yyyy-MM-dd', 'projection.dt.range'='2026-11-01,NOW')
    """)
    lake.store.add("errors/dt=2026-11-20/part.json", b'{"errorCode":"Lambda.Failed","attemptsMade":4}\n')
    assert lake.ask("SELECT errorcode, attemptsmade + 1, dt FROM errors") == [
        ["Lambda.Failed", "5", "2026-11-20"]
    ]
    lake.run("DROP TABLE errors")
    assert ("lake", "errors/dt=2026-11-20/part.json") in lake.store.objects


def test_partitions_are_added_and_dropped(lake: Lake) -> None:
    """ALTER TABLE ADD and DROP PARTITION, and SHOW PARTITIONS."""
    lake.run("""
        CREATE EXTERNAL TABLE t (a string) PARTITIONED BY (d string)
        ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe' LOCATION 's3://lake/t/'
    """)
    lake.store.add("elsewhere/x.json", b'{"a":"1"}\n')
    lake.run("ALTER TABLE t ADD PARTITION (d='one') LOCATION 's3://lake/elsewhere/'")
    assert lake.ask("SELECT a, d FROM t") == [["1", "one"]]
    assert lake.ask("SHOW PARTITIONS t") == [["d=one"]]
    assert "AlreadyExists" in failure(lake, "ALTER TABLE t ADD PARTITION (d='one')")
    lake.run("ALTER TABLE t ADD IF NOT EXISTS PARTITION (d='one')")
    lake.run("ALTER TABLE t DROP PARTITION (d='one')")
    assert lake.ask("SELECT a FROM t") == []


def test_repair_of_a_projected_table_registers_nothing(lake: Lake) -> None:
    """Projection needs no registered partitions: the statement succeeds and does not change the catalog."""
    assert lake.run("MSCK REPAIR TABLE changes").rows == []
    assert lake.catalog.registered == {}


def test_columns_are_added(lake: Lake) -> None:
    """ALTER TABLE ADD COLUMNS appends."""
    lake.run("ALTER TABLE changes ADD COLUMNS (more string)")
    assert column(lake.ask("SHOW COLUMNS IN changes"))[-2:] == ["more".ljust(20), "dt".ljust(20)]


def test_show_and_describe(lake: Lake) -> None:
    """The statements that the console and awswrangler use."""
    lake.run("CREATE VIEW v AS SELECT change_id FROM changes")
    assert lake.ask("SHOW DATABASES") == [["ddb_lake"]]
    assert lake.ask("SHOW TABLES") == [["changes"], ["v"]]
    assert lake.ask("SHOW TABLES IN ddb_lake 'ch*'") == [["changes"]]
    assert lake.ask("SHOW VIEWS") == [["v"]]
    assert lake.ask("SHOW CREATE VIEW v")[0] == ["CREATE VIEW v AS"]
    assert lake.ask("SHOW TBLPROPERTIES changes('projection.dt.type')") == [["projection.dt.type\tdate"]]
    assert str(column(lake.ask("DESCRIBE changes"))[0]).split() == ["change_id", "string"]
    assert "`dt` string" in "\n".join(map(str, column(lake.ask("SHOW CREATE TABLE changes"))))
    assert "Table not found" in failure(lake, "DESCRIBE nope")


# Writing


def test_table_from_a_query(lake: Lake) -> None:
    """CTAS writes Parquet with its types, and INSERT adds to it."""
    lake.run("""
        CREATE TABLE copy WITH (format = 'PARQUET', external_location = 's3://lake/copy/') AS
        SELECT change_id, try_cast(n AS bigint) AS n, CAST('1.50' AS decimal(10, 2)) AS d, ARRAY['a'] AS l
        FROM changes
    """)
    assert lake.ask("SELECT * FROM copy ORDER BY change_id") == [
        ["1", "5", "1.50", "[a]"],
        ["2", None, "1.50", "[a]"],
    ]
    lake.run("INSERT INTO copy VALUES ('3', CAST(7 AS bigint), CAST('2.00' AS decimal(10, 2)), ARRAY['b'])")
    assert lake.ask("SELECT sum(n), max(d) FROM copy") == [["12", "2.00"]]
    assert failure(lake, "INSERT INTO copy VALUES ('3')").startswith("TYPE_MISMATCH")
    assert failure(lake, "CREATE TABLE copy AS SELECT 1 AS a").startswith("TABLE_ALREADY_EXISTS")


def test_unload_writes_objects(lake: Lake) -> None:
    """UNLOAD writes JSON. A target that is not empty is rejected."""
    sql = "UNLOAD (SELECT change_id, n FROM changes ORDER BY 1) TO 's3://lake/out/' WITH (format = 'JSON')"
    result = lake.run(sql)
    assert result.update_count == 2
    assert len(result.manifest) == 1
    assert failure(lake, sql).startswith("HIVE_PATH_ALREADY_EXISTS")


def test_result_object_is_read_back_unchanged() -> None:
    """Old results are read from S3 again. NULL, empty text, quotes, commas and line ends are kept."""
    rows: list[list[str | None]] = [["a", None, ""], ['say "hi"', "x,y", "one\ntwo"], [None, None, None]]
    columns = [column_of(name, "varchar") for name in "xyz"]
    assert from_csv(to_csv(columns, rows)) == rows
    assert from_text(to_text([["one\ttwo"], [""]])) == [["one\ttwo"], [""]]


# Kinds of statements


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("-- about\nSELECT 1", ("DML", "SELECT", ".csv")),
        ("WITH a AS (SELECT 1) SELECT * FROM a;", ("DML", "SELECT", ".csv")),
        ("create or replace view v as select 1 as a", ("DDL", "CREATE_VIEW", ".txt")),
        ("SHOW TABLES", ("UTILITY", "SHOW_TABLES", ".txt")),
        ("CREATE TABLE t AS SELECT 1 AS a", ("DDL", "CREATE_TABLE_AS_SELECT", "")),
    ],
)
def test_statement_is_classified(sql: str, kind: tuple[str, str, str]) -> None:
    """StatementType, SubstatementType and the result object's ending."""
    result = kind_of(sql)
    assert (result.type, result.substatement, result.extension) == kind


@pytest.mark.parametrize(
    "sql", ["SELEC 1", "SELECT 1 FROM", "SELECT (1", "SELECT 1; SELECT 2", "SELECT 'a", ""]
)
def test_malformed_statement_is_rejected_at_once(sql: str) -> None:
    """StartQueryExecution rejects it, so there is no execution."""
    with pytest.raises(MalformedQueryError):
        kind_of(sql)


def test_a_query_without_values_reports_how_many_it_takes(lake: Lake) -> None:
    """The message is Athena's (aws-sdk-js-v3, issue 3837). A `?` in a text or a comment does not count."""
    expected = "INVALID_PARAMETER_USAGE: Incorrect number of parameters: expected 2 but found 0"
    assert failure(lake, "SELECT pk FROM changes WHERE pk = ? LIMIT ? -- ?") == expected
    assert failure(lake, "CREATE VIEW v AS SELECT pk FROM changes WHERE pk IN (?, ?)") == expected
    assert len(lake.ask("SELECT pk FROM changes WHERE pk <> '?' -- ?")) == 2


def test_parameters_replace_their_question_marks() -> None:
    """Question marks in texts and comments are not parameters. A value must be a literal."""
    assert with_parameters("SELECT '?', ? -- ?\n, ?", ["'it''s'", "10"]) == "SELECT '?', 'it''s' -- ?\n, 10"
    with pytest.raises(MalformedQueryError, match="expected 1 but found 2"):
        with_parameters("SELECT ?", ["1", "2"])
    for value in ("n", "(SELECT 1)", "1, 2; DROP TABLE x", "'a"):
        with pytest.raises(MalformedQueryError, match="is not a literal"):
            with_parameters("SELECT ?", [value])
