"""Test folders that are collected only when the command names them."""

from pathlib import Path

import pytest


def ignore_unless_named(folder: Path, config: pytest.Config) -> bool | None:
    """The result for `pytest_ignore_collect` of a folder: ignore it in a run that does not name it."""
    named = [Path(argument.split("::")[0]).resolve() for argument in config.args]
    return None if any(path.is_relative_to(folder) for path in named) else True
