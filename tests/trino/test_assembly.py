"""The server that these tests run on. tests/engines tests the case that it cannot be installed."""

from sandbox.engines.checksums import differences
from tests.trino import assembly


def test_the_server_in_the_cache_is_the_pinned_one() -> None:
    """These tests run on exactly the pinned files."""
    assert differences(assembly.require().home, assembly.CHECKSUMS) == []
