"""`python -m tests.trino [PYTEST ARGUMENT …]`: install the engine, then run the tests on it.

If it cannot be installed, one line states the reason. The exit code is then 0, or 1 with CI=true.
"""

import sys

from tests.engines.command import run_suite
from tests.trino import assembly

if __name__ == "__main__":
    sys.exit(run_suite("every test on the real engine", [assembly.prepare], assembly.HERE, sys.argv[1:]))
