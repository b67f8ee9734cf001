"""Records are removed from a stream when its retention ends, and not before."""

from sandbox.emulator.streams import expire_records

HOUR = 3600.0


def test_records_expire_after_the_retention() -> None:
    """Counted from a record's arrival, shard by shard."""

    def shard(*arrivals: float) -> dict[str, list[dict[str, float]]]:
        return {"records": [{"ApproximateArrivalTimestamp": arrival} for arrival in arrivals]}

    shards = {"a": shard(0, HOUR, 2 * HOUR), "b": shard(2 * HOUR), "c": shard()}
    expire_records({"RetentionPeriodHours": 24, "shards": shards}, now=25 * HOUR)

    assert shards == {"a": shard(HOUR, 2 * HOUR), "b": shard(2 * HOUR), "c": shard()}
