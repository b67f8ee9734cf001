"""Redrive of the records that Firehose could not deliver: the verb `scripts.redrive`.

selection   which error objects there are, and which of them are complete
settings    the stack whose settings the rows get, found from the lake
run         error objects one after the other, with progress and problems
kinesis     records back into the stream
"""
