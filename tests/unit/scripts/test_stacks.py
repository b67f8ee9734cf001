"""The registry of stacks against the templates it names."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import pytest
import yaml

from scripts.build import builders
from scripts.build.wheels import target
from scripts.core.console import Output
from scripts.core.template import parse, read
from scripts.stacks import ARTIFACTS, KINDS, STACKS, TEMPLATES, Artifact, StackKind, version_parameter

EVERY_KIND = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)


def test_every_template_is_registered_once() -> None:
    """A template that nobody can deploy is not shipped."""
    files = sorted([*TEMPLATES.glob("*.yaml"), *TEMPLATES.glob("options/*.yaml")])
    assert sorted(kind.template for kind in KINDS) == files
    assert len({kind.stack_name for kind in KINDS}) == len(KINDS) == len(STACKS)


@EVERY_KIND
def test_a_template_has_the_parameters_of_its_artifacts(kind: StackKind) -> None:
    """A key that nobody fills would have to be typed; one that no parameter takes is built for nothing."""
    assert set(read(kind.template).parameters) & set(ARTIFACTS) == set(kind.artifacts)


@EVERY_KIND
def test_an_entrys_parameters_and_outputs_exist(kind: StackKind) -> None:
    """The other account's parameter, and the outputs of its next steps and of the stacks that feed it."""
    template = read(kind.template)
    if kind.other_account:
        assert kind.other_account in template.parameters
    for name in kind.outputs_of:
        assert kind.account_rule.output in read(STACKS[name].template).outputs
    assert bool(kind.beside) == bool(kind.takes_beside)
    for name in kind.beside:
        assert set(kind.takes_beside) <= set(template.parameters) & set(read(STACKS[name].template).outputs)
    assert not set(kind.takes) & set(kind.takes_beside)
    for step in kind.next_steps:
        assert set(step.outputs) <= set(template.outputs)


@EVERY_KIND
def test_the_contract_matches_outputs_and_parameters(kind: StackKind) -> None:
    """Both ways: an output by chance named like a parameter of a stack that reads it breaks this, too."""
    parameters = set(read(kind.template).parameters)
    assert bool(kind.takes) == bool(kind.outputs_of)
    assert len(set(kind.takes)) == len(kind.takes)
    for name in kind.outputs_of:
        outputs = set(read(STACKS[name].template).outputs)
        assert set(kind.takes) <= parameters & outputs
    # An option takes from either of two kinds, one of which may have more outputs than the other.
    first = set(read(STACKS[kind.outputs_of[0]].template).outputs) if kind.outputs_of else set()
    assert parameters & first == set(kind.takes)


def test_the_guide_lists_the_contract() -> None:
    """docs/architecture.md has a line for each kind that takes something, and no other output in it."""
    page = (TEMPLATES.parent / "docs" / "architecture.md").read_text(encoding="utf-8")
    told = {
        line.split("|")[1].strip(): re.findall(r"\*(\w+)\*", line.split("|")[3])
        for line in page.partition("## Outputs that fill parameters")[2].splitlines()
        if line.startswith("| ") and "*" in line
    }
    expected = {kind.name: [*kind.takes, *kind.takes_beside] for kind in KINDS if kind.takes}
    assert told == expected


@EVERY_KIND
def test_every_template_has_its_marker(kind: StackKind) -> None:
    """By it `deploy` and `remove` know a stack, one that was launched in the console too."""
    assert yaml.safe_load(re.search(r"^  DdbLake: (.*)$", kind.template.read_text(), re.MULTILINE)[1]) == {  # type: ignore[index]
        "Kind": kind.name
    }
    assert read(kind.template).kind == kind.name


@EVERY_KIND
def test_a_template_pins_the_version_of_each_functions_code(kind: StackKind) -> None:
    """A function whose code were named by its key alone would run whatever is put there."""
    template = read(kind.template)
    functions = [
        resource["Properties"]["Code"]
        for resource in template.resources.values()
        if resource["Type"] == "AWS::Lambda::Function"
    ]
    for code in functions:
        parameter = version_parameter(code["S3Key"]["Ref"])
        assert template.parameters[parameter]["Default"] == ""
        condition, *values = code["S3ObjectVersion"]["Fn::If"]
        assert values == [{"Ref": parameter}, {"Ref": "AWS::NoValue"}]
        document = parse(template.body)
        assert document["Conditions"][condition] == {"Fn::Not": [{"Fn::Equals": [{"Ref": parameter}, ""]}]}
    pinned = {version_parameter(name) for name in kind.artifacts} & set(template.parameters)
    assert len(pinned) == len(functions)


@EVERY_KIND
def test_references_between_entries_are_registered(kind: StackKind) -> None:
    """Names of kinds, and a side that has an account.

    An option is in the account of the stack whose outputs it takes, except one beside another stack.
    """
    assert {*kind.outputs_of, *kind.unites, *kind.beside} <= set(STACKS)
    assert (kind.account is None) == (kind.is_option and not kind.beside)
    assert kind.account in ("producer", "consumer", None)


@pytest.mark.parametrize("kind", [kind.name for kind in KINDS if kind.is_option])
def test_every_option_has_its_guide(kind: str) -> None:
    """What it is for, how it is launched, what it costs: docs/NAME.md, or the page in the registry."""
    assert (TEMPLATES.parent / "docs" / (STACKS[kind].guide or f"{kind}.md")).is_file()


def contents(path: Path) -> list[str]:
    """The files of a built artifact: itself, or those in the zip."""
    if path.suffix == ".py":
        return [path.name]
    with zipfile.ZipFile(path) as archive:
        return archive.namelist()


@pytest.mark.parametrize(
    ("name", "artifact"),
    [(name, artifact) for kind in KINDS for name, artifact in kind.artifacts.items()],
)
def test_an_artifact_matches_its_parameters_name(name: str, artifact: Artifact, tmp_path: Path) -> None:
    """A function with another one's code would start and lose its batches.

    `XArtifactKey` is the zip of x_lambda, `…ScriptKey` a script, `…LibraryKey` the zip of a package, and
    `…WheelsKey` a zip of wheels.
    """
    what = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name.removesuffix("Key")).lower()
    if artifact.build is builders.build_transform:  # it fetches wheels: test_package.py builds it
        assert what == f"{artifact.name}_artifact"
        return
    built = artifact.build(target("arm64"), Output(), tmp_path).path
    assert built.name.partition(".")[0] == artifact.name
    kind = what.rpartition("_")[2]
    assert what.removesuffix(f"_{kind}") in (
        artifact.name,
        "job",
        artifact.name.partition("_")[0],
        artifact.name.rpartition("_")[2],
    )
    expected = {
        "artifact": f"{artifact.name}_lambda/handler.py",
        "script": f"{artifact.name}.py",
        "library": f"{artifact.name}/__init__.py",
        "wheels": "wheels/requirements.txt",
    }
    assert expected[kind] in contents(built)
