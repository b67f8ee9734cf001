"""Read a table with the EMR DynamoDB connector, which shares no code with the job.

Given: `{"table": …, "endpoint": "https://…", "region": …}`. Answer: the items as the connector prints them.
"""

import json
import sys
from pathlib import Path

from pyspark.sql import SparkSession

request = json.loads(sys.argv[1])
# The connector's splits have no length, and Spark leaves empty splits out.
session = SparkSession.builder.config("spark.hadoopRDD.ignoreEmptySplits", "false").getOrCreate()
java = session._jvm
conf = java.org.apache.hadoop.mapred.JobConf(session._jsc.hadoopConfiguration())
for name, value in {
    "dynamodb.input.tableName": request["table"],
    "dynamodb.endpoint": request["endpoint"],
    "dynamodb.regionid": request["region"],
    "dynamodb.servicename": "dynamodb",
    "dynamodb.throughput.read": "1000",
    "dynamodb.throughput.read.percent": "1.0",
    "dynamodb.max.map.tasks": "1",  # Spark's Gson 2.2.4 fails when two threads print the first items
    # Outside EMR the connector divides a node's memory by that of a mapper, which is unset (-1) there.
    "mapreduce.map.memory.mb": "1024",
    "mapreduce.reduce.memory.mb": "1024",
}.items():
    conf.set(name, value)
classes = [
    java.org.apache.spark.util.Utils.classForName(name, True, False)
    for name in (
        "org.apache.hadoop.dynamodb.read.DynamoDBInputFormat",
        "org.apache.hadoop.io.Text",
        "org.apache.hadoop.dynamodb.DynamoDBItemWritable",
    )
]
# As text by the connector itself: Spark's bridge to Python cannot read the buffers of binary values.
output = Path("items")
session._jsc.hadoopRDD(conf, *classes).values().saveAsTextFile(str(output.absolute().as_uri()))
lines = [line for part in sorted(output.glob("part-*")) for line in part.read_text().splitlines()]
Path(sys.argv[2]).write_text(json.dumps(lines))
