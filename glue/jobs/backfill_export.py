"""The Glue job's script: turn one export into rows of the lake (`python backfill_export.py --help`).

Glue finds the packages through the job's `--extra-py-files` and `--additional-python-modules`. The script
sets no exit code: if it returns, the job has succeeded; if it raises, the job has failed.
"""

import sys

from backfill.job import main

if __name__ == "__main__":
    main(sys.argv[1:])
