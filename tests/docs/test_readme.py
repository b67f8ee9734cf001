"""The README as a new user follows it: its commands run in the sandbox, and its outputs are real."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.environments import deploy_environment
from transform_lambda.change import transform

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```bash\n(.*?)^```", re.DOTALL | re.MULTILINE)
# These create the environment that the test puts on PATH, or run the demo, which has its own target.
RUN_BY_MAKE = re.compile(r"^(make [\w-]+|\. \.venv-deploy/bin/activate)$", re.MULTILINE)
# A person waits between the first put and the first query, until the first object is in the bucket.
WAIT = """
BUCKET=$(aws --profile consumer cloudformation describe-stacks --stack-name ddb-lake-consumer \\
  --query "Stacks[0].Outputs[?OutputKey=='LakeBucketName'].OutputValue" --output text)
for _ in $(seq 120); do
  aws --profile consumer s3 ls --recursive s3://$BUCKET/data/ && break
  sleep 1
done
"""
# A person edits the file of types as the README suggests.
TYPES = "athena/views/types/orders.yaml"
EDIT = f"sed -i.bak 's/^total: .*/TYPE/' {TYPES}\n"


def first_block(language: str, after: str = "") -> str:
    """The first code block of a language in the README, after a text."""
    found = re.search(rf"^```{language}\n(.*?)^```", README[README.index(after) :], re.DOTALL | re.MULTILINE)
    assert found, language
    return found[1]


def with_digits(text: str | bytes) -> dict[str, Any]:
    """A JSON object in which 19.90 and 19.9 are different numbers."""
    result: dict[str, Any] = json.loads(text, parse_float=lambda digits: ("number", digits))
    return result


def put_item() -> dict[str, Any]:
    """The item that the README puts with the AWS CLI."""
    [text] = re.findall(r"--item '(\{\"pk\": \{\"S\": \"order-1\"\}.*)'", README)
    item: dict[str, Any] = json.loads(text)
    return item


def cells(line: str) -> list[str]:
    """The words of a line of a table; none for a rule between rows."""
    return re.findall(r"[\w:.-]+", line)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The repository's files in a folder where the commands may write."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tmp_path / name)
    return tmp_path


@pytest.fixture(scope="module")
def exports() -> Iterator[dict[str, str]]:
    """The variables that `make sandbox` prints for the second terminal."""
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
def test_every_command_of_the_readme_runs(exports: dict[str, str], clone: Path) -> None:
    """Exactly as written, with only the two exports; the query at the top has the answer shown there."""
    script = RUN_BY_MAKE.sub("", "\n".join(BLOCK.findall(README)))
    query = script.index("python -m scripts.query")
    script = script[:query] + WAIT + script[query:]
    [correction] = re.findall(r"`(total: [^`]+)`", README)
    typed = script.index(f"--write {TYPES}\n") + len(f"--write {TYPES}\n")
    script = script[:typed] + EDIT.replace("TYPE", correction) + script[typed:]
    # `python` is that of make deploy-venv, which has no `aws` command.
    folders = [str(deploy_environment().parent), str(Path(sys.executable).parent), os.environ["PATH"]]
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=clone,
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

    assert f'"{first_block("sql").strip()}"' in script
    printed = [cells(line) for line in done.stdout.splitlines()]
    shown = [words for words in map(cells, first_block("text").splitlines()) if words]
    assert len(shown) == 2
    assert [words for words in shown if words not in printed] == []


def test_the_row_of_the_readme_is_the_row_of_its_item() -> None:
    """The function writes that row, digit for digit; six columns are left out, as the text states."""
    item = json.loads(first_block("json"))
    shown = with_digits(first_block("json", after="has this row"))
    record = {
        "eventID": shown["change_id"],
        "eventName": "INSERT",
        "tableName": "orders",
        "dynamodb": {
            "ApproximateCreationDateTime": 1_795_167_000_163_127,
            "ApproximateCreationDateTimePrecision": "MICROSECOND",
            "Keys": {"pk": item["pk"]},
            "NewImage": item,
        },
    }
    line, _ = transform(orjson.dumps(record), "49590338271490256608559692538361571095921575989136588898")
    row = with_digits(line)

    assert item == put_item()
    assert len(row.pop("change_sequence")) == 129
    assert sum(value is None for value in row.values()) == 5
    assert list(shown.items()) == [(name, value) for name, value in row.items() if value is not None]
    assert "`change_sequence`, a number of 129 digits, and five that are null here" in README


def test_the_analysis_uses_the_item_and_variables_of_the_readme() -> None:
    """docs/analyse.md continues where the README ends."""
    page = (ROOT / "docs" / "analyse.md").read_text(encoding="utf-8")
    columns = re.findall(r"SELECT (pk, [\w, ]+) FROM current_orders", page)
    [updated] = re.findall(r"--update-expression 'SET (\w+) = ", README)
    shell = "\n".join(BLOCK.findall(page))

    assert columns
    assert set(", ".join(columns).split(", ")) <= {*put_item(), updated}
    for name in re.findall(r"os\.environ\[\"(\w+)\"\]", page):
        assert f"export {name}" in shell
