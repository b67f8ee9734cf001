"""`python -m tests.spark [PYTEST ARGUMENT …]`: install the Spark of AWS Glue, then run the tests on it.

If it cannot be installed, one line states the reason. The exit code is then 0, or 1 with CI=true.
"""

import sys
from pathlib import Path

from sandbox.spark import assembly
from tests.engines.command import run_suite
from tests.trino import assembly as trino_assembly

ENGINES = [assembly.prepare, trino_assembly.prepare]  # both tables are read with Trino

if __name__ == "__main__":
    sys.exit(run_suite("every test of the Spark job", ENGINES, Path(__file__).parent, sys.argv[1:]))
