"""`python -m sandbox check`: how long it waits, and how it ends."""

import json
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lake.comparison import Comparison, Difference
from sandbox import check, running
from sandbox.check import CheckError, wait_until_delivered, waiting_for
from sandbox.delivery import status as delivery_status


def status(complete_through: float = 10.0, **stream: Any) -> dict[str, Any]:
    """A delivery.json of one stream with one shard."""
    return {
        "written_at": 4e9,  # later than any test: parameters are built long before the test runs
        "discovered_at": 10.0,
        "refused": [],
        "streams": [
            {
                "name": "s",
                "read": 5,
                "delivered": 2,
                "failed": 1,
                "buffered": 2,
                "last_error": None,
                "shards_listed_at": 10.0,
                "shards": {"0": {"complete_through": complete_through, "complete": False}},
                **stream,
            }
        ],
    }


@pytest.mark.parametrize(
    ("written", "waiting"),
    [
        (status(), None),
        (None, "discovering delivery streams"),
        ({**status(), "discovered_at": 1.0}, "discovering delivery streams"),
        (status(shards_listed_at=1.0), "listing its shards"),
        (status(complete_through=1.0), "5 records read, 2 delivered, 1 failed, 2 buffered"),
        (status(shards={"0": {"complete_through": 1.0, "complete": True}}), None),
    ],
)
def test_check_waits_for_all_writes_before_its_start(
    written: dict[str, Any] | None, waiting: str | None
) -> None:
    """Since then streams were discovered, shards listed, and every shard read and delivered."""
    found = waiting_for(written, 5.0)
    assert (found is None) if waiting is None else (waiting in str(found))


def test_progress_includes_a_recent_error() -> None:
    """So that the user learns of a denied bucket while waiting."""
    error = {"code": "S3.AccessDenied", "message": "no", "at": time.time()}
    assert "S3.AccessDenied: no" in str(waiting_for(status(complete_through=1.0, last_error=error), 5.0))


def test_unsupported_delivery_stream_ends_the_wait() -> None:
    """The sandbox will never deliver it."""
    with pytest.raises(CheckError, match="Snappy"):
        waiting_for({**status(), "refused": [{"arn": "x", "reason": "s: Snappy"}]}, 5.0)


def test_dead_delivery_process_ends_the_wait() -> None:
    """Its status has not been written for half a minute."""
    with pytest.raises(CheckError, match=r"delivery has ended: delivery\.log"):
        waiting_for({**status(), "discovered_at": 1.0, "written_at": time.time() - 60}, 5.0)


def test_timeout_message_has_the_progress_and_the_next_step() -> None:
    """The last progress, and the option for a longer wait."""
    with pytest.raises(CheckError, match=r"5 records read.*--timeout"):
        wait_until_delivered(lambda: status(complete_through=1.0), 5.0, time.monotonic(), lambda _: None)


def test_check_states_how_long_it_has_waited_and_the_limit(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """At growing intervals: after 2, 7, 17 and 37 seconds."""
    now = [1000.0]
    monkeypatch.setattr(time, "time", lambda: 5.0)
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(time, "sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))
    monkeypatch.setattr(delivery_status, "read", lambda _: status(complete_through=1.0))
    with pytest.raises(CheckError):
        check.check(SimpleNamespace(folder=None), None, 40.0)  # type: ignore[arg-type]
    progress = "s: 5 records read, 2 delivered, 1 failed, 2 buffered"
    assert capsys.readouterr().err.splitlines() == [
        f"waited {seconds} s of at most 40 s: {progress}" for seconds in (2, 7, 17, 37)
    ]


def test_message_outside_a_sandbox_names_the_command_that_starts_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, one line."""
    monkeypatch.delenv("SANDBOX_STATE", raising=False)
    monkeypatch.delenv("AWS_CONFIG_FILE", raising=False)
    assert check.main([]) == 2
    assert "python -m sandbox exec" in capsys.readouterr().err


def test_exported_profiles_are_enough_to_find_the_sandbox(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """`make sandbox` exports AWS's two variables only."""
    (tmp_path / "state.json").write_text("{}")
    monkeypatch.delenv("SANDBOX_STATE", raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    assert running.state_folder() == tmp_path


@pytest.mark.parametrize(("differing", "code"), [(0, 0), (25, 1)])
def test_exit_code_states_whether_lake_and_table_agree(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    differing: int,
    code: int,
) -> None:
    """0 or 1; the figures, and the keys that differ."""
    state = {"endpoint": "e", "ca_bundle": "c", "region": "r", "accounts": {}, "speed": 1}
    (tmp_path / "state.json").write_text(json.dumps(state))
    monkeypatch.setenv("SANDBOX_STATE", str(tmp_path))
    result = Comparison("t", items=30, differences=[Difference(f"k{n}", "gone") for n in range(differing)])
    monkeypatch.setattr(check, "check", lambda *_: [result])
    assert check.main([]) == code
    text = capsys.readouterr().out
    assert "items in the table" in text
    assert ("DIFFER" in text) == bool(differing)
    assert ("k0  gone" in text, "5 more" in text) == (bool(differing), bool(differing))
    assert check.main(["--output", "json"]) == code
    document = json.loads(capsys.readouterr().out)
    assert (document["agree"], len(document["tables"][0]["differences"])) == (not differing, differing)
