"""`delivery.json` in the state folder: what delivery has done, replaced in one step, never half-written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

NAME = "delivery.json"


def write(folder: Path, status: dict[str, Any]) -> None:
    """Replace the status."""
    staging = folder / f".{NAME}"
    staging.write_text(json.dumps(status, indent=1))
    staging.replace(folder / NAME)


def read(folder: Path) -> dict[str, Any] | None:
    """The status, or None when delivery has not written one yet."""
    try:
        status: dict[str, Any] = json.loads((folder / NAME).read_text())
    except FileNotFoundError:
        return None
    return status
