"""Put items into a DynamoDB table: the items of a file, or one sample item."""

import sys

from .command import run

if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
