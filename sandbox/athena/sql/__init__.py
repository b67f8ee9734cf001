"""Athena's SQL as DuckDB's: parsed by `dialect`, typed and rewritten by `translation`.

`expressions` and the function modules rewrite each call; `udfs` are the functions that DuckDB lacks.
"""
