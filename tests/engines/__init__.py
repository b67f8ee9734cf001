"""Shared code of the suites on real engines (`tests/trino`, `tests/spark`): install and run an engine."""
