"""What Glue is told: the table and the crawler as data, the job as code."""
