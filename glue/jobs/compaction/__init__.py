"""Closed days of the lake as Parquet: each day staged, checked, then switched in one call.

The package runs on AWS Glue 5.1 (Spark 3.5.6, Python 3.11: Glue developer guide, "AWS Glue versions") with
what that release brings, pyspark and boto3, and needs nothing of `awsglue`. docs/columnar.md says what it
promises.
"""
