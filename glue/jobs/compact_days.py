"""The Glue job's script: compact the closed days of one lake (`python compact_days.py --help`).

Glue finds the package through the job's `--extra-py-files`. The script sets no exit code: if it returns, the
job has succeeded; if it raises, the job has failed.
"""

import sys

from compaction.job import main

if __name__ == "__main__":
    main(sys.argv[1:])
