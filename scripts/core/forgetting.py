"""Take columns away from `changes` for good, or let them come back: the record first, then the table.

The catalog function reads the record before it declares anything (catalog_lambda/forgotten.py), so a run
between the two steps, or one that ends after the first, brings nothing back: run the command again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from botocore.exceptions import ClientError

from catalog_lambda import forgotten as record
from catalog_lambda.catalog import Catalog, Table, code_of, names
from catalog_lambda.columns import family, objection
from catalog_lambda.forgotten import ANY_ENDING, Act, Forgotten, RecordError, stands_for
from glue.tables import METADATA_COLUMNS
from scripts.core.console import EXIT_USAGE, CommandError, nearest

CHANGES = "changes"
CRAWLED_PREFIX = "crawled_"  # the crawler's TablePrefix in templates/consumer.yaml


@dataclass(frozen=True)
class Preview:
    """What forgetting does: columns that go, names that get none any more, views to be made anew."""

    names: tuple[str, ...]
    columns: tuple[str, ...]
    waiting: tuple[str, ...]
    views: tuple[str, ...]


@dataclass(frozen=True)
class Family:
    """Names that look made of data, by what they begin with: how many are columns, how many are not yet."""

    beginning: str
    columns: int
    waiting: int


class Forgetting:
    """The columns of one lake, as they are now, and the record of those that were forgotten."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    @cached_property
    def _table(self) -> Table:
        return self._catalog.table(CHANGES)

    @cached_property
    def forgotten(self) -> Forgotten:
        """The record. Raises CatalogError when it cannot be read."""
        return self._catalog.forgotten()

    @cached_property
    def _fixed(self) -> tuple[str, ...]:
        """What every query relies on: metadata and partition keys."""
        return (*METADATA_COLUMNS, *(key["Name"] for key in self._table.get("PartitionKeys") or []))

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The columns of `changes` that are attributes."""
        return tuple(name for name in names(self._table) if name not in self._fixed)

    @cached_property
    def undeclared(self) -> tuple[str, ...]:
        """What the crawler found and nobody forgot, and `changes` has no column of."""
        known = {*self._fixed, *self.columns}
        found = dict.fromkeys(self._catalog.crawled(CRAWLED_PREFIX, None))
        return tuple(name for name in found if name not in known and name not in self.forgotten)

    @property
    def refused(self) -> dict[str, str]:
        """Those of them that cannot be columns, each with the reason."""
        return {name: why for name in self.undeclared if (why := objection(name))}

    def families(self) -> list[Family]:
        """The families with names that have no column yet, the largest first."""
        columns, waiting = _by_family(self.columns), _by_family(set(self.undeclared) - set(self.refused))
        found = [
            Family(
                _beginning_of([*columns[name], *members]),
                len(columns[name]),
                len(members),
            )
            for name, members in waiting.items()
        ]
        return sorted(found, key=lambda one: (-one.waiting, one.beginning))

    def preview(self, given: Iterable[str]) -> Preview:
        """What forgetting these names would do.

        Raises CommandError for a name nobody knows, and for one that stands for metadata.
        """
        wanted = tuple(dict.fromkeys(name.lower() for name in given))
        for name in wanted:
            self._check(name)
        meant = _all(wanted)
        columns = tuple(name for name in self.columns if name in meant)
        return Preview(
            names=wanted,
            columns=columns,
            waiting=tuple(name for name in self.undeclared if name in meant),
            views=tuple(sorted(self._views_of(set(columns)))),
        )

    def _check(self, name: str) -> None:
        if ANY_ENDING in name.removesuffix(ANY_ENDING):
            raise CommandError(
                f"{name} has a {ANY_ENDING} that is not its end",
                f"Give whole names, or the beginning of names and {ANY_ENDING}.",
                exit_code=EXIT_USAGE,
            )
        if meant := [one for one in self._fixed if stands_for(name, one)]:
            raise CommandError(
                f"{name} would forget {', '.join(meant)}, which every query relies on",
                "Give a longer beginning, or name the columns one by one.",
            )
        known = self._known
        if name in self.forgotten.names or name in known:
            return
        if name.endswith(ANY_ENDING) and any(stands_for(name, one) for one in known):
            return
        raise CommandError(
            f"no column of {self._catalog.database}.{CHANGES} is or was {name}, and no crawl has found it",
            f"Correct the name: {nearest(name, known)}." if known else "Start the crawler first.",
        )

    @cached_property
    def _known(self) -> frozenset[str]:
        """Every name that is or was a column, or that a crawl has found."""
        earlier = set(self._catalog.earlier(CHANGES)) - set(self._fixed)
        return frozenset({*self.columns, *self.undeclared, *earlier})

    def _views_of(self, columns: set[str]) -> Iterator[str]:
        for table in self._catalog.tables() if columns else ():
            if table.get("TableType") == "VIRTUAL_VIEW" and not columns.isdisjoint(names(table)):
                yield table["Name"]

    def forget(self, preview: Preview, at: str, by: str) -> tuple[str, ...]:
        """Record the names, then take their columns away; the columns that went, in the table's order.

        Raises CommandError when the record would be too long.
        """
        self._write(lambda before: before.with_act(preview.names, at, by))
        return self._catalog.change(CHANGES, lambda table: self._without(table, preview.names))

    def _without(self, table: Table, given: Collection[str]) -> tuple[str, ...]:
        columns, meant = (table.get("StorageDescriptor") or {}).get("Columns") or [], _all(given)
        gone = {name: None for name in names(table) if name not in self._fixed and name in meant}
        if gone:
            self._catalog.set_columns(table, [one for one in columns if one["Name"] not in gone])
        return tuple(gone)

    def remembered(self, given: Iterable[str]) -> tuple[str, ...]:
        """The names as the record has them. Raises CommandError for one that it does not have."""
        wanted = tuple(dict.fromkeys(name.lower() for name in given))
        for name in wanted:
            if name in self.forgotten.names:
                continue
            if covering := [one for one in sorted(self.forgotten.names) if stands_for(one, name)]:
                raise CommandError(
                    f"{name} is forgotten as one of {covering[0]}",
                    f"Remember {covering[0]}, then forget by other names what should stay forgotten.",
                )
            raise CommandError(f"{name} is not forgotten", "`--list` shows the names that are.")
        return wanted

    def remember(self, given: Iterable[str]) -> None:
        """Take names out of the record: the end of the next crawl declares what was or is to be a column."""
        gone = tuple(given)
        self._write(lambda before: before.without(gone))

    def _write(self, change: Callable[[Forgotten], Forgotten]) -> None:
        """Change the record, or make it."""
        if not any(True for _ in self._catalog.tables(record.TABLE)):
            try:
                self._catalog.glue.create_table(
                    DatabaseName=self._catalog.database, TableInput=self._definition(change(Forgotten()))
                )
                return
            except ClientError as error:
                if code_of(error) != "AlreadyExistsException":  # somebody else made it meanwhile
                    raise

        def step(table: Table) -> None:
            before = self._catalog.forgotten_in(table)
            if (after := change(before)) != before:
                parameters = {**(table.get("Parameters") or {}), record.PARAMETER: _text(after)}
                self._catalog.update(table, {**table, "Parameters": parameters})

        self._catalog.change(record.TABLE, step)

    def _definition(self, forgotten: Forgotten) -> dict[str, Any]:
        """The record's table: whole enough for Athena to list it, over a place that holds no object."""
        storage = self._table["StorageDescriptor"]
        return {
            "Name": record.TABLE,
            "Description": "Columns taken away from changes on purpose: scripts.forget_columns keeps it",
            "TableType": "EXTERNAL_TABLE",
            "PartitionKeys": [],  # Athena wants the list (AWS Glue API reference, "TableInput")
            "Parameters": {"EXTERNAL": "TRUE", record.PARAMETER: _text(forgotten)},
            "StorageDescriptor": {
                "Columns": [{"Name": "nothing", "Type": "string", "Comment": "The record is a parameter"}],
                "Location": storage["Location"].removesuffix("data/") + f"{record.TABLE}/",
                **{name: storage[name] for name in ("InputFormat", "OutputFormat", "SerdeInfo")},
            },
        }


def _all(given: Iterable[str]) -> Forgotten:
    """`name in` it is whether one of the given names stands for the name, in one look-up."""
    return Forgotten((Act(tuple(given), "", ""),))


def _beginning_of(members: Collection[str]) -> str:
    """What all of them begin with and `*`; a single name as it is."""
    first, last = min(members), max(members)
    if first == last:
        return first
    same = 0
    while same < len(first) and first[same] == last[same]:
        same += 1
    return first[:same] + ANY_ENDING


def _by_family(names: Iterable[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for name in names:
        found[family(name)].append(name)
    return found


def _text(forgotten: Forgotten) -> str:
    try:
        return forgotten.text()
    except RecordError as error:
        raise CommandError(
            f"the record of forgotten columns has no room: {error}",
            f"Forget them by what they begin with (prices__{ANY_ENDING}), and remember the single names.",
        ) from error
