"""A line of a raw object."""

import json
from typing import Any


def line(table: str, **more: Any) -> str:
    """One change of an item of this table."""
    row = {
        "change_id": "1",
        "change_type": "INSERT",
        "change_key": "k",
        "change_table": table,
        "change_after": "a",
    }
    return json.dumps({**row, **more})
