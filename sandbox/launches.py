"""The stacks that a sandbox launches, with accounts and parameters, from scripts/stacks.py."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sandbox import accounts
from sandbox.errors import SandboxError
from scripts.stacks import STACKS, StackKind

DEFAULT = ("consumer", "producer")  # the two accounts of the README
OTHER_SIDE = {"consumer": "producer", "producer": "consumer"}


@dataclass(frozen=True)
class Launch:
    """A stack to launch; `template` replaces the shipped template."""

    kind: StackKind
    profile: str
    parameters: Sequence[str] = ()
    template: Path | None = None
    outputs_of: "Launch | None" = None

    @property
    def name(self) -> str:
        """The stack's name, the default that a user gets."""
        return self.kind.stack_name

    def deploy_command(self) -> list[str]:
        """The command line with which a user launches it on AWS."""
        command = [sys.executable, "-m", "scripts.deploy", self.kind.name, "--stack-name", self.name]
        command += ["--profile", self.profile, "--output", "json", "--yes"]
        if self.template:
            command += ["--template", str(self.template.resolve())]
        for parameter in self.parameters:
            command += ["--parameter", parameter]
        if self.outputs_of:
            command += ["--outputs-of", self.outputs_of.name, "--outputs-profile", self.outputs_of.profile]
        return command


def plan_launches(
    *kinds: str,
    parameters: Mapping[str, Sequence[str]] | None = None,
    templates: Mapping[str, Path] | None = None,
) -> list[Launch]:
    """The launches of some kinds, in the registry's order; option stacks alone add the two default stacks.

    An option stack that takes the outputs of another option stack adds that one.
    `parameters` and `templates` are by kind; those of a kind also apply to a kind that unites it.
    Raises SandboxError when the stack whose outputs a kind takes is missing, when a template is not a file,
    and for settings of a kind that is not launched.
    """
    parameters, templates = parameters or {}, templates or {}
    names = {*kinds} if any(not STACKS[name].is_option for name in kinds) else {*DEFAULT, *kinds}
    names |= _needed_options(names)
    launches: dict[str, Launch] = {}
    for kind in (kind for name, kind in STACKS.items() if name in names):
        own = [value for name in (*kind.unites, kind.name) for value in parameters.get(name, ())]
        source = next((launches[name] for name in kind.outputs_of if name in launches), None)
        if kind.outputs_of and source is None and not own:
            raise SandboxError(
                f"{kind.name} takes the outputs of {' or '.join(kind.outputs_of)}: launch one of them too, "
                f"with --with {kind.outputs_of[0]}"
            )
        if kind.beside and not own and not any(name in launches for name in kind.beside):
            raise SandboxError(
                f"{kind.name} takes outputs of {' or '.join(kind.beside)}: launch one of them too, "
                f"with --with {kind.beside[0]}"
            )
        profile = kind.account or (source.profile if source else DEFAULT[0])
        template = templates.get(kind.name)
        if template and not template.is_file():
            raise SandboxError(f"{template} is not a file: pass the path of a CloudFormation template")
        launches[kind.name] = Launch(
            kind, profile, [*_other_account(kind, own, source), *own], template, source
        )
    united = {name for launch in launches.values() for name in launch.kind.unites}
    _check_launched("parameter", set(parameters) - united, launches)
    _check_launched("template", set(templates), launches)
    return list(launches.values())


def _needed_options(names: set[str]) -> set[str]:
    """The option stacks whose outputs the named option stacks take."""
    sources = (STACKS[name].outputs_of for name in names)
    return {found[0] for found in sources if found and all(STACKS[source].is_option for source in found)}


def _other_account(kind: StackKind, parameters: Sequence[str], source: Launch | None) -> list[str]:
    """The other account's id, where neither a parameter nor an output contains it."""
    named = {parameter.partition("=")[0] for parameter in parameters}
    if kind.other_account is None or kind.account is None or source or kind.other_account in named:
        return []
    return [f"{kind.other_account}={accounts.PROFILES[OTHER_SIDE[kind.account]]}"]


def _check_launched(setting: str, names: set[str], launches: Mapping[str, Launch]) -> None:
    """Reject settings of a stack that is not launched: they would have no effect."""
    for name in sorted(names - set(launches)):
        raise SandboxError(
            f"--{name}-{setting} is for a stack that is not launched: add --with {name}, or remove "
            f"the option. Launched stacks: {', '.join(launches)}"
        )
