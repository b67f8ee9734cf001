"""Read the lake through Athena, compare it with its table key by key, and show text on a terminal.

`scripts` and `sandbox` use this package. It imports only `transform_lambda` and `glue`.
"""
