"""`python -m tests.trino [PYTEST ARGUMENT …]`: get the engine, then run the tests on it.

Where the engine cannot be had, one line says so and the exit code is 0; with CI=true it is 1.
"""

import os
import subprocess
import sys

from tests.trino import assembly


def main(arguments: list[str]) -> int:
    """The exit code of pytest, or of the reason why it was not started."""
    try:
        assembly.prepare()
    except assembly.LeftOutError as error:
        print(f"left out: every test on the real engine: {error}", file=sys.stderr)
        return 1 if os.environ.get("CI") == "true" else 0
    except assembly.AssemblyError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return subprocess.call([sys.executable, "-m", "pytest", str(assembly.HERE), *arguments])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
