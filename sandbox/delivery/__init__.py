"""Firehose's data plane for the sandbox: it moves records from a Kinesis stream to S3, as on AWS.

It runs as a separate process (`python -m sandbox.delivery`) and calls public APIs only. It reads the
descriptions of the deployed delivery streams and uses the roles in them for all data, so that a missing
permission stops delivery as it does on AWS. Checkpoints are in memory: they end with the sandbox.

One module per step, in the order of the data (the delivery role's credentials come from
`sandbox.roles`, assumed as firehose.amazonaws.com):

    description   DescribeDeliveryStream's answer → typed settings, or an error for an unsupported one
    source        Kinesis shards from the delivery stream's start, parents before children
    processor     the Lambda event, its retries, and the result of every record
    buffers       size and time hints
    prefix        `!{timestamp:…}` and other expressions; `timestamps` is Java's DateTimeFormatter
    objects       names, compression, encryption headers, error lines
    progress      how far each shard has been delivered
    outlet        one S3 destination: it repeats each put until it succeeds
    diagnostics   error codes, and the delivery stream's log
    pipeline      all steps of one delivery stream
    status        delivery.json, which `python -m sandbox check` reads
"""
