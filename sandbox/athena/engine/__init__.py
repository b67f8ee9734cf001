"""A SELECT on DuckDB: the partitions and objects it reads, and its result in Athena's format."""
