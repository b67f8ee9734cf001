"""The README tried as a new user would: every bash command in it run, in order, in the sandbox."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.environments import deploy_environment

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```bash\n(.*?)^```", re.DOTALL | re.MULTILINE)
# These make the environment that the test puts on PATH, or run the demo, which has a target of its own.
MADE_BY_MAKE = re.compile(r"^(make [\w-]+|\. \.venv-deploy/bin/activate)$", re.MULTILINE)
# What a person does between putting and querying: wait until the first object is there.
ARRIVED = """
BUCKET=$(aws --profile consumer cloudformation describe-stacks --stack-name ddb-lake-consumer \\
  --query "Stacks[0].Outputs[?OutputKey=='LakeBucketName'].OutputValue" --output text)
for _ in $(seq 120); do
  aws --profile consumer s3 ls --recursive s3://$BUCKET/data/ && break
  sleep 1
done
"""


@pytest.fixture(scope="module")
def exports() -> Iterator[dict[str, str]]:
    """What `make sandbox` prints for the other terminal to paste."""
    command = [sys.executable, "-m", "sandbox", "serve", "--port", "0", "--speed", "60"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as served:
        assert served.stdout
        try:
            lines = [served.stdout.readline() for _ in range(2)]
            yield dict(re.fullmatch(r"export (\w+)=(\S+)\n", line).groups() for line in lines)  # type: ignore[union-attr, misc]
        finally:
            served.terminate()
            served.wait(timeout=30)


@pytest.mark.sandbox
def test_every_command_of_the_readme_runs(exports: dict[str, str]) -> None:
    """Letter for letter, with nothing but the two exports; the queries show the item that was put."""
    blocks = BLOCK.findall((ROOT / "README.md").read_text())
    script = MADE_BY_MAKE.sub("", "\n".join(blocks))
    queries = script.index("python -m scripts.query")
    # `python` is that of make deploy-venv, which has no `aws` command.
    folders = [str(deploy_environment().parent), str(Path(sys.executable).parent), os.environ["PATH"]]
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script[:queries] + ARRIVED + script[queries:]],
        cwd=ROOT,
        env={
            **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
            **exports,
            "PATH": os.pathsep.join(folders),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert set(exports) == {"AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"}
    assert '{"pk":{"S":"order-1"}}' in done.stdout
    assert "no longer streams its changes" in done.stderr


def test_what_the_analysis_asks_for_is_what_the_readme_puts() -> None:
    """docs/analyse.md goes on where the README ends: with its item and its variables."""
    page = (ROOT / "docs" / "analyse.md").read_text()
    columns = re.findall(r"SELECT (pk, [\w, ]+) FROM current_orders", page)
    [put] = re.findall(r"--item '(\{\"pk\": \{\"S\": \"order-1\"\}.*)'", (ROOT / "README.md").read_text())
    [updated] = re.findall(r"--update-expression 'SET (\w+) = ", (ROOT / "README.md").read_text())
    shell = "\n".join(BLOCK.findall(page))

    assert columns
    assert set(", ".join(columns).split(", ")) <= {*json.loads(put), updated}
    for name in re.findall(r"os\.environ\[\"(\w+)\"\]", page):
        assert f"export {name}" in shell
