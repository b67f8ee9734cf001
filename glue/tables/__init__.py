"""The declared tables as data. `changes.yaml` is the one place where a metadata column is named."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml


@cache
def declared(name: str) -> dict[str, Any]:
    """The declaration of a table: `changes`, `change_lines` or `errors`. Callers do not change it."""
    definition: dict[str, Any] = yaml.safe_load(
        (Path(__file__).parent / f"{name}.yaml").read_text(encoding="utf-8")
    )
    return definition


METADATA_COLUMNS: tuple[str, ...] = tuple(column["name"] for column in declared("changes")["columns"])
