"""Messages about an empty lake state how long delivery takes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from scripts.core.console import CommandError
from scripts.core.delivery_time import BUFFERS, DEFAULT_SECONDS, DELIVERY_TIME
from scripts.core.lake_table import check_source
from scripts.core.template import read
from scripts.stacks import STACKS


@pytest.mark.parametrize("kind", ["producer", "single-account"])
def test_the_delivery_time_is_that_of_the_template(kind: str) -> None:
    """The parameters exist, no other name matches the command's filter, and the defaults have that sum."""
    parameters = read(STACKS[kind].template).parameters
    assert {name for name in parameters if "BufferInterval" in name} == set(BUFFERS)
    assert sum(float(parameters[name]["Default"]) for name in BUFFERS) == DEFAULT_SECONDS


def test_an_empty_lake_states_how_long_delivery_takes() -> None:
    """Somebody who has just written an item needs to wait, not to write another one."""
    workgroup: Any = SimpleNamespace(execute=lambda *_: SimpleNamespace(rows=[]))
    with pytest.raises(CommandError, match="the lake is empty") as empty:
        check_source(workgroup, "ddb_lake", "orders")
    assert DELIVERY_TIME in empty.value.next_step
    assert f"about {DEFAULT_SECONDS} s" in DELIVERY_TIME
    assert "describe-stacks --stack-name ddb-lake-producer" in DELIVERY_TIME
