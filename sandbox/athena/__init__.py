"""Athena for the sandbox: the Athena API, answered by DuckDB over the emulator's Glue and S3.

One room per job, each importing only those after it: `api`, `statements`, `engine`, `sql`, `formats`. All of
them raise `errors`; `ports` is what they need of the world, so all but `api` run without an emulator.
"""
