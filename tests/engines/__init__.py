"""What the suites on real engines (`tests/trino`, `tests/spark`) share: getting an engine and running it."""
