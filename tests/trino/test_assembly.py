"""How the server is had, checked and left out."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.trino import assembly

ROOT = Path(__file__).parents[2]


def run(path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """`python -m tests.trino` with nothing but `path` on the PATH."""
    kept = {name: value for name, value in os.environ.items() if name not in ("CI", "JAVA_HOME")}
    return subprocess.run(
        [sys.executable, "-m", "tests.trino"],
        cwd=ROOT,
        env={**kept, "PATH": str(path), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_without_java_one_line_says_what_is_left_out(tmp_path: Path) -> None:
    """A machine without Java runs everything else, and is told what it did not run."""
    done = run(tmp_path)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (0, "", 1)
    assert done.stderr.startswith(
        "left out: every test on the real engine: there is no Java on the PATH. Next: "
    )


def test_in_ci_what_is_left_out_is_a_failure(tmp_path: Path) -> None:
    """CI has to have Java: a green run there means that Trino agreed."""
    assert run(tmp_path, CI="true").returncode == 1


def test_an_old_java_is_named(tmp_path: Path) -> None:
    """Java 11 is not enough, and the message says what it found."""
    java = tmp_path / "java"
    java.write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\" 2019-01-15' >&2\n")
    java.chmod(0o755)
    assert f"{java} is Java 11. Next: install a JDK 17" in run(tmp_path).stderr


def test_every_change_to_the_server_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A changed, a missing and an unknown file are each told from the pinned list."""
    server = tmp_path / "server"
    (server / "lib").mkdir(parents=True)
    for name in ("a.jar", "b.jar", "c.jar"):
        (server / "lib" / name).write_text(name)
    pinned = tmp_path / "server.sha256"
    pinned.write_text("".join(f"{value}  {name}\n" for name, value in assembly.checksums(server).items()))
    monkeypatch.setattr(assembly, "CHECKSUMS", pinned)
    assert assembly.verify(server) == []
    (server / "lib" / "a.jar").write_text("other")
    (server / "lib" / "b.jar").unlink()
    (server / "lib" / "d.jar").write_text("d.jar")
    assert assembly.verify(server) == ["lib/a.jar is changed", "lib/b.jar is missing", "lib/d.jar is new"]


def test_the_server_in_the_cache_is_the_pinned_one() -> None:
    """What these tests run on is, byte for byte, what was pinned."""
    assert assembly.verify(assembly.require().home) == []
