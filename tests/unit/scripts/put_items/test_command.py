"""put_items as a command: alone where only boto3 is, and what it says to wrong input."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from scripts import put_items
from tests.unit.scripts.dynamodb_server import dynamodb
from tests.unit.scripts.edge import refused

SCRIPT = Path(put_items.__file__)
WITH_BOTO3 = ("boto3", "botocore", "s3transfer", "jmespath", "urllib3", "dateutil", "six")


@pytest.fixture
def boto3_alone(tmp_path: Path) -> dict[str, str]:
    """An environment in which boto3 and what it needs are the only packages."""
    packages = tmp_path / "packages"
    packages.mkdir()
    for name in WITH_BOTO3:
        spec = find_spec(name)
        assert spec is not None
        assert spec.origin is not None
        origin = Path(spec.origin)
        origin = origin.parent if origin.name == "__init__.py" else origin
        (packages / origin.name).symlink_to(origin)
    return {
        "PYTHONPATH": str(packages),
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "AWS_ACCESS_KEY_ID": "111111111111",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_DEFAULT_REGION": "us-east-1",
    }


def alone(folder: Path, environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the script as the one file of an empty folder, without site-packages."""
    folder.mkdir()
    script = folder / "put_items.py"
    script.write_bytes(SCRIPT.read_bytes())
    command = [sys.executable, "-S", script.name, *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_the_file_runs_alone_with_nothing_but_boto3(tmp_path: Path, boto3_alone: dict[str, str]) -> None:
    """As uploaded to CloudShell: no repository, no rich; the three changes are made."""
    with dynamodb() as (endpoint, calls):
        done = alone(tmp_path / "home", boto3_alone, "shop", "--endpoint-url", endpoint, "--output", "json")
    assert done.returncode == 0, done.stderr
    assert [operation for operation, _ in calls] == ["PutItem", "UpdateItem", "DeleteItem"]
    assert json.loads(done.stdout)["changes"] == ["INSERT", "MODIFY", "REMOVE"]


def test_the_file_alone_puts_a_file(tmp_path: Path, boto3_alone: dict[str, str]) -> None:
    """--file works there too, progress without rich."""
    items = tmp_path / "items.jsonl"
    items.write_text("\n".join(f'{{"pk":"k{n}","price":{n}.10}}' for n in range(30)))
    with dynamodb() as (endpoint, calls):
        done = alone(
            tmp_path / "home",
            boto3_alone,
            "shop",
            "--file",
            str(items),
            "--endpoint-url",
            endpoint,
            "--workers",
            "1",
        )
    assert done.returncode == 0, done.stderr
    written = [request["PutRequest"]["Item"] for _, call in calls for request in call["RequestItems"]["shop"]]
    assert written == [{"pk": {"S": f"k{n}"}, "price": {"N": f"{n}.10"}} for n in range(30)]


def test_without_boto3_it_says_so(tmp_path: Path) -> None:
    """The one dependency is named."""
    done = alone(tmp_path / "home", {"PATH": os.environ["PATH"]}, "shop")
    assert done.returncode == 1
    assert "boto3 is not installed" in done.stderr


def test_the_file_is_python_3_9() -> None:
    """CloudShell stands on Amazon Linux 2023, whose python3 is 3.9: syntax and imports are of that time."""
    tree = ast.parse(SCRIPT.read_text(), feature_version=(3, 9))
    imported = {
        name.partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for name in (
            [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
        )
    }
    assert imported - set(sys.stdlib_module_names) == {"boto3", "botocore", "rich"}
    assert "tomllib" not in imported
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Match)]
    first = tree.body[1]
    assert isinstance(first, ast.ImportFrom)
    assert first.names[0].name == "annotations", "X | Y in annotations needs the __future__ import on 3.9"


@pytest.mark.parametrize(
    ("arguments", "code", "why"),
    [
        ([], 2, "the following arguments are required: TABLE"),
        (["no"], 2, "no is no table name"),
        (["shop", "--workers", "0"], 2, "--workers 0 is not 1 to 32"),
        (["shop", "--types", "a"], 2, "--types a is not NAME=TYPE"),
        (["shop", "--types", "a=X"], 2, "--types a=X is not NAME=TYPE"),
        (["shop", "--file", "nowhere.json"], 1, "nowhere.json: No such file or directory"),
        (["shop", "--file", "."], 1, ".: Is a directory"),
        (["shop", "--profile", "nobody"], 1, "profile (nobody) could not be found"),
    ],
)
@pytest.mark.parametrize("form", ["text", "json"])
def test_wrong_input_has_an_exit_code_and_a_next_step(
    arguments: list[str], code: int, why: str, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """On stderr for people; with --output json also as the one document on stdout."""
    assert put_items.run([*arguments, "--output", form]) == code
    said = capsys.readouterr()
    assert f"error: {said.err.splitlines()[0].removeprefix('error: ')}\nnext: " in said.err
    assert why in said.err
    if form == "json":
        assert why in json.loads(said.out)["error"]["message"]
    else:
        assert said.out == ""


class Tables:
    """DescribeTable and ListTables of an account."""

    def __init__(self, *names: str, status: str = "ACTIVE") -> None:
        self._names, self._status = names, status

    def describe_table(self, TableName: str) -> dict[str, Any]:
        """The table, if it is there."""
        if TableName not in self._names:
            raise refused("ResourceNotFoundException", "Requested resource not found")
        return {
            "Table": {
                "TableName": TableName,
                "TableStatus": self._status,
                "TableArn": f"arn:aws:dynamodb:eu-west-1:222222222222:table/{TableName}",
                "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
                "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
            }
        }

    def list_tables(self) -> dict[str, Any]:
        """The names."""
        return {"TableNames": list(self._names)}


def test_a_table_that_does_not_exist_is_answered_with_those_that_do() -> None:
    """The nearest names come first."""
    with pytest.raises(put_items.CommandError) as unknown:
        put_items.describe(Tables("orders", "movies"), "movie", "eu-west-1")
    assert unknown.value.message == "there is no table movie in Region eu-west-1 of this account"
    assert unknown.value.next_step.startswith("Tables there are: movies. ")


def test_a_table_that_is_not_ready_is_waited_for_by_the_user() -> None:
    """CREATING, DELETING and the like take no writes."""
    with pytest.raises(put_items.CommandError, match="table orders is CREATING"):
        put_items.describe(Tables("orders", status="CREATING"), "orders", "eu-west-1")


def test_account_and_region_come_from_the_tables_arn() -> None:
    """So that they are right for a table of another account, too."""
    arn = "arn:aws:dynamodb:eu-west-1:222222222222:table/orders"
    assert put_items.describe(Tables(arn), arn, "us-east-1").name == arn, "writes must name the other account"
    table = put_items.describe(Tables("orders"), "orders", "eu-west-1")
    assert (table.account, table.region, table.keys, table.types) == (
        "222222222222",
        "eu-west-1",
        {"pk": "HASH"},
        {"pk": "S"},
    )
