"""What the settle job, the commands and the sandbox agree on about settled tables: names, markers, one view.

Pure: texts and values in, texts and values out. It is packed into the settle job, so it imports nothing of
the project (docs/settled-tables.md).
"""
