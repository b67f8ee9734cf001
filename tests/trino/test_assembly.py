"""The server that these tests run on. How it is left out where it cannot be had: tests/engines."""

from tests.engines.checksums import differences
from tests.trino import assembly


def test_the_server_in_the_cache_is_the_pinned_one() -> None:
    """What these tests run on is, byte for byte, what was pinned."""
    assert differences(assembly.require().home, assembly.CHECKSUMS) == []
