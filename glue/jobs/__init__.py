"""Spark jobs for AWS Glue: an entry script per job, and the job's package."""
