"""Declares new columns on the table `changes`: run when the crawler has succeeded, and by the consumer stack.

`handler` translates envelopes, `columns` decides (pure), `catalog` talks to Glue.
"""
