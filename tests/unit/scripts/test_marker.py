"""Which templates are ddb-lake's: by the marker, and how those before it are known."""

from __future__ import annotations

from typing import Any

import pytest

from scripts.core.marker import EARLIER, kind_of
from scripts.core.template import parse, read
from scripts.stacks import KINDS, STACKS, StackKind


@pytest.mark.parametrize(
    ("template", "kind"),
    [
        ({"Metadata": {"DdbLake": {"Kind": "producer"}}}, "producer"),
        ({"Metadata": {"DdbLake": {"Kind": "of a later release"}}}, "of a later release"),
        ({"Metadata": {"DdbLake": {"Kind": ""}}}, None),
        ({"Metadata": {"DdbLake": {}}, "Description": "ddb-lake in one account."}, None),
        ({"Metadata": {"DdbLake": "producer"}}, None),
        ({"Metadata": ["DdbLake"]}, None),
        ({}, None),
        ("text", None),
        (None, None),
    ],
)
def test_the_marker_gives_the_kind(template: Any, kind: str | None) -> None:
    """And nothing else in its place does."""
    assert kind_of(template) == kind


@pytest.mark.parametrize("kind", [STACKS[name] for _, _, name in EARLIER], ids=lambda kind: kind.name)
def test_a_stack_of_an_earlier_release_is_recognised(kind: StackKind) -> None:
    """Today's templates without the marker are those: description and resource have stayed."""
    template = parse(read(kind.template).body)
    del template["Metadata"]["DdbLake"]
    assert kind_of(template) == kind.name
    assert kind_of({**template, "Resources": {"Bucket": {}}}) is None, "whatever calls itself ddb-lake"
    assert kind_of({**template, "Description": "ddb-lake dashboards"}) is None


def test_every_kind_before_the_marker_is_listed() -> None:
    """A kind that comes later has the marker from its first release on, and needs no line."""
    assert {name for _, _, name in EARLIER} <= {kind.name for kind in KINDS}
    assert len(EARLIER) == len({name for _, _, name in EARLIER}) == 3
