"""The upkeep: rewrite small files, drop old snapshots, remove files of runs that died."""

from datetime import UTC, datetime, timedelta
from typing import Any

from .changes import ORDER
from .session import CATALOG
from .tables import Table, conflicts

# A file that no snapshot names may belong to a run that goes on (Iceberg's own default is three days).
_ORPHAN_HOURS = 72
_SMALL_FILES = 5  # from so many small files in a partition on, they are written as one


class Maintenance:
    """The upkeep of one lake's tables."""

    def __init__(self, session: Any, database: str, now: datetime, keep_hours: float) -> None:
        self._session, self._database, self._now, self._keep = session, database, now, keep_hours

    def rewrite(self, table: Table, *, ordered: bool) -> int:
        """Write the small files of each partition as one. Returns how many files are gone."""
        order = (
            f", strategy => 'sort', sort_order => '{ORDER.replace(',', ' ASC NULLS LAST,')} ASC NULLS LAST'"
        )
        return int(
            self._call(
                "rewrite_data_files",
                f"table => '{self._name(table)}'{order if ordered else ''}, "
                f"options => map('min-input-files', '{_SMALL_FILES}', 'partial-progress.enabled', 'true')",
            )["rewritten_data_files_count"]
        )

    def expire(self, table: Table, merged: int | None = None) -> int:
        """Drop snapshots older than the limit. Those since `merged` stay: the next merge begins there."""
        limit = self._now - timedelta(hours=self._keep)
        if merged is not None:
            found = table.load().table.snapshot(merged)
            if found is not None:
                limit = min(limit, datetime.fromtimestamp(found.timestampMillis() // 1000, UTC))
        before = table.load().snapshots()
        self._call("expire_snapshots", f"table => '{self._name(table)}', older_than => {_time(limit)}")
        return before - table.load().snapshots()

    def remove_orphans(self, table: Table) -> None:
        """Remove files in the table's folder that no snapshot names."""
        limit = self._now - timedelta(hours=_ORPHAN_HOURS)
        self._call(
            "remove_orphan_files",
            f"table => '{self._name(table)}', older_than => {_time(limit)}, prefix_listing => true",
        )

    def _name(self, table: Table) -> str:
        return f"{self._database}.{table.name}"

    def _call(self, procedure: str, arguments: str) -> dict[str, Any]:
        with conflicts():
            rows = self._session.sql(f"CALL {CATALOG}.system.{procedure}({arguments})").collect()
        return dict(rows[0].asDict()) if rows else {}


def _time(moment: datetime) -> str:
    return f"TIMESTAMP '{moment:%Y-%m-%d %H:%M:%S}.000'"
