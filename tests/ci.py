"""Whether the tests run in CI."""

import os


def in_ci() -> bool:
    """Whether this is CI, where a missing tool is a failure and not only a line about left-out tests."""
    return os.environ.get("CI", "").lower() in {"1", "true", "yes"}
