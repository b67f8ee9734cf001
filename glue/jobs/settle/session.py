"""The Spark session of the job, with the Iceberg catalog `lake` over the Glue Data Catalog."""

from typing import Any

CATALOG = "lake"
_ICEBERG = "org.apache.iceberg"


def open_session(location: str) -> Any:
    """The session. Glue's `--datalake-formats iceberg` puts Iceberg on its class path.

    Source of the settings: AWS Glue developer guide, "Using the Iceberg framework in AWS Glue".
    """
    from pyspark.sql import SparkSession  # noqa: PLC0415  the package itself loads without it

    catalog = f"spark.sql.catalog.{CATALOG}"
    settings = {
        "spark.sql.extensions": f"{_ICEBERG}.spark.extensions.IcebergSparkSessionExtensions",
        catalog: f"{_ICEBERG}.spark.SparkCatalog",
        f"{catalog}.catalog-impl": f"{_ICEBERG}.aws.glue.GlueCatalog",
        f"{catalog}.io-impl": f"{_ICEBERG}.aws.s3.S3FileIO",
        f"{catalog}.warehouse": f"{location}settled",
        # A table is read again when it is named again, so a run sees what others have committed.
        f"{catalog}.cache-enabled": "false",
        "spark.sql.session.timeZone": "UTC",
        # Texts are compared byte by byte, and an invalid value fails instead of becoming NULL.
        "spark.sql.ansi.enabled": "true",
        # Kept rows take memory by column and batch: with 10,000 rows, the default, and 3,000 columns, 600 MB
        # per task.
        "spark.sql.inMemoryColumnarStorage.batchSize": "500",
    }
    builder = SparkSession.builder.appName("settle-changes")
    for name, value in settings.items():
        builder = builder.config(name, value)
    return builder.getOrCreate()
