"""Every command in the documentation exists, with every option that the documentation uses."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from functools import cache
from itertools import groupby, pairwise
from pathlib import Path

import botocore.session
import pytest
from botocore import xform_name

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
FENCED = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
INLINE = re.compile(r"`((?:make|python3? -m|aws) [^`\n]+)`")
HEREDOC = re.compile(r" <<'EOF'\n.*?^EOF$", re.DOTALL | re.MULTILINE)
ASSIGNED = re.compile(r"\w+=\$\((.*)\)")
S3_COMMANDS = {"cp", "ls", "mv", "rm"}  # of the CLI itself, beside the operations of s3api
# Another command of the CLI itself, with its options (AWS CLI command reference, "cloudformation deploy").
DEPLOY_OPTIONS = {"--stack-name", "--template-file", "--capabilities", "--parameter-overrides"}
PROGRAMS = {".", "export", "cd", "git", "dbt", "pip"}  # no commands of this project
# Options of the CLI itself, which every operation accepts.
GLOBAL_OPTIONS = {"--cli-binary-format", "--max-items", "--no-cli-pager", "--output", "--profile"}
GLOBAL_OPTIONS |= {"--query", "--region"}
OPTION = re.compile(r"--[a-z][a-z0-9-]*")
PROFILES = {"producer", "consumer"}  # those of the README
# Modules that call no account: they compute or build.
LOCAL = ("scripts.cost", "scripts.build.")
TARGET = re.compile(r"^([a-z-]+):", re.MULTILINE)


def commands(page: Path) -> list[list[str]]:
    """Every command line of a page, as words: continued lines joined, no assignments, prompts or heredocs."""
    return [*fenced(page), *inline(page)]


def fenced(page: Path) -> list[list[str]]:
    """The commands of its blocks."""
    text = page.read_text()
    blocks = [block for language, block in FENCED.findall(text) if language in {"bash", "sh"}]
    shell = [HEREDOC.sub("", block).replace("\\\n", " ") for block in blocks]
    lines = [line.strip().removeprefix("until ") for block in shell for line in block.splitlines()]
    split = [
        shlex.split(
            ASSIGNED.sub(r"\1", line) if ASSIGNED.fullmatch(line) else line.removeprefix("$ "), comments=True
        )
        for line in lines
    ]
    found = [list(words) for line in split for and_, words in groupby(line, "&&".__eq__) if not and_]
    return [words for words in found if not re.fullmatch(r"\w+=\S+", " ".join(words))]


def inline(page: Path) -> list[list[str]]:
    """The commands within its sentences."""
    return [shlex.split(command) for command in INLINE.findall(page.read_text())]


def without_profile(page: Path) -> list[str]:
    """Its commands that act on an account and name no profile of the README.

    Within a sentence a name without arguments, as in `aws glue get-crawler`, is not yet a command.
    """
    shown = [*fenced(page), *(words for words in inline(page) if len(words) > 3)]
    return [
        " ".join(words)
        for words in shown
        if (words[0] == "aws" or (words[1:2] == ["-m"] and words[2].startswith("scripts.")))
        and not " ".join(words[2:]).startswith(LOCAL)
        and not any(pair[0] == "--profile" and pair[1] in PROFILES for pair in pairwise(words))
    ]


COMMANDS = [(page, words) for page in PAGES for words in commands(page)]
CASES = [pytest.param(page, words, id=f"{page.name}: {' '.join(words)[:60]}") for page, words in COMMANDS]
WRITTEN = [case for case, (_, words) in zip(CASES, COMMANDS, strict=True) if "--write" in words]


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
        case ["python" | "python3", "-m", module, *rest] if "<" not in module:  # scripts.<verb> is a pattern
            verb = f"{module} {rest[0]}" if module == "sandbox" and rest else module
            own = rest[: rest.index("--")] if "--" in rest else rest
            known = OPTION.findall(help_of(verb))
            assert [word for word in options(own) if word not in known] == []
        case ["aws", *_]:
            assert wrong_of_aws(words) == []
        case ["python", "-c" | "-" | "-m", *_]:
            pass
        case _:
            assert words[0] in PROGRAMS, f"unknown command: {words[0]}"


def test_every_block_of_commands_is_marked_as_shell() -> None:
    """A block with another mark, such as `console`, would not be checked."""
    marks = {mark for page in PAGES for mark, _ in FENCED.findall(page.read_text())}
    assert marks <= {"bash", "sh", "json", "mermaid", "python", "sql", "text"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_command_that_acts_on_an_account_names_its_profile(page: Path) -> None:
    """A command copied without one would act on whatever account the environment names."""
    assert without_profile(page) == []


@pytest.mark.parametrize(
    "command",
    [
        "aws glue start-crawler --name orders",
        "X=$(aws sts get-caller-identity)",
        "aws --profile other sts get-caller-identity",
        "python -m scripts.query 'SELECT 1'",
    ],
)
def test_a_command_without_a_profile_is_found(tmp_path: Path, command: str) -> None:
    """In a block; within a sentence only when it has arguments."""
    page = tmp_path / "page.md"
    page.write_text(f"`aws glue get-crawler`, `python -m scripts.cost`\n\n```sh\n{command}\n```\n")
    assert len(without_profile(page)) == 1


def test_no_command_of_the_documentation_writes_its_answer_by_the_shell() -> None:
    """After `>` the shell creates the file also when the command fails, and an earlier file is gone."""
    ours = [words for _, words in COMMANDS if words[1:2] == ["-m"]]
    assert len(ours) > 50
    assert [" ".join(words) for words in ours if {">", ">>"} & set(words)] == []


@pytest.mark.parametrize(("page", "words"), WRITTEN)
def test_a_command_writes_into_a_folder_of_the_repository(page: Path, words: list[str]) -> None:
    """The command does not create the folder: the clone must contain it."""
    folder = str(Path(words[words.index("--write") + 1]).parent)
    listed = subprocess.run(["git", "ls-files", "--", folder], cwd=ROOT, capture_output=True, check=True)
    assert listed.stdout, f"{page.name} writes into {folder}, which is not in the repository"


def options(words: list[str]) -> list[str]:
    """The long options among the words of a command, without values."""
    return [word.partition("=")[0] for word in words if OPTION.match(word)]


def wrong_of_aws(words: list[str]) -> list[str]:
    """The service, operation and options of an AWS CLI command that botocore does not have."""
    plain: list[str] = []
    skip = False
    for word in words[1:]:
        if skip or word.startswith("--"):
            skip = word.startswith("--") and not skip and "=" not in word and len(plain) < 2
            continue
        plain.append(word)
    service, operation, *_ = plain
    if service in {"configure", "sso"}:  # commands that only the CLI has
        return []
    if service == "s3":
        return [] if operation in S3_COMMANDS else [operation]
    if (service, operation) == ("cloudformation", "deploy"):
        return [word for word in options(words) if word not in DEPLOY_OPTIONS | GLOBAL_OPTIONS]
    service = {"s3api": "s3"}.get(service, service)  # the CLI's own name for it
    model = botocore.session.get_session().get_service_model(service)
    names = {xform_name(name, "-"): name for name in model.operation_names}
    if operation not in names:
        return [operation]
    shape = model.operation_model(names[operation]).input_shape
    known = {f"--{xform_name(name, '-')}" for name in (shape.members if shape else ())}
    return [
        word
        for word in options(words)
        if word not in known and word not in GLOBAL_OPTIONS and word.replace("--no-", "--") not in known
    ]


@pytest.mark.parametrize(
    ("command", "wrong"),
    [
        ("aws glue get-crawler --profile consumer --name orders", []),
        ("aws kms create-key --no-multi-region --tags a", []),
        ("aws glue get-gone --name orders", ["get-gone"]),
        ("aws glue get-crawler --crawler-name orders", ["--crawler-name"]),
        ("aws s3 sync a b", ["sync"]),
        ("aws cloudformation deploy --stack-name a --template-body b", ["--template-body"]),
    ],
)
def test_a_wrong_command_of_the_aws_cli_is_found(command: str, wrong: list[str]) -> None:
    """An operation or an option that does not exist."""
    assert wrong_of_aws(command.split()) == wrong


def test_every_target_of_the_makefile_has_a_line_of_help() -> None:
    """`make help` lists every target."""
    makefile = (ROOT / "Makefile").read_text()
    described = set(re.findall(r"^([a-z-]+):.*## \S", makefile, re.MULTILINE))
    assert set(TARGET.findall(makefile)) == described
