"""Iceberg tables, written by PyIceberg, read by the sandbox's Athena."""

import hashlib
import io
import json
import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyiceberg.manifest import FileFormat
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table import Table
from pyiceberg.transforms import BucketTransform, IdentityTransform
from pyiceberg.typedef import Record
from pyiceberg.types import (
    BinaryType,
    BooleanType,
    DateType,
    DecimalType,
    DoubleType,
    FixedType,
    FloatType,
    IcebergType,
    IntegerType,
    ListType,
    LongType,
    MapType,
    NestedField,
    StringType,
    StructType,
    TimestampType,
    TimestamptzType,
    TimeType,
    UUIDType,
)

from sandbox.athena.errors import CancelledError, QueryError
from tests.sql.iceberg import Catalog, commit_deletes, data_file, delete_file, memory_catalog
from tests.sql.lake import Lake, column

ROOT = "s3://lake/settled/t"
TEXT = StringType()


@pytest.fixture
def lake() -> Lake:
    """A lake whose declared table is empty."""
    return Lake()


@pytest.fixture
def catalog(lake: Lake) -> Catalog:
    """PyIceberg's catalog of the lake."""
    return memory_catalog(lake)


def schema_of(**kinds: IcebergType) -> Schema:
    """A schema of these columns; nested types bring ids above 100."""
    return Schema(*(NestedField(at, name, kind) for at, (name, kind) in enumerate(kinds.items(), start=1)))


def make(catalog: Catalog, schema: Schema, *fields: PartitionField, name: str = "t", **more: Any) -> Table:
    """An empty table."""
    return catalog.create_table(
        f"ddb_lake.{name}",
        schema,
        location=f"s3://lake/settled/{name}",
        partition_spec=PartitionSpec(*fields),
        **more,
    )


def by_day(catalog: Catalog) -> Table:
    """A table of changes by day: three days of two rows, one data file per day."""
    day = PartitionField(2, 1000, IdentityTransform(), "dt")
    table = make(catalog, schema_of(pk=TEXT, dt=TEXT, n=LongType()), day)
    for number in range(3):
        rows = {"pk": [f"a{number}", f"b{number}"], "dt": [f"2026-11-{number + 1:02}"] * 2}
        table.append(pa.table({**rows, "n": [number, None]}))
    return table


def data_reads(lake: Lake) -> list[str]:
    """The data files that were read since the last call, each once, in order."""
    found = sorted({key for key in lake.store.reads if key.endswith(".parquet")})
    lake.store.reads.clear()
    return found


def days_read(lake: Lake, where: str) -> list[str]:
    """The days of the data files that a query with this condition reads."""
    lake.store.reads.clear()
    lake.ask(f"SELECT n FROM t WHERE {where}")
    return [re.findall(r"dt=[0-9]+-[0-9]+-([0-9]+)/", key)[0] for key in data_reads(lake)]


# Rows, columns and types


def test_an_empty_table_has_no_rows(lake: Lake, catalog: Catalog) -> None:
    """A table without a snapshot is a table of no rows."""
    make(catalog, schema_of(pk=TEXT))
    assert lake.ask("SELECT count(*), max(pk) FROM t") == [["0", None]]


def test_text_numbers_and_booleans_are_read_with_null(lake: Lake, catalog: Catalog) -> None:
    """The types of the settled tables, with PyIceberg's own reader as the judge."""
    table = make(catalog, schema_of(pk=TEXT, settled_ties=LongType(), settled_leans=BooleanType()))
    table.append(
        pa.table(
            {"pk": ["a", "", None], "settled_ties": [2**62, None, 1], "settled_leans": [True, False, None]}
        )
    )
    rows = lake.ask("SELECT * FROM t ORDER BY settled_ties")
    assert rows == [[None, "1", None], ["a", str(2**62), "true"], ["", None, "false"]]
    judged = table.scan().to_arrow().sort_by("settled_ties").to_pylist()
    assert [row["pk"] for row in judged] == column(rows)


def test_every_primitive_type_of_athena_is_read(lake: Lake, catalog: Catalog) -> None:
    """The types of the page "Supported data types for Iceberg tables in Athena"."""
    kinds = {
        "i": IntegerType(), "f": FloatType(), "d": DoubleType(), "m": DecimalType(38, 3), "day": DateType(),
        "at": TimestampType(), "atz": TimestamptzType(), "raw": BinaryType(),
    }  # fmt: skip
    table = make(catalog, schema_of(**kinds))
    row = {
        "i": 7, "f": 1.5, "d": 0.1, "m": Decimal("12345678901234567890123456789012345.678"), "day": 20_000,
        "at": 1_700_000_000_123_000, "atz": 1_700_000_000_123_000, "raw": b"\x01\xff",
    }  # fmt: skip
    table.append(pa.Table.from_pylist([row], schema=table.schema().as_arrow()))
    result = lake.run("SELECT * FROM t")
    assert result.rows == [
        [
            "7", "1.5", "0.1", "12345678901234567890123456789012345.678", "2024-10-04",
            "2023-11-14 22:13:20.123", "2023-11-14 22:13:20.123 UTC", "01 ff",
        ]
    ]  # fmt: skip
    assert [c.type for c in result.columns] == [
        "integer", "float", "double", "decimal", "date", "timestamp", "timestamp with time zone", "varbinary",
    ]  # fmt: skip


def test_a_timestamp_with_microseconds_is_refused(lake: Lake, catalog: Catalog) -> None:
    """The engine has three digits: an answer without the others would be wrong."""
    table = make(catalog, schema_of(pk=TEXT, at=TimestampType()))
    table.append(pa.table({"pk": ["a"], "at": pa.array([1_700_000_000_123_456], pa.timestamp("us"))}))
    assert lake.ask("SELECT pk FROM t") == [["a"]]
    with pytest.raises(QueryError, match="column at: a timestamp has more than three digits of a second"):
        lake.ask("SELECT at FROM t")


@pytest.mark.parametrize(
    ("kind", "name"), [(UUIDType(), "uuid"), (TimeType(), "time"), (FixedType(4), "fixed")]
)
def test_a_column_of_an_unsupported_type_is_refused_by_name_only(
    lake: Lake, catalog: Catalog, kind: IcebergType, name: str
) -> None:
    """Other columns of the table can be read; `SELECT *` names the column too."""
    make(catalog, schema_of(pk=TEXT, u=kind))
    assert lake.ask("SELECT count(pk) FROM t") == [["0"]]
    for sql in ("SELECT u FROM t", "SELECT * FROM t"):
        with pytest.raises(QueryError, match=f"does not support the Iceberg type {name}"):
            lake.ask(sql)


def nested(catalog: Catalog) -> Table:
    """A table with a struct, a list and a map, and one row."""
    struct = StructType(NestedField(101, "Name", TEXT), NestedField(102, "n", LongType()))
    kinds = {
        "s": struct,
        "l": ListType(103, struct_of(104, "x", TEXT)),
        "m": MapType(105, TEXT, 106, LongType()),
    }
    table = make(catalog, schema_of(**kinds))
    row = {"s": {"Name": "a", "n": 1}, "l": [{"x": "p"}, {"x": None}], "m": [("k", 5)]}
    table.append(pa.Table.from_pylist([row], schema=table.schema().as_arrow()))
    return table


def struct_of(field_id: int, name: str, kind: IcebergType) -> StructType:
    """A struct of one field."""
    return StructType(NestedField(field_id, name, kind))


def test_structs_lists_and_maps_are_read(lake: Lake, catalog: Catalog) -> None:
    """Fields of a struct are found in any case."""
    nested(catalog)
    rows = lake.ask("SELECT s.name, s.n, cardinality(l), l[1].x, m['k'], s FROM t")
    assert rows == [["a", "1", "2", "p", "5", "{name=a, n=1}"]]
    assert lake.ask("SELECT x FROM t CROSS JOIN UNNEST(l) AS u(x)") == [["p"], [None]]


# Schema evolution


def test_a_column_added_later_is_null_in_older_files(lake: Lake, catalog: Catalog) -> None:
    """The older file lacks the column; both files answer."""
    table = make(catalog, schema_of(pk=TEXT))
    table.append(pa.table({"pk": ["old"]}))
    with table.update_schema() as update:
        update.add_column("later", TEXT)
    table.append(pa.table({"pk": ["new"], "later": ["x"]}))
    assert lake.ask("SELECT pk, later FROM t ORDER BY pk") == [["new", "x"], ["old", None]]
    assert lake.ask("SELECT pk FROM t WHERE later IS NULL") == [["old"]]


def test_columns_are_resolved_by_field_id(lake: Lake, catalog: Catalog) -> None:
    """A renamed column keeps its values, and a new column of an old name does not get them."""
    table = make(catalog, schema_of(pk=TEXT, n=TEXT))
    table.append(pa.table({"pk": ["a"], "n": ["first"]}))
    with table.update_schema() as update:
        update.rename_column("n", "renamed")
    with table.update_schema() as update:
        update.add_column("n", LongType())
    table.append(pa.table({"pk": ["b"], "renamed": ["second"], "n": [2]}))
    assert lake.ask("SELECT pk, renamed, n FROM t ORDER BY pk") == [
        ["a", "first", None],
        ["b", "second", "2"],
    ]
    assert lake.ask("SELECT pk FROM t WHERE n IS NULL") == [["a"]]
    assert lake.ask("SELECT pk FROM t WHERE renamed = 'first'") == [["a"]]


def test_nested_fields_are_resolved_by_field_id(lake: Lake, catalog: Catalog) -> None:
    """A field added to a struct is NULL in older files, a renamed one keeps its values."""
    table = nested(catalog)
    with table.update_schema() as update:
        update.rename_column("s.n", "number")
        update.add_column(("s", "later"), TEXT)
    assert lake.ask("SELECT s.name, s.number, s.later FROM t") == [["a", "1", None]]


def test_a_dropped_column_is_gone_everywhere(lake: Lake, catalog: Catalog) -> None:
    """The catalog keeps the column as one of an earlier schema: no statement shows it."""
    table = make(catalog, schema_of(pk=TEXT, gone=TEXT))
    table.append(pa.table({"pk": ["a"], "gone": ["x"]}))
    with table.update_schema() as update:
        update.delete_column("gone")
    assert [c["Name"] for c in lake.catalog.definitions["ddb_lake"]["t"]["StorageDescriptor"]["Columns"]] == [
        "pk",
        "gone",
    ]
    assert lake.ask("SELECT * FROM t") == [["a"]]
    with pytest.raises(QueryError, match="Column 'gone' cannot be resolved"):
        lake.ask("SELECT gone FROM t")
    assert [str(line).split() for line in column(lake.ask("SHOW COLUMNS IN t"))] == [["pk"]]
    assert len(lake.ask("DESCRIBE t")) == 1


def test_a_type_is_widened(lake: Lake, catalog: Catalog) -> None:
    """An int column became a long one: files of both are read."""
    table = make(catalog, schema_of(n=IntegerType()))
    table.append(pa.table({"n": pa.array([1], pa.int32())}))
    with table.update_schema() as update:
        update.update_column("n", LongType())
    table.append(pa.table({"n": [2**40]}))
    assert lake.ask("SELECT n FROM t ORDER BY n") == [["1"], [str(2**40)]]


def test_columns_of_any_name_are_read(lake: Lake, catalog: Catalog) -> None:
    """Names with a dot, a space or capitals."""
    table = make(catalog, schema_of(**{"a.b": TEXT, "with space": TEXT, "Big": TEXT, "a": TEXT}))
    table.append(pa.table({"a.b": ["1"], "with space": ["2"], "Big": ["3"], "a": ["4"]}))
    assert lake.ask('SELECT "a.b", "with space", big, a FROM t') == [["1", "2", "3", "4"]]
    assert lake.ask("SELECT a FROM t WHERE \"a.b\" = '1' AND BIG >= '3'") == [["4"]]


def test_a_file_without_the_partition_column_has_the_value_of_its_partition(
    lake: Lake, catalog: Catalog
) -> None:
    """As files of a Hive table that became an Iceberg table (Iceberg spec, "Column Projection")."""
    table = by_day(catalog)
    path, schema = f"{ROOT}/data/dt=2026-11-09/hive.parquet", pa.schema([with_id("pk", pa.string(), 1)])
    body = parquet_of(schema, [{"pk": "h"}])
    table.io.put(path, body)  # type: ignore[attr-defined]
    with table.transaction() as transaction, transaction.update_snapshot().fast_append() as snapshot:
        snapshot.append_data_file(data_file(path, 1, len(body), Record("2026-11-09")))
    assert lake.ask("SELECT pk, dt, n FROM t WHERE dt > '2026-11-03'") == [["h", "2026-11-09", None]]
    assert table.refresh().scan(row_filter="pk = 'h'").to_arrow().column("dt").to_pylist() == ["2026-11-09"]


def test_a_file_without_field_ids_is_read_by_its_name_mapping(lake: Lake, catalog: Catalog) -> None:
    """PyIceberg's `add_files` takes such files and writes the mapping; a rename keeps it."""
    table = make(catalog, schema_of(pk=TEXT, n=LongType()))
    body = parquet_of(pa.schema([("n", pa.int64()), ("pk", pa.string())]), [{"pk": "p" * 999, "n": 1}])
    table.io.put(f"{ROOT}/data/plain.parquet", body)  # type: ignore[attr-defined]
    table.add_files([f"{ROOT}/data/plain.parquet"])
    with table.update_schema() as update:
        update.rename_column("n", "number")
    result = lake.run("SELECT length(pk), number FROM t")
    assert result.rows == [["999", "1"]]
    assert lake.run("SELECT count(*) FROM t").scanned_bytes < result.scanned_bytes <= len(body)


# Partitions, and files that are not read


@pytest.mark.parametrize(
    ("where", "days"),
    [
        ("dt = '2026-11-02'", ["02"]),
        ("'2026-11-02' = dt", ["02"]),
        ("dt IN ('2026-11-01', '2026-11-03')", ["01", "03"]),
        ("dt >= '2026-11-02'", ["02", "03"]),
        ("'2026-11-02' < dt", ["03"]),
        ("dt BETWEEN '2026-11-01' AND '2026-11-02'", ["01", "02"]),
        ("dt LIKE '2026-11-03%'", ["03"]),
        ("substr(dt, 9) = '03'", ["03"]),
        ("dt NOT IN ('2026-11-01')", ["02", "03"]),
        ("dt < date_format(date_add('day', -19, current_date), '%Y-%m-%d')", ["01"]),
        ("dt = '2026-11-01' OR dt = '2026-11-03'", ["01", "03"]),
        ("pk = 'a0'", ["01"]),
        ("pk = 'b1' AND dt <= '2026-11-01'", []),
        ("pk > 'b1'", ["03"]),
        ("n = 2", ["03"]),
        ("n > 0 AND pk <> ''", ["02", "03"]),
        ("dt = '2026-11-03' OR pk = 'a0'", ["01", "03"]),
        ("dt = '2026-11-01' OR length(pk) = 2", ["01", "02", "03"]),
        ("pk IS NULL", []),
        ("n IS NULL", ["01", "02", "03"]),
        ("n IS NOT NULL", ["01", "02", "03"]),
        ("NOT (pk = 'a1')", ["01", "02", "03"]),
        ("pk = dt", ["01", "02", "03"]),
    ],
)
def test_conditions_leave_files_out_and_keep_the_rows(
    lake: Lake, catalog: Catalog, where: str, days: list[str]
) -> None:
    """The files that are read are the expected ones, the rows those of a condition that prunes nothing."""
    by_day(catalog)
    assert days_read(lake, where) == days
    everything = f"SELECT pk FROM (SELECT pk, dt, n FROM t LIMIT 1000) WHERE {where} ORDER BY pk"
    assert lake.ask(f"SELECT pk FROM t WHERE {where} ORDER BY pk") == lake.ask(everything)


def test_path_is_a_condition_that_leaves_files_out(lake: Lake, catalog: Catalog) -> None:
    """`"$path"` is the data file's address; a list of literals leaves files out."""
    by_day(catalog)
    paths = column(lake.ask('SELECT DISTINCT "$path" FROM t ORDER BY 1'))
    assert [str(path).startswith(f"{ROOT}/data/dt=2026-11-0{n}/") for n, path in enumerate(paths, 1)] == [
        True
    ] * 3
    data_reads(lake)
    assert lake.ask(f"SELECT count(*) FROM t WHERE \"$path\" NOT IN ('{paths[0]}', '{paths[2]}')") == [["2"]]
    assert [f"s3://lake/{key}" for key in data_reads(lake)] == [paths[1]]


def test_file_size_is_no_column_of_an_iceberg_table(lake: Lake, catalog: Catalog) -> None:
    """Trino's Iceberg connector has `$path` and `$file_modified_time` only."""
    by_day(catalog)
    assert lake.ask('SELECT DISTINCT "$file_modified_time" FROM t') == [["2026-11-20 12:00:00.000 UTC"]]
    with pytest.raises(QueryError, match=r"COLUMN_NOT_FOUND: Column '\$file_size' cannot be resolved"):
        lake.ask('SELECT "$file_size" FROM t')


def test_one_key_reads_one_bucket(lake: Lake, catalog: Catalog) -> None:
    """Of eight buckets by key, one holds the key."""
    bucket = PartitionField(1, 1000, BucketTransform(8), "change_key_bucket")
    table = make(catalog, schema_of(change_key=TEXT, n=LongType()), bucket)
    table.append(
        pa.table({"change_key": [f'{{"pk":{{"S":"{n}"}}}}' for n in range(100)], "n": list(range(100))})
    )
    lake.ask("SELECT count(n) FROM t")
    assert len(data_reads(lake)) == 8
    assert lake.ask("""SELECT n FROM t WHERE change_key = '{"pk":{"S":"42"}}'""") == [["42"]]
    assert len(data_reads(lake)) == 1
    assert lake.ask(
        """SELECT n FROM t WHERE change_key IN ('{"pk":{"S":"42"}}', '{"pk":{"S":"7"}}') ORDER BY 1"""
    ) == [["7"], ["42"]]
    assert len(data_reads(lake)) <= 2


def test_a_partition_that_is_null_is_found(lake: Lake, catalog: Catalog) -> None:
    """A row without a day is in a partition of its own."""
    table = by_day(catalog)
    table.append(pa.table({"pk": ["z"], "dt": pa.array([None], pa.string()), "n": [9]}))
    assert lake.ask("SELECT pk FROM t WHERE dt IS NULL") == [["z"]]
    assert len(data_reads(lake)) == 1
    assert lake.ask("SELECT count(*) FROM t WHERE dt <> '2026-11-01'") == [["4"]]


def test_partitions_may_change(lake: Lake, catalog: Catalog) -> None:
    """Files of two partition specs: the older one has no day."""
    table = make(catalog, schema_of(pk=TEXT, dt=TEXT, n=LongType()))
    table.append(pa.table({"pk": ["a", "b"], "dt": ["2026-11-01", "2026-11-02"], "n": [1, 2]}))
    with table.update_spec() as update:
        update.add_identity("dt")
    table.append(pa.table({"pk": ["c", "d"], "dt": ["2026-11-01", "2026-11-02"], "n": [3, 4]}))
    assert lake.ask("SELECT pk FROM t WHERE substr(dt, 9) = '02' ORDER BY 1") == [["b"], ["d"]]
    data_reads(lake)
    assert lake.ask("SELECT pk FROM t WHERE dt = '2026-11-02' ORDER BY 1") == [["b"], ["d"]]
    assert len(data_reads(lake)) == 2
    partitions = lake.ask("""SELECT "partition", record_count FROM "t$partitions" ORDER BY 2, 1""")
    assert partitions == [["{dt=2026-11-01}", "1"], ["{dt=2026-11-02}", "1"], ["{dt=null}", "2"]]


# Bytes


@pytest.fixture(scope="module")
def large() -> Lake:
    """A table of two data files of more than 3 MB: below that, Trino reads a file whole."""
    lake = Lake()
    day = PartitionField(2, 1000, IdentityTransform(), "dt")
    table = make(memory_catalog(lake), schema_of(pk=TEXT, dt=TEXT, wide=TEXT, n=LongType()), day)
    rows = 150_000
    for number in (1, 2):
        wide = [hashlib.sha256(f"{number}-{n}".encode()).hexdigest() for n in range(rows)]
        keys = [f"{number}-{n:06}" for n in range(rows)]
        days = [f"2026-11-0{number}"] * rows
        table.append(pa.table({"pk": keys, "dt": days, "wide": wide, "n": list(range(rows))}))
    return lake


def test_only_named_columns_of_kept_files_count_as_scanned(large: Lake) -> None:
    """Bytes are the chunks of the named columns and the footers, as Parquet's metadata has them."""
    files = [body for (_, key), (body, _) in large.store.objects.items() if key.endswith(".parquet")]
    assert min(map(len, files)) > 3_000_000

    def expected(bodies: Sequence[bytes], *columns: str) -> int:
        total = 0
        for body in bodies:
            metadata = pq.ParquetFile(io.BytesIO(body)).metadata
            total += metadata.serialized_size + 8
            for group in map(metadata.row_group, range(metadata.num_row_groups)):
                chunks = map(group.column, range(group.num_columns))
                total += sum(c.total_compressed_size for c in chunks if c.path_in_schema in columns)
        return total

    def scanned(sql: str) -> int:
        return large.run(sql).scanned_bytes

    assert scanned("SELECT count(*) FROM t") == expected(files)
    assert scanned("SELECT sum(n) FROM t") == expected(files, "n")
    assert scanned("SELECT max(pk), max(wide) FROM t") == expected(files, "pk", "wide")
    assert scanned("SELECT max(pk) FROM t WHERE dt = '2026-11-02'") == expected(files[1:], "pk", "dt")
    assert scanned("SELECT max(pk) FROM t WHERE pk LIKE '1-%'") == expected(files[:1], "pk")
    assert scanned("SELECT sum(n) FROM t") * 5 < scanned("SELECT max(wide) FROM t") <= sum(map(len, files))


def test_the_scan_limit_of_the_workgroup_stops_a_query(large: Lake) -> None:
    """Before the files are read into columns."""
    with pytest.raises(CancelledError, match="Bytes scanned limit was exceeded"):
        large.ask("SELECT max(wide) FROM t", scan_limit=1_000_000)
    assert large.ask("SELECT sum(n) FROM t", scan_limit=1_000_000) == [[str(2 * sum(range(150_000)))]]


def test_a_thousand_columns(lake: Lake, catalog: Catalog) -> None:
    """All of them in one query; one of them costs a thousandth."""
    names = [f"c{number:03}" for number in range(1_000)]
    table = make(catalog, schema_of(**dict.fromkeys(names, TEXT)))
    table.append(pa.table({name: [f"{name}-{row}" for row in range(50)] for name in names}))
    everything = lake.run("SELECT * FROM t ORDER BY c000")
    assert everything.rows is not None
    assert everything.rows[0] == [f"{name}-0" for name in names]
    empty = lake.run("SELECT count(*) FROM t").scanned_bytes
    one = lake.run("SELECT max(c999), min(c999) FROM t")
    assert one.rows == [["c999-9", "c999-0"]]
    share = (one.scanned_bytes - empty) / (everything.scanned_bytes - empty)
    assert 0.0005 < share < 0.002
    assert lake.ask("SELECT count(*) FROM information_schema.columns WHERE table_name = 't'") == [["1000"]]


# Deletes


def parquet_of(schema: pa.Schema, rows: list[dict[str, Any]]) -> bytes:
    """A Parquet file of these rows."""
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), out)
    return out.getvalue()


def with_id(name: str, kind: pa.DataType, field_id: int) -> pa.Field:
    """A column with its field id."""
    return pa.field(name, kind, metadata={b"PARQUET:field_id": str(field_id).encode()})


POSITIONS = pa.schema([with_id("file_path", pa.string(), 2147483546), with_id("pos", pa.int64(), 2147483545)])


def put_positions(table: Table, name: str, rows: list[tuple[str, int]], **more: Any) -> Any:
    """A position delete file of these paths and positions, written but not committed."""
    path = f"{ROOT}/data/{name}.parquet"
    body = parquet_of(POSITIONS, [{"file_path": file, "pos": at} for file, at in sorted(rows)])
    table.io.put(path, body)  # type: ignore[attr-defined]
    return delete_file(table, path, len(rows), len(body), **more)


def put_values(
    table: Table, name: str, fields: dict[str, int], rows: list[dict[str, Any]], **more: Any
) -> Any:
    """An equality delete file: the columns by field id, and the rows to delete."""
    path = f"{ROOT}/data/{name}.parquet"
    schema = pa.schema([with_id(column, pa.string(), field_id) for column, field_id in fields.items()])
    body = parquet_of(schema, rows)
    table.io.put(path, body)  # type: ignore[attr-defined]
    more.setdefault("equality_ids", list(fields.values()))
    return delete_file(table, path, len(rows), len(body), **more)


def files_of(table: Table) -> list[str]:
    """The addresses of the table's data files, in order."""
    return sorted(str(task.file.file_path) for task in table.scan().plan_files())


def test_position_deletes_are_applied(lake: Lake, catalog: Catalog) -> None:
    """Rows are left out by file and position; PyIceberg's reader is the judge. Rows added later stay."""
    table = make(catalog, schema_of(pk=TEXT, n=LongType()))
    table.append(pa.table({"pk": ["a", "b", "c"], "n": [0, 1, 2]}))
    table.append(pa.table({"pk": ["d", "e"], "n": [3, 4]}))
    by_rows = {len(lake.ask(f"SELECT 1 FROM t WHERE \"$path\" = '{path}'")): path for path in files_of(table)}
    deletes = put_positions(table, "d1", [(by_rows[3], 0), (by_rows[3], 2), (by_rows[2], 1)])
    commit_deletes(table, deletes)
    table.append(pa.table({"pk": ["a"], "n": [5]}))
    assert lake.ask("SELECT pk, n FROM t ORDER BY n") == [["b", "1"], ["d", "3"], ["a", "5"]]
    assert lake.ask("SELECT count(*) FROM t") == [["3"]]
    assert lake.ask("SELECT pk FROM t WHERE pk = 'a'") == [["a"]]
    judged = table.scan().to_arrow().sort_by("n").to_pylist()
    assert [row["pk"] for row in judged] == ["b", "d", "a"]


def test_deletes_of_a_partition_do_not_touch_others(lake: Lake, catalog: Catalog) -> None:
    """Position deletes are looked up by partition, and count as scanned with their files."""
    table = by_day(catalog)
    paths = files_of(table)
    before = lake.run("SELECT count(pk) FROM t").scanned_bytes
    deletes = put_positions(table, "d1", [(paths[1], 0)], partition=Record("2026-11-02"))
    commit_deletes(table, deletes)
    assert column(lake.ask("SELECT pk FROM t ORDER BY 1")) == ["a0", "a2", "b0", "b1", "b2"]
    assert lake.run("SELECT count(pk) FROM t").scanned_bytes == before + deletes.file_size_in_bytes
    assert days_read(lake, "dt = '2026-11-01'") == ["01"]


def test_equality_deletes_are_applied_to_older_rows(lake: Lake, catalog: Catalog) -> None:
    """NULL equals NULL; a row added after the delete stays; the compared column need not be in the query."""
    table = make(catalog, schema_of(pk=TEXT, sk=TEXT, n=LongType()))
    rows = {"pk": ["a", "a", "b", None], "sk": ["1", "2", "1", "1"], "n": [0, 1, 2, 3]}
    table.append(pa.table(rows))
    deletes = put_values(table, "e1", {"pk": 1, "sk": 2}, [{"pk": "a", "sk": "1"}, {"pk": None, "sk": "1"}])
    commit_deletes(table, deletes)
    table.append(pa.table({"pk": ["a"], "sk": ["1"], "n": [9]}))
    assert column(lake.ask("SELECT n FROM t ORDER BY n")) == ["1", "2", "9"]
    assert lake.ask("SELECT count(*) FROM t") == [["3"]]
    assert column(lake.ask("SELECT n FROM t WHERE n = 0")) == []


def test_equality_deletes_of_a_dropped_column_still_apply(lake: Lake, catalog: Catalog) -> None:
    """As the Iceberg spec requires: the column is in the data files, not in the table's schema."""
    table = make(catalog, schema_of(pk=TEXT, sk=TEXT))
    table.append(pa.table({"pk": ["a", "b"], "sk": ["1", "2"]}))
    commit_deletes(table, put_values(table, "e1", {"sk": 2}, [{"sk": "1"}]))
    with table.update_schema() as update:
        update.delete_column("sk")
    assert lake.ask("SELECT pk FROM t") == [["b"]]


def test_equality_deletes_of_nested_fields_are_refused(lake: Lake, catalog: Catalog) -> None:
    """The error says what to do."""
    table = nested(catalog)
    commit_deletes(table, put_values(table, "e1", {"Name": 101}, [{"Name": "a"}]))
    with pytest.raises(QueryError, match=r"equality deletes of nested fields \(field 101\)"):
        lake.ask("SELECT l FROM t")


def test_statistics_of_other_columns_keep_an_equality_delete(lake: Lake, catalog: Catalog) -> None:
    """A delete file may hold the whole old row: only its equality columns decide, with any condition."""
    table = make(catalog, schema_of(pk=TEXT, v=TEXT))
    table.append(pa.table({"pk": ["a", "b"], "v": ["new", "new"]}))
    old = {
        "value_counts": {2: 1},
        "null_value_counts": {2: 0},
        "lower_bounds": {2: b"old"},
        "upper_bounds": {2: b"old"},
    }
    deletes = put_values(table, "e1", {"pk": 1, "v": 2}, [{"pk": "a", "v": "old"}], equality_ids=[1], **old)
    commit_deletes(table, deletes)
    assert lake.ask("SELECT pk FROM t WHERE v = 'new'") == [["b"]]


def test_equality_deletes_of_a_partition_do_not_touch_others(lake: Lake, catalog: Catalog) -> None:
    """A delete of one day's partition keeps the same key of another day."""
    table = by_day(catalog)
    table.append(pa.table({"pk": ["a0"], "dt": ["2026-11-02"], "n": [7]}))
    commit_deletes(table, put_values(table, "e1", {"pk": 1}, [{"pk": "a0"}], partition=Record("2026-11-01")))
    assert lake.ask("SELECT dt FROM t WHERE pk = 'a0'") == [["2026-11-02"]]


def test_copy_on_write_deletes_are_seen(lake: Lake, catalog: Catalog) -> None:
    """PyIceberg's own delete rewrites the file."""
    table = by_day(catalog)
    table.delete("pk = 'a1'")
    assert column(lake.ask("SELECT pk FROM t ORDER BY 1")) == ["a0", "a2", "b0", "b1", "b2"]


def test_files_of_another_format_are_refused(lake: Lake, catalog: Catalog) -> None:
    """The error names the format."""
    table = by_day(catalog)
    commit_deletes(
        table,
        put_positions(
            table, "d", [(files_of(table)[0], 0)], file_format=FileFormat.AVRO, partition=Record("2026-11-01")
        ),
    )
    with pytest.raises(QueryError, match="does not support Iceberg files in the format AVRO"):
        lake.ask("SELECT pk FROM t")


# Time travel


def snapshots(lake: Lake) -> list[str]:
    """The ids of the table's snapshots in order."""
    return [
        str(row) for row in column(lake.ask('SELECT snapshot_id FROM "t$snapshots" ORDER BY committed_at'))
    ]


@pytest.fixture
def travelled(lake: Lake, catalog: Catalog) -> Table:
    """Three snapshots at 10:00, 11:00 and 12:00 of the day before the queries; the last has a new column."""
    table = make(catalog, schema_of(pk=TEXT))
    table.append(pa.table({"pk": ["a"]}))
    table.append(pa.table({"pk": ["b"]}))
    with table.update_schema() as update:
        update.add_column("later", TEXT)
    table.append(pa.table({"pk": ["c"], "later": ["x"]}))
    location = lake.catalog.definitions["ddb_lake"]["t"]["Parameters"]["metadata_location"]
    document = json.loads(table.io.body(location))  # type: ignore[attr-defined]
    for number, (entry, logged) in enumerate(
        zip(document["snapshots"], document["snapshot-log"], strict=True)
    ):
        entry["timestamp-ms"] = logged["timestamp-ms"] = (
            1_763_632_800_000 + number * 3_600_000 + 31_536_000_000
        )
    table.io.put(location, json.dumps(document).encode())  # type: ignore[attr-defined]
    return table


@pytest.mark.parametrize(
    ("when", "rows"),
    [
        ("TIMESTAMP '2026-11-20 10:00:00'", 1),
        ("TIMESTAMP '2026-11-20 10:59:59.999 UTC'", 1),
        ("TIMESTAMP '2026-11-20 12:00:00 Europe/Berlin'", 2),
        ("TIMESTAMP '2026-11-20 11:00:00'", 2),
        ("(current_timestamp - interval '1' hour)", 3),
        ("DATE '2026-11-21'", 3),
    ],
)
def test_timestamp_travel_reads_the_snapshot_that_was_current(
    lake: Lake, travelled: Table, when: str, rows: int
) -> None:
    """The forms of Athena's documentation; a time without a zone is UTC."""
    assert lake.ask(f"SELECT count(*) FROM t FOR TIMESTAMP AS OF {when}") == [[str(rows)]]


def test_version_travel_reads_a_snapshot_with_its_columns(lake: Lake, travelled: Table) -> None:
    """By the snapshot's id, or by the name of a tag. Two states can be joined."""
    first, second, third = snapshots(lake)
    assert lake.ask(f"SELECT * FROM t FOR VERSION AS OF {first}") == [["a"]]
    assert lake.ask(f"SELECT * FROM t FOR VERSION AS OF {third} ORDER BY 1") == [
        ["a", None],
        ["b", None],
        ["c", "x"],
    ]
    joined = f"""SELECT x.pk FROM t FOR VERSION AS OF {second} AS x
                 LEFT JOIN t FOR VERSION AS OF {first} AS y ON x.pk = y.pk WHERE y.pk IS NULL"""
    assert lake.ask(joined) == [["b"]]
    travelled.refresh().manage_snapshots().create_tag(int(second), "release").commit()
    assert lake.ask("SELECT count(*) FROM t FOR VERSION AS OF 'release'") == [["2"]]


@pytest.mark.parametrize(
    ("clause", "error"),
    [
        ("FOR VERSION AS OF 42", "INVALID_ARGUMENTS: Iceberg snapshot ID does not exists: 42"),
        ("FOR VERSION AS OF 'x'", "INVALID_ARGUMENTS: Cannot find snapshot with reference name: x"),
        ("FOR VERSION AS OF 1.5", "INVALID_ARGUMENTS: .*Unsupported type for table version: decimal"),
        ("FOR VERSION AS OF NULL", "INVALID_ARGUMENTS: .*must be a constant that is not NULL"),
        (
            "FOR TIMESTAMP AS OF '2026-11-20'",
            "INVALID_ARGUMENTS: .*Unsupported type for table version: varchar",
        ),
        (
            "FOR TIMESTAMP AS OF TIMESTAMP '2026-11-20 09:59:59'",
            "INVALID_ARGUMENTS: No version history table ddb_lake.t at or before",
        ),
        ("FOR TIMESTAMP AS OF TIMESTAMP '2026-11-22 00:00:00'", "INVALID_ARGUMENTS: .*is not in the past"),
    ],
)
def test_travel_without_a_target_is_an_error(lake: Lake, travelled: Table, clause: str, error: str) -> None:
    """Each names what is wrong."""
    with pytest.raises(QueryError, match=error):
        lake.ask(f"SELECT * FROM t {clause}")


def test_only_iceberg_tables_have_versions(lake: Lake, travelled: Table) -> None:
    """A Hive table, a view and a metadata table have none: the clause is not ignored."""
    lake.ask("CREATE VIEW v AS SELECT * FROM t")
    for name in ("changes", "v", '"t$files"'):
        with pytest.raises(QueryError, match="FOR VERSION or FOR TIMESTAMP"):
            lake.ask(f"SELECT * FROM {name} FOR VERSION AS OF 1")


# Metadata tables


def test_metadata_tables_show_snapshots_history_and_references(lake: Lake, travelled: Table) -> None:
    """Names of Athena's documentation, columns of Trino's."""
    rows = lake.ask(
        "SELECT committed_at, operation, parent_id, summary['added-records'] FROM \"t$snapshots\""
    )
    first, second, third = snapshots(lake)
    assert rows == [
        ["2026-11-20 10:00:00.000 UTC", "append", None, "1"],
        ["2026-11-20 11:00:00.000 UTC", "append", first, "1"],
        ["2026-11-20 12:00:00.000 UTC", "append", second, "1"],
    ]
    assert lake.ask('SELECT * FROM "t$history" ORDER BY 1')[-1] == [
        "2026-11-20 12:00:00.000 UTC",
        third,
        second,
        "true",
    ]
    assert lake.ask('SELECT name, type, snapshot_id FROM "t$refs"') == [["main", "BRANCH", third]]


def test_metadata_tables_show_files_and_partitions(lake: Lake, catalog: Catalog) -> None:
    """Delete files are files too; statistics by field id."""
    table = by_day(catalog)
    commit_deletes(
        table, put_positions(table, "d", [(files_of(table)[0], 0)], partition=Record("2026-11-01"))
    )
    counted = 'SELECT content, count(*), sum(record_count) FROM "ddb_lake"."t$files" GROUP BY 1 ORDER BY 1'
    assert lake.ask(counted) == [["0", "3", "6"], ["1", "1", "1"]]
    bounds = """SELECT lower_bounds[1], upper_bounds[1], null_value_counts[3] FROM "t$files"
                WHERE content = 0 ORDER BY 1"""
    assert lake.ask(bounds) == [["a0", "b0", "1"], ["a1", "b1", "1"], ["a2", "b2", "1"]]
    partitions = """SELECT "partition".dt, record_count, file_count, total_size > 0, data.pk.min, data.pk.max,
                    data.n.max,
                    data.n.null_count FROM "t$partitions" ORDER BY 1"""
    assert lake.ask(partitions) == [
        [f"2026-11-0{n + 1}", "2", "1", "true", f"a{n}", f"b{n}", str(n), "1"] for n in range(3)
    ]
    manifests = 'SELECT sum(added_data_files_count), max(partitions[1].upper_bound) FROM "t$manifests"'
    assert lake.ask(manifests)[0][1] == "2026-11-03"


def test_an_unknown_metadata_table_does_not_exist(lake: Lake, catalog: Catalog) -> None:
    """And a Hive table has none of Iceberg's."""
    by_day(catalog)
    for name in ("t$nothing", "changes$snapshots"):
        with pytest.raises(
            QueryError, match=re.escape(f"Table 'awsdatacatalog.ddb_lake.{name}' does not exist")
        ):
            lake.ask(f'SELECT * FROM "{name}"')


# One state per query, the catalog's statements, views


def test_a_query_reads_one_snapshot_however_often_it_names_the_table(lake: Lake, catalog: Catalog) -> None:
    """Each look into the catalog is followed by a commit; the query keeps the state that it met first."""
    table = by_day(catalog)
    look = lake.catalog.table
    commits: list[str] = []

    def look_then_commit(database: str, name: str) -> Any:
        found = look(database, name)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(lake.catalog, "table", look)
            table.refresh().append(pa.table({"pk": ["late"], "dt": ["2026-11-04"], "n": [1]}))
        commits.append(name)
        return found

    counted = "SELECT (SELECT count(*) FROM t), (SELECT count(*) FROM t WHERE pk > ''), count(*) FROM t AS u"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lake.catalog, "table", look_then_commit)
        rows = lake.ask(counted)
    assert len(commits) >= 3
    assert len(set(rows[0])) == 1, rows
    assert lake.ask("SELECT count(*) FROM t") == [[str(6 + len(commits))]]


def test_views_read_iceberg_tables(lake: Lake, catalog: Catalog) -> None:
    """A view over a table; conditions on the view reach the table's files."""
    by_day(catalog)
    lake.ask(
        "CREATE VIEW v AS SELECT pk, n FROM t WHERE n IS NOT NULL UNION ALL SELECT pk, NULL FROM changes"
    )
    assert lake.ask("SELECT pk, n FROM v ORDER BY pk") == [["a0", "0"], ["a1", "1"], ["a2", "2"]]
    lake.ask("CREATE OR REPLACE VIEW w AS SELECT * FROM t WHERE dt >= '2026-11-02'")
    data_reads(lake)
    assert lake.ask("SELECT count(*) FROM w") == [["4"]]
    assert len(data_reads(lake)) == 2


def test_the_catalog_shows_the_columns_of_iceberg_tables(lake: Lake, catalog: Catalog) -> None:
    """information_schema reads them from the metadata in S3, SHOW and DESCRIBE from the Data Catalog."""
    make(catalog, schema_of(pk=TEXT, Settled_Leans=BooleanType(), u=UUIDType(), at=TimestampType()))
    listed = """SELECT column_name, data_type FROM information_schema.columns
                WHERE table_name = 't' ORDER BY ordinal_position"""
    assert lake.ask(listed) == [
        ["pk", "varchar"], ["settled_leans", "boolean"], ["u", "uuid"], ["at", "timestamp(3)"],
    ]  # fmt: skip
    described = [str(line).split() for line in column(lake.ask("DESCRIBE t"))]
    assert described == [["pk", "string"], ["Settled_Leans", "boolean"], ["u", "string"], ["at", "timestamp"]]
    assert lake.ask("SELECT table_type FROM information_schema.tables WHERE table_name = 't'") == [
        ["BASE TABLE"]
    ]
    assert ["t"] in lake.ask("SHOW TABLES")


def test_a_broken_table_does_not_hide_others_from_information_schema(lake: Lake, catalog: Catalog) -> None:
    """A table whose metadata is gone is left out."""
    make(catalog, schema_of(pk=TEXT))
    make(catalog, schema_of(pk=TEXT), name="broken")
    lake.catalog.definitions["ddb_lake"]["broken"]["Parameters"]["metadata_location"] = (
        f"{ROOT}/none.metadata.json"
    )
    tables = "SELECT DISTINCT table_name FROM information_schema.columns ORDER BY 1"
    assert column(lake.ask(tables)) == ["changes", "t"]


@pytest.mark.parametrize(
    ("sql", "statement"),
    [
        ("INSERT INTO t SELECT 'a', 'b', 1", "INSERT INTO"),
        ("DELETE FROM t WHERE pk = 'a'", "DELETE"),
        ("UPDATE t SET n = 1", "UPDATE"),
        ("MERGE INTO t USING changes c ON t.pk = c.pk WHEN MATCHED THEN DELETE", "MERGE"),
        ("ALTER TABLE t ADD COLUMNS (x string)", "ALTER TABLE"),
        ("ALTER TABLE t SET TBLPROPERTIES ('a' = 'b')", "ALTER TABLE"),
        ("DROP TABLE t", "DROP TABLE"),
        ("MSCK REPAIR TABLE t", "MSCK REPAIR TABLE"),
        ("SHOW CREATE TABLE t", "SHOW CREATE TABLE"),
        ("OPTIMIZE t REWRITE DATA USING BIN_PACK", "this OPTIMIZE"),
        ("VACUUM t", "this VACUUM"),
    ],
)
def test_statements_that_change_a_table_are_refused(
    lake: Lake, catalog: Catalog, sql: str, statement: str
) -> None:
    """The sandbox reads Iceberg tables: nothing is written beside their metadata."""
    by_day(catalog)
    objects, definition = dict(lake.store.objects), lake.catalog.table("ddb_lake", "t")
    with pytest.raises(QueryError, match=f"NOT_SUPPORTED: the sandbox's Athena does not support {statement}"):
        lake.ask(sql)
    assert (lake.store.objects, lake.catalog.table("ddb_lake", "t")) == (objects, definition)


# Bad tables


def parameters(lake: Lake) -> dict[str, str]:
    """The catalog's parameters of the table."""
    found: dict[str, str] = lake.catalog.definitions["ddb_lake"]["t"]["Parameters"]
    return found


def change_metadata(lake: Lake, body: bytes) -> None:
    """Replace the table's metadata file."""
    lake.store.add(parameters(lake)["metadata_location"].removeprefix("s3://lake/"), body)


def test_a_table_without_its_metadata_file_says_so(lake: Lake, catalog: Catalog) -> None:
    """The address is in the message."""
    by_day(catalog)
    location = parameters(lake)["metadata_location"] = f"{ROOT}/metadata/gone.metadata.json"
    error = (
        f"ICEBERG_MISSING_METADATA: Metadata not found in metadata location for table ddb_lake.t: {location}"
    )
    with pytest.raises(QueryError, match=re.escape(error)):
        lake.ask("SELECT pk FROM t")
    del parameters(lake)["metadata_location"]
    with pytest.raises(
        QueryError, match=r"ICEBERG_INVALID_METADATA: Table is missing \[metadata_location\] property"
    ):
        lake.ask("SELECT pk FROM t")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b'{"format-version": 2}', b"\x1f\x8b\x00"])
def test_invalid_metadata_is_named(lake: Lake, catalog: Catalog, body: bytes) -> None:
    """Not JSON, or not a table."""
    by_day(catalog)
    change_metadata(lake, body)
    with pytest.raises(
        QueryError, match=r"ICEBERG_INVALID_METADATA: Invalid metadata file for table ddb_lake\.t"
    ):
        lake.ask("SELECT pk FROM t")


@pytest.mark.parametrize("version", [1, 3, 4])
def test_other_format_versions_are_refused(lake: Lake, catalog: Catalog, version: int) -> None:
    """Athena operates on version 2."""
    by_day(catalog)
    change_metadata(lake, json.dumps({"format-version": version}).encode())
    with pytest.raises(
        QueryError, match=f"does not support format version {version} of the Iceberg table ddb_lake.t"
    ):
        lake.ask("SELECT pk FROM t")


@pytest.mark.parametrize(
    ("ending", "error"),
    [
        (
            "-m0.avro",
            r"ICEBERG_INVALID_METADATA: .* the file s3://.*-m0\.avro of its snapshot does not exist",
        ),
        (
            ".parquet",
            r"ICEBERG_CANNOT_OPEN_SPLIT: Error opening Iceberg split .*\.parquet: the file does not exist",
        ),
    ],
)
def test_a_missing_file_of_the_snapshot_is_named(
    lake: Lake, catalog: Catalog, ending: str, error: str
) -> None:
    """As after an expiry that runs between plan and read."""
    by_day(catalog)
    for place in [place for place in lake.store.objects if place[1].endswith(ending)]:
        del lake.store.objects[place]
    with pytest.raises(QueryError, match=error):
        lake.ask("SELECT pk FROM t")


def test_a_data_file_that_is_not_parquet_is_named(lake: Lake, catalog: Catalog) -> None:
    """The address is in the message."""
    by_day(catalog)
    for _, key in [place for place in lake.store.objects if place[1].endswith(".parquet")]:
        lake.store.add(key, b"PAR1 and no more")
    with pytest.raises(
        QueryError, match="ICEBERG_BAD_DATA: Not valid Parquet file: s3://lake/settled/t/data/"
    ):
        lake.ask("SELECT pk FROM t")
