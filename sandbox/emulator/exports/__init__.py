"""ExportTableToPointInTime: exports of a table to S3, full and incremental, as real objects.

The modules: `requests` checks a request and its times, `rows` and `ion` write the lines of data files,
`data_files` distributes and compresses them, `manifests` describes them, `destination` writes objects with
the caller's permissions, `tasks` runs an export, `service` answers the three operations. The earlier
states of tables are in `sandbox.emulator.point_in_time`.

The sources of the AWS facts in these modules are the DynamoDB developer guide ("DynamoDB data export to
Amazon S3: how it works", "Requesting a table export in DynamoDB", "DynamoDB table export output format"),
the API reference, and three exports that were published as they are: a full and two incremental ones from
eu-north-1 of January 2026 (github.com/gurre/ddb-pitr, folder s3exportdata). Where a page and these exports
differ, the sandbox does what the exports show.
"""
