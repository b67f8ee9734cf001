"""The Glue job's script: write the result of one SQL statement into a table (`python run_sql.py --help`).

Glue finds the packages through the job's `--extra-py-files`. The script sets no exit code: if it returns, the
job has succeeded; if it raises, the job has failed.
"""

import sys

from sql_to_table.job import main

if __name__ == "__main__":
    main(sys.argv[1:])
