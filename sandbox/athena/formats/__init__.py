"""The bytes of an object read into columns: JSON lines, delimited text, Parquet, and Glue's column types."""
