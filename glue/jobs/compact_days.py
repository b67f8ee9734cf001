"""The Glue job's script: compact the closed days of one lake (`python compact_days.py --help`).

Glue finds the package beside it through the job's `--extra-py-files`. No exit code is set here: a job whose
script returns has succeeded, one whose script raises has failed.
"""

import sys

from compaction.job import main

if __name__ == "__main__":
    main(sys.argv[1:])
