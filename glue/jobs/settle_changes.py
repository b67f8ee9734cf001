"""The Glue job's script: settle the raw objects of one lake (`python settle_changes.py --help`).

Glue finds the packages through the job's `--extra-py-files`. The script sets no exit code: if it returns, the
job has succeeded; if it raises, the job has failed.
"""

import sys

from settle.job import main

if __name__ == "__main__":
    main(sys.argv[1:])
