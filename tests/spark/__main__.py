"""`python -m tests.spark [PYTEST ARGUMENT …]`: get the Spark of AWS Glue, then run the tests on it.

Where it cannot be had, one line says so and the exit code is 0; with CI=true it is 1.
"""

import sys

from tests.engines.command import run_suite
from tests.spark import assembly
from tests.trino import assembly as trino_assembly

ENGINES = [assembly.prepare, trino_assembly.prepare]  # both tables are read with Trino

if __name__ == "__main__":
    sys.exit(run_suite("every test of the Spark job", ENGINES, assembly.HERE, sys.argv[1:]))
