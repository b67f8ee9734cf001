"""Read a table with the EMR DynamoDB connector, which shares no code with the job.

Given: `{"table": …, "endpoint": "https://…", "region": …}`. Answer: the items as the connector prints them.
"""

import json
import sys
from pathlib import Path

from pyspark.sql import SparkSession

request = json.loads(sys.argv[1])
session = SparkSession.builder.getOrCreate()
items = session.sparkContext.hadoopRDD(
    "org.apache.hadoop.dynamodb.read.DynamoDBInputFormat",
    "org.apache.hadoop.io.Text",
    "org.apache.hadoop.dynamodb.DynamoDBItemWritable",
    conf={
        "dynamodb.input.tableName": request["table"],
        "dynamodb.endpoint": request["endpoint"],
        "dynamodb.regionid": request["region"],
        # Outside EMR the connector divides a node's memory by that of a mapper, which is unset (-1) there.
        "mapreduce.map.memory.mb": "1024",
        "mapreduce.reduce.memory.mb": "1024",
        "dynamodb.throughput.read": "10000",
        "dynamodb.throughput.read.percent": "1.0",
    },
)
Path(sys.argv[2]).write_text(json.dumps([str(value) for _, value in items.collect()]))
