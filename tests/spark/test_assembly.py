"""Where the Spark of Glue cannot be had, one line says why and what to do; in CI that is a failure."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.spark import assembly


@pytest.mark.parametrize(("ci", "code"), [("", 0), ("true", 1)])
def test_a_missing_java_is_one_line(tmp_path: Path, ci: str, code: int) -> None:
    """Named, with the next step."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.spark"],
        cwd=assembly.REPOSITORY,
        env={**os.environ, "JAVA_HOME": str(tmp_path), "CI": ci},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code
    (line,) = done.stderr.splitlines()
    assert line.startswith("left out: every test of the Spark job: there is no Java")
    assert "Next: install" in line


def test_another_lock_is_another_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nobody runs what an earlier lock has installed."""
    before = assembly.cache_folder()
    lock = tmp_path / "spark.lock"
    lock.write_bytes(assembly.LOCK.read_bytes() + b"#")
    monkeypatch.setattr(assembly, "LOCK", lock)
    assert assembly.cache_folder() != before


def test_the_lock_has_the_spark_of_the_release() -> None:
    """The version that is tested is the one the template's release runs."""
    assert f"pyspark=={assembly.VERSION} " in assembly.LOCK.read_text()
    template = (assembly.REPOSITORY / "templates" / "options" / "columnar.yaml").read_text()
    assert (
        f'GlueVersion: "5.1" # Spark {assembly.VERSION}, Python 3.11, Java {assembly.JAVA_VERSION}'
        in template
    )
