"""Read items exactly from files and write them to a DynamoDB table.

The package also runs alone, as the single file `build/put_items.pyz`, on Python 3.9 with only boto3 (AWS
CloudShell). So it imports nothing else of this repository, and uses relative imports only. Messages name the
record and the attribute, never a value.

Importing `values` and `reading` never imports boto3 or botocore.
"""
