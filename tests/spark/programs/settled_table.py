"""Create an Iceberg table of text columns in the lake's catalog, as the settled tables are, and append rows.

Given: `{"table": "lake.DATABASE.NAME", "warehouse": "s3://…", "columns": […], "rows": [[…]]}`.
"""

import json
import sys
from pathlib import Path

from pyspark.sql import SparkSession
from pyspark.sql.types import StringType, StructField, StructType

request = json.loads(sys.argv[1])
builder = SparkSession.builder
for name, value in {
    "": "org.apache.iceberg.spark.SparkCatalog",
    ".catalog-impl": "org.apache.iceberg.aws.glue.GlueCatalog",
    ".io-impl": "org.apache.iceberg.aws.s3.S3FileIO",
    ".warehouse": request["warehouse"],
}.items():
    builder = builder.config(f"spark.sql.catalog.lake{name}", value)
session = builder.getOrCreate()
schema = StructType([StructField(name, StringType()) for name in request["columns"]])
frame = session.createDataFrame([tuple(row) for row in request["rows"]], schema)
location = f"{request['warehouse']}{request['table'].rpartition('.')[2]}"
writer = frame.writeTo(request["table"]).using("iceberg").tableProperty("format-version", "2")
writer.tableProperty("location", location).createOrReplace()
Path(sys.argv[2]).write_text(json.dumps(session.table(request["table"]).count()))
