"""The settle job: it takes raw objects into `settled_changes_…` and merges what that gained into `settled_items_…`.

The SQL of the merge is in sql/, one statement a file, in Spark's dialect. docs/settled-tables.md states what
the tables promise.
"""
