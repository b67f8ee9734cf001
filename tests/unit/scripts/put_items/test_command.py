"""The command: what it says to wrong input, and what it does with a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from scripts.put_items import command
from scripts.put_items.command import put_file
from scripts.put_items.errors import CommandError
from scripts.put_items.reading.source import Source
from tests.unit.scripts.edge import refused
from tests.unit.scripts.put_items.fake_table import FakeTable
from tests.unit.scripts.put_items.files import TABLE


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
    assert command.run([*arguments, "--output", form]) == code
    said = capsys.readouterr()
    assert f"error: {said.err.splitlines()[0].removeprefix('error: ')}\nnext: " in said.err
    assert why in said.err
    if form == "json":
        assert why in json.loads(said.out)["error"]["message"]
    else:
        assert said.out == ""


def test_nothing_is_written_of_a_file_with_one_bad_record(tmp_path: Path) -> None:
    """The whole file is checked before the first write."""
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(['{"pk":"a","v":1}'] * 1000 + ['{"v":2}']))
    client = FakeTable()
    with pytest.raises(CommandError, match="record 1001"):
        put_file(client, TABLE, Source(path, TABLE, {}, None), 2, dry_run=False)
    assert client.batches == []


def test_a_dry_run_checks_and_writes_nothing(tmp_path: Path) -> None:
    """--dry-run counts the file's items."""
    path = tmp_path / "a.jsonl"
    path.write_text('{"pk":"a","v":1}\n')
    client = FakeTable()
    done = put_file(client, TABLE, Source(path, TABLE, {}, None), 2, dry_run=True)
    assert (done["items"], done["written"], client.batches) == (1, 0, [])


def test_a_failure_half_way_says_how_far_it_came(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is written is counted, and that putting the file again is harmless is said."""
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(f'{{"pk":"k{n}","v":1}}' for n in range(60)))

    class Breaking(FakeTable):
        def batch_write_item(self, RequestItems: dict[str, Any]) -> dict[str, Any]:
            if len(self.batches) == 1:
                raise refused("ResourceNotFoundException")
            return super().batch_write_item(RequestItems)

    with pytest.raises(ClientError):
        put_file(Breaking(), TABLE, Source(path, TABLE, {}, None), 1, dry_run=False)
    assert "25 of 60 items were written; putting the file again is harmless" in capsys.readouterr().err
