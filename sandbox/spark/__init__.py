"""Install the Spark of AWS Glue (`python -m sandbox.spark`)."""
