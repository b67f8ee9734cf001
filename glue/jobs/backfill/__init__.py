"""The backfill job: the rows of an export, written by many workers.

Each file of the export is one task. A task uses the code of the local engine (`repair`, `transform_lambda`),
so its objects have the same names and the same bytes.
"""
