"""`python -m sandbox.spark`: install the Spark on which the sandbox runs Glue jobs, once.

It needs Java 17, Python 3.11 and Maven. The exit code is 0 when it is installed, and 1 with one line that
states the reason when it cannot be.
"""

import argparse
import sys

from lake.loading import loaded
from lake.terminal import answer, tell
from sandbox.engines.errors import AssemblyError, EngineMissingError
from sandbox.spark import assembly


def main() -> int:
    """Install Spark, unless it is installed; print its folder."""
    argparse.ArgumentParser(prog="python -m sandbox.spark", description=__doc__).parse_args()
    loaded()
    try:
        spark = assembly.prepare()
    except (EngineMissingError, AssemblyError) as error:
        tell(f"error: {error}")
        return 1
    except KeyboardInterrupt:
        tell("interrupted. Next: run it again; downloads continue where they stopped")
        return 130
    answer(f"Spark {assembly.VERSION} is in {spark.home}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
