"""The lake beside its table: read through Athena, and compared key by key. Knows no sandbox and no command.

For `scripts` and `sandbox` alike; it imports `transform_lambda` and `glue` alone.
"""
