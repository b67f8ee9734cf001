"""Which objects the engine reads, what it counts as scanned, and how a query ends."""

import threading
import time

import duckdb
import pytest

from glue.tables import METADATA_COLUMNS
from sandbox.athena.engine.database import shared_database
from sandbox.athena.errors import CancelledError, QueryError
from sandbox.athena.statements.dispatch import run
from tests.sql.lake import Lake, column, table_of

DAYS = ("2026-11-18", "2026-11-19", "2026-11-20")


@pytest.fixture
def week() -> Lake:
    """One object per day on three days, with one row each."""
    lake = Lake()
    for number, day in enumerate(DAYS):
        lake.put(f'{{"change_id":"{number}","n":"{number}"}}', day=day)
    return lake


def failure(lake: Lake, sql: str) -> str:
    """The error of a failing query."""
    with pytest.raises(QueryError) as raised:
        lake.run(sql)
    return str(raised.value)


# Reading


@pytest.mark.parametrize(
    ("condition", "days"),
    [
        ("dt = '2026-11-19'", 1),
        ("dt >= '2026-11-19'", 2),
        ("dt IN ('2026-11-18', '2026-11-20')", 2),
        ("dt BETWEEN '2026-11-19' AND '2026-11-20' AND n = '1'", 2),
        ("date(dt) > DATE '2026-11-19'", 1),
        ("dt >= date_format(current_date - INTERVAL '2' DAY, '%Y-%m-%d')", 2),
        ("substr(dt, 9, 2) = '18' AND dt > '2026'", 1),
        ("dt = '2026-11-19' OR n = '0'", 3),
        ("dt LIKE '2026-11-%' AND NOT dt = '2026-11-20'", 2),
        ("dt = '2026-12-24'", 0),
        ("dt IS NULL", 0),
        ("\"$path\" LIKE '%dt=2026-11-20%'", 1),
    ],
)
def test_condition_on_a_day_reads_those_days(week: Lake, condition: str, days: int) -> None:
    """Partition pruning: objects of other days are not read or counted, and the rows are the same."""
    result = week.run(f"SELECT change_id FROM changes WHERE {condition}")
    assert len(week.store.reads) == days
    assert result.scanned_bytes == sum(len(week.store.objects["lake", key][0]) for key in week.store.reads)
    derived = condition.replace('"$path"', "p")  # on a derived table, which is not pruned
    kept = week.ask(f'SELECT change_id FROM (SELECT *, "$path" AS p FROM changes) WHERE {derived}')
    assert result.rows is not None
    assert sorted(map(str, column(result.rows))) == sorted(map(str, column(kept)))


def test_outer_join_is_not_pruned_on_its_optional_side(week: Lake) -> None:
    """`WHERE right.dt IS NULL` selects rows without a partner; pruning would create wrong ones."""
    rows = week.ask("""
        SELECT l.change_id FROM changes AS l LEFT JOIN changes AS r ON l.change_id = r.change_id
        WHERE r.dt IS NULL
    """)
    assert rows == []


def test_each_use_of_a_table_is_pruned_separately(week: Lake) -> None:
    """A self-join reads a different day on each side."""
    result = week.run("""
        SELECT a.n, b.n FROM changes AS a, changes AS b WHERE a.dt = '2026-11-18' AND b.dt = '2026-11-20'
    """)
    assert result.rows == [["0", "2"]]
    assert len(week.store.reads) == 2


def test_hidden_and_empty_objects_are_not_read(week: Lake) -> None:
    """Names that start with `_` or `.` and empty objects are not data."""
    week.put('{"change_id":"hidden"}', name="_part.gz")
    week.put('{"change_id":"hidden"}', name=".part.gz")
    week.put('{"change_id":"hidden"}', name="_temporary/part.gz")
    week.put_bytes(b"", name="empty.gz")
    assert week.ask("SELECT count(*) FROM changes") == [["3"]]


def test_compression_follows_the_name(week: Lake) -> None:
    """`.gz` is decompressed, other names are read unchanged. A cut-off gzip object is an error."""
    week.put_bytes(b'{"change_id":"plain"}\n', name="plain.json")
    assert week.ask("SELECT count(*) FROM changes WHERE change_id = 'plain'") == [["1"]]
    body = week.store.objects["lake", "data/dt=2026-11-20/ddb-lake-1.gz"][0]
    week.put_bytes(body[: len(body) // 2], name="half.gz")
    assert failure(week, "SELECT change_id FROM changes").startswith("HIVE_CURSOR_ERROR")


def test_object_outside_the_range_is_not_read(week: Lake) -> None:
    """A projected table has only the days of its range, even if the bucket has others."""
    week.put('{"change_id":"old"}', day="2019-12-31")
    week.put('{"change_id":"tomorrow"}', day="2026-11-22")
    week.put('{"change_id":"later"}', day="2026-11-23")
    rows = week.ask("SELECT change_id FROM changes WHERE dt NOT LIKE '2026-11-1%' AND dt <> '2026-11-20'")
    assert rows == [["tomorrow"]]


def test_pseudocolumns_show_the_object_of_a_row(week: Lake) -> None:
    """`"$path"`, `"$file_size"` and `"$file_modified_time"`, and none of them in `*`."""
    path = week.put('{"change_id":"x"}', day="2026-11-17", modified="2026-11-17T10:00:00.123Z")
    size = len(week.store.objects["lake", path.removeprefix("s3://lake/")][0])
    rows = week.ask("""
        SELECT "$path", "$file_size", "$file_modified_time" FROM changes WHERE dt = '2026-11-17'
    """)
    assert rows == [[path, str(size), "2026-11-17 10:00:00.123 UTC"]]
    assert not [c.name for c in week.run("SELECT * FROM changes").columns if "$" in c.name]


def test_the_catalog_is_queryable(week: Lake) -> None:
    """information_schema lists databases, tables, views and columns, and marks partition columns."""
    week.run("CREATE VIEW v AS SELECT change_id FROM changes")
    assert week.ask("SELECT table_name, table_type FROM information_schema.tables ORDER BY 1") == [
        ["changes", "BASE TABLE"],
        ["v", "VIEW"],
    ]
    rows = week.ask("""
        SELECT column_name, data_type, extra_info FROM information_schema.columns
        WHERE table_schema = 'ddb_lake' AND table_name = 'changes' ORDER BY ordinal_position DESC LIMIT 2
    """)
    assert rows == [["dt", "varchar", "partition key"], ["n", "varchar", None]]
    assert failure(week, "SELECT 1 FROM information_schema.nope").startswith("TABLE_NOT_FOUND")


def test_second_query_reads_no_object_again(week: Lake) -> None:
    """Parsed columns are cached by ETag. A changed object is read again. Both count as scanned."""
    first = week.run("SELECT n FROM changes")
    second = week.run("SELECT n FROM changes")
    assert len(week.store.reads) == len(DAYS)
    assert first.scanned_bytes == second.scanned_bytes
    week.put('{"change_id":"9","n":"new"}', day=DAYS[0])
    assert ["new"] in week.ask("SELECT n FROM changes")


def test_column_declared_later_is_read_from_old_objects(week: Lake) -> None:
    """A column that the catalog function adds has values from objects that existed before."""
    week.put('{"change_id":"1","fresh":"yes"}', day="2026-11-17")
    week.ask("SELECT change_id FROM changes")
    week.catalog.definitions["ddb_lake"]["changes"]["StorageDescriptor"]["Columns"].append(
        {"Name": "fresh", "Type": "string"}
    )
    assert week.ask("SELECT fresh FROM changes WHERE fresh IS NOT NULL") == [["yes"]]


def test_a_thousand_attributes_and_a_row_of_a_megabyte() -> None:
    """DynamoDB's largest items are normal rows."""
    names = [f"a{number}" for number in range(1_000)]
    lake = Lake(names)
    lake.put("{" + ",".join(f'"{name}":"{name}"' for name in names) + ',"change_id":"1"}')
    lake.put('{"change_id":"2","a1":"' + "x" * 1_000_000 + '"}', day="2026-11-19")
    assert lake.ask("SELECT a999, length(a1) FROM changes ORDER BY change_id") == [
        ["a999", "2"],
        [None, "1000000"],
    ]
    assert len(lake.run("SELECT * FROM changes").columns) == len(METADATA_COLUMNS) + 1_000 + len(["dt"])


def test_a_json_array_does_not_depend_on_earlier_statements(week: Lake) -> None:
    """Its values fill the columns of a statement by position; earlier statements do not shift them."""
    week.put('["a", "b", "c"]', day="2026-11-20", name="foreign.gz")
    week.ask("SELECT n FROM changes")
    week.ask("SELECT change_time, change_type FROM changes")
    of_two = "SELECT change_type, n FROM changes WHERE dt = '2026-11-20' AND change_type IS NOT NULL"
    assert week.ask(of_two) == [["a", "b"]]


# Typed tables, such as the crawler's tables


def typed(columns: dict[str, str], *lines: str) -> Lake:
    """A typed JSON table with these lines."""
    lake = Lake()
    lake.catalog.definitions["ddb_lake"]["typed"] = table_of(columns)
    lake.store.add("typed/part.json", "".join(f"{line}\n" for line in lines).encode())
    return lake


def test_typed_columns_have_their_types() -> None:
    """The types that the crawler infers can be queried: numbers, arrays and structs, also nested."""
    columns = {
        "n": "bigint",
        "d": "double",
        "l": "array<string>",
        "s": "struct<a:int,b:string>",
        "m": "map<string,int>",
    }
    columns |= {"f": "boolean", "x": "decimal(10,2)", "t": "timestamp", "y": "date"}
    line = (
        '{"n":5,"d":1.5,"l":["a",1],"s":{"a":1,"B":"x"},"m":{"k":2},"f":true,"x":"1.005",'
        '"t":"2026-11-20T10:11:12.123Z","y":"2026-11-20"}'
    )
    result = typed(columns, line, "{}").run("SELECT *, s.b AS inner_b, l[2] AS second FROM typed ORDER BY n")
    assert [c.type for c in result.columns] == [
        "bigint",
        "double",
        "array",
        "row",
        "map",
        "boolean",
        "decimal",
        "timestamp",
        "date",
        "varchar",
        "varchar",
    ]
    assert result.rows is not None
    assert " | ".join(map(str, result.rows[0])) == (
        "5 | 1.5 | [a, 1] | {a=1, b=x} | {k=2} | true | 1.01 | 2026-11-20 10:11:12.123 | 2026-11-20 | x | 1"
    )
    assert result.rows[1][:-2] == [None] * 9


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("bigint", '"x"'),
        ("bigint", "{}"),
        ("int", "3000000000"),
        ("bigint", "1E999999999"),  # written out, this has a gigabyte of digits
        ("timestamp", "1E999999999"),
        ("double", '"1,5"'),
        ("struct<a:int>", "5"),
        ("date", '"x"'),
    ],
)
def test_drift_in_a_typed_column_is_bad_data(kind: str, value: str) -> None:
    """HIVE_BAD_DATA, even with `ignore.malformed.json`, and only for queries that read the column."""
    lake = typed({"id": "string", "v": kind}, f'{{"id":"1","v":{value}}}')
    assert failure(lake, "SELECT v FROM typed").startswith("HIVE_BAD_DATA")
    assert lake.ask("SELECT id FROM typed") == [["1"]]


def test_malformed_line_fails_if_it_is_not_ignored() -> None:
    """Without `ignore.malformed.json`, a line that does not parse is a HIVE_CURSOR_ERROR."""
    lake = typed({"a": "string"}, '{"a":"1"}', '{"a"')
    assert lake.ask("SELECT a FROM typed ORDER BY a") == [["1"], [None]]
    lake.catalog.definitions["ddb_lake"]["typed"]["StorageDescriptor"]["SerdeInfo"]["Parameters"] = {}
    assert failure(lake, "SELECT a FROM typed").startswith("HIVE_CURSOR_ERROR")


def test_registered_partitions_of_a_table_without_projection() -> None:
    """Folders are read if the catalog has them. Their values have the partition column's type."""
    lake = Lake()
    table = table_of({"a": "string"}, PartitionKeys=[{"Name": "year", "Type": "int"}])
    lake.catalog.definitions["ddb_lake"]["typed"] = table
    for year in (2025, 2026):
        lake.store.add(f"typed/year={year}/part.json", f'{{"a":"{year}"}}\n'.encode())
    assert lake.ask("SELECT a FROM typed") == []
    lake.run("MSCK REPAIR TABLE typed")
    result = lake.run("SELECT a, year FROM typed WHERE year + 1 > 2026")
    assert result.rows == [["2026", "2026"]]
    assert len(lake.store.reads) == 1


def test_partitions_of_a_table_are_a_table() -> None:
    """`"typed$partitions"` has one typed row per partition and reads no object. A flat table has none."""
    lake = Lake()
    table = table_of({"a": "string"}, PartitionKeys=[{"Name": "year", "Type": "int"}])
    lake.catalog.definitions["ddb_lake"] |= {"typed": table, "flat": table_of({"a": "string"})}
    for year in (999, 2026):
        lake.store.add(f"typed/year={year}/part.json", b'{"a":"x"}\n')
    assert lake.ask('SELECT max(year) FROM "typed$partitions"') == [[None]]
    lake.run("MSCK REPAIR TABLE typed")
    result = lake.run(
        'SELECT p.* FROM ddb_lake."typed$partitions" AS p JOIN "typed$partitions" AS q ON p.year <= q.year'
    )
    assert result.rows is not None
    assert sorted(result.rows, key=str) == [["2026"], ["999"], ["999"]]
    assert (lake.store.reads, result.scanned_bytes) == ([], 0)
    for name in ("flat$partitions", "nowhere$partitions"):
        assert f"'awsdatacatalog.ddb_lake.{name}' does not exist" in failure(lake, f'SELECT * FROM "{name}"')


def test_unsupported_serde_is_rejected() -> None:
    """The engine does not guess another format."""
    lake = typed({"a": "string"}, "1,2")
    lake.catalog.definitions["ddb_lake"]["typed"]["StorageDescriptor"]["SerdeInfo"] = {
        "SerializationLibrary": "org.apache.hadoop.hive.serde2.OpenCSVSerde"
    }
    assert "the sandbox's Athena does not support the SerDe" in failure(lake, "SELECT a FROM typed")


# How a query ends


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        (
            "SELECT 1 FROM nope",
            "TABLE_NOT_FOUND: line 1:15: Table 'awsdatacatalog.ddb_lake.nope' does not exist",
        ),
        ("SELECT 1 FROM a.nope", "SCHEMA_NOT_FOUND: line 1:15: Schema 'a' does not exist"),
        ("SELECT 1 FROM x.y.z", "CATALOG_NOT_FOUND: line 1:15: Catalog 'x' not found"),
        ("SELECT nope FROM changes", "COLUMN_NOT_FOUND: line 1:8: Column 'nope' cannot be resolved"),
        (
            "SELECT n AS m FROM changes WHERE m = '1'",
            "COLUMN_NOT_FOUND: line 1:34: Column 'm' cannot be resolved",
        ),
        (
            "SELECT * FROM changes WHERE n = 1",
            "TYPE_MISMATCH: line 1:29: Cannot apply operator: varchar = integer",
        ),
        (
            "SELECT sum(n) FROM changes",
            "FUNCTION_NOT_FOUND: line 1:8: Unexpected parameters (varchar) for function sum",
        ),
        ("SELECT nope(n) FROM changes", "FUNCTION_NOT_FOUND: line 1:8: Function 'nope' not registered"),
        ("SELECT CAST(n AS bigint) / 0 FROM changes", "DIVISION_BY_ZERO: Division by zero"),
        ("SELECT CAST('x' AS bigint)", "INVALID_CAST_ARGUMENT: Cannot cast 'x' to BIGINT"),
        (
            "DELETE FROM changes",
            "NOT_SUPPORTED: Modifying Hive table rows is only supported for transactional tables",
        ),
    ],
)
def test_failure_message_is_like_athenas(week: Lake, sql: str, reason: str) -> None:
    """It has the error's name, the position and the words that an Athena user searches for."""
    assert failure(week, sql) == reason


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT soundex('x')",
        "SELECT * FROM changes TABLESAMPLE BERNOULLI (10)",
        "SELECT CAST('x' AS char(3))",
        "EXPLAIN SELECT 1",
        "SELECT 2 BETWEEN SYMMETRIC 3 AND 1",
        "SELECT x FROM (VALUES 1) AS t(x) WHERE x IS TRUE",
        "ALTER TABLE changes RENAME TO x",
        "CREATE TABLE t WITH (table_type = 'ICEBERG') AS SELECT 1 AS a",
    ],
)
def test_unsupported_statement_is_rejected_with_the_sandboxs_name(week: Lake, sql: str) -> None:
    """The message names the sandbox; the engine never returns a wrong result."""
    assert "sandbox" in failure(week, sql)


def test_scan_limit_cancels_before_objects_are_read(week: Lake) -> None:
    """The workgroup's limit counts stored bytes, after pruning."""
    with pytest.raises(CancelledError, match="Bytes scanned limit was exceeded"):
        week.run("SELECT n FROM changes", scan_limit=100)
    assert week.store.reads == []
    assert week.run("SELECT n FROM changes WHERE dt = '2026-11-20'", scan_limit=100).rows == [["2"]]


def test_running_query_can_be_cancelled() -> None:
    """StopQueryExecution interrupts the engine, with its own reason."""
    query = Lake().query()
    threading.Timer(0.3, query.cancel, ["Query was cancelled by user"]).start()
    started = time.monotonic()
    with pytest.raises(CancelledError, match="cancelled by user"):
        run(
            query,
            "SELECT count(*) FROM UNNEST(sequence(1, 100000)) AS a(x), UNNEST(sequence(1, 1000000)) AS b(y)",
        )
    assert time.monotonic() - started < 20


def test_concurrent_queries_are_isolated(week: Lake) -> None:
    """Each has its own tables and clock."""
    results: dict[int, list[list[str | None]]] = {}

    def ask(number: int) -> None:
        results[number] = week.ask(f"SELECT count(*), {number} FROM changes AS a, changes AS b")

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {number: [["9", str(number)]] for number in range(6)}


def test_the_engine_cannot_access_files_or_the_network() -> None:
    """DuckDB's table functions and paths are not tables here, and DuckDB itself rejects them."""
    with pytest.raises(duckdb.PermissionException):
        shared_database().cursor().execute("SELECT * FROM read_text('/etc/hostname')")
    for sql in (
        "SELECT * FROM read_csv('/etc/passwd')",
        'SELECT * FROM "/etc/passwd"',
        "SELECT getenv('HOME')",
    ):
        with pytest.raises(QueryError):
            Lake().run(sql)
