"""Every command line explains itself: a description for each command, and help for each of its options."""

from __future__ import annotations

import argparse
import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

from scripts.core.console import Output

ROOT = Path(__file__).parents[3]
CREATES = re.compile(r"= (?:argparse\.)?(?:ArgumentParser|[Pp]arser)\(")


class ParsedError(Exception):
    """Carries the parser that a command uses."""

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        super().__init__()
        self.parser = parser


def command_lines() -> Iterator[str]:
    """The modules of scripts and sandbox that create a parser."""
    for path in sorted(path for folder in ("scripts", "sandbox") for path in (ROOT / folder).rglob("*.py")):
        if CREATES.search(path.read_text(encoding="utf-8")) and path.name != "console.py":
            yield ".".join(path.relative_to(ROOT).with_suffix("").parts)


def parser_of(module: str, monkeypatch: pytest.MonkeyPatch) -> argparse.ArgumentParser:
    """The parser that the module's `main` uses."""

    def parse(self: argparse.ArgumentParser, *_: Any) -> NoReturn:
        raise ParsedError(self)

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parse)
    monkeypatch.setattr(argparse.ArgumentParser, "parse_known_args", parse)
    main = importlib.import_module(module).main
    with pytest.raises(ParsedError) as parsed:
        main([], Output()) if "out" in inspect.signature(main).parameters else main([])
    return parsed.value.parser


def unexplained(parser: argparse.ArgumentParser, description: str | None) -> Iterator[str]:
    """The commands without a description and the options without help, of this parser and those below."""
    if not description:
        yield parser.prog
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                yield from unexplained(below, below.description)
        elif not action.help:
            yield f"{parser.prog} {'/'.join(action.option_strings) or action.dest}"


def test_the_command_lines_are_found() -> None:
    """All verbs, the builders, the sandbox and its parts: a new module is found by itself."""
    found = set(command_lines())
    verbs = {"cost", "deploy", "forget_columns", "put_items.command", "query", "remove", "views"}
    assert {f"scripts.{verb}" for verb in (*verbs, "build.generate", "build.package")} <= found
    assert {"sandbox.__main__", "sandbox.check", "sandbox.demo", "sandbox.readback.__main__"} <= found


@pytest.mark.parametrize("module", list(command_lines()))
def test_every_command_and_option_is_explained(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--help` answers what a command does and what each option changes."""
    parser = parser_of(module, monkeypatch)
    assert list(unexplained(parser, parser.description)) == []
    assert not re.search(r"\bverbs?\b", parser.format_help(), re.IGNORECASE), "users know commands, not verbs"
