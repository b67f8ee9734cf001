"""The job that writes the result of one Spark SQL statement into a DynamoDB table.

`arguments` and `columns` decide on the driver, before a row is read. `tasks` runs on the workers: it converts
rows to items, examines them and writes them. The rules of items and the writer are those of `put_items`.
"""
