"""Items of files, read exactly and written to a DynamoDB table.

The package runs alone too, as the one file `build/put_items.pyz`, on Python 3.9 with nothing but boto3 (AWS
CloudShell). It therefore imports nothing else of this repository, and itself by relative imports only.
Messages name the record and the attribute, never a value.

Importing `values` and `reading` never imports boto3 or botocore.
"""
