"""Every command the documentation shows exists, with every option it is shown with."""

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
    """Every command line of a page, as words; continued lines joined, assignments and prompts off."""
    text = page.read_text()
    blocks = [block for language, block in FENCED.findall(text) if language in {"bash", "sh"}]
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    found = []
    for line in [*lines, *INLINE.findall(text)]:
        assigned = re.fullmatch(r"\w+=\$\((.*)\)", line.strip())
        words = shlex.split((assigned[1] if assigned else line).removeprefix("$ "), comments=True)
        if words:
            found.append(words)
    return found


COMMANDS = [(page, words) for page in PAGES for words in commands(page)]
SHOWN = [pytest.param(page, words, id=f"{page.name}: {' '.join(words)[:60]}") for page, words in COMMANDS]
WRITING = [shown for shown, (_, words) in zip(SHOWN, COMMANDS, strict=True) if ">" in words]


@cache
def help_of(module: str) -> str:
    """The help text of `python -m module`; a verb of the sandbox is asked for its own."""
    done = subprocess.run(
        [sys.executable, "-m", *module.split(), "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"python -m {module} --help fails: {done.stderr}"
    return done.stdout


@pytest.mark.parametrize(("page", "words"), SHOWN)
def test_a_command_of_the_documentation_exists(page: Path, words: list[str]) -> None:
    """A make target, a module with each option shown, or an AWS CLI operation."""
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
            assert words[0] in {".", "export", "cd", "git"}, f"what is {words[0]}?"


@pytest.mark.parametrize(("page", "words"), WRITING)
def test_a_file_that_a_command_writes_has_a_folder(page: Path, words: list[str]) -> None:
    """A shell makes the file after `>`, never the folder it lies in: a clone has to have that."""
    folder = str(Path(words[words.index(">") + 1]).parent)
    listed = subprocess.run(["git", "ls-files", "--", folder], cwd=ROOT, capture_output=True, check=True)
    assert listed.stdout, f"{page.name} writes into {folder}, which is not in the repository"


def aws_operation(words: list[str]) -> bool:
    """Whether botocore knows the service and the operation of an AWS CLI command."""
    plain: list[str] = []
    skip = False
    for word in words[1:]:
        if skip or word.startswith("--"):
            skip = word.startswith("--") and not skip and "=" not in word and len(plain) < 2
            continue
        plain.append(word)
    service, operation, *_ = plain
    if service in {"configure", "sso"}:  # commands of the CLI itself
        return True
    service = {"s3api": "s3"}.get(service, service)  # the CLI's own name for it
    model = botocore.session.get_session().get_service_model(service)
    return operation.replace("-", "_") in {xform_name(name) for name in model.operation_names}


def test_every_target_of_the_makefile_has_a_line_of_help() -> None:
    """`make help` lists every target."""
    makefile = (ROOT / "Makefile").read_text()
    described = set(re.findall(r"^([a-z-]+):.*## \S", makefile, re.MULTILINE))
    assert set(TARGET.findall(makefile)) == described


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_link_between_pages_leads_somewhere(page: Path) -> None:
    """Every relative link of a page is a file of the repository."""
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []
