"""Which raw objects a run takes in, and in which portions: pure, decided from listings."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class RawObject:
    """One object below `data/` as S3 lists it, with the day of its folder and the address Athena shows."""

    day: str
    path: str
    tag: str
    size: int

    @property
    def key(self) -> str:
        """Its key in the bucket."""
        return self.path.removeprefix("s3://").partition("/")[2]


def unsettled(listed: Iterable[RawObject], settled: Mapping[str, str]) -> list[RawObject]:
    """The objects to take in, oldest day first: those that are not settled with the ETag they have now.

    :param settled: the ETag with which each path was settled last
    """
    return sorted(one for one in listed if settled.get(one.path) != one.tag)


def portions(objects: Iterable[RawObject], most_bytes: int) -> Iterator[list[RawObject]]:
    """The objects in their order, in portions of about so many bytes, of at least one object."""
    portion: list[RawObject] = []
    size = 0
    for one in objects:
        if portion and size + one.size > most_bytes:
            yield portion
            portion, size = [], 0
        portion.append(one)
        size += one.size
    if portion:
        yield portion
