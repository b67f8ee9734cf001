"""The Spark that these tests run on. How it is left out where it cannot be had: tests/engines."""

from pathlib import Path

import pytest

from tests.engines.checksums import differences
from tests.spark import assembly


def test_the_connector_in_the_cache_is_the_pinned_one() -> None:
    """What the job reads S3 with is, byte for byte, what was pinned."""
    assert differences(assembly.require().jars, assembly.CHECKSUMS) == []


def test_another_lock_is_another_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nobody runs what an earlier lock has installed."""
    before = assembly.home_folder()
    lock = tmp_path / "spark.lock"
    lock.write_bytes(assembly.LOCK.read_bytes() + b"#")
    monkeypatch.setattr(assembly, "LOCK", lock)
    assert assembly.home_folder() != before


def test_the_lock_has_the_spark_of_the_release() -> None:
    """The version that is tested is the one the template's release runs."""
    assert f"pyspark=={assembly.VERSION} " in assembly.LOCK.read_text()
    template = (assembly.REPOSITORY / "templates" / "options" / "columnar.yaml").read_text()
    assert (
        f'GlueVersion: "5.1" # Spark {assembly.VERSION}, Python 3.11, Java {assembly.JAVA_VERSION}'
        in template
    )
