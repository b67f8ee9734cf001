"""Error objects one after the other: a problem with one of them does not stop the others."""

from __future__ import annotations

import io
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from repair.error_objects import DamagedObjectError, ErrorObject, Readable
from repair.redriving import CountError, Counts, Opened, Send, examine, redrive
from scripts.core.answers import count
from scripts.core.console import Output
from scripts.core.lake_objects import LakeObjects, ListedObject
from scripts.core.redriving.selection import Selection
from transform_lambda.flatten import RowSettings

IN_MEMORY = 8 * 1024 * 1024  # bytes: an object up to this size is fetched once, a larger one at each reading
REPORT_SECONDS = 15.0
# Codes of a refusal that concerns one object: it changed, is gone, or is archived.
_OF_ONE_OBJECT = {
    "412": "it changed during the run",
    "PreconditionFailed": "it changed during the run",
    "404": "it is gone",
    "NoSuchKey": "it is gone",
    "InvalidObjectState": "it is archived: restore it first",
}


@dataclass
class Result:
    """The counts, in all and by kind and day of the failure; the objects that could not be read, and why."""

    total: Counts = field(default_factory=Counts)
    failures: dict[tuple[str, str], Counts] = field(default_factory=lambda: defaultdict(Counts))
    objects: int = 0
    problems: list[tuple[str, str]] = field(default_factory=list)

    def add(self, source: ErrorObject, counts: Counts) -> None:
        """Add the counts of one error object."""
        self.objects += 1
        self.total.add(counts)
        self.failures[source.error_type, source.day].add(counts)


@dataclass(frozen=True)
class Run:
    """One run over the pending error objects of a lake."""

    objects: LakeObjects
    settings: RowSettings
    out: Output
    send: Send | None = None
    clock: Callable[[], float] = time.monotonic

    def examine(self, selection: Selection) -> Result:
        """Count what a redrive would do. Nothing is written."""
        return self._each(
            selection.pending, lambda source: examine(source, self._opener(source), self.settings)
        )

    def redrive(self, selection: Selection) -> Result:
        """Redrive each error object. Those that are complete stay complete if the run ends early."""

        def one(source: ErrorObject) -> Counts:
            earlier: Sequence[str] = selection.earlier.get(source.key, ())
            return redrive(
                source,
                self._opener(source),
                self.settings,
                self.objects.put,
                send=self.send,
                earlier=earlier,
            )

        return self._each(selection.pending, one)

    def _each(self, pending: Sequence[ErrorObject], work: Callable[[ErrorObject], Counts]) -> Result:
        result, told = Result(), self.clock()
        for number, source in enumerate(pending, start=1):
            try:
                result.add(source, work(source))
            except (DamagedObjectError, CountError) as error:
                result.problems.append((source.key, str(error)))
            except ClientError as error:
                why = _OF_ONE_OBJECT.get(str(error.response.get("Error", {}).get("Code")))
                if why is None or error.operation_name != "GetObject":
                    raise
                result.problems.append((source.key, why))
            if self.clock() - told >= REPORT_SECONDS:
                told = self.clock()
                self.out.say(
                    f"{number:,} of {count(len(pending), 'error object')}, "
                    f"{count(result.total.found, 'record')} so far"
                )
        return result

    def _opener(self, source: ErrorObject) -> Opened:
        listed = ListedObject(source.key, source.etag, source.size)
        if source.size > IN_MEMORY:
            return lambda: _body(self.objects.stream(listed))
        content: list[bytes] = []

        def opened() -> Readable:
            if not content:
                content.append(self.objects.stream(listed).read())
            return io.BytesIO(content[0])

        return opened


def _body(stream: Any) -> Readable:
    """A response's body as a Readable."""
    body: Readable = stream
    return body
