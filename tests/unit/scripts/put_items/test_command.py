"""The command: what it says to wrong input, and what it does with a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, NoCredentialsError

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
        (["no"], 2, "no is not a table name"),
        (["shop", "--workers", "0"], 2, "--workers 0 is not from 1 to 32"),
        (["shop", "--types", "a"], 2, "--types a is not NAME=TYPE"),
        (["shop", "--types", "a=X"], 2, "--types a=X is not NAME=TYPE"),
        (["shop", "--types", "a=N+"], 2, "--types a=N+ is not NAME=TYPE"),
        (["shop", "--delimiter", "ab"], 2, "--delimiter ab is not one character"),
        (["shop", "--delimiter", '"'], 2, "is not one character"),
        (["shop", "--delimiter", ""], 2, "is not one character"),
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


def test_a_dry_run_checks_and_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--dry-run counts the file's items."""
    path = tmp_path / "a.jsonl"
    path.write_text('{"pk":"a","v":1}\n')
    client = FakeTable()
    done = put_file(client, TABLE, Source(path, TABLE, {}, None), 2, dry_run=True)
    assert (done["items"], done["written"], client.batches) == (1, 0, [])
    assert capsys.readouterr().err.endswith("\ndry run: nothing was written\n")


@pytest.mark.usefixtures("shop")
def test_a_dry_run_without_a_file_says_that_nothing_was_written(capsys: pytest.CaptureFixture[str]) -> None:
    """The sample is not put either."""
    assert command.run(["shop", "--dry-run"]) == 0
    assert capsys.readouterr().err.endswith("; nothing was written\n")


@pytest.mark.parametrize(
    ("options", "why"), [([], "no credentials"), (["--profile", "p"], "profile p has no")]
)
def test_missing_credentials_name_the_profile_that_was_given(
    options: list[str],
    why: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """`--profile` is not suggested to someone who used it."""

    def unsigned(*_: object) -> None:
        raise NoCredentialsError

    (tmp_path / "config").write_text("[profile p]\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setattr(command, "describe", unsigned)
    assert command.run(["shop", *options]) == 1
    said = capsys.readouterr().err
    assert why in said
    assert ("Name a profile with --profile" in said) == (not options)


def test_a_failed_write_reports_how_many_items_were_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
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
    assert "25 of 60 items were written. It is safe to put the file again" in capsys.readouterr().err


@pytest.mark.parametrize("given", ["tab", "\\t", "\t"])
@pytest.mark.usefixtures("shop")
def test_a_tab_can_be_typed(given: str, tmp_path: Path) -> None:
    """The shell makes a real one hard to type."""
    path = tmp_path / "a.txt"
    path.write_text("pk\tn\na,b\t1\n")
    assert command.run(["shop", "--file", str(path), "--delimiter", given, "--dry-run"]) == 0


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> None:
    """An account with the table shop, asked by nothing but the command."""
    monkeypatch.setattr(command, "describe", lambda *_: TABLE)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


@pytest.mark.parametrize(
    "option", [["--delimiter", ";"], ["--no-quoting"], ["--quoting"], ["--types", "a=N"]]
)
@pytest.mark.usefixtures("shop")
def test_an_option_of_csv_is_refused_for_json(option: list[str], tmp_path: Path) -> None:
    """Ignored in silence it would leave its user in the belief that it counted."""
    path = tmp_path / "a.json"
    path.write_text('{"pk":"a"}')
    assert command.run(["shop", "--file", str(path), *option]) == 2


@pytest.mark.usefixtures("shop")
def test_notes_on_a_file_come_before_the_first_write(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Notes are for people: with --output json stdout has the one document alone."""
    path = tmp_path / "a.csv"
    path.write_text("pk,price\na,1.50\n")
    assert command.run(["shop", "--file", str(path), "--dry-run", "--output", "json"]) == 0
    said = capsys.readouterr()
    assert said.err.splitlines()[1].startswith("note: columns without a type are read as text. ")
    assert json.loads(said.out)["items"] == 1


EVIL = "\x1b]0;pwned\x07\x1b[2J\x9b31m\u202egpj\r"


@pytest.mark.parametrize(
    ("name", "text", "options"),
    [
        ("a.csv", f"{EVIL},{EVIL}\na,b\n", []),
        ("a.csv", f"pk,{EVIL},{EVIL}\na,b,c\n", []),
        ("a.csv", f"pk,x{EVIL}:NUM\na,b\n", []),
        ("a.csv", f"pk, x{EVIL}\na,1\n", ["--dry-run"]),
        ("a.json", json.dumps({"pk": "a", EVIL: {EVIL: {"S": EVIL}}}), []),
        ("a.json", json.dumps({"pk": "a"})[:-1] + f',"{EVIL}\x7f":1,"{EVIL}\x7f":2}}', []),
        ("a.json", json.dumps({"TransactItems": [{EVIL: {}}]}), []),
        ("a.json", json.dumps({"TableName": EVIL, "Item": {"pk": "a"}}), ["--dry-run"]),
        ("a.json", json.dumps({"RequestItems": {EVIL: [], "x": []}}), []),
        ("a.json", json.dumps({"DataModel": [{"TableName": EVIL}, {"TableName": "x"}]}), []),
        (f"a{EVIL}.json", "", []),
        (f"a{EVIL}\nnext: x.json", '{"pk":"a"}', ["--dry-run"]),
        (f"a{EVIL}.csv", "id\n1\n", []),
        ("a.json", "{}", ["--types", EVIL]),
        ("a.json", "{}", ["--delimiter", EVIL]),
        ("a.json", "{}", [f"--{EVIL}"]),
        ("a.json", "{}", ["--file", f"no{EVIL}"]),
    ],
)
@pytest.mark.usefixtures("shop")
def test_messages_contain_no_control_characters(
    name: str, text: str, options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Names of attributes, tables, files and options are shown escaped: ESC, C1 controls, bidi, line ends."""
    path = tmp_path / name.replace("/", "")
    path.write_text(text, newline="")
    command.run(["shop", "--file", str(path), *options])
    said = capsys.readouterr()
    assert [one for one in said.err.replace("\n", "") if not one.isprintable()] == []
    assert "next: x.json" not in said.err.splitlines()
    assert said.out.isprintable() or not said.out


def test_a_message_of_aws_is_escaped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An endpoint may say anything."""

    def refusing(*_: object) -> None:
        raise refused("AccessDeniedException", f"no {EVIL}")

    monkeypatch.setattr(command, "describe", refusing)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    assert command.run(["shop"]) == 1
    said = capsys.readouterr().err
    assert "no \\x1b]0;pwned\\x07\\x1b[2J\\x9b31m\\u202egpj\\r" in said
    assert "\x1b" not in said
