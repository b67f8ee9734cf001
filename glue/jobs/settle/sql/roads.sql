-- Without the rows that came by the other road: Kinesis before the cut, DynamoDB Streams from it on.
SELECT *
FROM ${rows}
WHERE change_type = 'SNAPSHOT'
  OR change_sequence IS NULL
  OR (length(change_sequence) = 40) = (change_time >= '${switched_at}')
