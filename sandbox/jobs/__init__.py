"""AWS Glue's Spark jobs: a job as deployed, its process on the local Spark, its logs, and the API."""
