"""Put items into a DynamoDB table: one sample item's insert, update and delete, or a file's items."""

import sys

from .command import run

if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
