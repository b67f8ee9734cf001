"""Firehose's data plane for the sandbox: what moves records from a Kinesis stream to S3 on AWS.

Runs as a process of its own (`python -m sandbox.delivery`) and speaks only the public APIs. It learns
everything from the deployed delivery streams' own descriptions, and touches data only with the roles those
name, so that a missing permission stops delivery as it does on AWS. Checkpoints live in memory: they last as
long as the sandbox.

One module per step, in the order the data takes (the delivery role's credentials come from
`sandbox.roles`, assumed as firehose.amazonaws.com):

    description   DescribeDeliveryStream's answer → what to do, or a refusal that names what is not emulated
    source        Kinesis shards from the delivery stream's start, parents before children
    processor     the Lambda event, its retries, and the verdict on every record of the answer
    buffers       size and time hints
    prefix        `!{timestamp:…}` and friends; `timestamps` is Java's DateTimeFormatter
    objects       names, compression, encryption headers, error lines
    progress      how far each shard has been delivered
    outlet        one S3 destination: objects put until they arrive
    diagnostics   error codes, and the delivery stream's own log
    pipeline      one delivery stream, put together
    status        delivery.json: what `python -m sandbox check` waits for
"""
