"""The repository's files for generators. A generated file has the text that `make generate` will write."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from scripts.core.template import ROOT


class Sources:
    """The files of a tree, by their path below its root.

    `generators` maps a generated file to the function that returns its text. So a generator that reads
    another generator's file gets the same text, whichever runs first.
    """

    def __init__(self, root: Path = ROOT, generators: Mapping[str, Generator] | None = None) -> None:
        self.root = root
        self.generators = generators or {}
        self.text = cache(self._text)

    def stored(self, path: str) -> str:
        """A file's text on disk."""
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


# Returns the text of the generated file with the given path.
Generator = Callable[[Sources, str], str]
