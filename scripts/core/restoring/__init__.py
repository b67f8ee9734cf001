"""Restore the items of a table from the lake: read them, check them, and write them into another table."""
