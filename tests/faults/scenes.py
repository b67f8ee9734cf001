"""Small runs of the harness that a seeded bug must not survive. Each returns what is wrong."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, Final

CHANGES: Final = 2_500
FAULTS: Final = 2.0  # a small run has few requests, so more of them fail
KILLS: Final = 16
SHOWN: Final = 110  # characters of a finding


def _quiet(_: str) -> None:
    """Say nothing."""


def _stream(seed: int, *, with_views: bool) -> list[str]:
    stream: Any = import_module("tests.faults.stream")
    result = stream.run(seed, CHANGES, _quiet, with_views=with_views, faults=FAULTS)
    return [f"{problem.check}: {problem.text}" for problem in result.problems]


def _killed(module: str, name: str) -> list[str]:
    driver: Any = import_module("tests.faults.kills.driver")
    process = getattr(import_module(f"tests.faults.kills.{module}"), name)()
    try:
        return [f"kills: {wrong}" for wrong in driver.kill_process(process, KILLS, 1, _quiet).wrong]
    except AssertionError as error:
        return [f"undisturbed: {error}"]


def _exports() -> list[str]:
    exports: Any = import_module("tests.faults.exports")
    found: list[str] = exports.check()
    return found


SCENES: Final[dict[str, Callable[[], list[str]]]] = {
    "stream": lambda: _stream(4, with_views=False),
    "images": lambda: _stream(5, with_views=False),  # an odd seed keeps images
    "views": lambda: _stream(6, with_views=True),
    "exports": _exports,
    "kill redrive": lambda: _killed("redrive", "Redrive"),
    "kill backfill": lambda: _killed("backfill", "Backfill"),
    "kill heal": lambda: _killed("heal", "Heal"),
    "kill delivery": lambda: _killed("delivery", "Delivery"),
    "kill put_items": lambda: _killed("put_items", "PutItems"),
    "kill catalog": lambda: _killed("forgetting", "Forgetting"),
    "kill restore": lambda: _killed("restore", "Restore"),
    "kill reconcile": lambda: _killed("reconcile", "Reconcile"),
}


def play(name: str) -> list[str]:
    """What is wrong in one scene, shortened."""
    return [" ".join(text.split())[:SHOWN] for text in SCENES[name]()]
