"""Folders of tests that are collected only when they are asked for."""

from pathlib import Path

import pytest


def ignore_unless_named(folder: Path, config: pytest.Config) -> bool | None:
    """What a folder's `pytest_ignore_collect` answers, to be left out of a run that does not name it."""
    named = [Path(argument.split("::")[0]).resolve() for argument in config.args]
    return None if any(path.is_relative_to(folder) for path in named) else True
