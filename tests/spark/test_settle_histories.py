"""The job settles every small history as the raw views show it, however its rows are spread over runs.

Every history has a key of its own, so three runs of the job settle them all. Each row says in which run it
arrives.
SETTLED_HISTORIES, SETTLED_STRIDE and SETTLED_SEED as in tests/settled/test_views.py.
"""

import os
from collections import defaultdict

import pytest

from tests.settled.histories import TABLE, Row, search
from tests.settled.items import settled_item
from tests.spark.settling import SettledLake

NUMBER = int(os.environ.get("SETTLED_HISTORIES", "2000"))
STRIDE = int(os.environ.get("SETTLED_STRIDE", "1201"))
SEED = int(os.environ.get("SETTLED_SEED", "13"))
RUNS = 3


@pytest.fixture(scope="module")
def deliveries() -> list[list[Row]]:
    """The rows of all histories by the run that takes them; rows that no run takes come last."""
    found: dict[int, list[Row]] = defaultdict(list)
    for history in search(NUMBER, SEED, STRIDE):
        for row in history:
            found[row.run or RUNS].append(row)
    return [found[run] for run in range(1, RUNS + 1)]


def test_every_history_is_settled_as_the_raw_view_shows_it(
    own_lake: SettledLake, deliveries: list[list[Row]]
) -> None:
    """After each run: rows once, items and views as from raw rows, ties and leaning as stated."""
    rows: list[Row] = []
    for run, delivery in enumerate(deliveries):
        rows += delivery
        own_lake.put([row.line() for row in delivery], f"histories-{run}.gz", own_lake.day(3 - run))
        log = own_lake.job.run()["log"]
        if run:
            assert " changes merged" in log
            assert "all changes merged" not in log
        compared = own_lake.compare(TABLE)
        by_key: dict[str, list[Row]] = defaultdict(list)
        for row in rows:
            by_key[row.key].append(row)
        wrong = []
        for key, (ties, leans) in compared.ties(TABLE).items():
            stated = settled_item(by_key[key])
            assert stated is not None
            if ties != stated.ties or (stated.leans and not leans) or (leans and ties == 1):
                wrong.append((by_key[key], ties, leans, stated))
        assert wrong[:3] == []
        assert len(by_key) > 500
    assert "ranked among all their changes" in log
