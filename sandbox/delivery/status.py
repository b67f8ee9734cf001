"""`delivery.json` in the state folder: the progress of delivery, replaced in one step."""

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
    """The status, or None before delivery has written one."""
    try:
        status: dict[str, Any] = json.loads((folder / NAME).read_text())
    except FileNotFoundError:
        return None
    return status
