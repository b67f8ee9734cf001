"""The state that outlives a child: a folder of objects, each replaced at once, and a log of the work done.

A killed child loses nothing that it had written: SIGKILL ends the process, and the kernel keeps its pages.
"""

from __future__ import annotations

import io
import os
import pickle
import signal
from collections import Counter
from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from tests.faults.services import refused, tag_of

REPLACED = "replaced"  # the key of an object that was written again with other bytes


@dataclass(frozen=True)
class Kill:
    """Where a child ends: at the `hit`th time that it reaches a point, 1 for the first."""

    point: str
    hit: int


@dataclass
class Points:
    """The named points of one child. `reached` counts them."""

    kill: Kill | None = None
    reached: Counter[str] = field(default_factory=Counter)

    def at(self, point: str) -> None:
        """A point of the process: the child ends here if this is where it is to be killed."""
        self.reached[point] += 1
        if self.kill is not None and self.kill == Kill(point, self.reached[point]):
            os.kill(os.getpid(), signal.SIGKILL)


class Folder(MutableMapping[str, bytes]):
    """Bytes by name, one file each."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)

    def _file(self, name: str) -> Path:
        return self.path / quote(name, safe="=")

    def __getitem__(self, name: str) -> bytes:
        try:
            return self._file(name).read_bytes()
        except FileNotFoundError:
            raise KeyError(name) from None

    def __setitem__(self, name: str, value: bytes) -> None:
        new = self.path / f"{os.getpid()}.new"
        new.write_bytes(value)
        new.replace(self._file(name))

    def __delitem__(self, name: str) -> None:
        self._file(name).unlink()

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(unquote(each.name) for each in self.path.iterdir() if each.suffix != ".new"))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __ior__(self, other: dict[str, bytes]) -> Folder:
        self.update(other)
        return self


@dataclass
class Disk:
    """One trial's state: folders of bytes, values, and the log."""

    root: Path

    def folder(self, name: str) -> Folder:
        """A folder of bytes."""
        return Folder(self.root / name)

    def keep(self, name: str, value: Any) -> None:
        """Replace a value."""
        Folder(self.root / "values")[name] = pickle.dumps(value)

    def kept(self, name: str, default: Any = None) -> Any:
        """A value."""
        try:
            return pickle.loads(Folder(self.root / "values")[name])  # noqa: S301  written by `keep`
        except KeyError:
            return default

    def note(self, work: str) -> None:
        """Add a line to the log."""
        with (self.root / "log").open("a", encoding="utf-8") as log:
            log.write(work + "\n")

    @property
    def work(self) -> int:
        """The number of lines in the log."""
        log = self.root / "log"
        return log.read_bytes().count(b"\n") if log.exists() else 0


class Objects:
    """An S3 client over folders, one per bucket, whose calls are points. `place` names a key in them."""

    def __init__(self, disk: Disk, points: Points, *buckets: str) -> None:
        self.buckets = {name: disk.folder(name) for name in buckets or ("lake",)}
        self._disk, self._points = disk, points

    @staticmethod
    def place(key: str) -> str:
        """A key's role, for the names of points."""
        if key.startswith("data/"):
            return "rows"
        return "error lines" if key.startswith("errors/") else "objects"

    def put_object(self, Bucket: str, Key: str, Body: bytes, **_: Any) -> dict[str, Any]:
        """PutObject: an object is there as a whole or not at all."""
        place = self.place(Key)
        self._points.at(f"before {place} are put")
        if self.buckets[Bucket].get(Key, Body) != Body:
            self._disk.keep(REPLACED, Key)
        self.buckets[Bucket][Key] = Body
        self._disk.note(f"put {Key}")
        self._points.at(f"after {place} were put")
        return {}

    def get_object(self, Bucket: str, Key: str, IfMatch: str | None = None, **_: Any) -> dict[str, Any]:
        """GetObject."""
        body = self.buckets[Bucket].get(Key)
        if body is None:
            raise refused("NoSuchKey", "GetObject")
        if IfMatch and IfMatch.strip('"') != tag_of(body):
            raise refused("PreconditionFailed", "GetObject")
        self._points.at(f"after {self.place(Key)} were read")
        return {"Body": io.BytesIO(body)}

    def get_paginator(self, _: str) -> Objects:
        """Listings."""
        return self

    def paginate(self, Bucket: str, Prefix: str, Delimiter: str = "", **_: Any) -> Iterator[dict[str, Any]]:
        """Pages of five keys; with a delimiter, the folders."""
        objects = self.buckets[Bucket]
        keys = [key for key in objects if key.startswith(Prefix)]
        if Delimiter:
            folders = sorted({key[: key.index("/", len(Prefix)) + 1] for key in keys})
            yield {"CommonPrefixes": [{"Prefix": each} for each in folders]}
            return
        for start in range(0, len(keys), 5):
            self._points.at("while keys are listed")
            yield {
                "Contents": [
                    {"Key": key, "ETag": f'"{tag_of(objects[key])}"', "Size": len(objects[key])}
                    for key in keys[start : start + 5]
                ]
            }
