"""What the statement reads, as temporary views of Spark: the raw table, and objects of other formats.

Every column of the raw table, of CSV and of JSON is text, so no number is rounded: Spark's own JSON reader
gives 12345678901234567890.5 as 1.2345678901234567E19, even into a column of text. The settled tables need no
view: the catalog `lake` has them.
"""

from collections.abc import Iterable, Iterator
from functools import cache, partial
from typing import Any

from raw_lines.openx import InvalidJsonError, read_line, text_of
from raw_lines.rows import UnreadableObjectError, changes_of
from raw_lines.storage import Folder, RawObjects

from .arguments import CHANGES, Arguments, Days, Input, Lake
from .errors import InputError, JobError

_BROKEN = "broken record"  # with a space, as a header rarely has one
_OBJECTS_PER_SLOT = 4  # so that a large object does not keep the others waiting


@cache
def _s3(region: str) -> Any:
    import boto3  # noqa: PLC0415  the package itself loads without it

    return boto3.client("s3", region_name=region)


def settled_tables(session: Any, lake: Lake) -> None:
    """Set the catalog `lake`, with the Iceberg tables of the Data Catalog. Nothing is read."""
    catalog = "spark.sql.catalog.lake"
    session.conf.set(catalog, "org.apache.iceberg.spark.SparkCatalog")
    session.conf.set(f"{catalog}.catalog-impl", "org.apache.iceberg.aws.glue.GlueCatalog")
    session.conf.set(f"{catalog}.io-impl", "org.apache.iceberg.aws.s3.S3FileIO")
    session.conf.set(f"{catalog}.warehouse", lake.settled_location)
    session.conf.set(f"{catalog}.client.region", lake.region)


# ── The raw table ───────────────────────────────────────────────────────────────────────────────────────────


def changes(session: Any, lake: Lake, days: Days, table: dict[str, Any]) -> int:
    """The raw table on some days, as the view `changes`. Returns how many objects it reads.

    `table` is the raw table's definition in Glue. Each row is a change, with the texts that Athena reads.
    """
    described = table["StorageDescriptor"]
    columns = [column["Name"] for column in described.get("Columns") or []]
    folder = Folder.parse(described["Location"])
    listed = RawObjects(_s3(lake.region), folder)
    objects = [
        (day, one.key, one.etag) for day in listed.days() if day in days for one in listed.objects(day)
    ]
    slots = session.sparkContext.defaultParallelism
    read = partial(_changes, folder.bucket, lake.region, columns)
    parts = max(1, min(len(objects), _OBJECTS_PER_SLOT * slots))
    rows = session.sparkContext.parallelize(objects, parts).mapPartitions(read)
    _view(session, CHANGES, rows, [*columns, "dt"])
    return len(objects)


def _changes(
    bucket: str, region: str, columns: list[str], objects: Iterable[tuple[str, str, str]]
) -> Iterator[tuple[str | None, ...]]:
    """A row for each change of some objects, on a worker."""
    from botocore.exceptions import ClientError  # noqa: PLC0415

    for day, key, etag in objects:
        try:
            answer = _s3(region).get_object(Bucket=bucket, Key=key, IfMatch=etag)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in ("PreconditionFailed", "NoSuchKey"):
                raise InputError(f"{key} has changed since the run began. Next: run the job again") from None
            raise
        try:
            for change in changes_of(key, answer["Body"].read()):
                if change is not None:
                    yield (*(change.get(name) for name in columns), day)
        except UnreadableObjectError as error:
            raise InputError(str(error)) from None


# ── Other objects ───────────────────────────────────────────────────────────────────────────────────────────


def other(session: Any, source: Input) -> None:
    """Objects of a format as the view of their name. Raises JobError, or Spark's error if none is there."""
    if source.format == "parquet":
        session.read.parquet(source.location).createOrReplaceTempView(source.name)
    elif source.format == "csv":
        _csv(session, source)
    else:
        _json(session, source)


def _csv(session: Any, source: Input) -> None:
    """CSV as in RFC 4180, with a header: a cell may have line breaks, and an empty cell is null."""
    from pyspark.sql import functions as f  # noqa: PLC0415
    from pyspark.sql.types import StringType, StructField, StructType  # noqa: PLC0415

    # `enforceSchema` compares the header of every object with that of the first. Without it, Spark goes by
    # the place of a column, so another order of the columns would mix them up.
    reader = session.read.options(header=True, multiLine=True, escape='"', enforceSchema=False)
    names = reader.csv(source.location).columns
    schema = StructType([StructField(name, StringType()) for name in [*names, _BROKEN]])
    frame = reader.options(mode="PERMISSIVE", columnNameOfCorruptRecord=_BROKEN).schema(schema)
    message = f"input {source.name} has a record with more or fewer cells than its header. Next: correct it"
    # Spark's own error would quote the record.
    whole = f.when(
        f.col(f"`{_BROKEN}`").isNotNull(), f.raise_error(f.lit(f"InputError: {message}")).cast("boolean")
    ).otherwise(f.expr("true"))
    frame.csv(source.location).where(whole).drop(_BROKEN).createOrReplaceTempView(source.name)


def _json(session: Any, source: Input) -> None:
    """JSON Lines: a member is a column of text, and a nested value is its JSON text, as in the raw table."""
    lines = session.read.text(source.location).rdd.map(lambda row: row[0])
    objects = lines.mapPartitions(partial(_objects, source.name))
    names = sorted(objects.flatMap(lambda members: members.keys()).distinct().collect())
    lowered = [name.lower() for name in names]
    twice = sorted({name for name in names if lowered.count(name.lower()) > 1})
    if twice:
        raise JobError(
            f"input {source.name} has members whose names differ only in case: {', '.join(twice[:10])}",
            "Rename one of them: SQL does not tell them apart",
        )
    rows = objects.map(lambda members: tuple(text_of(members.get(name)) for name in names))
    _view(session, source.name, rows, names)


def _objects(name: str, lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    """The object of each line that is not empty, on a worker."""
    for line in lines:
        if not line.strip():
            continue
        try:
            value = read_line(line.encode("utf-8", "replace"))
        except InvalidJsonError:
            value = None
        if not isinstance(value, dict):
            raise InputError(
                f"input {name} has a line that is not a JSON object. Next: write one object on each line"
            )
        yield value


def remove(session: Any, arguments: Arguments) -> None:
    """Forget the views of a run, for another run in the same session."""
    for name in (CHANGES, *(source.name for source in arguments.inputs)):
        session.catalog.dropTempView(name)


def _view(session: Any, name: str, rows: Any, columns: list[str]) -> None:
    from pyspark.sql.types import StringType, StructField, StructType  # noqa: PLC0415

    schema = StructType([StructField(column, StringType()) for column in columns])
    session.createDataFrame(rows, schema, verifySchema=False).createOrReplaceTempView(name)
