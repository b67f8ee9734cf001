"""Checkpoints: a shard is delivered up to the first incomplete batch."""

import random

from hypothesis import given
from hypothesis import strategies as st

from sandbox.delivery.progress import ShardProgress


def test_batch_counts_when_its_last_part_is_delivered() -> None:
    """The reader's own part and two buffers."""
    shard = ShardProgress("s")
    ticket = shard.open(1.0)
    shard.add(ticket, "7", 3)
    shard.share(ticket)
    shard.share(ticket)
    shard.release(ticket)
    shard.release(ticket)
    assert (shard.last_delivered, shard.idle) == (None, False)
    shard.release(ticket)
    assert (shard.last_delivered, shard.idle, shard.read) == ("7", True, 3)


def test_end_of_a_shard_waits_for_earlier_records() -> None:
    """complete_through is the time of the read, after all earlier records are delivered."""
    shard = ShardProgress("s")
    shard.caught_up(1.0)
    assert shard.complete_through == 1.0
    ticket = shard.open(2.0)
    shard.add(ticket, "1", 1)
    shard.caught_up(3.0)
    later = shard.open(4.0)
    shard.caught_up(5.0)
    shard.release(later)
    assert shard.complete_through == 1.0
    shard.release(ticket)
    assert shard.complete_through == 5.0


@given(st.integers(1, 12), st.randoms())
def test_progress_never_passes_an_undelivered_batch(count: int, order: random.Random) -> None:
    """In any order of delivery."""
    shard = ShardProgress("s")
    tickets = [shard.open(float(number)) for number in range(count)]
    for number, ticket in enumerate(tickets):
        shard.add(ticket, str(number), 1)
    arrived: set[int] = set()
    for number in order.sample(range(count), count):
        shard.release(tickets[number])
        arrived.add(number)
        whole = next((n for n in range(count) if n not in arrived), count)
        assert shard.last_delivered == (str(whole - 1) if whole else None)
    assert shard.idle
