"""The orders of an invented shop as DynamoDB writes: every attribute type, nesting, updates and deletes.

The same seed gives the same writes, so that a run that finds a bug can be repeated.
Images are DynamoDB JSON as the low-level client takes them (binary as bytes).
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

Image = dict[str, dict[str, Any]]

CITIES = ("Lisbon", "São Paulo", "東京", "Zürich", "Nairobi", "Montréal")
PRODUCTS = ("lamp", "desk", "chair", "shelf", "rug", "clock")


@dataclass(frozen=True, slots=True)
class Put:
    """Write the whole item: an INSERT for a new key, otherwise a MODIFY."""

    key: Image
    attributes: Image

    @property
    def item(self) -> Image:
        """The whole item: its key and its other attributes."""
        return self.attributes | self.key


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove the item with this key: a REMOVE."""

    key: Image


@dataclass(frozen=True, slots=True)
class KeySchema:
    """The names of a table's key attributes, and their types `S`, `N` or `B`."""

    partition: tuple[str, str]
    sort: tuple[str, str] | None = None

    def key(self, number: int) -> Image:
        """The key of the item with this number, in the table's types."""
        attributes = {self.partition[0]: _key_value(self.partition[1], "order", number)}
        if self.sort:
            attributes[self.sort[0]] = _key_value(self.sort[1], "version", number)
        return attributes


@dataclass(slots=True)
class Workload:
    """`items` inserts, then updates of a third of them and deletes of a tenth, in a seeded order."""

    schema: KeySchema
    items: int = 2000
    seed: int = 20261120
    _random: random.Random = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)  # noqa: S311 - invented data, not a secret

    @property
    def writes(self) -> int:
        """The number of writes that iterating returns."""
        return self.items + self.items // 3 + self.items // 10

    def __iter__(self) -> Iterator[Put | Delete]:
        """The writes; the writes of one item are in sequence."""
        for number in range(self.items):
            yield Put(self.schema.key(number), self._order(number, revision=1))
        for number in self._random.sample(range(self.items), self.items // 3):
            yield Put(self.schema.key(number), self._order(number, revision=2))
        for number in self._random.sample(range(self.items), self.items // 10):
            yield Delete(self.schema.key(number))

    def _order(self, number: int, revision: int) -> Image:
        pick = self._random
        order: Image = {
            "revision": {"N": str(revision)},
            "total": {"N": f"{pick.randrange(1, 10**6)}.{pick.randrange(1, 10)}"},
            # 38 digits: more than a double has, but not more than the lake keeps
            "ledger": {"N": "1234567890123456789012345678901234567" + str(number % 9 + 1)},
            "paid": {"BOOL": pick.random() < 0.5},
            "coupon": {"NULL": True},
            "signature": {"B": pick.randbytes(12)},
            "tags": {"SS": pick.sample(("new", "gift", "bulk", "fragile", "export"), 2)},
            "discounts": {"NS": [str(number % 7), f"{number % 7 + 8}.5"]},
            "photos": {"BS": [pick.randbytes(4), pick.randbytes(5)]},
            "lines": {"L": [self._line() for _ in range(pick.randrange(0, 4))]},
            "customer": {
                "M": {
                    "name": {"S": f'Customer {number % 97} "the regular"\n'},
                    "address": {
                        "M": {
                            "city": {"S": pick.choice(CITIES)},
                            "geo": {"M": {"lat": {"N": f"{pick.randrange(-89, 90)}.25"}, "lon": {"N": "7"}}},
                        }
                    },
                    "preferences": {"M": {}},
                }
            },
        }
        if number % 5 == 0:
            # Two attributes with one column name: one is the column, the other is rescued under its path.
            order |= {"State": {"S": "packed"}, "state": {"S": "paid"}}
        if revision == 2:
            order["updated.by"] = {"S": "clerk"}
        return order

    def _line(self) -> dict[str, Any]:
        pick = self._random
        return {
            "M": {
                "product": {"S": pick.choice(PRODUCTS)},
                "quantity": {"N": str(pick.randrange(1, 9))},
                "options": {"L": [{"S": "red"}, {"N": "2"}, {"BOOL": True}, {"NULL": True}]},
            }
        }


def _key_value(kind: str, stem: str, number: int) -> dict[str, Any]:
    """A key attribute's value in the given type: text, number or bytes."""
    match kind:
        case "N":
            return {"N": str(number)}
        case "B":
            return {"B": f"{stem}-{number:06d}".encode()}
        case _:
            return {"S": f"{stem}-{number:06d}"}
