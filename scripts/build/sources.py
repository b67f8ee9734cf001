"""The repository as generators read it: a generated file reads as it will be after `make generate`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from scripts.core.template import ROOT


class Sources:
    """The files of a tree, by their path below its root.

    `generators` maps a generated file to the function that gives its text, so that what one generator makes
    of another's file never depends on which of the two runs first.
    """

    def __init__(self, root: Path = ROOT, generators: Mapping[str, Generator] | None = None) -> None:
        self.root = root
        self.generators = generators or {}
        self.text = cache(self._text)

    def stored(self, path: str) -> str:
        """A file's text as it is on disk."""
        return (self.root / path).read_text(encoding="utf-8")

    def _text(self, path: str) -> str:
        return self.generators[path](self, path) if path in self.generators else self.stored(path)

    def paths(self, *patterns: str) -> list[str]:
        """The files on disk that match one of the patterns, sorted within each."""
        return [
            path.relative_to(self.root).as_posix()
            for pattern in patterns
            for path in sorted(self.root.glob(pattern))
        ]

    def table(self, name: str) -> dict[str, Any]:
        """The declaration of a table, from glue/tables/."""
        declared: dict[str, Any] = yaml.safe_load(self.text(f"glue/tables/{name}.yaml"))
        return declared


# Gives the text of the generated file whose path it is handed.
Generator = Callable[[Sources, str], str]
