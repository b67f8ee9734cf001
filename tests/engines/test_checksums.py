"""A folder of jars is used only if it matches the pinned list."""

import re
from pathlib import Path

import pytest

from sandbox.engines.checksums import checksums, differences, main, verify
from sandbox.engines.errors import AssemblyError


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
    """The folder's list, as the command prints it."""
    main(str(server))
    path = tmp_path / "server.sha256"
    path.write_text(capsys.readouterr().out)
    return path


def test_the_pinned_folder_is_accepted(server: Path, pinned: Path) -> None:
    """A folder matches the list that the command printed for it."""
    assert list(checksums(server)) == ["lib/a.jar", "lib/b.jar", "lib/c.jar"]
    verify(server, pinned)


def test_every_change_to_a_folder_is_found(server: Path, pinned: Path) -> None:
    """A changed, a missing and a new file are each reported."""
    (server / "lib" / "a.jar").write_text("other")
    (server / "lib" / "b.jar").unlink()
    (server / "lib" / "d.jar").write_text("d.jar")
    expected = ["lib/a.jar is changed", "lib/b.jar is missing", "lib/d.jar is new"]
    assert differences(server, pinned) == expected
    with pytest.raises(
        AssemblyError,
        match=re.escape(f"3 files in {server} differ from the pinned list. The first: {expected[0]}."),
    ):
        verify(server, pinned)
