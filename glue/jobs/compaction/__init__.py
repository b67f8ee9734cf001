"""Writes closed days of the lake as Parquet: each day is staged, checked, then switched in one call.

The package runs on AWS Glue 5.1 (Spark 3.5.6, Python 3.11: Glue developer guide, "AWS Glue versions"). It
uses pyspark and boto3, which this release includes, and does not need `awsglue`. docs/columnar.md states
its guarantees.
"""
