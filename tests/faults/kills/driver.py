"""Children that are killed at named points until the work ends, compared with an undisturbed run."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol, cast

from tests.faults.kills.disk import REPLACED, Disk, Kill, Points

KILLS_IN_A_ROW: Final = 3  # of one trial, before it is left alone
MOST_RUNS: Final = 12  # until a trial must have ended
LEAST_POINTS: Final = 6
KILLS_THAT_REPEAT_WORK: Final = 24  # of so many kills, some come after work whose record is not written yet

Say = Callable[[str], None]


class Process(Protocol):
    """A stateful process of ours."""

    name: str

    def prepare(self, disk: Disk) -> None:
        """Write the state before the first run."""

    def run(self, disk: Disk, points: Points) -> int:
        """Run the real code once, in a child. Returns its exit code."""

    def state(self, disk: Disk) -> Any:
        """What must be equal at the end. Raises AssertionError if it is wrong in itself."""


@dataclass
class Figures:
    """One process: its points, kills, and the work that was repeated."""

    name: str
    points: Counter[str] = field(default_factory=Counter)  # kills by point
    kills: int = 0
    trials: int = 0
    repeated: int = 0
    wrong: list[str] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        """The figures for the report."""
        return {
            "process": self.name,
            "points": len(self.points),
            "kills": self.kills,
            "trials": self.trials,
            "work_repeated": self.repeated,
            "wrong": self.wrong,
            "kills_by_point": dict(sorted(self.points.items())),
        }


def run_child(process: Process, disk: Disk, kill: Kill | None = None) -> tuple[int, Counter[str], str]:
    """Run once in a child. Returns its exit code (-9: killed), the points that it reached, and its output.

    The child is forked, so that the imports are not repeated: a thousand kills take minutes.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    output = disk.root / "output"
    child = os.fork()
    if child == 0:
        code = 70
        try:
            _let_time_pass(disk)
            file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(file, 1)
            os.dup2(file, 2)
            points = Points(kill)
            code = process.run(disk, points)
            disk.keep("points", points.reached)
        except BaseException:  # noqa: BLE001  a child must end here
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    reached = disk.kept("points", Counter()) if code == 0 else Counter()
    return code, reached, output.read_text(encoding="utf-8", errors="replace")


def _let_time_pass(disk: Disk) -> None:
    """Each run is a minute after the one before: nobody notices a clash of seconds otherwise."""
    runs = disk.kept("runs", 0) + 1
    disk.keep("runs", runs)
    real = time.time
    cast("Any", time).time = lambda: real() + 60.0 * runs


class _Trials:
    """The trials of one process in a folder."""

    def __init__(self, process: Process, folder: Path) -> None:
        self._process, self._folder = process, folder
        self._before = Disk(folder / "before")
        self._before.root.mkdir()
        process.prepare(self._before)
        disk = self.fresh("undisturbed")
        code, self.reached, output = run_child(process, disk)
        if code != 0:
            raise AssertionError(f"{process.name} fails undisturbed, with exit code {code}:\n{output}")
        self.right, self.work = process.state(disk), disk.work
        shutil.rmtree(disk.root)

    def fresh(self, name: str) -> Disk:
        """A copy of the state before the first run."""
        shutil.copytree(self._before.root, self._folder / name)
        return Disk(self._folder / name)

    def trial(self, number: int, kills: Sequence[Kill], figures: Figures) -> None:
        """Kill the process at these places, one after another, then let it end, and compare."""
        disk = self.fresh(f"trial-{number}")
        place = ", then ".join(f"{kill.point} ({kill.hit})" for kill in kills)
        figures.trials += 1
        code, output = -signal.SIGKILL, ""
        for kill in (*kills, *[None] * MOST_RUNS):
            code, _, output = run_child(self._process, disk, kill)
            if code == -signal.SIGKILL and kill is not None:
                figures.kills += 1
                figures.points[kill.point] += 1
            elif code == 0 and kill is None:
                break
        if code != 0:
            figures.wrong.append(f"killed {place}: it does not end, exit code {code}: {output[-800:]}")
        elif key := disk.kept(REPLACED):
            figures.wrong.append(f"killed {place}: {key} was written again with other bytes")
        else:
            try:
                state = self._process.state(disk)
            except AssertionError as error:
                figures.wrong.append(f"killed {place}: {error}")
            else:
                if state != self.right:
                    figures.wrong.append(f"killed {place}: {difference(state, self.right)}")
        figures.repeated += max(0, disk.work - self.work)
        shutil.rmtree(disk.root)


def difference(state: Any, right: Any) -> str:
    """What differs between two states, in one line."""
    if isinstance(state, dict) and isinstance(right, dict):
        for name in sorted({*state, *right}, key=str):
            if state.get(name) != right.get(name):
                return f"{name}: {difference(state.get(name), right.get(name))}"
    if isinstance(state, list) and isinstance(right, list):
        missing = [each for each in right if each not in state]
        more = [each for each in state if each not in right]
        return (
            f"{len(state)} entries, must be {len(right)}; missing {str(missing[:1])[:300]}, "
            f"too many {str(more[:1])[:300]}"
        )
    return f"{str(state)[:300]}, must be {str(right)[:300]}"


def kill_process(process: Process, kills: int, seed: int, say: Say) -> Figures:
    """Kill one process this often, evenly at its points, in trials of up to KILLS_IN_A_ROW kills."""
    draw = random.Random(f"kills {seed} {process.name}")  # noqa: S311  the same seed gives the same result
    figures = Figures(process.name)
    with tempfile.TemporaryDirectory(prefix="ddb-lake-kills-") as name:
        trials = _Trials(process, Path(name))
        points = sorted(trials.reached)
        if len(points) < LEAST_POINTS:
            figures.wrong.append(f"it has only {len(points)} points: {', '.join(points)}")
        number = 0
        while figures.kills < kills and number < 4 * kills:
            first = points[number % len(points)]
            more = [draw.choice(points) for _ in range(draw.randrange(KILLS_IN_A_ROW))]
            places = [Kill(point, 1 + draw.randrange(trials.reached[point])) for point in (first, *more)]
            trials.trial(number, places, figures)
            number += 1
            if len(figures.wrong) > 3:
                break
    if figures.kills < kills and not figures.wrong:
        figures.wrong.append(f"it was killed only {figures.kills} times: it does not reach its points again")
    if figures.kills >= KILLS_THAT_REPEAT_WORK and not figures.repeated:
        figures.wrong.append("no work was repeated: the kills came too late or too early")
    say(
        f"{process.name}: {figures.kills} kills at {len(figures.points)} points, "
        f"{figures.repeated} units of work repeated, {len(figures.wrong)} wrong"
    )
    return figures


def kill_all(processes: Sequence[Process], kills: int, seed: int, say: Say) -> list[Figures]:
    """Kill each process, this often in all."""
    share = -(-kills // len(processes))
    return [kill_process(process, share, seed, say) for process in processes]
