"""The settle job: raw objects go into `settled_changes_…`, what that gains into `settled_items_…`.

The SQL of the merge is in sql/, one statement a file, in Spark's dialect. docs/settled-tables.md states what
the tables promise.
"""
