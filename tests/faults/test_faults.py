"""The harness of the proof under faults: small runs are right, and it has the power to see what is wrong.

What forks is started in a process of its own: a test's process may have threads, and DuckDB's do not survive.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.faults import __main__ as command
from tests.faults import bugs, exports, stream
from tests.faults.changes import Changes, digest, sent_image
from tests.faults.oracle import newest_state
from transform_lambda.canonical import image_digest
from transform_lambda.change import transform
from transform_lambda.flatten import RowSettings

ROOT = Path(__file__).parents[2]


def alone(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Python in a process of its own."""
    return subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)


def silent(_: str) -> None:
    """Say nothing."""


def test_rows_of_the_oracle_are_those_of_the_function() -> None:
    """All shapes, kinds and precisions. Two texts written by different code are equal byte for byte."""
    changes = Changes(3, 600, keep_images=True)
    kinds: Counter[tuple[str, int]] = Counter()
    for number in changes:
        line, _ = transform(changes.record(number), "12", RowSettings(keep_images=True))
        assert line == changes.row(number, changes.change_id(number), "12".zfill(129)) + b"\n"
        kinds[changes.kind(number), changes.item[number] % 4] += 1
    assert len(kinds) == 12
    for item in range(4):
        assert digest(item, 7) == image_digest(json.loads(sent_image(item, 7)))


def test_newest_state_follows_the_chain_in_any_order() -> None:
    """Changes of one time are tied: their states order them."""
    changes = Changes(8, 3_000)
    for _ in changes:
        pass
    tied = sum(moment == later for moment, later in zip(changes.moment, changes.moment[1:], strict=False))
    assert tied > 100
    for item in range(changes.items):
        assert newest_state(changes, changes.of_item(item)[::-1]) == changes.state[item]


def test_small_run_is_right_and_a_seed_repeats_it() -> None:
    """Every fault happens, nothing is lost, and the figures of two runs are equal."""
    first, second = (stream.run(1, 3_000, silent, faults=2.0) for _ in range(2))
    assert first.problems == []
    assert first.document["wrong"] == {}
    assert first.document["redelivered"] > 0
    assert first.document["unrecoverable"] >= first.document["poison_records"] > 0
    assert {
        "answer cut off",
        "answer lost",
        "answer without a record",
        "answers of puts lost",
        "late records",
        "objects written twice",
        "outage",
        "puts refused",
        "records written twice to the stream",
        "throttled",
        "timed out",
    } <= set(first.document["faults"])
    for result in (first, second):
        del result.document["seconds"]
    assert first.document == second.document


def test_damaged_exports_are_refused() -> None:
    """By name and before anything is written; a whole export becomes its items."""
    assert exports.check() == []


def test_every_process_survives_kills() -> None:
    """Each process at least once. The whole number is that of `make soak`."""
    done = alone("-m", "tests.faults", "--part", "kills", "--kills", "9", "--seed", "1", "--output", "json")
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    assert len(document["kills"]) == len(command.processes())
    for process in document["kills"]:
        assert process["kills"] >= 1, process
        assert process["wrong"] == []


def test_lost_change_is_reported_with_the_seed_and_the_smallest_item() -> None:
    """So that a failure can be repeated and understood."""
    seeded = (
        "import sys; from tests.faults import __main__ as command, services; "
        "real = services.Bucket._store; "
        "services.Bucket._store = lambda self, key, body: None if len(self.kept) == 9 "
        "and self.kept.setdefault('x', b'') is None else real(self, key, body); "
        "services.Stream.__iter__ = (lambda real: lambda self: (each for each in real(self) "
        "if each[2] != 1234))(services.Stream.__iter__); "
        "sys.exit(command.main())"
    )
    done = alone("-c", seeded, "--part", "changes", "--changes", "3000", "--seed", "12")
    assert done.returncode == 1
    assert "the lake is wrong with seed 12 and 3000 changes" in done.stderr
    assert "change 1234 of item-" in done.stderr
    assert "the smallest wrong item is item-" in done.stderr
    assert "--part changes --seed 12 --changes 3000" in done.stderr


def test_process_that_loses_work_is_reported() -> None:
    """Its second run takes a half-written state for a whole one. It has too few points, too."""
    seeded = (
        "import json\n"
        "from tests.faults.kills.driver import kill_process\n"
        "class Careless:\n"
        "    name = 'careless'\n"
        "    def prepare(self, disk): disk.folder('x')\n"
        "    def run(self, disk, points):\n"
        "        folder = disk.folder('x')\n"
        "        if not folder.get('begun'):\n"
        "            folder['begun'] = b'1'\n"
        "            for number in range(3):\n"
        "                points.at(f'point {number}')\n"
        "                folder[str(number)] = b'1'\n"
        "                disk.note('x')\n"
        "        return 0\n"
        "    def state(self, disk): return dict(disk.folder('x'))\n"
        "class Idle(Careless):\n"
        "    name = 'idle'\n"
        "    def run(self, disk, points):\n"
        "        for number in range(6): points.at(f'point {number}')\n"
        "        return 0\n"
        "wrong = [kill_process(each, 24, 1, lambda _: None).wrong for each in (Careless(), Idle())]\n"
        "print(json.dumps(wrong))\n"
    )
    done = alone("-c", seeded)
    assert done.returncode == 0, done.stderr
    wrong, idle = json.loads(done.stdout)
    assert idle == ["no work was repeated: the kills came too late or too early"]
    assert any("it has only 3 points" in text for text in wrong)
    assert any("killed point 1 (1)" in text for text in wrong)


def test_every_seeded_bug_fits_the_code() -> None:
    """There are twenty or more; the text that each one replaces is in its file, and its scenes exist."""
    from tests.faults.scenes import SCENES  # noqa: PLC0415

    assert len(bugs.BUGS) >= 20
    assert len({bug.name for bug in bugs.BUGS}) == len(bugs.BUGS)
    for bug in bugs.BUGS:
        assert bug.old in (ROOT / bug.file).read_text(encoding="utf-8"), bug.name
        assert bug.new != bug.old
        assert set(bug.scenes) <= set(SCENES)


def test_bug_that_changes_nothing_is_missed_and_a_real_one_is_not() -> None:
    """So a bug is detected by its effect, and not because the code was edited."""
    seeded = (
        "import json\n"
        "from tests.faults.bugs import BUGS, Bug, detect_all\n"
        "file, text = 'transform_lambda/handler.py', 'answerable = [record'\n"
        "same = Bug('same', file, text, 'answerable  =  [record', ('stream',))\n"
        "real = next(bug for bug in BUGS if 'drops the last record' in bug.name)\n"
        "found = detect_all(lambda _: None, [same, real])\n"
        "print(json.dumps([outcome.scene for outcome in found]))\n"
    )
    done = alone("-c", seeded)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [None, "stream"]


def test_memory_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command measures itself; the process of these tests may be larger than a run is allowed to be."""
    monkeypatch.setattr(command, "MEMORY_BYTES", 10**15)
    assert command._memory() > 0
    monkeypatch.setattr(command, "MEMORY_BYTES", 1_000_000)
    with pytest.raises(command.WrongError, match="1 MB are allowed"):
        command._memory()
