"""`python -m tests.spark [PYTEST ARGUMENT …]`: install the Spark of AWS Glue, then run the tests on it.

If it cannot be installed, one line states the reason. The exit code is then 0, or 1 with CI=true.
"""

import sys
from pathlib import Path

from sandbox.spark import assembly
from tests.engines.command import run_suite
from tests.spark import connector

if __name__ == "__main__":
    sys.exit(
        run_suite(
            "every test of the Spark jobs",
            [assembly.prepare, connector.prepare],
            Path(__file__).parent,
            sys.argv[1:],
        )
    )
