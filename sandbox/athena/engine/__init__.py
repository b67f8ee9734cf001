"""A SELECT run on DuckDB: which partitions and objects it reads, and its result as Athena hands it out."""
