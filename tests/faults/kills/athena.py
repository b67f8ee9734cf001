"""Athena over a lake on the disk. A statement over the same objects runs once for all children."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Mapping
from typing import Any

import pandas as pd  # noqa: F401  pyarrow imports it: without this line, in every child

from tests.faults.kills.disk import Folder
from tests.sql.lake import Lake

Columns = list[str]
Rows = list[list[str | None]]


class Athena:
    """The sandbox's engine, with the results that earlier children left in a folder."""

    def __init__(self, results: Folder, columns: tuple[str, ...] = ("pk",)) -> None:
        self._results, self._columns = results, columns

    def ask(self, sql: str, objects: Mapping[str, bytes]) -> tuple[list[Any], Rows]:
        """The columns and rows of a statement over these objects (key: body) of a lake."""
        digest = hashlib.sha256(sql.encode())
        for key, body in objects.items():
            digest.update(key.encode() + hashlib.sha256(body).digest())
        name = digest.hexdigest()
        if name not in self._results:
            lake = Lake(self._columns, more=("change_lines",))
            for key, body in objects.items():
                _, day, file = key.split("/")
                lake.put_bytes(body, day=day.removeprefix("dt="), name=file)
            done = lake.run(sql)
            self._results[name] = pickle.dumps((done.columns, done.rows or []))
        found: tuple[list[Any], Rows] = pickle.loads(self._results[name])  # noqa: S301  written above
        return found
