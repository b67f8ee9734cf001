"""`python -m tests.trino [PYTEST ARGUMENT …]`: install the engine, then run the tests on it.

Where the engine cannot be had, one line says so and the exit code is 0; with CI=true it is 1.
"""

import sys

from tests.engines.command import run_suite
from tests.trino import assembly

if __name__ == "__main__":
    sys.exit(run_suite("every test on the real engine", [assembly.prepare], assembly.HERE, sys.argv[1:]))
