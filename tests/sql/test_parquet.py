"""Parquet tables: columns match by name, and only the columns in a statement count as scanned."""

import io
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sandbox.athena.errors import QueryError
from tests.sql.lake import Lake

SERDE = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
WIDE = [f"{number:06}" * 50 for number in range(1_000)]


def written(**columns: Sequence[str | None]) -> bytes:
    """A Parquet object of text columns in row groups of 300 rows."""
    out = io.BytesIO()
    table = pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})
    pq.write_table(table, out, row_group_size=300)
    return out.getvalue()


@pytest.fixture
def lake() -> Lake:
    """A table `p` with the columns pk, wide and later, one partition registered."""
    lake = Lake()
    columns = [{"Name": name, "Type": "string"} for name in ("pk", "wide", "later")]
    lake.catalog.definitions["ddb_lake"]["p"] = {
        "Name": "p",
        "PartitionKeys": [{"Name": "dt", "Type": "string"}],
        "StorageDescriptor": {
            "Columns": columns,
            "Location": "s3://lake/p/",
            "SerdeInfo": {"SerializationLibrary": SERDE},
        },
    }
    partition = {"Values": ["2026-11-20"], "StorageDescriptor": {"Location": "s3://lake/p/dt=2026-11-20/v2/"}}
    lake.catalog.registered["ddb_lake", "p"] = [partition]
    lake.store.add("p/dt=2026-11-20/v1/old.parquet", written(pk=["old"]))
    lake.store.add("p/dt=2026-11-20/v2/part-0.parquet", written(pk=[str(n) for n in range(1_000)], wide=WIDE))
    return lake


def test_a_partition_is_read_at_its_registered_location(lake: Lake) -> None:
    """Queries do not see another version beside it."""
    assert lake.ask("SELECT count(*), count(pk), count(later) FROM p") == [["1000", "1000", "0"]]
    assert lake.ask("SELECT pk FROM p WHERE pk = 'old'") == []


def test_only_the_named_columns_count_as_scanned(lake: Lake) -> None:
    """The column chunks in all row groups and the footer count. A column missing in the file is free."""
    scanned = {
        sql: scanned_bytes(lake, sql)
        for sql in ("count(*)", "max(pk)", "max(later)", "max(wide)", "max(pk || wide)")
    }
    size = len(lake.store.objects["lake", "p/dt=2026-11-20/v2/part-0.parquet"][0])
    assert scanned["count(*)"] == scanned["max(later)"] < scanned["max(pk)"] < scanned["max(wide)"]
    footer = scanned["count(*)"]
    assert scanned["max(pk || wide)"] == scanned["max(pk)"] + scanned["max(wide)"] - footer
    assert size - 8 <= scanned["max(pk || wide)"] <= size


def scanned_bytes(lake: Lake, columns: str) -> int:
    """The bytes that a statement on the table scans."""
    return lake.run(f"SELECT {columns} FROM p").scanned_bytes


def test_object_that_is_not_parquet_is_rejected_with_its_address(lake: Lake) -> None:
    """The message contains the object's address, as in Athena."""
    lake.store.add("p/dt=2026-11-20/v2/part-1.parquet", b"PAR1 and no more")
    with pytest.raises(
        QueryError, match=r"Not valid Parquet file: s3://lake/p/dt=2026-11-20/v2/part-1\.parquet"
    ):
        lake.ask("SELECT pk FROM p")
