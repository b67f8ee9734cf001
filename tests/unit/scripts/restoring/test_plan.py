"""Before anything is written: items are counted, doubts are named, and the command stops unless told."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from repair.restoration import OF_EXCLUSION, OF_NAMES, OF_SETS, Rebuilder
from repair.rows import snapshot
from scripts.core.athena import Finished
from scripts.core.console import CommandError, Output
from scripts.core.restoring import checking
from scripts.core.restoring.checking import Check, Reader
from scripts.core.restoring.history import Gaps, Overview
from scripts.core.restoring.key_schema import KeySchema
from scripts.core.restoring.plan import Plan
from scripts.core.restoring.target import Target
from scripts.put_items.table import Table
from tests.unit.transform.records import Json
from transform_lambda.change import row_of
from transform_lambda.flatten import DEFAULT_SETTINGS, RowSettings, row_line

MOMENT = "2026-11-28T12:00:00.000000Z"
IMAGES = RowSettings(keep_images=True)
TABLE = Table("copy", "1" * 12, "eu-west-1", {"pk": "HASH"}, {"pk": "S"})


def checked(
    monkeypatch: pytest.MonkeyPatch,
    items: Sequence[tuple[Json, RowSettings]],
    *,
    table: Table = TABLE,
    excluded: Sequence[str] = (),
    lost: int = 0,
) -> Check:
    """The counts over the rows of these items; the second query lacks `lost` rows."""
    rows: list[Json] = []
    for number, (item, settings) in enumerate(items):
        whole = {"pk": {"S": f"item-{number}"}} | item
        keys = {"pk": whole["pk"]}
        rows.append(row_of(snapshot("s", MOMENT, "orders", keys, whole), settings))
    states, lines = (Finished(name, True, "", 0, 0.0) for name in ("states", "lines"))
    of = {
        "states": [[row["change_key"], row["change_after"], row["change_image"] or ""] for row in rows],
        "lines": [
            [row["change_key"], row["change_after"], row_line(row).decode()]
            for row in rows
            if row["change_image"] is None
        ][lost:],
    }
    workgroup: Any = SimpleNamespace(rows=lambda query: iter(of[query.query_id]))
    reader = Reader(
        workgroup, states, lines, Rebuilder(excluded), KeySchema.parse("pk:S"), table, lambda _: None
    )
    assert reader.without_image() == len(of["lines"]) + lost
    reader.learn()
    check = Check()
    for _ in reader.items(check):
        pass
    return check


def plan(check: Check, gaps: int = 0, older: int = 0) -> Plan:
    """The plan of these counts."""
    connection: Any = SimpleNamespace(account="1" * 12, region="eu-west-1")
    target = Target(connection, "copy", "orders", MOMENT, KeySchema.parse("pk:S"), None, print)
    first = [{"key": '{"pk":{"S":"a"}}', "state": "0", "missing": "after", "time": MOMENT}] * gaps
    overview = Overview("2026-11-01T00:00:00.000000Z", MOMENT, 3, both_roads=False)
    return Plan(
        target,
        "absent",
        overview,
        Gaps(gaps, older, "2026-11-29T00:00:00.000000Z" if older else "", first),
        check,
        ["q-1"],
        2**40,
    )


def test_items_are_counted_by_what_proves_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the image, by the digest without it, or not at all; every item counts its write units."""
    check = checked(
        monkeypatch,
        [
            ({"n": {"N": "1"}}, IMAGES),
            ({"n": {"N": "1"}}, DEFAULT_SETTINGS),
            ({"Tags": {"SS": ["b", "c"]}}, DEFAULT_SETTINGS),
            ({"text": {"S": "x" * 5000}}, IMAGES),
        ],
    )
    assert (check.from_images, check.from_rows, check.inexact, check.items) == (2, 1, 1, 4)
    assert check.write_units == 1 + 1 + 1 + 5
    reasons = {each["reason"]: each for each in check.document()}
    assert reasons[OF_SETS] == {"reason": OF_SETS, "items": 1, "attributes": ["tags"], "more_attributes": 0}
    assert "tags" in reasons[OF_NAMES]["attributes"]


def test_exact_plan_is_applied_without_further_options(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing to accept."""
    plan(checked(monkeypatch, [({}, IMAGES)])).stop_if_wrong(inexact=False, accept_gaps=False)


def test_inexact_items_stop_the_command_unless_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error has the whole plan for --output json, with the attributes that would differ."""
    item = {"secret": {"S": "x"}}
    settings = RowSettings(exclude=frozenset(["secret"]), keep_images=True)
    one = plan(checked(monkeypatch, [(item, settings)], excluded=["secret"]))
    with pytest.raises(CommandError, match="1 item would not be exact") as error:
        one.stop_if_wrong(inexact=False, accept_gaps=True)
    assert "--inexact" in error.value.next_step
    assert "--names" not in error.value.next_step
    assert error.value.details["doubts"] == [
        {"reason": OF_EXCLUSION, "items": 1, "attributes": ["secret"], "more_attributes": 0}
    ]
    one.stop_if_wrong(inexact=True, accept_gaps=False)


def test_capital_letters_in_doubt_name_the_option_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """The names are not in the rows."""
    one = plan(checked(monkeypatch, [({"orderId": {"S": "x"}}, DEFAULT_SETTINGS)]))
    with pytest.raises(CommandError) as error:
        one.stop_if_wrong(inexact=False, accept_gaps=False)
    assert "--names" in error.value.next_step


def test_gaps_stop_the_command_unless_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are counted and named."""
    one = plan(checked(monkeypatch, [({}, IMAGES)]), gaps=2)
    with pytest.raises(CommandError, match="2 gaps") as error:
        one.stop_if_wrong(inexact=True, accept_gaps=False)
    assert "--accept-gaps" in error.value.next_step
    assert error.value.details["first_gaps"][0]["key"] == '{"pk":{"S":"a"}}'
    one.stop_if_wrong(inexact=False, accept_gaps=True)


def test_items_that_the_lake_knows_later_only_stop_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next step has the time from which they are known."""
    one = plan(checked(monkeypatch, [({}, IMAGES)]), older=3)
    with pytest.raises(CommandError, match="3 items may have existed at 2026-11-28T12:00:00") as error:
        one.stop_if_wrong(inexact=True, accept_gaps=False)
    assert "2026-11-29T00:00:00.000000Z or later" in error.value.next_step
    one.stop_if_wrong(inexact=False, accept_gaps=True)


def test_items_with_other_keys_always_stop_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """The table was created again with another key schema."""
    one = plan(checked(monkeypatch, [({"pk": {"N": "1"}}, IMAGES), ({}, IMAGES)]))
    with pytest.raises(CommandError, match="1 item of orders have other keys than pk:S") as error:
        one.stop_if_wrong(inexact=True, accept_gaps=True)
    assert "--key-schema" in error.value.next_step


def test_items_that_an_index_refuses_always_stop_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty table with an index on an attribute of another type. The message shows no value."""
    table = TABLE._replace(types={"pk": "S", "total": "S"})
    one = plan(checked(monkeypatch, [({"total": {"N": "31337"}}, IMAGES)], table=table))
    with pytest.raises(CommandError, match="would refuse 1 item: total: has type N") as error:
        one.stop_if_wrong(inexact=True, accept_gaps=True)
    assert "31337" not in error.value.message


def test_lake_that_changes_between_the_two_queries_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """An item would be missing without a word."""
    with pytest.raises(CommandError, match="the lake changed while it was read: 2 items"):
        checked(monkeypatch, [({}, DEFAULT_SETTINGS)] * 2, lost=1)


def test_attributes_that_are_data_are_listed_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Maps keyed by data."""
    monkeypatch.setattr(checking, "_COUNTED_NAMES", 30)
    check = checked(
        monkeypatch, [({f"Tags{number}": {"SS": ["b", "c"]}}, DEFAULT_SETTINGS) for number in range(50)]
    )
    [sets] = [each for each in check.document() if each["reason"] == OF_SETS]
    assert (sets["items"], len(sets["attributes"]), sets["more_attributes"]) == (50, 20, 10)


def test_plan_shows_counts_gaps_doubts_and_cost(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A terabyte that Athena reads costs 5 USD; a million write units cost 0.625 USD."""
    check = checked(monkeypatch, [({"Tags": {"SS": ["b", "c"]}}, DEFAULT_SETTINGS), ({}, IMAGES)])
    check.write_units = 4_000_000
    one = plan(check, gaps=1)
    one.show(Output())
    said = " ".join(capsys.readouterr().err.split())
    for part in (
        "2 items: 1 exact with change_image",
        "1 not exact",
        "list or set 1 tags",
        "1 change,",
        "5.00 USD",
    ):
        assert part in said
    assert "4,000,000 write units (2.50 USD on demand)" in said
    assert one.document()["cost"]["athena_usd"] == 5.0
