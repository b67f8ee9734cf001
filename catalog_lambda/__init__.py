"""Declares new columns on the table `changes`. It runs after each crawl and when the consumer stack changes.

`handler` translates events, `columns` decides (pure), `catalog` calls Glue.
"""
