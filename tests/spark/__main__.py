"""`python -m tests.spark [PYTEST ARGUMENT …]`: get the Spark of AWS Glue, then run the tests on it.

Where it cannot be had, one line says so and the exit code is 0; with CI=true it is 1.
"""

import os
import subprocess
import sys

from tests.spark import assembly
from tests.trino import assembly as trino_assembly


def main(arguments: list[str]) -> int:
    """The exit code of pytest, or of the reason why it was not started."""
    try:
        assembly.prepare()
        trino_assembly.prepare()  # the engine that both tables are read with
    except assembly.LeftOutError as error:
        print(f"left out: every test of the Spark job: {error}", file=sys.stderr)
        return 1 if os.environ.get("CI") == "true" else 0
    except assembly.AssemblyError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return subprocess.call([sys.executable, "-m", "pytest", str(assembly.HERE), *arguments])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
