"""If an engine cannot be installed, one line states which tests are left out and why. In CI that fails."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.engines.command import run_suite

ROOT = Path(__file__).parents[2]
SUITES = {"tests.trino": "every test on the real engine", "tests.spark": "every test of the Spark jobs"}
NEEDED_JAVA = {"tests.trino": "a JDK 17 or newer", "tests.spark": "openjdk-17-jre-headless"}
NEEDED_JARS = {"tests.trino": "Trino 435", "tests.spark": "the S3 connector"}

every_suite = pytest.mark.parametrize("suite", SUITES)


def run(suite: str, path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """`python -m SUITE` with nothing but `path` on the PATH and an empty cache."""
    kept = {name: value for name, value in os.environ.items() if name not in ("CI", "JAVA_HOME")}
    return subprocess.run(
        [sys.executable, "-m", suite],
        cwd=ROOT,
        env={**kept, "PATH": str(path), "XDG_CACHE_HOME": str(path / "cache"), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def install_java(folder: Path, version: str, module: str = "jdk.compiler") -> Path:
    """A program that answers `-version` and `--list-modules` like this Java."""
    program = folder / "java"
    program.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2022-01-18' >&2\necho {module}\n")
    program.chmod(0o755)
    return program


@pytest.mark.parametrize(
    ("arguments", "tests"),
    [
        ([], ["test_a.py::test_one", "test_a.py::test_two", "test_b.py::test_three"]),
        (["test_a.py"], ["test_a.py::test_one", "test_a.py::test_two"]),
        (["test_a.py::test_two"], ["test_a.py::test_two"]),
        (["-k", "three or one"], ["test_a.py::test_one", "test_b.py::test_three"]),
    ],
)
def test_only_the_named_tests_run(
    arguments: list[str],
    tests: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Without names, the whole folder."""
    (tmp_path / "test_a.py").write_text("def test_one(): pass\n\ndef test_two(): pass\n")
    (tmp_path / "test_b.py").write_text("def test_three(): pass\n")
    monkeypatch.chdir(tmp_path)
    assert run_suite("x", [], tmp_path, [*arguments, "--collect-only", "-q", "-p", "no:randomly"]) == 0
    assert [line for line in capfd.readouterr().out.splitlines() if "::" in line] == tests


@every_suite
def test_without_java_one_line_states_what_is_left_out(suite: str, tmp_path: Path) -> None:
    """A machine without Java runs all other tests and reports which ones it left out."""
    done = run(suite, tmp_path)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (0, "", 1)
    message = f"left out: {SUITES[suite]}: there is no Java on the PATH. Next: install {NEEDED_JAVA[suite]}"
    assert done.stderr.startswith(message)


@every_suite
def test_a_java_home_without_java_is_reported(suite: str, tmp_path: Path) -> None:
    """JAVA_HOME comes before the PATH, so the user must correct JAVA_HOME."""
    install_java(tmp_path, "11.0.2")
    done = run(suite, tmp_path, JAVA_HOME=str(tmp_path / "moved"))
    assert "there is no Java in JAVA_HOME. Next: install" in done.stderr


@every_suite
def test_left_out_tests_are_a_failure_in_ci(suite: str, tmp_path: Path) -> None:
    """CI must have Java: a green run there means that the real engine agreed."""
    assert run(suite, tmp_path, CI="true").returncode == 1


@every_suite
def test_an_old_java_is_reported(suite: str, tmp_path: Path) -> None:
    """Java 11 is not enough, and the message contains its version."""
    java = install_java(tmp_path, "11.0.2")
    assert f"{java} is Java 11. Next: install {NEEDED_JAVA[suite]}" in run(suite, tmp_path).stderr


def test_a_java_without_a_compiler_cannot_start_trino(tmp_path: Path) -> None:
    """`java Launcher.java` compiles the file, so a runtime is not enough."""
    java = install_java(tmp_path, "17.0.2", module="java.base")
    assert f"{java} is a runtime without a compiler. Next: install" in run("tests.trino", tmp_path).stderr


@every_suite
def test_without_maven_one_line_states_what_is_not_downloaded(suite: str, tmp_path: Path) -> None:
    """Java is not enough before the first download."""
    install_java(tmp_path, "17.0.2")
    reason = f"{NEEDED_JARS[suite]} is not downloaded, and Maven is not installed. Next: install maven"
    done = run(suite, tmp_path)
    assert (done.returncode, done.stderr) == (0, f"left out: {SUITES[suite]}: {reason}\n")
