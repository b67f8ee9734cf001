"""The Spark that these tests run on. tests/engines tests the case that it cannot be installed."""

from pathlib import Path

import pytest

from sandbox.engines.checksums import differences
from sandbox.spark import assembly


def test_the_connector_in_the_cache_is_the_pinned_one() -> None:
    """The job reads S3 with exactly the pinned files."""
    assert differences(assembly.require().jars, assembly.CHECKSUMS) == []


def test_another_lock_has_another_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The installation of an earlier lock is never used."""
    before = assembly.home_folder()
    lock = tmp_path / "spark.lock"
    lock.write_bytes(assembly.LOCK.read_bytes() + b"#")
    monkeypatch.setattr(assembly, "LOCK", lock)
    assert assembly.home_folder() != before


def test_the_lock_has_the_spark_of_the_release() -> None:
    """The tested version is the version in the template's Glue release."""
    assert f"pyspark=={assembly.VERSION} " in assembly.LOCK.read_text()
    template = (assembly.REPOSITORY / "templates" / "options" / "backfill.yaml").read_text()
    assert (
        f'GlueVersion: "5.1" # Spark {assembly.VERSION}, Python 3.11, Java {assembly.JAVA_VERSION}'
        in template
    )
