"""The commands in messages: a user can paste them, because they name the profiles in use."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
FILES = sorted(
    path
    for folder in ("scripts", "lake", "repair")
    for path in (ROOT / folder).rglob("*.py")
    if path.parent.name != "build"  # it calls no account
)
COMMAND = re.compile(r"`(?:python -m scripts\.|aws )[^`]+`")
# What a message fills in for the profile and the Region, by the names that the code uses.
PLACE = re.compile(r"--profile|\{[^}]*(?:location|options|profile|both|redrive)[^}]*\}")
# Commands that may stand without a profile, with the reason.
NAMED = {
    "`aws dynamodb put-item --cli-input-json`": "the name of a format",
    "`python -m scripts.views`": "a reminder to run it again, with the options of the first time",
    "`python -m scripts.forget_columns --list`": "the command that the user is running, with another option",
}
# Commands that need no account, or that show which profiles there are.
LOCAL = ("`python -m scripts.build", "`python -m scripts.cost", "`aws configure")


def messages(source: str) -> Iterator[tuple[int, str]]:
    """Each text of a module that is not a docstring, with its line; `{expression}` for what it fills in."""
    tree = ast.parse(source)
    parts = {part for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in ast.walk(node)}
    documents = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr) and node not in documents:
            pieces = (
                str(piece.value) if isinstance(piece, ast.Constant) else f"{{{ast.unparse(piece)}}}"
                for piece in node.values
            )
            yield node.lineno, "".join(pieces)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in parts | documents:
            yield node.lineno, node.value


def incomplete(source: str) -> list[tuple[int, str]]:
    """The commands of a module's messages that name no profile."""
    return [
        (line, command)
        for line, text in messages(source)
        for command in COMMAND.findall(text)
        if not PLACE.search(command)
        and command not in NAMED
        and "With the profile of" not in text
        and not command.startswith(LOCAL)
        # A name such as `aws dynamodb list-tables` is not a command yet.
        and (command.startswith("`python") or len(command.split()) > 3)
    ]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_command_in_a_message_names_the_profiles(path: Path) -> None:
    """Without them it runs in the environment's account, which has no lake."""
    assert incomplete(path.read_text(encoding="utf-8")) == []
