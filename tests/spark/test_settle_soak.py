"""The deployed job settles the scenarios of tests/soak, on fewer changes, and the views pass the same checks.

`make soak-views` checks many more changes, with the settled items that tests/settled/items.py states. Here
the job has merged them. SOAK_CHANGES is the number of changes by each road, SOAK_SEED repeats a run.
"""

import os
import random
from collections.abc import Sequence

import pytest

from scripts.core.views import definitions
from settled.names import ITEMS, NO_SWITCH, SWITCHED, ending
from tests.soak import __main__ as soak
from tests.soak import checks, repairs
from tests.soak.delivery import DAYS, Delivered, body
from tests.soak.engines import NAME, TYPES, SandboxLake, Views
from tests.soak.histories import COLUMNS, TABLE, Road
from tests.soak.settled import Object
from tests.spark.settling import SettledLake, view_input

CHANGES = int(os.environ.get("SOAK_CHANGES", "4000"))
SEED = int(os.environ.get("SOAK_SEED", "13"))


class Scene:
    """The lake of one scenario."""

    def __init__(self, lake: SettledLake, switched_at: str | None = None) -> None:
        """With a cut, the view has it before the first run."""
        self._lake, self._cut = lake, switched_at
        if switched_at is not None:
            views = definitions(NAME, TABLE, COLUMNS, TYPES, switched_at)
            [select] = [view.select for view in views if view.name == f"current_{NAME}"]
            lake.lake.glue.create_table(
                DatabaseName=lake.lake.database, TableInput=view_input(f"current_{NAME}", select)
            )

    def put(self, objects: Sequence[Object]) -> None:
        """Write objects, into the last three days."""
        for day, name, content in objects:
            self._lake.put_bytes(content, name, self._lake.day(DAYS[::-1].index(day)))

    def settle(self) -> str:
        """Run the job; returns its log. The items observe the cut, so the views use them."""
        log = str(self._lake.job.run()["log"])
        assert self._lake.properties(ITEMS + ending(TABLE))[SWITCHED] == (self._cut or NO_SWITCH)
        return log

    def views(self, *, ended: bool) -> Views:
        """The views over what is settled, which equal the raw ones. `ended`: everything is settled."""
        compared = self._lake.compare(TABLE, ended=ended, switched_at=self._cut)
        return SandboxLake(compared.create_views(NAME, TABLE, TYPES))


def halves(objects: Sequence[Object], seed: int) -> tuple[list[Object], list[Object]]:
    """Two random halves."""
    shuffled = random.Random(seed).sample(objects, len(objects))  # noqa: S311  the same seed, the same halves
    return shuffled[::2], shuffled[1::2]


def lost_again(data: soak.Data) -> list[Object]:
    """The lines that the lake with losses does not have, as objects that arrive late."""
    kept = {(one.day, one.name): one.lines for one in data.left}
    late = [
        Delivered(one.day, f"late-{one.name}", [line for line in one.lines if line not in lines])
        for one in data.whole
        for lines in [{*kept.get((one.day, one.name), ())}]
    ]
    return [(one.day, one.name, body(data.histories, one.lines)) for one in late if one.lines]


@pytest.mark.parametrize("road", soak.ROADS)
def test_losses_and_late_changes(own_lake: SettledLake, road: Road) -> None:
    """Half is settled, and the rest is raw: first with losses, then complete. Then everything is settled."""
    data = soak.make(CHANGES, SEED, road)
    scene = Scene(own_lake, data.cut)
    first, second = halves(data.left_objects, SEED)
    scene.put(first)
    scene.settle()
    scene.put(second)
    wrong, counts = checks.check_losses(data.histories, data.lost, scene.views(ended=False), road)
    assert wrong == {}
    assert counts["lost changes named"] > CHANGES // 200
    scene.put(lost_again(data))
    assert checks.check_whole(data.histories, scene.views(ended=False), road) == {}
    log = scene.settle()
    assert "all changes merged" not in log
    assert checks.check_whole(data.histories, scene.views(ended=True), road) == {}


@pytest.mark.parametrize("road", soak.ROADS)
def test_backfill_and_reconcile_after_losses(own_lake: SettledLake, road: Road) -> None:
    """Their rows are raw beside a settled half, and then settled: the items are those of the table."""
    data = soak.make(CHANGES, SEED + 1, road)
    scene = Scene(own_lake, data.cut)
    first, second = halves([*data.left_objects, *data.backfilled], SEED)
    scene.put(first)
    scene.settle()
    scene.put(second)
    different = checks.differs(data.histories, checks.current_of(scene.views(ended=False)))
    assert different
    scene.put(repairs.reconciled(data.histories, sorted(different)))
    assert checks.differs(data.histories, checks.current_of(scene.views(ended=False))) == {}
    scene.settle()
    assert checks.differs(data.histories, checks.current_of(scene.views(ended=True))) == {}


@pytest.mark.parametrize("road", repairs.HEALED_ROADS)
def test_a_healed_hole(own_lake: SettledLake, road: Road) -> None:
    """Half of what the stream delivered is settled, and the rows of the heal are raw; then all is settled."""
    healed = repairs.healed(100, SEED, road)
    scene = Scene(own_lake)
    first, second = halves(healed.delivered, SEED)
    scene.put(first)
    scene.settle()
    scene.put(second)
    assert len(checks.differs(healed.histories, checks.current_of(scene.views(ended=False)))) > 10
    scene.put(healed.written)
    assert checks.differs(healed.histories, checks.current_of(scene.views(ended=False))) == {}
    scene.settle()
    assert checks.differs(healed.histories, checks.current_of(scene.views(ended=True))) == {}
