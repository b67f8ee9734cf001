"""A folder of jars is the pinned one, or it is not used."""

import re
from pathlib import Path

import pytest

from tests.engines.checksums import checksums, differences, main, verify
from tests.engines.errors import AssemblyError


@pytest.fixture
def server(tmp_path: Path) -> Path:
    """A folder of three files."""
    folder = tmp_path / "server"
    (folder / "lib").mkdir(parents=True)
    for name in ("a.jar", "b.jar", "c.jar"):
        (folder / "lib" / name).write_text(name)
    return folder


@pytest.fixture
def pinned(server: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """Its list, as the command prints it."""
    main(str(server))
    path = tmp_path / "server.sha256"
    path.write_text(capsys.readouterr().out)
    return path


def test_the_pinned_folder_is_taken(server: Path, pinned: Path) -> None:
    """What the command wrote of a folder is what that folder is held to."""
    assert list(checksums(server)) == ["lib/a.jar", "lib/b.jar", "lib/c.jar"]
    verify(server, pinned)


def test_every_change_to_a_folder_is_found(server: Path, pinned: Path) -> None:
    """A changed, a missing and an unknown file are each told from the pinned list."""
    (server / "lib" / "a.jar").write_text("other")
    (server / "lib" / "b.jar").unlink()
    (server / "lib" / "d.jar").write_text("d.jar")
    found = ["lib/a.jar is changed", "lib/b.jar is missing", "lib/d.jar is new"]
    assert differences(server, pinned) == found
    with pytest.raises(
        AssemblyError, match=re.escape(f"3 files are not the pinned ones, first: {found[0]}.")
    ):
        verify(server, pinned)
