"""The transform function: DynamoDB change records in, flat JSON rows out."""
