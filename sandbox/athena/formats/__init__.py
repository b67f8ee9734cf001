"""Objects read into columns: JSON lines, delimited text, Parquet, and Glue's column types."""
