"""Remove columns from `changes` for good, or let them come back: first the record, then the table.

The catalog function reads the record before it adds columns (catalog_lambda/forgotten.py). So nothing comes
back if a crawl runs between the two steps, or if the command stops after the first: run the command again.
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
    """The effect of forgetting: columns to remove, names that get no column, views to create again."""

    names: tuple[str, ...]
    columns: tuple[str, ...]
    waiting: tuple[str, ...]
    views: tuple[str, ...]


@dataclass(frozen=True)
class Family:
    """Names with the same beginning, probably made from data: how many are columns, how many are not."""

    beginning: str
    columns: int
    waiting: int


class Forgetting:
    """The columns of one lake, and the record of forgotten columns."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    @cached_property
    def _table(self) -> Table:
        return self._catalog.table(CHANGES)

    @cached_property
    def forgotten(self) -> Forgotten:
        """The record. Raises CatalogError if it cannot be read."""
        return self._catalog.forgotten()

    @cached_property
    def _fixed(self) -> tuple[str, ...]:
        """Columns that every query needs: metadata and partition keys."""
        return (*METADATA_COLUMNS, *(key["Name"] for key in self._table.get("PartitionKeys") or []))

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The columns of `changes` that hold attributes."""
        return tuple(name for name in names(self._table) if name not in self._fixed)

    @cached_property
    def undeclared(self) -> tuple[str, ...]:
        """Names that the crawler found, that are not forgotten, and that are not columns of `changes`."""
        known = {*self._fixed, *self.columns}
        found = dict.fromkeys(self._catalog.crawled(CRAWLED_PREFIX, None))
        return tuple(name for name in found if name not in known and name not in self.forgotten)

    @property
    def refused(self) -> dict[str, str]:
        """The undeclared names that cannot become columns, with the reason."""
        return {name: why for name in self.undeclared if (why := objection(name))}

    def families(self) -> list[Family]:
        """The families that contain names without a column, the largest first."""
        columns, waiting = _by_family(self.columns), _by_family(set(self.undeclared) - set(self.refused))
        found = [
            Family(
                _beginning_of([*columns[name], *members]),
                len(columns[name]),
                len(members),
            )
            for name, members in waiting.items()
        ]
        return sorted(found, key=lambda each: (-each.waiting, each.beginning))

    def preview(self, patterns: Iterable[str]) -> Preview:
        """The effect of forgetting these names.

        Raises CommandError for an unknown name, and for one that matches metadata.
        """
        wanted = tuple(dict.fromkeys(name.lower() for name in patterns))
        for name in wanted:
            self._check(name)
        matching = _all(wanted)
        columns = tuple(name for name in self.columns if name in matching)
        return Preview(
            names=wanted,
            columns=columns,
            waiting=tuple(name for name in self.undeclared if name in matching),
            views=tuple(sorted(self._views_of(set(columns)))),
        )

    def _check(self, name: str) -> None:
        if ANY_ENDING in name.removesuffix(ANY_ENDING):
            raise CommandError(
                f"{name} has a {ANY_ENDING} that is not at the end",
                f"Give whole names, or the beginning of names and {ANY_ENDING}.",
                exit_code=EXIT_USAGE,
            )
        if needed := [each for each in self._fixed if stands_for(name, each)]:
            raise CommandError(
                f"{name} would forget {', '.join(needed)}, which every query needs",
                "Give a longer beginning, or name the columns one by one.",
            )
        known = self._known
        if name in self.forgotten.names or name in known:
            return
        if name.endswith(ANY_ENDING) and any(stands_for(name, each) for each in known):
            return
        raise CommandError(
            f"{self._catalog.database}.{CHANGES} never had a column {name}, and no crawl has found it",
            f"Correct the name: {nearest(name, known)}." if known else "Start the crawler first.",
        )

    @cached_property
    def _known(self) -> frozenset[str]:
        """Every name that is or was a column, or that a crawl found."""
        earlier = set(self._catalog.earlier(CHANGES)) - set(self._fixed)
        return frozenset({*self.columns, *self.undeclared, *earlier})

    def _views_of(self, columns: set[str]) -> Iterator[str]:
        for table in self._catalog.tables() if columns else ():
            if table.get("TableType") == "VIRTUAL_VIEW" and not columns.isdisjoint(names(table)):
                yield table["Name"]

    def forget(self, preview: Preview, at: str, by: str) -> tuple[str, ...]:
        """Record the names, then remove their columns. Returns the removed columns in the table's order.

        Raises CommandError if the record would be too long.
        """
        self._write(lambda before: before.with_act(preview.names, at, by))
        return self._catalog.change(CHANGES, lambda table: self._without(table, preview.names))

    def _without(self, table: Table, patterns: Collection[str]) -> tuple[str, ...]:
        columns, matching = (table.get("StorageDescriptor") or {}).get("Columns") or [], _all(patterns)
        gone = {name: None for name in names(table) if name not in self._fixed and name in matching}
        if gone:
            self._catalog.set_columns(table, [each for each in columns if each["Name"] not in gone])
        return tuple(gone)

    def remembered(self, patterns: Iterable[str]) -> tuple[str, ...]:
        """The names as the record spells them. Raises CommandError for a name that is not recorded."""
        wanted = tuple(dict.fromkeys(name.lower() for name in patterns))
        for name in wanted:
            if name in self.forgotten.names:
                continue
            if covering := [each for each in sorted(self.forgotten.names) if stands_for(each, name)]:
                raise CommandError(
                    f"{name} is forgotten because {covering[0]} is",
                    f"Remember {covering[0]}. Then forget the names that should stay forgotten.",
                )
            raise CommandError(
                f"{name} is not forgotten", "`python -m scripts.forget_columns --list` shows the names."
            )
        return wanted

    def remember(self, patterns: Iterable[str]) -> None:
        """Remove names from the record. The next crawl adds their columns."""
        gone = tuple(patterns)
        self._write(lambda before: before.without(gone))

    def _write(self, change: Callable[[Forgotten], Forgotten]) -> None:
        """Change the record, or create it."""
        if not any(True for _ in self._catalog.tables(record.TABLE)):
            try:
                self._catalog.glue.create_table(
                    DatabaseName=self._catalog.database, TableInput=self._definition(change(Forgotten()))
                )
                return
            except ClientError as error:
                if code_of(error) != "AlreadyExistsException":  # another run has created it
                    raise

        def step(table: Table) -> None:
            before = self._catalog.forgotten_in(table)
            if (after := change(before)) != before:
                parameters = {**(table.get("Parameters") or {}), record.PARAMETER: _text(after)}
                self._catalog.update(table, {**table, "Parameters": parameters})

        self._catalog.change(record.TABLE, step)

    def _definition(self, forgotten: Forgotten) -> dict[str, Any]:
        """The record's table: complete enough for Athena to list it, with a location that has no object."""
        storage = self._table["StorageDescriptor"]
        return {
            "Name": record.TABLE,
            "Description": "Columns removed from changes on purpose; written by scripts.forget_columns",
            "TableType": "EXTERNAL_TABLE",
            "PartitionKeys": [],  # Athena needs the list (AWS Glue API reference, "TableInput")
            "Parameters": {"EXTERNAL": "TRUE", record.PARAMETER: _text(forgotten)},
            "StorageDescriptor": {
                "Columns": [{"Name": "nothing", "Type": "string", "Comment": "The record is a parameter"}],
                "Location": storage["Location"].removesuffix("data/") + f"{record.TABLE}/",
                **{name: storage[name] for name in ("InputFormat", "OutputFormat", "SerdeInfo")},
            },
        }


def _all(patterns: Iterable[str]) -> Forgotten:
    """A set that matches names: `name in _all(patterns)` is true if one of the patterns stands for it."""
    return Forgotten((Act(tuple(patterns), "", ""),))


def _beginning_of(members: Collection[str]) -> str:
    """The common beginning of the names, and `*`; a single name is returned unchanged."""
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
            f"the record of forgotten columns is full: {error}",
            f"Forget the columns by their beginning (prices__{ANY_ENDING}), and remember the single names.",
        ) from error
