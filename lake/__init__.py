"""The lake beside its table: read through Athena, compared key by key, shown on a terminal.

Knows no sandbox and no command.

For `scripts` and `sandbox` alike; it imports `transform_lambda` and `glue` alone.
"""
