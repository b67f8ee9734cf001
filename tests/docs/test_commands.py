"""Every command in the documentation exists, with every option that the documentation uses."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path

import botocore.session
import pytest
from botocore import xform_name

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
FENCED = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
INLINE = re.compile(r"`((?:make|python3? -m|aws) [^`\n]+)`")
TARGET = re.compile(r"^([a-z-]+):", re.MULTILINE)


def commands(page: Path) -> list[list[str]]:
    """Every command line of a page, as words: continued lines joined, without assignments and prompts."""
    text = page.read_text()
    blocks = [block for language, block in FENCED.findall(text) if language in {"bash", "sh"}]
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    result = []
    for line in [*lines, *INLINE.findall(text)]:
        command = line.strip().removeprefix("$ ").removeprefix("until ")
        assigned = re.fullmatch(r"\w+=\$\((.*)\)", command)
        words = shlex.split(assigned[1] if assigned else command, comments=True)
        if words:
            result.append(words)
    return result


COMMANDS = [(page, words) for page in PAGES for words in commands(page)]
CASES = [pytest.param(page, words, id=f"{page.name}: {' '.join(words)[:60]}") for page, words in COMMANDS]
REDIRECTED = [case for case, (_, words) in zip(CASES, COMMANDS, strict=True) if ">" in words]


@cache
def help_of(module: str) -> str:
    """The help text of `python -m module`; `module` may include a verb of the sandbox."""
    done = subprocess.run(
        [sys.executable, "-m", *module.split(), "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"python -m {module} --help fails: {done.stderr}"
    return done.stdout


@pytest.mark.parametrize(("page", "words"), CASES)
def test_a_command_in_the_documentation_exists(page: Path, words: list[str]) -> None:
    """It is a make target, a module with these options, or an operation of the AWS CLI."""
    del page
    match words:
        case ["make", target, *_]:
            assert target in TARGET.findall((ROOT / "Makefile").read_text())
        case ["python" | "python3", "-m", module, *rest]:
            verb = f"{module} {rest[0]}" if module == "sandbox" and rest else module
            own = rest[: rest.index("--")] if "--" in rest else rest
            missing = [
                word for word in own if word.startswith("--") and word.split("=")[0] not in help_of(verb)
            ]
            assert missing == []
        case ["aws", *_]:
            assert aws_operation(words)
        case _:
            assert words[0] in {".", "export", "cd", "git"}, f"unknown command: {words[0]}"


@pytest.mark.parametrize(("page", "words"), REDIRECTED)
def test_a_command_writes_into_a_folder_of_the_repository(page: Path, words: list[str]) -> None:
    """A shell creates the file after `>`, but not its folder: the clone must contain the folder."""
    folder = str(Path(words[words.index(">") + 1]).parent)
    listed = subprocess.run(["git", "ls-files", "--", folder], cwd=ROOT, capture_output=True, check=True)
    assert listed.stdout, f"{page.name} writes into {folder}, which is not in the repository"


def aws_operation(words: list[str]) -> bool:
    """Whether botocore has the service and the operation of an AWS CLI command."""
    plain: list[str] = []
    skip = False
    for word in words[1:]:
        if skip or word.startswith("--"):
            skip = word.startswith("--") and not skip and "=" not in word and len(plain) < 2
            continue
        plain.append(word)
    service, operation, *_ = plain
    if service in {"configure", "sso"}:  # commands that only the CLI has
        return True
    service = {"s3api": "s3"}.get(service, service)  # the CLI's name of the service
    model = botocore.session.get_session().get_service_model(service)
    return operation.replace("-", "_") in {xform_name(name) for name in model.operation_names}


def test_every_target_of_the_makefile_has_a_line_of_help() -> None:
    """`make help` lists every target."""
    makefile = (ROOT / "Makefile").read_text()
    described = set(re.findall(r"^([a-z-]+):.*## \S", makefile, re.MULTILINE))
    assert set(TARGET.findall(makefile)) == described
