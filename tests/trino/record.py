"""`python -m tests.trino.record`: write Trino's answers to `expressions.sql` into `expressions.json`."""

import sys
import tempfile
from pathlib import Path

from sandbox import accounts
from tests.trino import assembly
from tests.trino.expressions import RECORDED, ask, dump, sections
from tests.trino.server import Trino


def main() -> None:
    """Ask every line anew, of a Trino without a lake."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with Trino(
            assembly.prepare(),
            folder,
            endpoint="https://localhost:1",  # never called: no line names a table
            authority=accounts.make_certificates(folder).authority,
            region=accounts.REGION,
            access_key=accounts.CONSUMER,
            secret_key=accounts.new_secret(),
            probe="SELECT count(*) FROM system.jdbc.catalogs",
        ) as server:
            answers = {
                line: ask(server.client, line, "default") for lines in sections().values() for line in lines
            }
    RECORDED.write_text(dump(answers))
    failed = sum("error" in answer for answer in answers.values())
    print(f"{len(answers)} answers, {failed} of them errors, in {RECORDED.name}", file=sys.stderr)


if __name__ == "__main__":
    main()
