"""`views --propose-types --write FILE`: the file is complete, or it does not exist."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scripts import views
from scripts.core import connection
from scripts.core.athena import Workgroup
from scripts.core.console import CommandError
from scripts.core.files import write_file
from scripts.core.proposed_types import Nearly, Proposal
from tests.unit.scripts.conftest import Ran

Run = Callable[..., Ran]
TYPES = {"paid": "boolean", "total": "decimal(38, 4)"}


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, run_verb: Run) -> Run:
    """Run `views orders --propose-types` against a lake with this proposal, or this error."""

    def command(*arguments: str, types: Any = TYPES, error: BaseException | None = None) -> Ran:
        def propose(*_: Any) -> Proposal:
            if error:
                raise error
            return Proposal(types, [Nearly("note", "bigint", 3, 1, ["x"])])

        session = SimpleNamespace(region_name="eu-west-1")
        monkeypatch.setattr(connection, "open_session", lambda *_: session)
        monkeypatch.setattr(Workgroup, "check", lambda _: None)
        monkeypatch.setattr(views, "lake_tables", lambda *_: {})
        monkeypatch.setattr(views, "item_columns", lambda *_: ["note", "paid", "total"])
        monkeypatch.setattr(views, "check_source", lambda *_: False)
        monkeypatch.setattr(views, "propose_types", propose)
        return run_verb(views.main, "orders", *arguments)

    return command


def test_write_puts_the_proposal_into_the_file(run: Run, tmp_path: Path) -> None:
    """Nothing is on stdout; the next step names the file, which another command needs to be told."""
    path = tmp_path / "orders.yaml"
    done = run("--propose-types", "--write", str(path))
    assert (done.code, done.out) == (0, ""), done.err
    assert path.read_text() == "paid: boolean\ntotal: decimal(38, 4)\n"
    assert f"wrote {path}: 2 types\n" in done.err
    assert (
        f"next: check the types in {path}, then run this again with --types {path}, and without" in done.err
    )
    assert [one.name for one in tmp_path.iterdir()] == ["orders.yaml"]


def test_write_names_the_file_in_json(run: Run, tmp_path: Path) -> None:
    """With the proposal, as without the option."""
    path = tmp_path / "orders.yaml"
    document = json.loads(run("--propose-types", "--write", str(path), "--output", "json").out)
    assert (document["file"], document["types"]) == (str(path), TYPES)


@pytest.mark.parametrize("error", [CommandError("no", "Wait."), KeyboardInterrupt()])
@pytest.mark.parametrize("before", [None, ""])
def test_a_failure_leaves_the_file_as_it_was(
    run: Run, tmp_path: Path, error: BaseException, before: str | None
) -> None:
    """An empty file of an earlier `> FILE` is no obstacle."""
    path = tmp_path / "orders.yaml"
    if before is not None:
        path.write_text(before)
    assert run("--propose-types", "--write", str(path), error=error).code != 0
    assert (path.read_text() if path.exists() else None) == before
    assert run("--propose-types", "--write", str(path)).code == 0


def test_a_proposal_without_types_writes_no_file(run: Run, tmp_path: Path) -> None:
    """The views need none."""
    path = tmp_path / "orders.yaml"
    done = run("--propose-types", "--write", str(path), types={})
    assert (done.code, path.exists()) == (0, False)
    assert "the views need no type file" in done.err


@pytest.mark.parametrize(
    ("arguments", "message", "code"),
    [
        (("--propose-types", "--write", "mine.yaml"), "mine.yaml exists already", 1),
        (("--propose-types", "--write", "nowhere/a.yaml"), "there is no folder nowhere", 1),
        (("--propose-types", "--write", "."), ". exists already", 1),
        (("--write", "a.yaml"), "--write works with --propose-types only", 2),
    ],
)
def test_write_never_replaces_types_and_fails_before_a_query(
    *,
    run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    message: str,
    code: int,
) -> None:
    """A file may have types that somebody corrected."""
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text("total: decimal(38, 2)\n")
    done = run(*arguments, error=AssertionError("queried"))
    assert (done.code, message in done.err) == (code, True), done.err
    assert Path("mine.yaml").read_text() == "total: decimal(38, 2)\n"


def test_a_file_that_cannot_be_written_stays_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full at the last step: the error names the file, and no other file stays."""
    path = tmp_path / "a.yaml"
    path.write_text("before")

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device", "somewhere")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space left") as failed:
        write_file(path, "after")
    assert failed.value.filename == str(path)
    assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == [("a.yaml", "before")]
