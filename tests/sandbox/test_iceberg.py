"""Iceberg tables in the emulator: the Athena API reads them with the permissions of the caller."""

import pyarrow as pa
import pytest
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table import Table
from pyiceberg.transforms import BucketTransform
from pyiceberg.types import BooleanType, LongType, NestedField, StringType

from sandbox.accounts import REGION
from sandbox.lifecycle import Sandbox
from tests.sandbox.athena_scene import Scene, Statement, allow, make_scene
from tests.sql.iceberg import emulator_catalog

pytestmark = pytest.mark.sandbox

ALL = ("settled/t/metadata/*", "settled/t/data/*")


@pytest.fixture
def scene(emulator: Sandbox, unique: str) -> Scene:
    """A lake beside which a test may put an Iceberg table."""
    return make_scene(emulator, unique)


def items(scene: Scene) -> Table:
    """A table of current items, in four buckets by key, with one hundred rows."""
    schema = Schema(
        NestedField(1, "change_key", StringType()),
        NestedField(2, "settled_ties", LongType()),
        NestedField(3, "settled_leans", BooleanType()),
    )
    spec = PartitionSpec(PartitionField(1, 1000, BucketTransform(4), "change_key_bucket"))
    table = emulator_catalog(scene.session).create_table(
        f"{scene.database}.t", schema, location=f"s3://{scene.name}/settled/t", partition_spec=spec
    )
    keys = [f"k{number:02}" for number in range(100)]
    table.append(pa.table({"change_key": keys, "settled_ties": [1] * 100, "settled_leans": [False] * 100}))
    return table


def reader(scene: Scene, label: str, *keys: str, glue: bool = True, listing: bool = False) -> object:
    """A role that may query and read these keys, by default without listing the bucket."""
    statements: list[Statement] = [scene.athena_statement(), *scene.result_statements()]
    root = f"arn:aws:glue:{REGION}:{scene.account}"
    if glue:
        table = f"{root}:table/{scene.database}/t"
        statements.append(
            allow("glue:GetTable", f"{root}:catalog", f"{root}:database/{scene.database}", table)
        )
    statements.append(allow("kms:Decrypt", scene.key))
    if listing:
        statements.append(allow("s3:ListBucket", f"arn:aws:s3:::{scene.name}"))
    if keys:
        statements.append(allow("s3:GetObject", *(f"arn:aws:s3:::{scene.name}/{key}" for key in keys)))
    return scene.role(label, *statements)


def test_a_table_in_the_emulator_is_read_through_the_api(scene: Scene) -> None:
    """A commit is seen by the next query; one key reads one bucket's bytes."""
    table = items(scene)
    counted = "SELECT count(*), sum(settled_ties), count_if(settled_leans) FROM t"
    assert scene.rows(counted) == [["100", "100", "0"]]
    table.append(pa.table({"change_key": ["later"], "settled_ties": [2], "settled_leans": [True]}))
    assert scene.rows(counted) == [["101", "102", "1"]]
    everything = scene.run("SELECT max(change_key) FROM t")["Statistics"]["DataScannedInBytes"]
    one = scene.run("SELECT change_key FROM t WHERE change_key = 'k42'")["Statistics"]["DataScannedInBytes"]
    assert 0 < one < everything / 2


def test_a_reader_needs_the_table_and_its_objects_but_no_listing(scene: Scene) -> None:
    """glue:GetTable, and s3:GetObject on metadata, manifests and data files."""
    items(scene)
    session = reader(scene, "reader", *ALL)
    assert scene.rows("SELECT count(*) FROM t", session) == [["100"]]
    assert scene.rows('SELECT count(*) FROM "t$files"', session) == [["4"]]


@pytest.mark.parametrize(
    ("label", "keys", "part"),
    [
        ("nothing", (), r".metadata.json"),
        ("data", ("settled/t/data/*",), r".metadata.json"),
        ("json", ("settled/t/metadata/*.json", "settled/t/data/*"), r".avro"),
        (
            "lists",
            ("settled/t/metadata/*.json", "settled/t/metadata/snap-*", "settled/t/data/*"),
            r"-m0.avro",
        ),
        ("metadata", ("settled/t/metadata/*",), r".parquet"),
    ],
)
def test_a_reader_without_one_kind_of_object_is_denied(
    scene: Scene, label: str, keys: tuple[str, ...], part: str
) -> None:
    """The message names the key; another caller's query before does not help."""
    items(scene)
    assert scene.rows("SELECT count(*) FROM t") == [["100"]]
    reason = scene.reason("SELECT count(*) FROM t", reader(scene, label, *keys))
    assert reason.startswith("PERMISSION_DENIED: Access Denied")
    assert "on s3:GetObject" in reason
    assert reason.endswith(part)


def test_a_reader_without_the_table_is_denied(scene: Scene) -> None:
    """The Data Catalog decides first, for the table and for its metadata tables."""
    items(scene)
    session = reader(scene, "blind", *ALL, glue=False)
    for name in ("t", '"t$snapshots"'):
        assert "is not authorized to perform: glue:GetTable" in scene.reason(f"SELECT * FROM {name}", session)


def test_a_missing_file_is_reported_as_s3_does(scene: Scene) -> None:
    """Only a caller who may list the bucket learns that the file is gone; others are denied access."""
    table = items(scene)
    path = next(iter(table.scan().plan_files())).file.file_path
    scene.session.client("s3").delete_object(Bucket=scene.name, Key=path.removeprefix(f"s3://{scene.name}/"))
    assert "ICEBERG_CANNOT_OPEN_SPLIT: Error opening Iceberg split" in scene.reason("SELECT * FROM t")
    assert "PERMISSION_DENIED" in scene.reason("SELECT * FROM t", reader(scene, "unlisted", *ALL))
    lister = reader(scene, "lister", "settled/t/metadata/*", listing=True)
    assert "PERMISSION_DENIED" in scene.reason("SELECT * FROM t", lister)
