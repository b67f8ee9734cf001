"""Athena for the sandbox: the Athena API, answered by DuckDB from the emulator's Glue and S3.

One package per task, each importing only the later ones: `api`, `statements`, `engine`, `iceberg`, `sql`,
`formats`. All of them raise `errors`. `ports` are their interfaces to the catalog and the store, so that all
but `api` run without an emulator.
"""
