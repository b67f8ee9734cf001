"""Read and verify an export of a DynamoDB table to S3, full or incremental, in DynamoDB JSON or Ion.

Nothing here calls AWS: callers pass functions that read objects. `manifest` reads the two manifests,
`data_file` the lines of a data file, `records` the items and changed items in them, `ion` the Ion text.
Every refusal is an ExportError (`errors`) with a name, a message and a next step.

The format: DynamoDB Developer Guide, "DynamoDB table export output format". Where that page and published
exports differ, the modules accept both: the checksum of a manifest is in a file that the page names
`.checksum`, and that published exports name `.md5` (github.com/gurre/ddb-pitr, folder s3exportdata).
"""
