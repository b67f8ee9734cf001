"""`python -m tests.trino.record`: record Trino's answers to every list of expressions."""

import sys
import tempfile
from pathlib import Path

from sandbox import accounts
from tests.trino import assembly
from tests.trino.expressions import LISTS, ask, dump, sections
from tests.trino.server import Trino


def main() -> None:
    """Run every line again on a Trino without a lake."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with Trino(
            assembly.prepare(),
            folder,
            endpoint="https://localhost:1",  # never called: no line uses a table
            authority=accounts.make_certificates(folder).authority,
            region=accounts.REGION,
            access_key=accounts.CONSUMER,
            secret_key=accounts.new_secret(),
            probe="SELECT count(*) FROM system.jdbc.catalogs",
        ) as server:
            for path in LISTS:
                lines = [line for section in sections(path).values() for line in section]
                answers = {line: ask(server.client, line, "default") for line in lines}
                path.with_suffix(".json").write_text(dump(answers), encoding="utf-8")
                failed = sum("error" in answer for answer in answers.values())
                print(f"{len(answers)} answers to {path.name}, {failed} of them errors", file=sys.stderr)


if __name__ == "__main__":
    main()
